/**
 * The image inspector: a strip of pictures, one of them shown, and what one model or two say about it while they write. It starts and stops
 * the jobs of the server and keeps what they said, also while the page is hidden. Drawing, zoom and overlays are the page's.
 */
import { stat } from "node:fs/promises";
import { basename, dirname, isAbsolute } from "node:path";
import { commands, Uri, type WebviewPanel, window, workspace } from "vscode";
import * as lsp from "@iad-r1/protocol/lsp";
import type { InspectJob } from "@iad-r1/protocol/inspect";
import type { DataSample } from "@iad-r1/protocol/project";
import {
  type HeatMap,
  type InspectorImage,
  type InspectorItem,
  type InspectorSettings,
  type InspectorState,
  inspectorPanel,
  type Look,
} from "@iad-r1/protocol/webview";
import type { Context } from "../context";
import { imageExtensions } from "../contributions";
import { type Disposable, Emitter } from "../emitter";
import { sentence, UserError } from "../errors";
import * as messages from "../messages";
import type { Models } from "../models";
import { setting, touches } from "../settings";
import { afterEvent, idleLook, isBusy, isOver, lookOfJob, outcomeOf, truthOf } from "./inspectorState";
import { type PanelController, PanelHost } from "./panelHost";
import { copyText, saveFile } from "./saveFile";

/** A picture of the strip. */
interface Entry {
  id: string;
  uri: Uri;
  /** What is known about it from a data set. */
  sample: DataSample | null;
  /** Settled once a data set was asked for it; null before that. */
  lookUp: Promise<void> | null;
  references: Uri[];
  /** By slot. */
  looks: Look[];
  sizeBytes: number;
}

export interface InspectorContent {
  title: string;
  images: { uri: Uri; sample?: DataSample; references?: Uri[] }[];
  /** Begin with a look at the first picture. */
  start: boolean;
}

/** What a page can show of a picture: null while the server makes it. */
interface Shown {
  uri: Uri | null;
  problem: string | null;
}

/** No browser decodes them. */
const needsServer = (uri: Uri) => /\.tiff?$/i.test(uri.path);

/** What else a model might have written is told with each token. */
const shownAlternatives = 5;
/** Larger files are not shown in the strip, where a page would decode all of each. */
const maxThumbnailBytes = 4 * 2 ** 20;
/** Pictures that are looked at one after the other when the whole strip runs. */
const maxStrip = 5000;

export class InspectorPanel implements PanelController<typeof inspectorPanel>, Disposable {
  private readonly host: PanelHost<typeof inspectorPanel>;
  private entries: Entry[] = [];
  private current = 0;
  /** Id of the model of each slot. */
  private slotModels: (string | null)[] = [null];
  private threshold: number | null = null;
  /** Jobs that go on, by entry and slot. */
  private readonly jobs = new Map<string, { cancel(): void }>();
  /** Pictures that the server makes showable, by address. */
  private readonly shown = new Map<string, Shown>();
  private strip: { isStopped: boolean } | null = null;
  private readonly focused = new Emitter<boolean>();
  /** Whether keys go to this panel. */
  readonly onDidChangeFocus = this.focused.event;
  private readonly subscriptions: Disposable[];
  private isDisposed = false;

  constructor(
    private readonly context: Context,
    private readonly models: Models,
    private readonly panel: WebviewPanel,
    content: InspectorContent,
    private readonly onFailure: (error: unknown) => void,
    model: string | null = null,
  ) {
    this.slotModels = [model];
    this.host = new PanelHost(panel, inspectorPanel, this, context.log, onFailure);
    this.subscriptions = [
      this.host,
      this.focused,
      models.onDidChange(() => {
        this.chooseDefaultModel();
        this.host.change("models/changed", this.models.forInspector());
      }),
      workspace.onDidChangeConfiguration((event) => {
        if (touches(event, "inspect.overlayOpacity", "inspect.locationGrid")) this.tellSettings();
      }),
      workspace.onDidGrantWorkspaceTrust(() => {
        this.tellSettings();
        void this.wake();
      }),
      panel.onDidChangeViewState(() => {
        if (!panel.active) this.focused.fire(false);
      }),
    ];
    this.load(content);
    this.host.show(context.extension.extensionUri, content.title);
    void this.wake(content.start);
  }

