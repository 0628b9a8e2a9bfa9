/** Which lines of the text on screen were reached: what the editor draws in its gutter and behind lines that never ran. */
import type { RewardReach } from "@iad-r1/protocol/rewardDebugger";
import type { RewardView } from "./view";

export function rewardReach(view: RewardView): RewardReach["lines"] {
  const { report } = view.input;
  if (report === null) return [];
  return report.reach.flatMap(({ line, rows, total }) => {
    const now = view.lineToNew(line);
    return now === null ? [] : [{ line: now, rows, total }];
  });
}
