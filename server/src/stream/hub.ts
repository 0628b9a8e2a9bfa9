/**
 * The stream hub: subscribers of topics get a snapshot, then numbered deltas, and the points of curves from where they are. Memory is
 * bounded: nothing is queued for a subscriber that reads too slowly; it gets a fresh snapshot when it has caught up, and its points go
 * on where they stopped. It knows no WebSocket (sockets.ts) and not what a topic means (topics come from whoever makes the hub).
 */
import type { ClientFrame, PointsHeader, ServerFrame, Topic } from "@iad-r1/protocol/stream";
import { maxClientFrameBytes, pointBytes, pointsStart } from "@iad-r1/protocol/stream";
import type { WireError } from "@iad-r1/protocol/runs";

/** The records of one run. */
export interface PointSource {
  readonly generation: number;
  readonly count: number;
  /** At most `count` whole records from number `offset` on. */
  read(offset: number, count: number): Promise<Uint8Array>;
}

/** What stands behind a topic. */
export interface TopicSource {
  /** The state with all deltas that were published so far. */
  snapshot(): unknown;
  points?: PointSource;
}

/** A subscriber's connection. */
export interface HubConnection {
  send(frame: string | Uint8Array): void;
  /** Bytes that were sent and have not left. */
  readonly waitingBytes: number;
  /** Language of whoever reads, such as `zh-cn`. */
  readonly locale?: string;
  /** Ends a connection that breaks the rules. */
  refuse(reason: string): void;
}

export interface HubOptions {
  /** The source of a topic; null when there is none. */
  open: (topic: Topic) => TopicSource | null;
  /** More than this on its way to a subscriber: it is slow. Default 1 MiB. */
  maxWaitingBytes?: number;
  /** Topics of one connection; default 64. */
  maxTopics?: number;
  /** A state or a delta in a language; null for languages in which it stays as it is. */
  translator?: (locale: string) => ((topic: Topic, value: unknown) => unknown) | null;
}

interface Subscription {
  source: TopicSource;
  /** Deltas were left out: a snapshot is due. */
  isBehind: boolean;
  sentPoints: number;
  generation: number;
  isSendingPoints: boolean;
}

/** Points of one binary frame: 48 KiB. */
const pointsPerFrame = 2048;

export class StreamHub {
  private readonly subscribers = new Set<Subscriber>();
  /** Number of the last delta of each topic that somebody listens to. */
  private readonly sequence = new Map<Topic, number>();

  constructor(private readonly options: HubOptions) {}

  /** Takes a connection; the caller hands over its frames and calls `drained` when bytes have left, `closed` at the end. */
  connect(connection: HubConnection): HubPeer {
    const subscriber = new Subscriber(connection, this.options, (topic) => this.sequence.get(topic) ?? 0);
    this.subscribers.add(subscriber);
    return {
      receive: (frame) => subscriber.receive(frame),
      drained: () => subscriber.catchUp(),
      closed: () => this.subscribers.delete(subscriber),
    };
  }

  /** A change of a topic; the source's snapshot holds it already. Costs next to nothing when nobody listens. */
  publish(topic: Topic, deltas: readonly unknown[]): void {
    const followers = [...this.subscribers].filter((subscriber) => subscriber.follows(topic));
    if (deltas.length === 0) return;
    if (followers.length === 0) {
      this.sequence.delete(topic);
      return;
    }
    const first = (this.sequence.get(topic) ?? 0) + 1;
    this.sequence.set(topic, first + deltas.length - 1);
    const frames = new Map<unknown, string>();
    for (const subscriber of followers) {
      const { say } = subscriber;
      const said = say === null ? deltas : deltas.map((delta) => say(topic, delta));
      const frame = frames.get(say) ?? JSON.stringify({ type: "delta", topic, first, deltas: said });
      frames.set(say, frame);
      subscriber.offer(topic, frame);
    }
  }

  /** New points of a topic. */
  publishPoints(topic: Topic): void {
    for (const subscriber of this.subscribers) subscriber.sendPoints(topic);
  }

  /** A topic is over. */
  end(topic: Topic): void {
    this.sequence.delete(topic);
    for (const subscriber of this.subscribers) subscriber.end(topic, null);
  }
}

/** The hub's side of a connection. */
export interface HubPeer {
  receive(frame: string): void;
  drained(): void;
  closed(): void;
}

class Subscriber {
  /** What is sent in the reader's language; null: as it is. */
  readonly say: ((topic: Topic, value: unknown) => unknown) | null;
  private readonly subscriptions = new Map<Topic, Subscription>();

  constructor(
    private readonly connection: HubConnection,
    private readonly options: HubOptions,
    private readonly sequenceOf: (topic: Topic) => number,
  ) {
    this.say = options.translator?.(connection.locale ?? "en") ?? null;
  }

  follows(topic: Topic): boolean {
    return this.subscriptions.has(topic);
  }

