/** What a runner and the process that runs TypeScript rewards say to each other. The process passes the same on to its thread. */
import type { RewardOutcome } from "../contract";
import type { GraphModule } from "./moduleGraph";
import type { RewardScope, RewardShape } from "./program";
import type { RowTrace, Site, SiteRecord } from "./recording";
import type { RolloutRow } from "../../rollouts/row";

export interface HostFunction {
  name: string;
  exportName: string;
  shape: RewardShape;
  scope: RewardScope;
  range: { min: number; max: number } | null;
  isAsync: boolean;
}

export interface StartMessage {
  kind: "start";
  entry: string;
  modules: GraphModule[];
  functions: HostFunction[];
  /** Files, network and modules of Node are there. */
  isImpure: boolean;
  /** Of instrumented code; null for plain code. */
  sites: Site[] | null;
  /** Heap of the thread. */
  memoryMb: number;
  /** Until the module must have been evaluated. */
  loadMs: number;
}

export interface RunMessage {
  kind: "run";
  id: number;
  name: string;
  rows: RolloutRow[];
  /** Longest time for `batchSize` rows. */
  wallMs: number;
  batchSize: number;
  seed: number;
  /** Row whose path is recorded; -1 for none. */
  pinned: number;
}

export type ToHost = StartMessage | RunMessage;

export interface RunResult {
  outcomes: RewardOutcome[];
  rawLength: number | null;
  callMs: number[];
  records: SiteRecord[] | null;
  trace: RowTrace | null;
  lastSite: number | null;
  output: string;
}

export type FailureCode = "reward/load" | "reward/timeout" | "reward/memory" | "reward/crashed";

/** The worker cannot go on; whoever hears it ends it. */
export interface FailedMessage {
  kind: "failed";
  code: FailureCode;
  message: string;
  /** 1-based, in the reward file, where it is known. */
  line: number | null;
  siteId: number | null;
  /** The row that was being scored. */
  row: number | null;
  /** The cure, where it is known better than from the code. */
  hint?: string;
  /** A Python module that is not installed. */
  missingModule?: string | null;
}

export type FromHost =
  | { kind: "ready" }
  /** A batch is done; the time begins anew. */
  | { kind: "batch"; id: number }
  | { kind: "result"; id: number; result: RunResult }
  | FailedMessage;
