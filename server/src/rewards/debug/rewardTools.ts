/** What reads, runs and judges reward code in this installation, for the host of the reward debugger. */
import { instrumentTypeScript } from "../live/instrument";
import type { RewardProgram } from "../user/program";
import { type RewardRunner, startRunner } from "../user/runner";
import type { RewardTools } from "./rewardHost";
import { probeViews, rewardTests, runRewardTests } from "./rewardTests";

const run = (program: RewardProgram): RewardRunner => startRunner(program, { instrument: instrumentTypeScript });

export const rewardTools: RewardTools = {
  startRunner: run,
  probes: (program, name, rollouts, wallMs, signal) => probeViews(program, name, rollouts, run, { wallMs, signal }),
  tests: async (program, rollouts) => rewardTests(program, rollouts),
  runTests: (program, ids, rollouts, wallMs, signal) =>
    runRewardTests(program, ids, rollouts, run, { wallMs, signal }),
};
