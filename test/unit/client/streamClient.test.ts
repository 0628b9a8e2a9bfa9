import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { StreamClient } from "@iad-r1/client/server/streamClient";
import { type ClientFrame, pointBytes, pointsStart, streamProtocol } from "@iad-r1/protocol/stream";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type WebSocket, WebSocketServer } from "ws";

/** A hub whose every frame the test writes. */
class Hub {
  private constructor(private readonly server: WebSocketServer) {}
  socket: WebSocket | null = null;
  readonly frames: ClientFrame[] = [];
  connections = 0;
  private wake: () => void = () => {};

  static async start(): Promise<Hub> {
    const server = new WebSocketServer({ host: "127.0.0.1", port: 0, handleProtocols: () => streamProtocol });
    await once(server, "listening");
    const hub = new Hub(server);
    server.on("connection", (socket, request) => {
      hub.connections++;
      hub.socket = socket;
      expect(request.headers.authorization).toBe("Bearer secret");
      socket.on("message", (data: Buffer) => {
        hub.frames.push(JSON.parse(data.toString()) as ClientFrame);
        hub.wake();
      });
    });
    return hub;
  }

  get url(): string {
    return `ws://127.0.0.1:${(this.server.address() as AddressInfo).port}/stream`;
  }

  send(frame: object | Uint8Array): void {
    this.socket!.send(frame instanceof Uint8Array ? frame : JSON.stringify(frame));
  }

  /** Waits for the n-th frame of the client. */
  async frame(index: number): Promise<ClientFrame> {
    while (this.frames.length <= index) {
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    }
    return this.frames[index]!;
  }

  stop(): void {
    for (const socket of this.server.clients) socket.terminate();
    this.server.close();
  }
}

function pointsFrame(offset: number, values: number[]): Uint8Array {
  const header = Buffer.from(JSON.stringify({ topic: "run/r", generation: 1, offset, count: values.length }));
  const start = pointsStart(header.byteLength);
  const frame = Buffer.alloc(start + values.length * pointBytes);
  frame.writeUInt32LE(header.byteLength, 0);
  header.copy(frame, 4);
  for (const [index, value] of values.entries()) frame.writeDoubleLE(value, start + index * pointBytes + 16);
  return frame;
}