  get isActive(): boolean {
    return this.panel.active;
  }

  /** Whether exactly this picture is open here. */
  shows(uri: Uri): boolean {
    return this.entries.length === 1 && this.entries[0]!.id === uri.toString();
  }

  reveal(): void {
    this.panel.reveal();
  }

  command(name: (typeof inspectorPanel)["commands"][number]): void {
    this.host.command(name);
  }

  dispose(): void {
    this.isDisposed = true;
    if (this.strip !== null) this.strip.isStopped = true;
    for (const job of this.jobs.values()) job.cancel();
    for (const each of this.subscriptions) each.dispose();
  }

  snapshot(): InspectorState {
    return {
      settings: this.settings(),
      models: this.models.forInspector(),
      items: this.entries.map((entry) => this.item(entry)),
      image: this.image(),
      looks: this.looks(),
    };
  }

  readonly tells: PanelController<typeof inspectorPanel>["tells"] = {
    "look/start": ({ slot }) => this.startCurrent(slot),
    "look/stop": ({ slot }) => this.stop(this.currentEntry, slot),
    "strip/run": ({ slot }) => this.runStrip(slot),
    "strip/stop": () => this.stopStrip(),
    "item/select": ({ id }) => this.select(id),
    "model/choose": ({ slot, model }) => this.chooseModel(slot, model),
    "model/pick": ({ slot }) => this.pickModel(slot),
    "compare/end": () => this.endComparison(),
    "reference/pick": () => this.pickReferences(),
    "files/open": ({ uris }) => this.openDropped(uris),
    "threshold/set": ({ value }) => this.setThreshold(value),
    "text/copy": copyText,
    "file/save": saveFile,
    "log/open": () => this.context.log.show(),
    "focus/changed": ({ focused }) => this.focused.fire(focused && this.panel.active),
  };

  readonly asks: PanelController<typeof inspectorPanel>["asks"] = {
    "heat/get": ({ slot, image }) => this.heatMap(slot, image),
    "sample/save": (correction) => this.saveSample(correction),
  };

  // ---- what is shown -----------------------------------------------------------------------------------------------

  private load({ images }: Pick<InspectorContent, "images">): void {
    this.entries = images.map(({ uri, sample, references }) => ({
      ...{ id: uri.toString(), uri, references: references ?? [], sizeBytes: 0 },
      ...{ sample: sample ?? null, lookUp: sample === undefined ? null : Promise.resolve() },
      looks: this.slotModels.map(idleLook),
    }));
    this.current = 0;
    this.panel.webview.options = { enableScripts: true, localResourceRoots: this.roots() };
  }

  /** Folders that the page may read from: ours, those of the workspace, and those of the pictures. */
  private roots(): Uri[] {
    const folders = new Map<string, Uri>();
    const add = (uri: Uri) => folders.set(uri.toString(), uri);
    add(this.context.asset("dist", "webview"));
    add(this.context.filesFolder);
    for (const folder of workspace.workspaceFolders ?? []) add(folder.uri);
    for (const { uri, references } of this.entries) {
      for (const each of [uri, ...references]) add(Uri.joinPath(each, ".."));
    }
    return [...folders.values()];
  }

  private get currentEntry(): Entry | undefined {
    return this.entries[this.current];
  }

  private looks(): Look[] {
    return this.currentEntry?.looks ?? this.slotModels.map(idleLook);
  }

  private settings(): InspectorSettings {
    const uri = this.currentEntry?.uri;
    return {
      overlayOpacity: setting("inspect.overlayOpacity", uri),
      locationGrid: setting("inspect.locationGrid", uri),
      threshold: this.threshold,
      canRun: this.context.isTrusted,
    };
  }

  private tellSettings(): void {
    this.host.change("settings/changed", this.settings());
  }

  private item({ id, uri, sample, looks, sizeBytes }: Entry): InspectorItem {
    const look = looks[0];
    return {
      ...{ id, name: basename(uri.fsPath) },
      uri: this.address(uri),
      thumbnail: sizeBytes <= maxThumbnailBytes || needsServer(uri) ? this.address(uri) : null,
      category: sample?.category ?? null,
      label: sample?.label ?? null,
      defectType: sample?.defectType ?? null,
      outcome: outcomeOf(look, sample?.label ?? null, this.threshold),
      answer: look?.result?.answer ?? null,
      anomalyScore: look?.anomalyScore ?? null,
    };
  }