  receive(text: string): void {
    const frame = parseFrame(text);
    if (frame === null) {
      this.connection.refuse("expected a subscribe or unsubscribe frame");
      return;
    }
    if (frame.type === "unsubscribe") {
      this.subscriptions.delete(frame.topic);
      return;
    }
    const { topic, points } = frame;
    const source = this.options.open(topic);
    if (source === null) {
      this.end(topic, { code: "stream/unknown-topic", message: `There is nothing to follow under ${topic}.` });
      return;
    }
    if (!this.subscriptions.has(topic) && this.subscriptions.size >= (this.options.maxTopics ?? 64)) {
      this.end(topic, { code: "stream/too-many", message: "This connection follows too many things at once." });
      return;
    }
    const known = points !== undefined && points.generation === source.points?.generation;
    this.subscriptions.set(topic, {
      ...{ source, isBehind: true, isSendingPoints: false },
      sentPoints: known ? Math.min(points.count, source.points!.count) : 0,
      generation: source.points?.generation ?? 0,
    });
    this.catchUp();
  }

  /** Sends a delta, or remembers that one was left out. */
  offer(topic: Topic, frame: string): void {
    const subscription = this.subscriptions.get(topic)!;
    if (subscription.isBehind) return;
    if (this.isSlow) subscription.isBehind = true;
    else this.connection.send(frame);
  }

  /** Sends snapshots that are due, when there is room. */
  catchUp(): void {
    for (const [topic, subscription] of this.subscriptions) {
      if (this.isSlow) return;
      if (subscription.isBehind) {
        subscription.isBehind = false;
        const seq = this.sequenceOf(topic);
        const state = subscription.source.snapshot();
        this.send({ type: "snapshot", topic, seq, state: (this.say?.(topic, state) ?? state) as never });
      }
      this.sendPoints(topic);
    }
  }

  /** Sends points from where this subscriber is, as long as there is room. */
  sendPoints(topic: Topic): void {
    const subscription = this.subscriptions.get(topic);
    if (subscription?.source.points === undefined || subscription.isSendingPoints || subscription.isBehind) return;
    subscription.isSendingPoints = true;
    void this.pourPoints(topic, subscription, subscription.source.points).finally(() => {
      subscription.isSendingPoints = false;
    });
  }

  private async pourPoints(topic: Topic, subscription: Subscription, source: PointSource): Promise<void> {
    while (!this.isSlow && this.subscriptions.get(topic) === subscription) {
      if (subscription.generation !== source.generation) {
        subscription.generation = source.generation;
        subscription.sentPoints = 0;
      }
      const offset = subscription.sentPoints;
      const wanted = Math.min(pointsPerFrame, source.count - offset);
      if (wanted <= 0) return;
      const { generation } = source;
      const records = await source.read(offset, wanted).catch(() => new Uint8Array(0));
      const count = Math.floor(records.byteLength / pointBytes);
      if (count === 0) return;
      // Points may have been taken back, or the topic left, while the file was read.
      if (generation !== source.generation) continue;
      if (this.subscriptions.get(topic) !== subscription) return;
      subscription.sentPoints += count;
      const header: PointsHeader = { topic, generation, offset, count };
      this.connection.send(pointsFrame(header, records.subarray(0, count * pointBytes)));
    }
  }

  end(topic: Topic, error: WireError | null): void {
    if (this.subscriptions.delete(topic) || error !== null) this.send({ type: "end", topic, error });
  }

  private get isSlow(): boolean {
    return this.connection.waitingBytes > (this.options.maxWaitingBytes ?? 1 << 20);
  }

  private send(frame: ServerFrame): void {
    this.connection.send(JSON.stringify(frame));
  }
}

function pointsFrame(header: PointsHeader, records: Uint8Array): Uint8Array {
  const head = new TextEncoder().encode(JSON.stringify(header));
  const start = pointsStart(head.byteLength);
  const frame = new Uint8Array(start + records.byteLength);
  new DataView(frame.buffer).setUint32(0, head.byteLength, true);
  frame.set(head, 4);
  frame.set(records, start);
  return frame;
}

/** Null for anything that is not exactly a frame. */
export function parseFrame(text: string): ClientFrame | null {
  if (text.length > maxClientFrameBytes) return null;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  if (typeof value !== "object" || value === null) return null;
  const { type, topic, points } = value as Record<string, unknown>;
  if (typeof topic !== "string" || !/^(runs|run\/[^/]{1,200}|inspect\/[^/]{1,200})$/.test(topic)) return null;
  if (type === "unsubscribe") return { type, topic: topic as Topic };
  if (type !== "subscribe") return null;
  if (points === undefined) return { type, topic: topic as Topic };
  const { count, generation } = (typeof points === "object" && points !== null ? points : {}) as Record<
    string,
    unknown
  >;
  const isCount = (one: unknown): one is number => Number.isSafeInteger(one) && (one as number) >= 0;
  return isCount(count) && isCount(generation) ? { type, topic: topic as Topic, points: { count, generation } } : null;
}
