import type { RewardTreeItem } from "@iad-r1/protocol/rewardDebugger";
import type { RunListing } from "@iad-r1/protocol/runs";
import { isFinal } from "../runs/runStore";

/**
 * What the runs under way found in a reward while they trained: known before its file is examined, and all that is known of a built-in one.
 *
 * @param isFile whether a finding's file is the one of the reward; null belongs to built-in rewards
 */
export function toldFindings(
  { name, place, findings }: RewardTreeItem,
  runs: readonly RunListing[],
  isFile: (file: string | null) => boolean,
): RewardTreeItem["findings"] {
  return runs
    .filter((run) => !isFinal(run))
    .flatMap((run) => run.findings)
    .filter(({ reward, file }) => reward === name && isFile(file))
    .filter(({ id }) => findings.every((each) => each.id !== id))
    .map(({ id, severity, message }) => ({ id, severity, message, line: place?.line ?? 0 }));
}