  private image(): InspectorImage | null {
    const entry = this.currentEntry;
    if (entry === undefined) return null;
    const { id, uri, sample, references, sizeBytes } = entry;
    return {
      ...{ id, name: basename(uri.fsPath), path: workspace.asRelativePath(uri), uri: this.address(uri), sizeBytes },
      problem: this.problemOf(uri),
      references: references.flatMap((each) => {
        const address = this.address(each);
        return address === null ? [] : [{ name: basename(each.fsPath), uri: address }];
      }),
      truth:
        sample === null ? null : truthOf(sample, sample.mask === null ? null : this.address(Uri.file(sample.mask))),
    };
  }

  /** Where the page reads a picture; null when it cannot (yet). */
  private address(uri: Uri): string | null {
    const showable = needsServer(uri) ? (this.shown.get(uri.toString())?.uri ?? null) : uri;
    return showable === null ? null : this.panel.webview.asWebviewUri(showable).toString();
  }

  private problemOf(uri: Uri): string | null {
    if (!needsServer(uri)) return null;
    return this.shown.get(uri.toString())?.problem ?? (this.context.isTrusted ? null : messages.tiffUntrusted());
  }

  /** Has the server make the pictures of an entry that no browser decodes, each once. */
  private async makeShowable(entry: Entry | undefined): Promise<void> {
    if (entry === undefined || !this.context.isTrusted) return;
    const { mask } = entry.sample ?? { mask: null };
    const wanted = [entry.uri, ...entry.references, ...(mask === null ? [] : [Uri.file(mask)])]
      .filter(needsServer)
      .filter((uri) => !this.shown.has(uri.toString()));
    for (const uri of wanted) {
      const shown: Shown = { uri: null, problem: null };
      this.shown.set(uri.toString(), shown);
      try {
        const [image] = await this.context.imageReferences([uri.fsPath]);
        const made = await this.context.connection.request(lsp.showImage, { image: image! });
        shown.uri = await this.context.madeFile(made);
      } catch (error) {
        shown.problem = sentence(error);
      }
      if (this.isDisposed) return;
      this.tellItems([entry]);
      if (entry === this.currentEntry) this.tellImage();
    }
  }

  private tellImage(): void {
    this.host.change("image/shown", { image: this.image(), looks: this.looks() });
  }

  private tellItems(entries: readonly Entry[]): void {
    this.host.change(
      "items/changed",
      entries.map((entry) => this.item(entry)),
    );
  }

  /** Everything that needs files or the server, once the page is on its way. */
  private async wake(start = false): Promise<void> {
    const sizes = this.entries.slice(0, maxStrip).map(async (entry) => {
      entry.sizeBytes = await stat(entry.uri.fsPath).then(
        ({ size }) => size,
        () => 0,
      );
    });
    await Promise.all(sizes);
    this.tellImage();
    if (!this.context.isTrusted) return;
    void this.makeShowable(this.currentEntry);
    try {
      await this.models.refresh();
      this.chooseDefaultModel();
      if (start) await this.startCurrent(0);
      else await this.lookUp(this.currentEntry);
    } catch (error) {
      this.onFailure(error);
    }
  }

  // ---- the strip ---------------------------------------------------------------------------------------------------

  private async select(id: string): Promise<void> {
    const index = this.entries.findIndex((entry) => entry.id === id);
    if (index === -1 || index === this.current) return;
    this.current = index;
    this.tellImage();
    void this.makeShowable(this.currentEntry);
    await this.lookUp(this.currentEntry);
  }

  /** Finds out what a data set says about a picture, once: who comes meanwhile waits too, as a look needs the references. */
  private async lookUp(entry: Entry | undefined): Promise<void> {
    if (entry === undefined || this.context.remote !== null) return;
    entry.lookUp ??= this.askSample(entry);
    await entry.lookUp;
  }

  private async askSample(entry: Entry): Promise<void> {
    try {
      const { sample } = await this.context.connection.request(lsp.findSample, { image: entry.uri.fsPath });
      if (sample === null || this.isDisposed) return;
      entry.sample = sample;
      if (entry.references.length === 0) entry.references = sample.references.map((path) => Uri.file(path));
      this.tellItems([entry]);
      if (entry === this.currentEntry) {
        this.tellImage();
        void this.makeShowable(entry);
      }
    } catch (error) {
      // The picture can be inspected without a truth.
      this.context.log.info(`no truth for ${entry.uri.fsPath}: ${(error as Error).message}`);
    }
  }

