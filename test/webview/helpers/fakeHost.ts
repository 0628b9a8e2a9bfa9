/**
 * The host's end of the wire, in the test: checks and records what the view says, answers `ready` and `resync` with the state, and
 * requests with what the test gives. It folds nothing: a test sends the changes that it wants to see.
 */
import {
  type HostMessage,
  type Messages,
  type PanelProtocol,
  type Requests,
  readHostMessage,
  readViewMessage,
  type StateOf,
  type ViewMessage,
} from "@iad-r1/protocol/webview";
import { expect } from "vitest";
import { type OpenPanel, openPanel, type PanelOptions, patienceMs } from "./browser";

type AnyPanel = PanelProtocol<unknown, Messages, Messages, Requests>;
type Change<P> = Extract<HostMessage<P>, { kind: "change" }>;
type Body<M, K> = M extends { type: K; body: infer B } ? B : never;

/** Whatever a test did: nothing may break the policy, fail in the page, or say what the protocol does not know. */
export function expectNoFaults(host: FakeHost<AnyPanel> | null): void {
  expect(host?.panel.faults ?? []).toEqual([]);
  expect(host?.panel.refused ?? []).toEqual([]);
  expect(host?.badMessages ?? []).toEqual([]);
}

export class FakeHost<P extends AnyPanel> {
  readonly received: ViewMessage<P>[] = [];
  /** What the view said that the protocol does not allow; must stay empty. */
  readonly badMessages: string[] = [];
  private seq = 0;
  private isClosed = false;
  panel!: OpenPanel;
  private readonly arrivals = new Set<() => void>();

  private constructor(
    private readonly protocol: P,
    public state: StateOf<P>,
    private readonly answers: Record<string, (body: never) => unknown>,
  ) {}

  static async open<P extends AnyPanel>(
    protocol: P,
    state: StateOf<P>,
    answers: Record<string, (body: never) => unknown> = {},
    options: Omit<PanelOptions, "receive"> = {},
  ): Promise<FakeHost<P>> {
    const fault = protocol.state.fault(state);
    if (fault !== null) throw new Error(`the test's state does not fit the protocol: ${fault}`);
    const host = new FakeHost(protocol, state, answers);
    // The page speaks as soon as it is loaded, maybe before `openPanel` returns.
    const early: unknown[] = [];
    let receive = (message: unknown): void => void early.push(message);
    host.panel = await openPanel(protocol.name, { ...options, receive: (message) => receive(message) });
    receive = (message) => host.receive(message);
    for (const message of early) host.receive(message);
    return host;
  }

  get page() {
    return this.panel.page;
  }

  change<K extends Change<P>["type"]>(type: K, body: Body<Change<P>, K>): Promise<void> {
    const message = { kind: "change", seq: ++this.seq, type, body };
    const { fault } = readHostMessage(this.protocol, message);
    if (fault !== null) throw new Error(`the test's change does not fit the protocol: ${fault}`);
    return this.panel.send(message);
  }

  /** Leaves out numbers, as when messages got lost. */
  loseMessages(count: number): void {
    this.seq += count;
  }

  command(name: P["commands"][number]): Promise<void> {
    return this.panel.send({ kind: "command", name });
  }

  raw(message: unknown): Promise<void> {
    return this.panel.send(message);
  }

  tells<K extends string>(type: K): Body<ViewMessage<P>, K>[] {
    return this.received.flatMap((message) =>
      message.kind === "tell" && (message as { type: string }).type === type
        ? [(message as { body: Body<ViewMessage<P>, K> }).body]
        : [],
    );
  }

  count(kind: "ready" | "resync"): number {
    return this.received.filter((message) => message.kind === kind).length;
  }

  /** Waits for the next message of this type that came after `after` others of it. */
  async waitForTell<K extends string>(type: K, after = 0): Promise<Body<ViewMessage<P>, K>> {
    const limit = Date.now() + patienceMs;
    while (this.tells(type).length <= after) {
      if (Date.now() > limit)
        throw new Error(`the view did not say ${type}; it said ${JSON.stringify(this.received.slice(-5))}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(done, 200);
        const arrivals = this.arrivals;
        arrivals.add(done);
        function done() {
          clearTimeout(timer);
          arrivals.delete(done);
          resolve();
        }
      });
    }
    return this.tells(type)[after]!;
  }

  async close(): Promise<void> {
    this.isClosed = true;
    await this.panel.page.close();
  }

  private receive(value: unknown): void {
    const restored = restoreBytes(value);
    const { message, fault } = readViewMessage(this.protocol, restored);
    if (fault !== null) {
      this.badMessages.push(`${fault}: ${JSON.stringify(value).slice(0, 300)}`);
      return;
    }
    this.received.push(message);
    for (const arrival of [...this.arrivals]) arrival();
    if (message.kind === "ready" || message.kind === "resync") {
      void this.panel?.send({ kind: "snapshot", seq: this.seq, state: this.state });
    } else if (message.kind === "ask")
      void this.answer(message as unknown as { id: number; type: string; body: never });
  }

  private async answer({ id, type, body }: { id: number; type: string; body: never }): Promise<void> {
    try {
      const answer = this.answers[type];
      if (answer === undefined) throw new Error(`the test has no answer to ${type}`);
      await this.panel.send({ kind: "answer", id, body: await answer(body) });
    } catch (error) {
      // The page may go while an answer is on its way to it.
      if (this.isClosed) return;
      await this.panel.send({
        kind: "failure",
        id,
        error: { code: "test/refused", message: (error as Error).message },
      });
    }
  }
}

function restoreBytes(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(restoreBytes);
  if (typeof value !== "object" || value === null) return value;
  const { bytes } = value as { bytes?: unknown };
  if (typeof bytes === "string") return new Uint8Array(Buffer.from(bytes, "base64"));
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, restoreBytes(inner)]));
}
