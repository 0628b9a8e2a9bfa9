/**
 * What all parts of the extension share: the log, the connection to the server, the stream, the runs, reports. It connects them and decides
 * nothing else. Everything that it makes is disposed with it.
 */
import { access } from "node:fs/promises";
import {
  commands,
  ConfigurationTarget,
  env,
  type ExtensionContext,
  type LogOutputChannel,
  Uri,
  window,
  workspace,
} from "vscode";
import * as lsp from "@iad-r1/protocol/lsp";
import type { ImageReference } from "@iad-r1/protocol/inspect";
import type { RewardScopeState } from "@iad-r1/protocol/rewardDebugger";
import { type Disposable, Emitter } from "./emitter";
import { ReportProvider } from "./reports";
import { RunFeeds } from "./runs/runFeeds";
import { overallState, RunStore } from "./runs/runStore";
import { parseAddress, type ServerAddress } from "./server/address";
import { ServerConnection } from "./server/connection";
import { StreamClient } from "./server/streamClient";
import { download, imageReferences } from "./server/uploads";
import { NoServerError, type Transport } from "./server/transport";
import { setting, touches } from "./settings";
import * as messages from "./messages";

/** Failures in a row after which the server inside the extension is given up: it breaks for a reason that stays. */
const maxEmbeddedFailures = 5;

export class Context implements Disposable {
  readonly log: LogOutputChannel;
  readonly connection: ServerConnection;
  readonly stream: StreamClient;
  readonly feeds: RunFeeds;
  readonly runs = new RunStore();
  readonly reports = new ReportProvider();
  /** The rollouts that all surfaces speak of are others now; a notification has one handler, and several parts want to hear of it. */
  readonly rewardScope = new Emitter<RewardScopeState>();
  private readonly owned: Disposable[] = [];
  /** Stops following the list of runs. */
  private runsTopic: Disposable | null = null;

  constructor(readonly extension: ExtensionContext) {
    this.log = this.own(window.createOutputChannel("IAD-R1", { log: true }));
    this.connection = this.own(
      new ServerConnection({
        log: this.log,
        open: () => this.openTransport(),
        startSession: async (...session) => (await import("./server/languageSession")).startSession(...session),
        initialization: () => this.serverOptions(),
        trace: () => setting("trace.server"),
        maxFailures: () => (this.remote === null ? maxEmbeddedFailures : Number.POSITIVE_INFINITY),
      }),
    );
    this.stream = this.own(
      new StreamClient({
        address: (signal) => this.streamAddress(signal),
        onTrouble: (message) => this.log.warn(`stream: ${message}`),
        locale: env.language,
      }),
    );
    this.feeds = this.own(
      new RunFeeds(this.stream, async (run) => (await this.connection.request(lsp.showRun, { run })).checkpoints),
    );
    this.own(this.reports);
    this.own(this.rewardScope);
    this.follow();
  }

  /** Disposes it with the context; what is added after the end is disposed at once. */
  own<T extends Disposable>(disposable: T): T {
    if (this.isDisposed) disposable.dispose();
    else this.owned.push(disposable);
    return disposable;
  }

  /** Address of the remote server that the settings name, or null for the one inside. */
  get remote(): ServerAddress | null {
    return setting("server.mode") === "embedded" ? null : parseAddress(setting("server.address"));
  }

  get isTrusted(): boolean {
    return workspace.isTrusted;
  }

  /** A file of the extension. */
  asset(...path: string[]): Uri {
    return Uri.joinPath(this.extension.extensionUri, ...path);
  }

  get version(): string {
    return (this.extension.extension.packageJSON as { version: string }).version;
  }

  // ---- token of a remote server; only ever in the safe of VS Code

  token(address: ServerAddress): Thenable<string | undefined> {
    return this.extension.secrets.get(`token ${address.base}`);
  }

  async keepToken(address: ServerAddress, token: string): Promise<void> {
    await this.extension.secrets.store(`token ${address.base}`, token);
  }

  async keepAddress(address: ServerAddress | null): Promise<void> {
    const settings = workspace.getConfiguration("iadr1");
    await settings.update("server.address", address?.base ?? undefined, ConfigurationTarget.Global);
  }

  private isDisposed = false;

  /** Ends the server in an orderly way; VS Code waits for it a moment. */
  async close(): Promise<void> {
    await this.connection.stop();
    this.dispose();
  }

  dispose(): void {
    this.isDisposed = true;
    this.runsTopic?.dispose();
    for (const each of this.owned.splice(0).reverse()) each.dispose();
  }

  // ---- how the server is reached

  /** Pictures as the server can read them. */
  async imageReferences(paths: readonly string[]): Promise<ImageReference[]> {
    const address = this.remote;
    if (address === null) return imageReferences(paths, null);
    const token = (await this.token(address)) ?? "";
    const missing = async (hashes: string[]) => (await this.connection.request(lsp.missingImages, { hashes })).missing;
    return imageReferences(paths, { images: address.images, token, missing });
  }

  /** A file that the server made, on this machine's disk. */
  async madeFile({ name, path }: lsp.MadeFile): Promise<Uri> {
    if (path !== null) return Uri.file(path);
    const address = this.remote;
    if (address === null) throw new Error("the server that made the file is gone");
    const target = Uri.joinPath(this.filesFolder, name);
    const isHere = await access(target.fsPath).then(
      () => true,
      () => false,
    );
    if (!isHere) {
      const token = (await this.token(address)) ?? "";
      await download(name, target.fsPath, { images: address.images, token });
    }
    return target;
  }

