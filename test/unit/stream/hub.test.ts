/** The stream hub without sockets: numbering, slow readers, points, bounds, hostile frames. */
import { readPointsFrame, type ServerFrame, type Topic } from "@iad-r1/protocol/stream";
import { type HubConnection, type HubPeer, parseFrame, type PointSource, StreamHub } from "@iad-r1/server/stream/hub";
import fc from "fast-check";
import { expect, it } from "vitest";

/** A run that is a list of words and a growing number of points. */
class FakeRun {
  words: string[] = [];
  readonly points: PointSource & { generation: number; count: number } = {
    generation: 1,
    count: 0,
    read: async (offset, count) => {
      const bytes = new Uint8Array(count * 24);
      const view = new DataView(bytes.buffer);
      for (let i = 0; i < count; i++) view.setFloat64(i * 24 + 16, this.points.generation * 1e6 + offset + i, true);
      return bytes;
    },
  };
}

/** A reader whose connection can be stuck. */
class Reader {
  frames: ServerFrame[] = [];
  values: number[] = [];
  refused: string | null = null;
  waitingBytes = 0;
  readonly peer: HubPeer;

  constructor(hub: StreamHub) {
    this.peer = hub.connect(connectionOf(this));
  }

  subscribe(topic: Topic, points?: { count: number; generation: number }): void {
    this.peer.receive(JSON.stringify({ type: "subscribe", topic, points }));
  }

  take(frame: string | Uint8Array): void {
    if (typeof frame === "string") this.frames.push(JSON.parse(frame) as ServerFrame);
    else {
      const { header, points } = readPointsFrame(frame);
      if (header.offset === 0) this.values = [];
      expect(header.offset).toBe(this.values.length);
      for (let i = 0; i < header.count; i++) this.values.push(points.getFloat64(i * 24 + 16, true));
    }
  }

  /** The words as a view would hold them. */
  words(): string[] {
    let words: string[] = [];
    let next = 0;
    for (const frame of this.frames) {
      if (frame.type === "snapshot") {
        words = [...(frame.state as unknown as string[])];
        next = frame.seq + 1;
      } else if (frame.type === "delta") {
        expect(frame.first).toBe(next);
        next += frame.deltas.length;
        words.push(...(frame.deltas as unknown as string[]));
      }
    }
    return words;
  }
}

function connectionOf(reader: Reader): HubConnection {
  return {
    send: (frame) => reader.take(frame),
    refuse: (reason) => {
      reader.refused = reason;
    },
    get waitingBytes() {
      return reader.waitingBytes;
    },
  };
}

function makeHub(maxTopics = 4) {
  const run = new FakeRun();
  const hub = new StreamHub({
    open: (topic) => (topic === "run/a" ? { snapshot: () => [...run.words], points: run.points } : null),
    ...{ maxWaitingBytes: 100, maxTopics },
  });
  const say = (...words: string[]) => {
    run.words.push(...words);
    hub.publish("run/a", words);
  };
  return { run, hub, say };
}

const settled = () => new Promise((resolve) => setTimeout(resolve, 5));

it("gives a snapshot, then deltas without a gap, to each reader from where it came in", () => {
  const { hub, say } = makeHub();
  say("before");
  const early = new Reader(hub);
  early.subscribe("run/a");
  say("one", "two");
  const late = new Reader(hub);
  late.subscribe("run/a");
  say("three");
  for (const reader of [early, late]) expect(reader.words()).toEqual(["before", "one", "two", "three"]);
  expect(late.frames.map(({ type }) => type)).toEqual(["snapshot", "delta"]);
});

it("keeps nothing for a reader that is stuck; it gets one snapshot when it reads again", () => {
  const { hub, say } = makeHub();
  const reader = new Reader(hub);
  reader.subscribe("run/a");
  reader.waitingBytes = 101;
  for (let i = 0; i < 1000; i++) say(`word ${i}`);
  expect(reader.frames).toHaveLength(1);
  reader.waitingBytes = 0;
  reader.peer.drained();
  expect(reader.frames).toHaveLength(2);
  expect(reader.words()).toHaveLength(1000);
  say("after");
  expect(reader.words().at(-1)).toBe("after");
});

