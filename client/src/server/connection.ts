/**
 * The connection to the server: the one inside the extension or one on another machine, started on first need, taken up again with
 * growing pauses when it breaks, given up with a reason when trying again would not help. It tells its state and shows nothing itself.
 */
import type { CancellationToken, LogOutputChannel } from "vscode";
import type { NotificationType, RequestType, RequestType0 } from "vscode-languageclient/node";
import { type Disposable, Emitter } from "../emitter";
import { BackOff } from "./backOff";
import { delay } from "./delay";
import type { LanguageSession, SessionOptions } from "./languageSession";
import { NoServerError, type Transport } from "./transport";

/** off -> starting -> ready -> waiting -> starting …; failed when it was given up. */
export type ConnectionState =
  | { kind: "off" }
  | { kind: "starting" }
  | { kind: "ready" }
  /** It broke and will be tried again. */
  | { kind: "waiting"; reason: string; untilMs: number }
  | { kind: "failed"; reason: string; cure: string; isTokenWrong: boolean };

export interface ConnectionOptions {
  log: LogOutputChannel;
  /** Makes a transport to the server that the settings name now. */
  open(): Promise<Transport>;
  /** Begins to talk over a transport; loaded when it is first needed. */
  startSession(transport: Transport, options: SessionOptions): Promise<LanguageSession>;
  initialization(): unknown;
  trace(): SessionOptions["trace"];
  /** How often in a row it may break before it is given up; a remote server may come back any time. */
  maxFailures(): number;
}

/** Why a request could not be sent; callers show it like any other failure. */
export class NotConnectedError extends Error {}

/** The server was given up, which is told once for all requests that waited for it. */
export class GivenUpError extends NotConnectedError {}

export class ServerConnection implements Disposable {
  private readonly stateChanged = new Emitter<ConnectionState>();
  readonly onDidChangeState = this.stateChanged.event;
  private readonly ready = new Emitter<LanguageSession>();
  /** Fires for every new session; what was known about the server may be out of date then. */
  readonly onDidConnect = this.ready.event;
  private current: ConnectionState = { kind: "off" };
  private session: LanguageSession | null = null;
  private life: { controller: AbortController; done: Promise<void> } | null = null;
  private readonly handlers: { type: NotificationType<unknown>; handler: (params: unknown) => void }[] = [];

  constructor(private readonly options: ConnectionOptions) {}

  get state(): ConnectionState {
    return this.current;
  }

  /** Starts unless it runs already; resolves once it is ready. */
  async start(token?: CancellationToken): Promise<void> {
    if (this.life === null) {
      const controller = new AbortController();
      this.life = { controller, done: this.live(controller.signal) };
    }
    await this.becameReady(token);
  }

  async stop(): Promise<void> {
    const life = this.life;
    if (life === null) return this.setState({ kind: "off" });
    life.controller.abort();
    await life.done;
    this.setState({ kind: "off" });
  }

  async restart(): Promise<void> {
    await this.stop();
    await this.start();
  }

  /** Starts the server when it is off, waits while it is starting, then asks. */
  request<R, E>(type: RequestType0<R, E>, token?: CancellationToken): Promise<R>;
  request<P, R, E>(type: RequestType<P, R, E>, params: P, token?: CancellationToken): Promise<R>;
  async request(type: unknown, ...rest: unknown[]): Promise<unknown> {
    await this.start();
    const session = this.session;
    if (session === null) throw new NotConnectedError("the connection to the server has just broken");
    return (session.request as (...all: unknown[]) => Promise<unknown>)(type, ...rest);
  }

  /** The same for what happens by itself: it never starts a server, and fails at once while there is none. */
  async requestNow<R, E>(type: RequestType0<R, E>): Promise<R> {
    if (this.session === null) throw new NotConnectedError("the server is not connected");
    return this.session.request(type);
  }

