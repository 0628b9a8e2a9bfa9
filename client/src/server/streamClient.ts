/**
 * The reading end of the stream hub: subscribes to topics, hands on snapshots and changes in order, asks for a snapshot where a number
 * is missing, and comes back with growing pauses when the connection breaks. What a topic means is its subscriber's business.
 */
import {
  type ClientFrame,
  type PointsHeader,
  readPointsFrame,
  type ServerFrame,
  streamProtocol,
  type Topic,
  type TopicTypes,
} from "@iad-r1/protocol/stream";
import type { WireError } from "@iad-r1/protocol/runs";
import { WebSocket } from "ws";
import { BackOff } from "./backOff";
import { delay } from "./delay";

export interface StreamAddressing {
  url: string;
  token: string;
}

/** The kind of topic that a name belongs to. */
type KindOf<T extends Topic> = T extends "runs" ? "runs" : T extends `run/${string}` ? "run" : "inspect";

export interface TopicReader<K extends keyof TopicTypes> {
  snapshot(state: TopicTypes[K]["state"]): void;
  deltas(deltas: TopicTypes[K]["delta"][]): void;
  /** Points of curves, in order and without gap within a generation. */
  points?(header: PointsHeader, points: DataView): void;
  /** Points that the reader has, so that they need not come again. */
  held?(): { count: number; generation: number } | undefined;
  /** Nothing more will come. */
  end?(error: WireError | null): void;
}

interface Subscription {
  topic: Topic;
  reader: TopicReader<keyof TopicTypes>;
  /** Number of the last delta; null until the snapshot has come. */
  seq: number | null;
}

export interface StreamClientOptions {
  /** Asks where the hub is, and may wait for it until the signal ends that; also asked anew after every break. */
  address(signal: AbortSignal): Promise<StreamAddressing>;
  onTrouble(message: string): void;
  /** Of the editor: findings of runs are said in it. */
  locale?: string;
}

/** Longest frame that is accepted from the hub. */
const maxFrameBytes = 64 * 2 ** 20;

export class StreamClient {
  private readonly subscriptions = new Map<Topic, Subscription>();
  private socket: WebSocket | null = null;
  private readonly controller = new AbortController();
  private isLiving = false;
  private wake: (() => void) | null = null;

  constructor(private readonly options: StreamClientOptions) {}

  /** One reader a topic; a second one takes its place. */
  subscribe<T extends Topic>(topic: T, reader: TopicReader<KindOf<T>>): { dispose(): void } {
    const subscription: Subscription = { topic, reader: reader as unknown as Subscription["reader"], seq: null };
    this.subscriptions.set(topic, subscription);
    this.ask(subscription);
    if (!this.isLiving) void this.live();
    return {
      dispose: () => {
        if (this.subscriptions.get(topic) !== subscription) return;
        this.subscriptions.delete(topic);
        this.send({ type: "unsubscribe", topic });
      },
    };
  }

  /** Drops the connection and makes a new one: the server may be another one now. */
  reconnect(): void {
    this.socket?.terminate();
    this.wake?.();
  }

  dispose(): void {
    this.controller.abort();
    this.subscriptions.clear();
    this.socket?.close();
  }

  private async live(): Promise<void> {
    this.isLiving = true;
    const { signal } = this.controller;
    const backOff = new BackOff();
    while (!signal.aborted && this.subscriptions.size > 0) {
      const startedMs = Date.now();
      let isOpen = false;
      try {
        const { url, token } = await this.options.address(signal);
        if (signal.aborted || this.subscriptions.size === 0) break;
        await this.listen(url, token, () => {
          isOpen = true;
        });
      } catch (error) {
        if (!signal.aborted) this.options.onTrouble((error as Error).message);
      }
      if (signal.aborted) break;
      const pause = new AbortController();
      this.wake = () => pause.abort();
      const waitMs = backOff.nextDelayMs(isOpen ? Date.now() - startedMs : 0);
      await delay(waitMs, AbortSignal.any([signal, pause.signal]));
      this.wake = null;
    }
    this.isLiving = false;
  }

  /** One connection, from its opening to its end. */
  private listen(url: string, token: string, onOpen: () => void): Promise<void> {
    return new Promise((resolve, reject) => {
      const socket = new WebSocket(url, streamProtocol, {
        headers: { Authorization: `Bearer ${token}`, "Accept-Language": this.options.locale ?? "en" },
        handshakeTimeout: 15_000,
        maxPayload: maxFrameBytes,
      });
      socket.binaryType = "nodebuffer";
      // From here on: one that is still being opened must end with the others.
      this.socket = socket;
      socket.on("open", () => {
        onOpen();
        for (const subscription of this.subscriptions.values()) this.ask(subscription);
      });
      socket.on("message", (data: Buffer, isBinary) => {
        try {
          if (isBinary) this.receivePoints(data);
          else this.receive(JSON.parse(data.toString("utf8")) as ServerFrame);
        } catch (error) {
          this.options.onTrouble(`a frame of the stream cannot be read: ${(error as Error).message}`);
          socket.terminate();
        }
      });
      socket.on("error", (error) => reject(error));
      socket.on("close", () => {
        if (this.socket === socket) this.socket = null;
        resolve();
      });
    });
  }

  private receive(frame: ServerFrame): void {
    const subscription = this.subscriptions.get(frame.topic);
    if (subscription === undefined) return;
    switch (frame.type) {
      case "snapshot":
        subscription.seq = frame.seq;
        subscription.reader.snapshot(frame.state);
        return;
      case "delta":
        if (subscription.seq === null) return; // the snapshot that was asked for is on its way
        if (frame.first !== subscription.seq + 1) {
          this.ask(subscription);
          return;
        }
        subscription.seq += frame.deltas.length;
        subscription.reader.deltas(frame.deltas);
        return;
      case "end":
        this.subscriptions.delete(frame.topic);
        subscription.reader.end?.(frame.error);
    }
  }

  private receivePoints(data: Buffer): void {
    const { header, points } = readPointsFrame(data);
    this.subscriptions.get(header.topic)?.reader.points?.(header, points);
  }

  private ask(subscription: Subscription): void {
    subscription.seq = null;
    const points = subscription.reader.held?.();
    this.send({ type: "subscribe", topic: subscription.topic, ...(points === undefined ? {} : { points }) });
  }

  private send(frame: ClientFrame): void {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(frame));
  }
}