  private async runStrip(slot: number): Promise<void> {
    if (this.strip !== null) return;
    const strip = { isStopped: false };
    this.strip = strip;
    try {
      for (const entry of this.entries) {
        if (strip.isStopped) break;
        const look = entry.looks[slot];
        if (look === undefined || look.phase === "finished" || isBusy(look)) continue;
        await this.look(entry, slot, "batch");
      }
    } finally {
      this.strip = null;
    }
  }

  private stopStrip(): void {
    if (this.strip !== null) this.strip.isStopped = true;
    for (const job of this.jobs.values()) job.cancel();
  }

  private async openDropped(uris: readonly string[]): Promise<void> {
    const found: Uri[] = [];
    for (const text of uris) {
      const uri = text.startsWith("file:") ? Uri.parse(text, true) : isAbsolute(text) ? Uri.file(text) : null;
      if (uri !== null) found.push(...(await imagesIn(uri)));
    }
    if (found.length === 0) return;
    this.stopStrip();
    this.load({ images: found.map((uri) => ({ uri })) });
    this.host.change(
      "items/replaced",
      this.entries.map((entry) => this.item(entry)),
    );
    await this.wake();
  }

  // ---- models ------------------------------------------------------------------------------------------------------

  private chooseDefaultModel(): void {
    if (this.slotModels[0] !== null) return;
    const model = this.models.defaultId(this.currentEntry?.uri);
    if (model !== null) this.setModel(0, model);
  }

  private chooseModel(slot: number, model: string): Promise<void> | void {
    if (slot > 1 || !this.models.forInspector().some(({ id }) => id === model)) return;
    this.setModel(slot, model);
    if (slot === 1) return this.startCurrent(1);
  }

  private setModel(slot: number, model: string): void {
    this.slotModels[slot] = model;
    for (const entry of this.entries) {
      this.stop(entry, slot);
      entry.looks[slot] = idleLook(model);
    }
    this.host.change("looks/replaced", this.looks());
    this.tellItems(this.entries);
  }

  /** Lets a person choose the model of a slot; slot 1 begins a comparison. */
  async pickModel(slot: number): Promise<void> {
    const title = slot === 0 ? messages.pickModel() : messages.pickSecondModel();
    const model = await this.models.pick(title);
    if (model !== undefined) await this.chooseModel(slot, model);
  }

  private endComparison(): void {
    if (this.slotModels.length < 2) return;
    this.slotModels.pop();
    for (const entry of this.entries) {
      this.stop(entry, 1);
      entry.looks.length = 1;
    }
    this.host.change("looks/replaced", this.looks());
  }

  /** Scores from here on are flagged; null: only the written answer counts. */
  setThreshold(value: number | null): void {
    this.threshold = value;
    this.tellSettings();
    this.tellItems(this.entries);
  }

  private async pickReferences(): Promise<void> {
    const entry = this.currentEntry;
    if (entry === undefined) return;
    const chosen = await window.showOpenDialog({
      ...{ canSelectMany: true, title: messages.pickReferences(), openLabel: messages.useAsReference() },
      defaultUri: Uri.joinPath(entry.uri, ".."),
      filters: { Images: [...imageExtensions] },
    });
    if (chosen === undefined) return;
    for (const each of this.entries) each.references = chosen;
    this.panel.webview.options = { enableScripts: true, localResourceRoots: this.roots() };
    this.tellImage();
    void this.makeShowable(entry);
  }

  /** Looks at the picture that is shown with another model than before. */
  async lookWith(model: string): Promise<void> {
    this.setModel(0, model);
    await this.startCurrent(0);
  }

  // ---- looks -------------------------------------------------------------------------------------------------------

  /** Looks at the picture that is shown. */
  async startCurrent(slot: number): Promise<void> {
    const entry = this.currentEntry;
    if (entry === undefined || slot >= this.slotModels.length) return;
    if (!this.context.isTrusted) {
      void window.showWarningMessage(messages.notTrusted());
      return;
    }
    await this.lookUp(entry);
    await this.look(entry, slot, "interactive");
  }