  /** Waits for a session without starting one; ends early, and without an error, when the signal does. */
  whenReady(signal: AbortSignal): Promise<void> {
    if (this.current.kind === "ready" || signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const settle = () => {
        subscription.dispose();
        signal.removeEventListener("abort", settle);
        resolve();
      };
      const subscription = this.onDidChangeState(({ kind }) => {
        if (kind === "ready") settle();
      });
      signal.addEventListener("abort", settle, { once: true });
    });
  }

  /** Hears a notification in this session and all later ones. */
  onNotification<P>(type: NotificationType<P>, handler: (params: P) => void): void {
    this.handlers.push({ type, handler } as (typeof this.handlers)[number]);
    this.session?.onNotification(type, handler);
  }

  setTrace(trace: SessionOptions["trace"]): void {
    this.session?.setTrace(trace);
  }

  dispose(): void {
    void this.stop();
    this.stateChanged.dispose();
    this.ready.dispose();
  }

  /** Sessions one after the other until it is stopped or given up. Never rejects. */
  private async live(signal: AbortSignal): Promise<void> {
    const backOff = new BackOff();
    const { log } = this.options;
    while (!signal.aborted) {
      this.setState({ kind: "starting" });
      const startedMs = Date.now();
      let isReady = false;
      let reason: string;
      try {
        const transport = await this.options.open();
        if (signal.aborted) {
          await transport.close();
          break;
        }
        const session = await this.options.startSession(transport, {
          ...{ log, initialization: this.options.initialization(), trace: this.options.trace() },
        });
        isReady = true;
        this.adopt(session);
        reason = await untilAborted(transport.ended, signal);
        this.session = null;
        await session.close();
      } catch (error) {
        if (error instanceof NoServerError) {
          log.error(`${error.message} ${error.cure}`);
          this.giveUp({ reason: error.message, cure: error.cure, isTokenWrong: error.isTokenWrong });
          return;
        }
        reason = (error as Error).message;
      }
      if (signal.aborted) break;
      const waitMs = backOff.nextDelayMs(isReady ? Date.now() - startedMs : 0);
      if (backOff.count >= this.options.maxFailures()) {
        log.error(`Given up after ${backOff.count} failures in a row: ${reason}`);
        this.giveUp({ reason, cure: "", isTokenWrong: false });
        return;
      }
      log.warn(`${reason}; trying again in ${(waitMs / 1000).toFixed(1)} s`);
      this.setState({ kind: "waiting", reason, untilMs: Date.now() + waitMs });
      await delay(waitMs, signal);
    }
    this.life = null;
  }

  private adopt(session: LanguageSession): void {
    this.session = session;
    for (const { type, handler } of this.handlers) session.onNotification(type, handler);
    this.setState({ kind: "ready" });
    this.ready.fire(session);
  }

  private giveUp(why: { reason: string; cure: string; isTokenWrong: boolean }): void {
    this.life = null;
    this.setState({ kind: "failed", ...why });
  }

  private setState(state: ConnectionState): void {
    this.current = state;
    this.stateChanged.fire(state);
  }

  private becameReady(token?: CancellationToken): Promise<void> {
    if (this.current.kind === "ready") return Promise.resolve();
    return new Promise((resolve, reject) => {
      const subscriptions: Disposable[] = [];
      const settle = (error?: Error) => {
        for (const each of subscriptions) each.dispose();
        if (error === undefined) resolve();
        else reject(error);
      };
      subscriptions.push(
        this.onDidChangeState((state) => {
          if (state.kind === "ready") settle();
          else if (state.kind === "failed") settle(new GivenUpError(`${state.reason} ${state.cure}`.trim()));
          else if (state.kind === "off") settle(new NotConnectedError("the server was stopped"));
        }),
      );
      if (token !== undefined) {
        subscriptions.push(token.onCancellationRequested(() => settle(new NotConnectedError("cancelled"))));
      }
    });
  }
}

function untilAborted(ended: Promise<string>, signal: AbortSignal): Promise<string> {
  return new Promise((resolve) => {
    void ended.then(resolve);
    if (signal.aborted) resolve("stopped");
    else signal.addEventListener("abort", () => resolve("stopped"), { once: true });
  });
}
