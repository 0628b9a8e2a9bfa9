/** What reads, runs and judges reward code in this installation, for the host of the reward debugger. */
import { dirname } from "node:path";
import { RewardError } from "@iad-r1/models/errors";
import { examineProgram } from "../analysis/examine";
import { instrumentTypeScript } from "../live/instrument";
import { staticFindings } from "../static/staticFindings";
import type { RewardProgram } from "../user/program";
import { type RewardRunner, startRunner } from "../user/runner";
import { keepSpareHosts } from "../user/typescriptHost";
import type { RewardTools } from "./rewardHost";
import type { ScopedRollouts } from "./scopedRollouts";
import { probeViews, rewardTests, runRewardTests } from "./rewardTests";

const run = (program: RewardProgram): RewardRunner => {
  // From the first code on: a version needs one process for scores and one for watched code.
  if (program.language === "typescript") keepSpareHosts(2);
  return startRunner(program, { instrument: instrumentTypeScript });
};

/** Of the prompts of a run, rendered anew; null for other sources. */
async function hashesToday(
  { source, rows, places }: ScopedRollouts,
  signal: AbortSignal | undefined,
): Promise<ReadonlyMap<string, string> | null> {
  const place = places[0];
  if (source?.kind !== "run" || place === undefined) return null;
  // Reading models and data is more than most questions of an editor need.
  const { promptsToday } = await import("../../runs/promptsToday");
  // The records lie in `rollouts/` of the run folder.
  return promptsToday(dirname(dirname(place.path)), new Set(rows.flatMap(({ sampleId }) => sampleId ?? [])), signal);
}

export const rewardTools: RewardTools = {
  startRunner: run,
  stopSpares: () => keepSpareHosts(0),
  async textFindings(program, columns) {
    try {
      return await staticFindings(program, { columns });
    } catch (error) {
      // Without Python nothing is said about the text of a Python file; the first try to run it says why.
      if (RewardError.is(error)) return [];
      throw error;
    }
  },
  async findings(program, rollouts, results, runner, signal) {
    // Nothing more can be asked of code that cannot be loaded.
    if ([...results.values()].some((result) => RewardError.is(result, "reward/load"))) return [];
    const promptHashes = await hashesToday(rollouts, signal);
    const { findings } = await examineProgram(program, rollouts.rows, runner, {
      ...{ results, scope: false, weights: rollouts.weights, signal },
      ...(promptHashes !== null && { promptHashes }),
    });
    return findings;
  },
  probes: (program, name, rollouts, wallMs, signal) => probeViews(program, name, rollouts, run, { wallMs, signal }),
  tests: async (program, rollouts) => rewardTests(program, rollouts),
  runTests: (program, ids, rollouts, wallMs, signal) => runRewardTests(program, ids, rollouts, run, { wallMs, signal }),
};
