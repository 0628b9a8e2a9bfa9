/**
 * The terminal of a task: checks, starts a run through the server, writes what happens, and ends with the run. Ctrl+C asks the run to stop
 * after its step, once more ends it at once. Closing the terminal stops nothing: a run outlives whoever watches it, and says so.
 */
import { basename } from "node:path";
import { commands, EventEmitter, type Pseudoterminal, Uri, window } from "vscode";
import * as lsp from "@iad-r1/protocol/lsp";
import { pauseOverrides } from "../commands/runs";
import type { Context } from "../context";
import type { Disposable } from "../emitter";
import { sentence } from "../errors";
import { unsavedText } from "../projects";
import type { RunFeed } from "../runs/runFeeds";
import * as messages from "../messages";
import { failureLines, RunTranscript } from "./runTranscript";

/** What a task does, as its definition says. */
export interface RunTask {
  kind: lsp.StartRunParams["kind"] | "preflight";
  /** Path of the experiment file. */
  configFile: string;
  overrides: readonly string[];
}

/** What Ctrl+C sends. */
const interrupt = String.fromCharCode(3);

/** Within it even a busy workbench has drawn what was written. */
const drawingMs = 1500;

const exitCodes = { completed: 0, failed: 1, stopped: 130 } as const;

export class RunTerminal implements Pseudoterminal {
  private readonly written = new EventEmitter<string>();
  readonly onDidWrite = this.written.event;
  private readonly ended = new EventEmitter<number>();
  readonly onDidClose = this.ended.event;
  private readonly transcript = new RunTranscript(messages);
  /** Open as long as the run is followed; others may look at the same one. */
  private feed: RunFeed | null = null;
  private readonly listeners: Disposable[] = [];
  private run: string | null = null;
  private interrupts = 0;
  private isOver = false;

  constructor(
    private readonly context: Context,
    private readonly task: RunTask,
  ) {}

  open(): void {
    this.work().then(
      (code) => code !== null && this.endDrawn(code),
      (error: unknown) => {
        this.context.log.error(error instanceof Error ? (error.stack ?? error.message) : String(error));
        this.written.fire(failureLines(sentence(error)));
        this.endDrawn(1);
      },
    );
  }

  handleInput(data: string): void {
    if (data !== interrupt || this.isOver) return;
    this.interrupts++;
    const { run } = this;
    if (run === null) {
      this.end(130);
      return;
    }
    const when = this.interrupts === 1 ? "after-step" : "now";
    this.line(when === "now" ? messages.taskEndsNow() : messages.taskStops());
    this.context.connection
      .request(lsp.stopRun, { run, when })
      .catch((error: unknown) => this.written.fire(failureLines(sentence(error))));
  }

  /** Its terminal was closed, or the task was ended. Nothing is started any more. */
  close(): void {
    const { run, isOver } = this;
    this.isOver = true;
    this.release();
    if (run !== null && !isOver) void tellThatItGoesOn(this.context, run);
  }

  /** @returns the exit code, or null when a run is under way and ends the task */
  private async work(): Promise<number | null> {
    const { connection } = this.context;
    const { kind, configFile, overrides } = this.task;
    this.line(messages.taskBegins(kind, basename(configFile)));
    if (connection.state.kind !== "ready") {
      this.line(messages.serverStarting());
      await connection.start();
    }
    const text = unsavedText(Uri.file(configFile));
    const startKind = kind === "preflight" ? "post-train" : kind;
    const params: lsp.StartRunParams = {
      ...{ kind: startKind, configFile, ...(text === undefined ? {} : { text }) },
      overrides: [...overrides, ...pauseOverrides(startKind, configFile)],
    };
    const { ok, checks } = await connection.request(lsp.preflightRun, params);
    if (this.isOver) return null;
    const marks = { ok: "✓", optional: "–", problem: "✗" };
    for (const { name, status, evidence, cure } of checks) {
      this.line(`${marks[status]} ${name}: ${evidence}`);
      if (status !== "ok" && cure !== null) this.line(`    ${cure}`);
    }
    const faults = checks.filter(({ status }) => status === "problem").length;
    if (!ok) this.written.fire(failureLines(messages.preflightFailed(faults)));
    else if (kind === "preflight") this.line(messages.preflightPassed());
    if (!ok || kind === "preflight") return ok ? 0 : 1;
    const { run } = await connection.request(lsp.startRun, params);
    this.run = run;
    if (this.isOver) {
      // Ctrl+C or the end of the task came while it was being started.
      await connection.request(lsp.stopRun, { run, when: "after-step" });
      return null;
    }
    this.line(messages.runStarted(run));
    this.line(messages.taskKeys());
    this.follow(run);
    return null;
  }

  private follow(run: string): void {
    const feed = this.context.feeds.open(run);
    this.feed = feed;
    this.listeners.push(
      feed.onDidChange((update) => {
        const text = this.transcript.text(feed.model, update);
        if (text !== "") this.written.fire(text);
        const { final } = this.transcript;
        if (final !== null) this.end(exitCodes[final]);
      }),
      // The run was deleted.
      feed.onDidEnd(() => this.end(1)),
    );
  }

  private line(text: string): void {
    this.written.fire(`${text.replace(/\r?\n/g, "\r\n")}\r\n`);
  }

  /** The workbench reads lines for Problems as it draws them, and stops a tenth of a second after the end. */
  private endDrawn(code: number): void {
    if (code === 0) this.end(code);
    else setTimeout(() => this.end(code), drawingMs);
  }

  private end(code: number): void {
    if (this.isOver) return;
    this.isOver = true;
    this.release();
    this.ended.fire(code);
  }

  private release(): void {
    for (const each of this.listeners.splice(0)) each.dispose();
    if (this.feed !== null) this.context.feeds.close(this.feed);
    this.feed = null;
  }
}

/** A person who ended the task may think that they ended the run. */
async function tellThatItGoesOn({ connection, runs }: Context, run: string): Promise<void> {
  const stop = messages.stopAfterStep();
  const show = messages.openDashboard();
  const chosen = await window.showInformationMessage(messages.taskLeft(run), show, stop);
  if (chosen === show) await commands.executeCommand("iadr1.openDashboard", run);
  if (chosen === stop && runs.get(run) !== undefined) {
    await connection.request(lsp.stopRun, { run, when: "after-step" });
  }
}