it("pours points once each, goes on where a stuck reader was, and starts over with a new generation", async () => {
  const { run, hub } = makeHub();
  run.points.count = 5000;
  const reader = new Reader(hub);
  reader.subscribe("run/a");
  await settled();
  expect(reader.values).toHaveLength(5000);
  reader.waitingBytes = 101;
  run.points.count = 9000;
  hub.publishPoints("run/a");
  await settled();
  expect(reader.values).toHaveLength(5000);
  reader.waitingBytes = 0;
  reader.peer.drained();
  await settled();
  expect(reader.values).toEqual(Array.from({ length: 9000 }, (_, i) => 1e6 + i));
  run.points.generation = 2;
  run.points.count = 10;
  hub.publishPoints("run/a");
  await settled();
  expect(reader.values).toEqual(Array.from({ length: 10 }, (_, i) => 2e6 + i));
});

it("believes a reader only what can be: known points of this generation", async () => {
  const { run, hub } = makeHub();
  run.points.count = 100;
  for (const [points, first] of [
    [{ count: 60, generation: 1 }, 60],
    [{ count: 60, generation: 7 }, 0],
  ] as const) {
    const offsets: number[] = [];
    const peer = hub.connect({
      ...{ waitingBytes: 0, refuse: () => undefined },
      send: (frame) => {
        if (typeof frame !== "string") offsets.push(readPointsFrame(frame).header.offset);
      },
    });
    peer.receive(JSON.stringify({ type: "subscribe", topic: "run/a", points }));
    await settled();
    expect(offsets).toEqual([first]);
    peer.closed();
  }
});

it("tells each reader in its language, and numbers what it tells alike", () => {
  let words = ["one"];
  const hub = new StreamHub({
    open: () => ({ snapshot: () => words }),
    translator: (locale) => (locale === "zh-cn" ? upper : null),
  });
  const readers = [undefined, "en", "zh-cn"].map((locale) => {
    const frames: ServerFrame[] = [];
    const peer = hub.connect({
      ...{ waitingBytes: 0, refuse: () => undefined, ...(locale !== undefined && { locale }) },
      send: (frame) => frames.push(JSON.parse(String(frame)) as ServerFrame),
    });
    peer.receive(JSON.stringify({ type: "subscribe", topic: "run/a" }));
    return frames;
  });
  words = [...words, "two"];
  hub.publish("run/a", ["two"]);
  const told = (one: string, two: string) => [
    { type: "snapshot", topic: "run/a", seq: 0, state: [one] },
    { type: "delta", topic: "run/a", first: 1, deltas: [two] },
  ];
  expect(readers).toEqual([told("one", "two"), told("one", "two"), told("ONE", "TWO")]);
});

it("ends topics, limits their number, and refuses what is no frame", () => {
  const { hub, say } = makeHub(0);
  const reader = new Reader(hub);
  reader.subscribe("run/a");
  reader.subscribe("run/b");
  expect(reader.frames.map((frame) => (frame.type === "end" ? frame.error?.code : frame.type))).toEqual([
    "stream/too-many",
    "stream/unknown-topic",
  ]);
  const { hub: open } = makeHub();
  const other = new Reader(open);
  other.subscribe("run/a");
  open.end("run/a");
  expect(other.frames.at(-1)).toEqual({ type: "end", topic: "run/a", error: null });
  say("nobody listens");
  expect(other.frames).toHaveLength(2);
  other.peer.receive("{");
  expect(other.refused).not.toBeNull();
});

it("reads only exact frames, whatever comes", () => {
  expect(parseFrame('{"type":"subscribe","topic":"runs"}')).toEqual({ type: "subscribe", topic: "runs" });
  for (const text of ['{"type":"subscribe","topic":"run/"}', '{"type":"subscribe","topic":"run/a/b"}', "null", "[]"]) {
    expect(parseFrame(text)).toBeNull();
  }
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.json(),
        fc.jsonValue().map((value) => JSON.stringify(value)),
      ),
      (text) => {
        const frame = parseFrame(text);
        expect(frame === null || ["subscribe", "unsubscribe"].includes(frame.type)).toBe(true);
      },
    ),
    { numRuns: 500 },
  );
});

function upper(_topic: Topic, value: unknown): unknown {
  return Array.isArray(value) ? value.map((word) => String(word).toUpperCase()) : String(value).toUpperCase();
}