  private stop(entry: Entry | undefined, slot: number): void {
    if (entry !== undefined) this.jobs.get(jobKey(entry, slot))?.cancel();
  }

  /** One look from its start to its end. Rejects only when it could not be started. */
  private async look(entry: Entry, slot: number, priority: "interactive" | "batch"): Promise<void> {
    this.stop(entry, slot);
    const model = this.slotModels[slot] ?? null;
    this.setLook(entry, slot, { ...idleLook(model), phase: "loading" });
    const key = jobKey(entry, slot);
    const controller = new AbortController();
    const handle = { cancel: () => controller.abort() };
    this.jobs.set(key, handle);
    // What a job still says after another look has begun in its place belongs to nobody.
    const keep = (next: (look: Look) => Look) => {
      const kept = entry.looks[slot] ?? idleLook(model);
      if (this.jobs.get(key) === handle && kept.model === model) this.setLook(entry, slot, next(kept));
    };
    try {
      const [image, ...references] = await this.context.imageReferences([
        entry.uri.fsPath,
        ...entry.references.map(({ fsPath }) => fsPath),
      ]);
      const { job } = await this.context.connection.request(lsp.startInspection, {
        image: image!,
        references,
        priority,
        ...(model === null ? {} : { model: this.models.reference(model) }),
        temperature: setting("inspect.temperature", entry.uri),
        maxNewTokens: setting("inspect.maxTokens", entry.uri),
        alternatives: shownAlternatives,
      });
      if (controller.signal.aborted) await this.cancelJob(job);
      await this.follow(job, controller.signal, {
        show: (state) => keep(() => lookOfJob(model, state)),
        change: keep,
      });
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      keep(() => ({ ...idleLook(model), phase: "failed", error: { code: "editor/failed", message } }));
      if (priority === "interactive") throw error;
    } finally {
      if (this.jobs.get(key) === handle) this.jobs.delete(key);
    }
  }

  /** Reads the stream of a job until it is over. */
  private follow(
    job: string,
    signal: AbortSignal,
    reader: { show(state: InspectJob): void; change(next: (look: Look) => Look): void },
  ): Promise<InspectJob | null> {
    return new Promise((resolve) => {
      let latest: InspectJob | null = null;
      const finish = () => {
        subscription.dispose();
        signal.removeEventListener("abort", cancel);
        resolve(latest);
      };
      const cancel = () => void this.cancelJob(job);
      const subscription = this.context.stream.subscribe(`inspect/${job}`, {
        snapshot: (state) => {
          latest = state;
          reader.show(state);
          if (["finished", "failed", "cancelled"].includes(state.state)) finish();
        },
        deltas: (deltas) => {
          for (const delta of deltas) {
            if (latest !== null && delta.type === "heat-map") latest = { ...latest, heatMap: delta.result };
            reader.change((look) => afterEvent(look, delta));
            if (delta.type !== "state") continue;
            if (latest !== null) latest = { ...latest, state: delta.state, error: delta.error };
            if (["finished", "failed", "cancelled"].includes(delta.state)) return finish();
          }
        },
        end: (error) => {
          reader.change((look) =>
            isOver(look)
              ? look
              : { ...look, phase: "failed", error: error ?? { code: "editor/ended", message: "the job is gone" } },
          );
          finish();
        },
      });
      if (signal.aborted) cancel();
      else signal.addEventListener("abort", cancel, { once: true });
    });
  }

  private async cancelJob(job: string): Promise<void> {
    try {
      await this.context.connection.request(lsp.cancelJob, { job });
    } catch (error) {
      this.context.log.info(`job ${job} could not be cancelled: ${(error as Error).message}`);
    }
  }

  /** Keeps a look and tells the page what is new about it: only the text that was added, where nothing else changed. */
  private setLook(entry: Entry, slot: number, look: Look): void {
    const before = entry.looks[slot];
    if (before === look || this.isDisposed || slot >= this.slotModels.length) return;
    entry.looks[slot] = look;
    if (entry === this.currentEntry) this.tellLook(slot, before, look);
    const label = entry.sample?.label ?? null;
    const isSameOutcome =
      before !== undefined &&
      outcomeOf(before, label, this.threshold) === outcomeOf(look, label, this.threshold) &&
      !isOver(look);
    if (slot === 0 && !isSameOutcome) this.tellItems([entry]);
  }

