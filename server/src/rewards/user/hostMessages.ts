/** What a runner and the process that runs TypeScript rewards say to each other. The process passes the same on to its thread. */
import type { RewardOutcome } from "../contract";
import type { GraphModule } from "./moduleGraph";
import type { RewardDeclaration } from "./program";
import type { RowTrace, Site, SiteRecord } from "./recording";
import type { BatchResult } from "./runner";
import type { RolloutRow } from "../../rollouts/row";

/** What a host knows of a function. */
export type HostFunction = Pick<RewardDeclaration, "name" | "exportName" | "shape" | "scope" | "range" | "isAsync">;

export function hostFunction({ name, exportName, shape, scope, range, isAsync }: RewardDeclaration): HostFunction {
  return { name, exportName, shape, scope, range, isAsync };
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

/** @param sites of the code that ran; null for plain code */
export function batchResultOf(result: RunResult, sites: Site[] | null): BatchResult {
  const { outcomes, rawLength, callMs, output, records, trace, lastSite } = result;
  const recording = records === null ? null : { sites: sites ?? [], records, lastSite, trace };
  return { outcomes, rawLength, callMs, output, recording };
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