describe("reading end of the stream", () => {
  let hub: Hub;
  let client: StreamClient;
  const seen: unknown[] = [];
  let notice: () => void = () => {};

  const see = (what: unknown) => {
    seen.push(what);
    notice();
  };
  const until = async (count: number) => {
    while (seen.length < count) {
      await new Promise<void>((resolve) => {
        notice = resolve;
      });
    }
    return seen;
  };
  const reader = {
    snapshot: (state: unknown) => see({ snapshot: state }),
    deltas: (deltas: unknown[]) => see({ deltas }),
    end: (error: unknown) => see({ end: error }),
  };

  beforeEach(async () => {
    seen.length = 0;
    hub = await Hub.start();
    client = new StreamClient({ address: async () => ({ url: hub.url, token: "secret" }), onTrouble: () => {} });
  });

  afterEach(() => {
    client.dispose();
    hub.stop();
  });

  test("hands on the snapshot and the changes that follow it", async () => {
    client.subscribe("runs", reader);
    expect(await hub.frame(0)).toEqual({ type: "subscribe", topic: "runs" });
    hub.send({ type: "delta", topic: "runs", first: 1, deltas: ["before the snapshot"] });
    hub.send({ type: "snapshot", topic: "runs", seq: 4, state: ["a"] });
    hub.send({ type: "delta", topic: "runs", first: 5, deltas: ["b", "c"] });
    hub.send({ type: "delta", topic: "runs", first: 7, deltas: ["d"] });
    expect(await until(3)).toEqual([{ snapshot: ["a"] }, { deltas: ["b", "c"] }, { deltas: ["d"] }]);
  });

  test("asks for a snapshot where a number is missing, and hands on nothing in between", async () => {
    client.subscribe("runs", reader);
    await hub.frame(0);
    hub.send({ type: "snapshot", topic: "runs", seq: 1, state: [] });
    hub.send({ type: "delta", topic: "runs", first: 3, deltas: ["lost one"] });
    hub.send({ type: "delta", topic: "runs", first: 4, deltas: ["too early"] });
    expect(await hub.frame(1)).toEqual({ type: "subscribe", topic: "runs" });
    hub.send({ type: "snapshot", topic: "runs", seq: 4, state: ["whole"] });
    expect(await until(2)).toEqual([{ snapshot: [] }, { snapshot: ["whole"] }]);
  });

  test("comes back after a break and says which points it has", async () => {
    let held = 0;
    client.subscribe("run/r", {
      ...(reader as object as Parameters<typeof client.subscribe<"run/r">>[1]),
      points: (header, points) => {
        held = header.offset + header.count;
        see(Array.from({ length: header.count }, (_, i) => points.getFloat64(i * pointBytes + 16, true)));
      },
      held: () => ({ count: held, generation: 1 }),
    });
    expect(await hub.frame(0)).toEqual({ type: "subscribe", topic: "run/r", points: { count: 0, generation: 1 } });
    hub.send({ type: "snapshot", topic: "run/r", seq: 0, state: {} });
    hub.send(pointsFrame(0, [0.5, 0.25]));
    expect(await until(2)).toEqual([{ snapshot: {} }, [0.5, 0.25]]);
    hub.socket!.terminate();
    expect(await hub.frame(1)).toEqual({ type: "subscribe", topic: "run/r", points: { count: 2, generation: 1 } });
    expect(hub.connections).toBe(2);
  });

  test("waits for a server that is not there yet, and complains of nothing", async () => {
    const troubles: string[] = [];
    const signals: AbortSignal[] = [];
    let tell: (where: { url: string; token: string }) => void = () => {};
    const early = new StreamClient({
      address: (signal) => {
        signals.push(signal);
        return new Promise((resolve, reject) => {
          tell = resolve;
          signal.addEventListener("abort", () => reject(new Error("over")), { once: true });
        });
      },
      onTrouble: (message) => troubles.push(message),
    });
    early.subscribe("run/a", reader);
    early.subscribe("runs", reader);
    // As it happens when the server has come up: those who know of it say that it is another one now.
    early.reconnect();
    tell({ url: hub.url, token: "secret" });
    expect([(await hub.frame(0)).topic, (await hub.frame(1)).topic]).toEqual(["run/a", "runs"]);
    expect([signals.length, hub.connections, troubles]).toEqual([1, 1, []]);
    early.dispose();

    const never = new StreamClient({
      address: (signal) => {
        signals.push(signal);
        return new Promise((_, reject) => signal.addEventListener("abort", () => reject(new Error("over"))));
      },
      onTrouble: (message) => troubles.push(message),
    });
    never.subscribe("runs", reader);
    never.dispose();
    await Promise.resolve();
    expect([signals[1]!.aborted, troubles]).toEqual([true, []]);
  });

  test("drops a connection that sends garbage and takes it up again", async () => {
    client.subscribe("runs", reader);
    await hub.frame(0);
    hub.socket!.send("{ not JSON");
    expect(await hub.frame(1)).toEqual({ type: "subscribe", topic: "runs" });
    expect(hub.connections).toBe(2);
  });

  test("a connection that is still being opened ends with the client", async () => {
    const silent = createServer();
    silent.listen(0, "127.0.0.1");
    await once(silent, "listening");
    const { port } = silent.address() as AddressInfo;
    const opening = new StreamClient({
      address: async () => ({ url: `ws://127.0.0.1:${port}/stream`, token: "secret" }),
      onTrouble: () => {},
    });
    const arrived = once(silent, "connection");
    opening.subscribe("runs", reader);
    const [socket] = (await arrived) as [Socket];
    socket.resume();
    const closed = once(socket, "close");
    opening.dispose();
    await closed;
    silent.close();
  });

  test("a topic that ended is not asked for again", async () => {
    client.subscribe("inspect/gone", reader);
    await hub.frame(0);
    hub.send({ type: "end", topic: "inspect/gone", error: { code: "stream/unknown", message: "no such job" } });
    expect(await until(1)).toEqual([{ end: { code: "stream/unknown", message: "no such job" } }]);
    client.subscribe("runs", reader);
    expect((await hub.frame(1)).topic).toBe("runs");
    hub.socket!.terminate();
    expect((await hub.frame(2)).topic).toBe("runs");
    expect(hub.frames).toHaveLength(3);
  });
});