  private tellLook(slot: number, before: Look | undefined, look: Look): void {
    const { phase, text, anomalyScore, numTokens, tokensPerSecond, result, error } = look;
    const isContinued = before !== undefined && before.model === look.model && text.startsWith(before.text);
    if (!isContinued) {
      this.host.change("looks/replaced", this.looks());
      return;
    }
    if (text.length > before.text.length) {
      const added = text.slice(before.text.length);
      const choices = look.choices.slice(before.choices.length);
      this.host.change("look/text", {
        ...{ slot, at: before.text.length, text: added, choices, anomalyScore, numTokens, tokensPerSecond },
      });
    }
    if (phase !== before.phase || result !== before.result || error !== before.error) {
      this.host.change("look/changed", { slot, phase, anomalyScore, numTokens, tokensPerSecond, result, error });
    }
  }

  // ---- heat map and corrections ------------------------------------------------------------------------------------

  private async heatMap(slot: number, image: string): Promise<HeatMap> {
    const entry = this.entries.find(({ id }) => id === image);
    const look = entry?.looks[slot];
    if (entry === undefined || look === undefined || look.result === null) throw new UserError(messages.noAnswerYet());
    const [reference, ...references] = await this.context.imageReferences([
      entry.uri.fsPath,
      ...entry.references.map(({ fsPath }) => fsPath),
    ]);
    const { job } = await this.context.connection.request(lsp.startHeatMap, {
      image: reference!,
      references,
      text: look.text,
      ...(look.model === null ? {} : { model: this.models.reference(look.model) }),
    });
    const done = await this.follow(job, new AbortController().signal, { show: () => {}, change: () => {} });
    if (done?.heatMap == null) throw new Error(done?.error?.message ?? messages.noHeatMap());
    const { method, columns, rows, values, baseScore } = done.heatMap;
    return { method, columns, rows, values, baseScore };
  }

  private async saveSample(
    correction: Parameters<PanelController<typeof inspectorPanel>["asks"]["sample/save"]>[0],
  ): Promise<{ savedTo: string | null }> {
    const entry = this.entries.find(({ id }) => id === correction.image);
    if (entry === undefined) throw new UserError(messages.pictureGone());
    const folder = workspace.getWorkspaceFolder(entry.uri)?.uri ?? Uri.file(dirname(entry.uri.fsPath));
    const target = await window.showSaveDialog({
      ...{ title: messages.pickSampleFile(), saveLabel: messages.saveSample() },
      defaultUri: Uri.joinPath(folder, "corrections.json"),
      filters: { JSON: ["json"] },
    });
    if (target === undefined) return { savedTo: null };
    const [image] = await this.context.imageReferences([entry.uri.fsPath]);
    const { file, count } = await this.context.connection.request(lsp.saveExpertSample, {
      ...{ file: target.fsPath, image: image!, think: correction.think },
      answer: correction.label === "anomalous" ? "yes" : "no",
      ...(correction.location === null ? {} : { location: correction.location }),
      ...(correction.type === null ? {} : { type: correction.type }),
    });
    window.setStatusBarMessage(messages.sampleSaved(basename(file), count), 8000);
    return { savedTo: workspace.asRelativePath(target) };
  }
}

const jobKey = (entry: Entry, slot: number) => `${slot} ${entry.id}`;

/** The pictures of a folder, in order of their names; a picture itself. */
export async function imagesIn(uri: Uri): Promise<Uri[]> {
  const isImage = (name: string) => imageExtensions.some((extension) => name.toLowerCase().endsWith(`.${extension}`));
  const info = await workspace.fs.stat(uri);
  const { FileType } = await import("vscode");
  if ((info.type & FileType.Directory) === 0) return isImage(uri.path) ? [uri] : [];
  const entries = await workspace.fs.readDirectory(uri);
  return entries
    .filter(([name, type]) => (type & FileType.File) !== 0 && isImage(name))
    .map(([name]) => name)
    .sort((a, b) => a.localeCompare(b, undefined, { numeric: true }))
    .slice(0, maxStrip)
    .map((name) => Uri.joinPath(uri, name));
}

/** Sets the context key that keys and commands of the inspector wait for. */
export function setViewerFocus(focused: boolean): void {
  void commands.executeCommand("setContext", "iadr1.viewerFocus", focused);
}
