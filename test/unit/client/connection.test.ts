import { type ConnectionState, GivenUpError, ServerConnection } from "@iad-r1/client/server/connection";
import type { LanguageSession } from "@iad-r1/client/server/languageSession";
import { NoServerError, type Transport } from "@iad-r1/client/server/transport";
import { afterEach, describe, expect, test, vi } from "vitest";

/** A server that the test starts, breaks and counts. */
class Host {
  opened = 0;
  closed = 0;
  break: (reason: string) => void = () => {};
  failWith: Error | null = null;
  states: ConnectionState["kind"][] = [];
  readonly connection: ServerConnection;

  constructor(maxFailures = 3) {
    const log = { info: vi.fn(), warn: vi.fn(), error: vi.fn() };
    this.connection = new ServerConnection({
      log: log as never,
      open: async () => {
        this.opened++;
        if (this.failWith !== null) throw this.failWith;
        const ended = new Promise<string>((resolve) => {
          this.break = resolve;
        });
        return { ended, close: async () => void this.closed++ } as unknown as Transport;
      },
      startSession: async () =>
        ({
          request: async (_type: unknown, params: unknown) => ({ answered: params }),
          onNotification: () => ({ dispose: () => {} }),
          close: async () => void this.closed++,
        }) as unknown as LanguageSession,
      initialization: () => ({}),
      trace: () => "off",
      maxFailures: () => maxFailures,
    });
    this.connection.onDidChangeState(({ kind }) => this.states.push(kind));
  }

  async until(kind: ConnectionState["kind"]): Promise<void> {
    if (this.connection.state.kind === kind) return;
    await new Promise<void>((resolve) => {
      const subscription = this.connection.onDidChangeState((state) => {
        if (state.kind !== kind) return;
        subscription.dispose();
        resolve();
      });
    });
  }
}

const request = {} as never;

describe("connection to the server", () => {
  afterEach(() => {
    vi.useRealTimers();
  });

  test("starts nothing before the first request, and one server for many", async () => {
    const host = new Host();
    expect([host.opened, host.connection.state.kind]).toEqual([0, "off"]);
    const answers = await Promise.all([1, 2, 3].map((n) => host.connection.request(request, n as never)));
    expect(answers).toEqual([{ answered: 1 }, { answered: 2 }, { answered: 3 }]);
    expect(host.opened).toBe(1);
    await host.connection.stop();
    expect(host.states).toEqual(["starting", "ready", "off"]);
  });

  test("what happens by itself never starts a server", async () => {
    const host = new Host();
    await expect(host.connection.requestNow(request)).rejects.toThrow("not connected");
    expect(host.opened).toBe(0);
  });

  test("what waits for a server starts none, and goes on with the first that is there", async () => {
    const host = new Host();
    const over = new AbortController();
    const heard: string[] = [];
    const waits = [
      host.connection.whenReady(new AbortController().signal).then(() => heard.push("ready")),
      host.connection.whenReady(over.signal).then(() => heard.push("given up")),
    ];
    expect(host.opened).toBe(0);
    over.abort();
    await waits[1];
    expect(heard).toEqual(["given up"]);
    await host.connection.start();
    await waits[0];
    expect(heard).toEqual(["given up", "ready"]);
    await host.connection.whenReady(new AbortController().signal);
    await host.connection.stop();
  });

  test("takes up a broken connection again after a pause", async () => {
    vi.useFakeTimers();
    const host = new Host();
    await host.connection.start();
    host.break("the server process was ended by SIGKILL");
    await host.until("waiting");
    expect(host.connection.state).toMatchObject({ reason: "the server process was ended by SIGKILL" });
    const waited = host.connection.request(request, "late" as never);
    await vi.advanceTimersByTimeAsync(700);
    expect(await waited).toEqual({ answered: "late" });
    expect(host.opened).toBe(2);
    await host.connection.stop();
  });

  test("gives up a server that breaks again and again, and starts it afresh when asked", async () => {
    vi.useFakeTimers();
    const host = new Host(3);
    host.failWith = new Error("it crashed");
    const started = host.connection.start().catch((error: unknown) => error);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(await started).toBeInstanceOf(GivenUpError);
    expect(host.opened).toBe(3);
    expect(host.connection.state).toMatchObject({ kind: "failed", reason: "it crashed" });
    host.failWith = null;
    await host.connection.start();
    expect(host.connection.state.kind).toBe("ready");
    await host.connection.stop();
  });

  test("does not try again what cannot work", async () => {
    const host = new Host(Number.POSITIVE_INFINITY);
    host.failWith = new NoServerError("The server refused the token.", "Give it the right one.", true);
    await expect(host.connection.start()).rejects.toThrow("refused the token");
    expect(host.opened).toBe(1);
    expect(host.connection.state).toMatchObject({ kind: "failed", isTokenWrong: true });
  });

  test("a stop during a pause ends it at once", async () => {
    vi.useFakeTimers();
    const host = new Host();
    await host.connection.start();
    host.break("gone");
    await host.until("waiting");
    await host.connection.stop();
    await vi.advanceTimersByTimeAsync(60_000);
    expect([host.opened, host.connection.state.kind]).toEqual([1, "off"]);
  });

  test("a stop during the start leaves no server behind", async () => {
    const host = new Host();
    const started = host.connection.start().catch((error: Error) => error.message);
    await host.connection.stop();
    expect(await started).toBe("the server was stopped");
    expect([host.opened, host.closed]).toEqual([1, 1]);
  });
});
