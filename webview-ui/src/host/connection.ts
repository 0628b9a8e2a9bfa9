/**
 * The view's end of the wire: checks every message, keeps the numbers of changes without a gap, and pairs answers with requests. It
 * does not know what the state means; the app folds changes into it.
 */
import type { WireError } from "@iad-r1/protocol/runs";
import type { TypeOf } from "@iad-r1/protocol/shape";
import {
  answerFault,
  type HostMessage,
  type Messages,
  type PanelProtocol,
  type Requests,
  readHostMessage,
  type StateOf,
} from "@iad-r1/protocol/webview";
import { post } from "./vscodeApi";

type AnyPanel = PanelProtocol<unknown, Messages, Messages, Requests>;
type Change<P> = Extract<HostMessage<P>, { kind: "change" }>;

export interface ConnectionHandlers<P extends AnyPanel> {
  onSnapshot(state: StateOf<P>): void;
  onChange(change: Change<P>): void;
  onCommand(name: string): void;
  /** The host keeps sending what cannot be read: a fault of the program, to be shown. */
  onFault(reason: string): void;
}

const maxResyncs = 3;

/** A request that the host refused or answered with garbage. */
export class HostError extends Error {
  constructor(readonly error: WireError) {
    super(error.message);
  }
}

export class Connection<P extends AnyPanel> {
  private seq = -1;
  /** True from a gap until the snapshot that heals it. */
  private lost = true;
  /** Asking again and again for what cannot be read would never end. */
  private numResyncs = 0;
  private nextId = 1;
  private readonly waiting = new Map<
    number,
    { type: string; resolve: (value: unknown) => void; reject: (error: Error) => void }
  >();

  constructor(
    private readonly panel: P,
    private readonly handlers: ConnectionHandlers<P>,
  ) {
    window.addEventListener("message", (event) => this.receive(event.data));
    window.addEventListener("focus", () => this.focus(true));
    window.addEventListener("blur", () => this.focus(false));
    post({ kind: "ready" });
  }

  tell<K extends keyof P["tells"] & string>(type: K, body: TypeOf<P["tells"][K]>): void {
    post({ kind: "tell", type, body });
  }

  /** @throws HostError */
  ask<K extends keyof P["asks"] & string>(
    type: K,
    body: TypeOf<P["asks"][K]["params"]>,
  ): Promise<TypeOf<P["asks"][K]["result"]>> {
    const id = this.nextId++;
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { type, resolve: resolve as (value: unknown) => void, reject });
      post({ kind: "ask", id, type, body });
    });
  }

  private focus(focused: boolean): void {
    post({ kind: "tell", type: "focus/changed", body: { focused } });
  }

  private receive(data: unknown): void {
    const { message, fault } = readHostMessage(this.panel, data);
    if (fault !== null) {
      // Other scripts of the workbench may post to the window too; only what looks like ours is worth a complaint.
      if (typeof data === "object" && data !== null && "kind" in data) this.lose(fault);
      return;
    }
    switch (message.kind) {
      case "snapshot":
        this.seq = message.seq;
        this.lost = false;
        this.numResyncs = 0;
        this.handlers.onSnapshot(message.state as StateOf<P>);
        return;
      case "change":
        if (this.lost) return;
        if (message.seq !== this.seq + 1) {
          this.lose(`change ${message.seq} came after ${this.seq}`);
          return;
        }
        this.seq = message.seq;
        this.handlers.onChange(message as Change<P>);
        return;
      case "command":
        this.handlers.onCommand(message.name);
        return;
      default:
        this.settle(message);
    }
  }

  private settle(
    message: { kind: "answer"; id: number; body: unknown } | { kind: "failure"; id: number; error: WireError },
  ) {
    const request = this.waiting.get(message.id);
    if (request === undefined) return;
    this.waiting.delete(message.id);
    if (message.kind === "failure") {
      request.reject(new HostError(message.error));
      return;
    }
    const fault = answerFault(this.panel, request.type, message.body);
    if (fault === null) request.resolve(message.body);
    else request.reject(new HostError({ code: "webview/answer", message: fault }));
  }

  private lose(reason: string): void {
    if (this.lost && this.numResyncs > 0 && this.numResyncs < maxResyncs) {
      // The answer to the last question may still be on its way, unless it was this one.
      if (!reason.startsWith("state")) return;
    }
    this.lost = true;
    this.numResyncs++;
    if (this.numResyncs > maxResyncs) this.handlers.onFault(reason);
    else post({ kind: "resync", reason: reason.slice(0, 500) });
  }
}
