/**
 * Everything the language server offers, made once for all its clients: runs, inspections, tasks, the stream hub. It knows no LSP and no
 * socket; `lsp/` turns requests into calls of it, `stream/` turns changes into frames.
 */
import { existsSync, statSync } from "node:fs";
import { isAbsolute, join, resolve } from "node:path";
import { ConfigError, DataError } from "@iad-r1/models/errors";
import { pathBelow } from "@iad-r1/models/util/pathBelow";
import type { ImageReference } from "@iad-r1/protocol/inspect";
import type { ExportFormat, MadeFile, ServerOptions } from "@iad-r1/protocol/lsp";
import type { ModelInfo } from "@iad-r1/protocol/models";
import type { ModelReference, RunListing } from "@iad-r1/protocol/runs";
import type { RunDelta, RunSnapshot, Topic } from "@iad-r1/protocol/stream";
import type { ExperimentConfig } from "./config/experiment";
import { isEmbeddedPath } from "./config/modelNames";
import { parseRewardPath } from "./config/rewardPath";
import { ExploreService } from "./explore/service";
import { runTranslatorFor } from "./features/localise/runs";
import { findModel, listModels, requireModel } from "./inspect/modelCatalog";
import { InspectService } from "./inspect/service";
import type { RunChanges, RunFollower } from "./runs/follow";
import { RunManager } from "./runs/manager";
import { StreamHub, type TopicSource } from "./stream/hub";
import { ImageStore } from "./stream/imageStore";
import { TaskRunner } from "./tasks/taskRunner";

export interface ServicesOptions {
  transport: "stdio" | "remote";
  version: string;
  /** For a remote server: the only folders that clients may name paths in. Null: a person's own machine, no limit. */
  roots: readonly string[] | null;
  /** Uploaded pictures of a remote server. */
  images: ImageStore | null;
}

/** What clients are told without having asked. */
export type ServiceNews =
  | { type: "run"; run: RunListing }
  | { type: "run-removed"; id: string }
  | { type: "rollouts"; run: string }
  | { type: "log"; level: "info" | "warning" | "error"; message: string };

export class Services {
  readonly hub = new StreamHub({
    open: (topic) => this.openTopic(topic),
    translator: (locale) => runTranslatorFor(locale)?.streamed ?? null,
  });
  readonly inspect: InspectService;
  readonly runs: RunManager;
  readonly tasks: TaskRunner;
  readonly explore: ExploreService;
  readonly startedMs = Date.now();
  private readonly listeners = new Set<(news: ServiceNews) => void>();
  private readonly states = new Map<string, string>();
  private modelsDirectory: string | null = null;
  /** Files made for editors; null where the editor named no folder for them. */
  private made: ImageStore | null;
  /** Names of pictures that were made, by what they were made from. */
  private readonly shown = new Map<string, Promise<string>>();

  constructor(readonly options: ServicesOptions) {
    this.made = options.images;
    const onLog = (message: string) => this.tell({ type: "log", level: "info", message: message.trimEnd() });
    this.inspect = new InspectService({
      onEvent: (job, event) => this.hub.publish(`inspect/${job.job}`, [event]),
      onLog,
    });
    this.tasks = new TaskRunner({ onLog });
    this.explore = new ExploreService({ onLog });
    this.runs = new RunManager({
      onChange: (run, changes) => this.runChanged(run, changes),
      onRemove: (id) => this.runRemoved(id),
      onProblem: (message) => this.tell({ type: "log", level: "warning", message }),
    });
    for (const root of options.roots ?? []) this.runs.addFolder(runsFolderOf(root));
  }

  /** Takes what a client says about itself; of a remote server only what is no path. */
  configure(options: ServerOptions): void {
    const { projectFolders = [], modelsDirectory, threads, idleStopMinutes, maxModels, filesFolder } = options;
    if (this.options.roots === null) {
      for (const folder of projectFolders) this.runs.addFolder(runsFolderOf(folder));
      if (modelsDirectory !== undefined && modelsDirectory !== "") this.modelsDirectory = resolve(modelsDirectory);
      if (filesFolder !== undefined)
        this.made = new ImageStore({ folder: resolve(filesFolder), maxTotalBytes: maxMadeBytes });
    }
    this.inspect.configure({
      ...(threads !== undefined && { threads }),
      ...(idleStopMinutes !== undefined && { idleMs: idleStopMinutes * 60_000 }),
      ...(maxModels !== undefined && { maxModels }),
    });
  }

