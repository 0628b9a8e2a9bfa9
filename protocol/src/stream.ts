/**
 * Frames of the stream hub: a WebSocket beside the language server over which tokens, curves and states flow. A subscriber of a topic
 * gets a snapshot, then deltas numbered without gap; one that reads too slowly gets a new snapshot instead of the deltas it missed.
 * The points of curves are never thinned out: they come in binary frames, each exactly once, from where the subscriber is.
 * Plain data and the layout of one binary frame; imports only other protocol files.
 */
import type { InspectJob, InspectJobEvent } from "./inspect";
import type { RunEvent, RunListing, RunManifest, ScalarColumn, WireError } from "./runs";

/** Sub-protocol of the WebSocket; another version is refused. */
export const streamProtocol = "iadr1-stream.1";

/** Path of the hub on its server. */
export const streamPath = "/stream";

/** Longest frame that the hub accepts from a client. */
export const maxClientFrameBytes = 4096;

/** `runs`, `run/<id>` or `inspect/<job>`. */
export type Topic = "runs" | `run/${string}` | `inspect/${string}`;

/** What `run/<id>` begins with. */
export interface RunSnapshot {
  listing: RunListing;
  manifest: RunManifest;
  /** Journal so far without progress, at most the newest 20,000. */
  events: RunEvent[];
  /** Columns of the points by number. */
  columns: ScalarColumn[];
  /** Points recorded so far; those that the subscriber has not got yet follow in binary frames. */
  numPoints: number;
  /** Counts how often points were taken back (a resume behind its last step). In a new generation all points come again. */
  generation: number;
}

/** What happens in `run/<id>` after the snapshot. Scalars come as points instead. */
export type RunDelta =
  | { type: "event"; event: RunEvent }
  | { type: "listing"; listing: RunListing }
  | { type: "columns"; columns: ScalarColumn[] };

export type RunsDelta = { type: "changed"; run: RunListing } | { type: "removed"; id: string };

/** State and delta of each kind of topic. */
export interface TopicTypes {
  runs: { state: RunListing[]; delta: RunsDelta };
  run: { state: RunSnapshot; delta: RunDelta };
  inspect: { state: InspectJob; delta: InspectJobEvent };
}

/** Text frames from the client. */
export type ClientFrame =
  /** Begins or restarts a topic. `points`: how many points of which generation the client still has, so that they need not come again. */
  | { type: "subscribe"; topic: Topic; points?: { count: number; generation: number } }
  | { type: "unsubscribe"; topic: Topic };

/** Text frames from the hub. */
export type ServerFrame<K extends keyof TopicTypes = keyof TopicTypes> =
  /** The whole state; `seq` is the number of the last delta in it. */
  | { type: "snapshot"; topic: Topic; seq: number; state: TopicTypes[K]["state"] }
  /** Numbers `first`, `first + 1`, …; where `first` is not the last number + 1, subscribe again. */
  | { type: "delta"; topic: Topic; first: number; deltas: TopicTypes[K]["delta"][] }
  /** Nothing more will come: the run was deleted, or the topic is unknown. */
  | { type: "end"; topic: Topic; error: WireError | null };

/** Head of a binary frame. */
export interface PointsHeader {
  topic: Topic;
  generation: number;
  /** Number of the first point of this frame in the run. */
  offset: number;
  count: number;
}

/** Bytes of a point, little-endian: column u32, step u32, time f64 in milliseconds since 1970, value f64. */
export const pointBytes = 24;

/** Byte at which the points begin: after length u32 and header, padded so that 64-bit numbers are aligned. */
export function pointsStart(headerBytes: number): number {
  return Math.ceil((4 + headerBytes) / 8) * 8;
}

/** Splits a binary frame. Throws for one that is cut off or longer than it says. */
export function readPointsFrame(frame: Uint8Array): { header: PointsHeader; points: DataView } {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  const headerBytes = frame.byteLength < 4 ? 0 : view.getUint32(0, true);
  const start = pointsStart(headerBytes);
  if (headerBytes === 0 || start > frame.byteLength) {
    throw new RangeError(`A points frame of ${frame.byteLength} bytes has no whole header.`);
  }
  const header = JSON.parse(new TextDecoder().decode(frame.subarray(4, 4 + headerBytes))) as PointsHeader;
  if (start + header.count * pointBytes !== frame.byteLength) {
    throw new RangeError(`A points frame of ${header.count} points has ${frame.byteLength - start} bytes of points.`);
  }
  return { header, points: new DataView(frame.buffer, frame.byteOffset + start, frame.byteLength - start) };
}
