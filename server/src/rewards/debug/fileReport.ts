/**
 * Everything surfaces show about one reward file, made in the worker and kept by the server: a hover only looks things up in it. Plain data.
 * Offsets belong to `text`; the text on screen may be newer.
 */
import type { RewardFunctionReport, RewardReach, RolloutKey, SiteReport } from "@iad-r1/protocol/rewardDebugger";
import type { Finding } from "../analysis/finding";
import type { ProgramProblem, RewardDeclaration } from "../user/program";

/** What the text alone tells; made on every edit. */
export interface StaticReport {
  text: string;
  functions: RewardDeclaration[];
  problems: ProgramProblem[];
  findings: Finding[];
}

/** A dynamic finding with the rollouts that show it. */
export interface ShownFinding extends Finding {
  rollouts: { key: RolloutKey; path: string; line: number }[];
}

/** What the rollouts of the scope tell; made when the text, the scope or the rollouts change. */
export interface DynamicReport {
  text: string;
  /** SHA-256 of the text. */
  hash: string;
  /** Of the scope, for the first line of a hover. */
  label: string;
  isLive: boolean;
  pinned: RolloutKey | null;
  functions: RewardFunctionReport[];
  /** Empty unless the code was run. */
  sites: SiteReport[];
  reach: RewardReach["lines"];
  findings: ShownFinding[];
  /** Why the code could not be run, for people; the recorded numbers are shown then. */
  problem: string | null;
}