  /** @returns ends the listening */
  listen(listener: (news: ServiceNews) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** An absolute path that a client named. @throws DataError `server/outside-path` outside of the folders that are served */
  allow(path: string): string {
    const absolute = resolve(path);
    const { roots } = this.options;
    if (roots === null || roots.some((root) => pathBelow(root, absolute) !== null)) return absolute;
    throw new DataError("server/outside-path", `${path} is not in a folder that this server serves.`, {
      hint: `It reads files of its own machine below ${roots.join(", ")}, so a project must lie there at the same path as here. The person who started it can add folders with --root.`,
    });
  }

  /** The file behind a picture. @throws DataError `images/not-uploaded`, `server/outside-path` */
  imagePath(image: ImageReference): string {
    if ("path" in image) return this.allow(image.path);
    const path = this.options.images?.pathOf(image.sha256) ?? null;
    if (path !== null) return path;
    throw new DataError(
      "images/not-uploaded",
      `The server has no picture ${image.name} (${image.sha256.slice(0, 12)}…).`,
      {
        hint: "Send it again: old pictures are deleted to save space.",
      },
    );
  }

  /** A picture as a PNG that a browser can show; made once. @throws DataError as `loadImage` */
  async showImage(image: ImageReference, signal?: AbortSignal): Promise<MadeFile> {
    const path = this.imagePath(image);
    const store = this.requireStore();
    const { mtimeMs, size } = statSync(path, { throwIfNoEntry: false }) ?? { mtimeMs: 0, size: 0 };
    const key = `${path} ${mtimeMs} ${size}`;
    const known = await this.shown.get(key)?.catch(() => undefined);
    if (known !== undefined && store.file(known) !== null) return this.madeFile(store, known);
    const making = store.keep("png", (out) => this.tasks.run("pictureAsPng", { path, out }, signal));
    this.shown.set(key, making);
    for (const oldest of this.shown.keys()) if (this.shown.size > maxShown) this.shown.delete(oldest);
    return this.madeFile(store, await making);
  }

  /**
   * A file of a run, kept to be fetched.
   *
   * @param locale of the editor that asks, for a report
   * @throws ConfigError `server/no-folder`, `runs/format`
   */
  async runFile(run: string, format: ExportFormat, locale: string, signal?: AbortSignal): Promise<MadeFile> {
    if (format === "tensorboard") {
      throw new ConfigError("runs/format", "TensorBoard files are a folder, which cannot be fetched as one file.", {
        hint: "Choose CSV, JSON or parquet, or copy the events.out.tfevents file of the run folder.",
      });
    }
    const { folder } = this.runs.get(run);
    const ending = format === "journal" ? "jsonl" : format;
    return this.keepFile(ending, (out) => this.tasks.run("exportRun", { folder, format, out, locale }, signal));
  }

  /** Keeps a file that `write` writes to be fetched. @throws ConfigError `server/no-folder` */
  async keepFile(ending: string, write: (path: string) => Promise<unknown>): Promise<MadeFile> {
    const store = this.requireStore();
    return this.madeFile(store, await store.keep(ending, write));
  }

  private requireStore(): ImageStore {
    if (this.made !== null) return this.made;
    throw new ConfigError("server/no-folder", "The editor named no folder for files that the server makes.", {
      hint: "Send initializationOptions.filesFolder.",
    });
  }

  private madeFile(store: ImageStore, name: string): MadeFile {
    return { name, path: this.options.transport === "stdio" ? store.file(name) : null };
  }

  models(): Promise<ModelInfo[]> {
    const runs = this.runs.list().map(({ id }) => this.runs.get(id));
    return listModels(this.modelsDirectory, runs);
  }

  /** @throws ConfigError `model/not-found` */
  async model(model: ModelReference | string | undefined): Promise<ModelReference> {
    const known = await this.models();
    const found = findModel(model, known);
    const isListed = known.some(({ reference }) => sameModel(reference, found));
    if (!isListed) for (const path of [found.base, found.adapter]) if (path !== null) this.allow(path);
    return requireModel(found, existsSync);
  }

  /** @throws ConfigError `config/invalid` with the problems and their lines */
  async experiment(
    { configFile, text, overrides = [] }: { configFile: string; text?: string; overrides?: string[] },
    signal?: AbortSignal,
  ): Promise<ExperimentConfig> {
    const params = { file: this.allow(configFile), text: text ?? null, overrides };
    const config = await this.tasks.run("parseConfig", params, signal);
    for (const path of pathsOf(config)) this.allow(path);
    return config;
  }

  /** The configuration of a run with changes; paths that it had are its own. @throws as `experiment` */
  async changedExperiment(run: string, overrides: string[], signal?: AbortSignal): Promise<ExperimentConfig> {
    const before = this.runs.get(run).manifest?.config as ExperimentConfig;
    const config = await this.tasks.run("overrideConfig", { config: before, overrides }, signal);
    const own = pathsOf(before);
    for (const path of pathsOf(config)) if (!own.includes(path)) this.allow(path);
    return config;
  }

  async dispose(): Promise<void> {
    this.runs.dispose();
    await Promise.all([this.inspect.dispose(), this.tasks.dispose(), this.explore.dispose()]);
  }

  private tell(news: ServiceNews): void {
    for (const listener of this.listeners) listener(news);
  }

  private runChanged(run: RunFollower, changes: RunChanges): void {
    const { listing } = run;
    if (listing === null) return;
    const topic: Topic = `run/${listing.id}`;
    const deltas: RunDelta[] = changes.events.map((event) => ({ type: "event", event }));
    if (changes.columns) deltas.push({ type: "columns", columns: run.columns });
    if (changes.listing) deltas.push({ type: "listing", listing });
    this.hub.publish(topic, deltas);
    if (changes.events.some(({ type }) => type === "rollouts")) this.tell({ type: "rollouts", run: listing.id });
    if (changes.points) this.hub.publishPoints(topic);
    if (!changes.listing) return;
    this.hub.publish("runs", [{ type: "changed", run: listing }]);
    const state = `${listing.state} ${listing.attempt} ${listing.finishedStages.length} ${listing.progress?.stage ?? ""}`;
    if (this.states.get(listing.id) === state) return;
    this.states.set(listing.id, state);
    this.tell({ type: "run", run: listing });
  }

  private runRemoved(id: string): void {
    this.states.delete(id);
    this.hub.end(`run/${id}`);
    this.hub.publish("runs", [{ type: "removed", id }]);
    this.tell({ type: "run-removed", id });
  }

  private openTopic(topic: Topic): TopicSource | null {
    if (topic === "runs") return { snapshot: () => this.runs.list() };
    const [kind, name] = [topic.slice(0, topic.indexOf("/")), topic.slice(topic.indexOf("/") + 1)];
    if (kind === "inspect") return this.inspect.jobs.has(name) ? { snapshot: () => this.inspect.jobs.get(name) } : null;
    if (!this.runs.list().some(({ id }) => id === name)) return null;
    const run = this.runs.get(name);
    return {
      snapshot: () => runSnapshot(run),
      points: {
        get generation() {
          return run.generation;
        },
        get count() {
          return run.numPoints;
        },
        read: (offset, count) => run.readRecords(offset, count),
      },
    };
  }
}

function runSnapshot(run: RunFollower): RunSnapshot {
  const { listing, manifest, events, columns, numPoints, generation } = run;
  return { listing: listing!, manifest: manifest!, events, columns, numPoints, generation };
}

/** Files made for the editor of this machine, all together. */
const maxMadeBytes = 1 << 30;
const maxShown = 1000;

/** Where the runs of a project lie unless its experiment file says otherwise. */
function runsFolderOf(projectFolder: string): string {
  return join(projectFolder, ".iadr1", "runs");
}

function sameModel(a: ModelReference, b: ModelReference): boolean {
  return a.base === b.base && a.adapter === b.adapter;
}

/** Every path that a run with this configuration would read or write, but the embedded model. */
function pathsOf({ model, data, stages, output, trl }: ExperimentConfig): string[] {
  const models = [model.base, model.adapter].filter((path) => path !== null && !isEmbeddedPath(path)) as string[];
  const sources = [data.train, data.heldOut, data.validation, stages.paSft.data, stages.scGrpo.data];
  const ofSources = sources
    .flatMap((list) => list ?? [])
    .flatMap((source) => {
      if (source.kind === "synth") return [];
      return "images" in source && source.images !== undefined ? [source.path, source.images] : [source.path];
    });
  const rewards = (stages.scGrpo.rewards ?? []).flatMap(({ name }) => parseRewardPath(name)?.file ?? []);
  // A name without a folder is looked for on the server's own path.
  const python = [trl?.python, trl?.accelerateConfig].filter((path) => path !== undefined && isAbsolute(path));
  return [output, ...models, ...ofSources, ...rewards, ...(python as string[])];
}