  /**
   * Exports to a file: the server writes it, or keeps it to be fetched where it cannot write here.
   *
   * @param ask sends the request, with `out` where the server shall write
   */
  async exportTo<T extends { file: string } | { made: lsp.MadeFile }>(
    target: Uri,
    ask: (to: { out?: string }) => Promise<T>,
  ): Promise<T> {
    const written = await ask(this.remote === null ? { out: target.fsPath } : {});
    if ("made" in written) await workspace.fs.copy(await this.madeFile(written.made), target, { overwrite: true });
    return written;
  }

  /** Where files lie that servers made for this editor. */
  get filesFolder(): Uri {
    return Uri.joinPath(this.extension.globalStorageUri, "files");
  }

  private async openTransport(): Promise<Transport> {
    const address = this.remote;
    if (address !== null) {
      const token = await this.token(address);
      if (token === undefined) throw new NoServerError(messages.noTokenYet(address.base), "", true);
      this.log.info(`Connecting to ${address.base}`);
      const { connectRemote } = await import("./server/remote");
      return connectRemote(address.language, token);
    }
    if (setting("server.mode") === "connect") {
      throw new NoServerError(messages.noAddress(), messages.useConnect());
    }
    const module = this.asset("dist", "main.mjs").fsPath;
    await access(module).catch(() => {
      throw new NoServerError(messages.noEngine(), messages.otherPackage());
    });
    const { startEmbedded } = await import("./server/embedded");
    this.log.info("Starting the server inside the extension");
    return startEmbedded({
      module,
      command: setting("server.command"),
      nodeArgs: setting("server.extraArgs"),
      env: setting("server.env"),
      folder: workspace.workspaceFolders?.[0]?.uri.fsPath,
      onLine: (line) => this.log.info(`server: ${line}`),
    });
  }

  private serverOptions(): lsp.ServerOptions {
    const directory = setting("models.directory");
    return {
      threads: setting("server.threads"),
      idleStopMinutes: setting("server.idleStopMinutes"),
      maxModels: setting("server.maxModels"),
      ...(this.remote === null
        ? {
            projectFolders: workspace.workspaceFolders?.map(({ uri }) => uri.fsPath) ?? [],
            filesFolder: this.filesFolder.fsPath,
          }
        : {}),
      ...(directory === "" || this.remote !== null ? {} : { modelsDirectory: directory }),
    };
  }

  /** A page that came back with its window may want the stream before there is a server: then it waits for one. */
  private async streamAddress(signal: AbortSignal): Promise<{ url: string; token: string }> {
    await this.connection.whenReady(signal);
    const { port, path, token } = await this.connection.requestNow(lsp.streamAddress);
    if (port !== null && token !== null) return { url: `ws://127.0.0.1:${port}${path}`, token };
    const address = this.remote;
    const kept = address === null ? undefined : await this.token(address);
    if (address === null || kept === undefined) throw new Error("the stream of a remote server needs its token");
    return { url: address.stream, token: kept };
  }

  // ---- what follows from a new session

  private follow(): void {
    this.connection.onNotification(lsp.didLog, ({ level, message }) => {
      if (level === "error") this.log.error(message);
      else if (level === "warning") this.log.warn(message);
      else this.log.info(message);
    });
    this.connection.onNotification(lsp.didChangeRewardScope, (state) => this.rewardScope.fire(state));
    this.connection.onNotification(lsp.didChangeRun, (change) => this.runs.change(change));
    this.own(
      this.connection.onDidConnect(() => {
        void this.readRuns();
        if (this.runsTopic === null) this.followRuns();
        else this.stream.reconnect();
      }),
    );
    this.own(
      this.connection.onDidChangeState(
        ({ kind }) => void commands.executeCommand("setContext", "iadr1.serverState", kind),
      ),
    );
    this.own(
      this.runs.onDidChange(
        () => void commands.executeCommand("setContext", "iadr1.runState", overallState(this.runs.all)),
      ),
    );
    this.own(
      workspace.onDidChangeConfiguration((event) => {
        if (touches(event, "trace.server")) this.connection.setTrace(setting("trace.server"));
        const isRestart = touches(
          event,
          ...(["server.mode", "server.address", "server.command", "server.extraArgs", "server.env"] as const),
          ...(["server.threads", "server.maxModels", "server.idleStopMinutes", "models.directory"] as const),
        );
        if (isRestart && this.connection.state.kind !== "off") void this.connection.restart().catch(() => {});
      }),
    );
    this.own(
      workspace.onDidChangeWorkspaceFolders(() => {
        if (this.connection.state.kind !== "off") void this.connection.restart().catch(() => {});
      }),
    );
  }

  private async readRuns(): Promise<void> {
    try {
      this.runs.replace(await this.connection.requestNow(lsp.listRuns));
    } catch (error) {
      this.log.warn(`runs cannot be listed: ${(error as Error).message}`);
    }
  }

  private followRuns(): void {
    this.runsTopic = this.stream.subscribe("runs", {
      snapshot: (runs) => this.runs.replace(runs),
      deltas: (deltas) => {
        for (const delta of deltas) this.runs.change(delta);
      },
    });
  }
}
