/** What reads, runs and judges reward code in this installation, for the host of the reward debugger. */
import { findUnevenComponents } from "../analysis/dynamic/components";
import { findExceptions } from "../analysis/dynamic/exceptions";
import { findLengthEffects } from "../analysis/dynamic/lengths";
import { findProbeFaults } from "../analysis/dynamic/probeFaults";
import { findPromptMismatch } from "../analysis/dynamic/prompts";
import { findUnstableScores } from "../analysis/dynamic/repeatability";
import { findWrongValues } from "../analysis/dynamic/returnValues";
import { findSlowRewards } from "../analysis/dynamic/speed";
import { findTruthFaults } from "../analysis/dynamic/truthFaults";
import { findMissingVariance } from "../analysis/dynamic/variance";
import { makeExamination } from "../analysis/examination";
import { type Finding, sortFindings } from "../analysis/finding";
import { instrumentTypeScript } from "../live/instrument";
import type { RewardProgram } from "../user/program";
import { type RewardRunner, startRunner } from "../user/runner";
import type { RewardTools } from "./rewardHost";
import { probeViews, rewardTests, runRewardTests } from "./rewardTests";

const run = (program: RewardProgram): RewardRunner => startRunner(program, { instrument: instrumentTypeScript });

const detectors = [
  ...[findWrongValues, findExceptions, findMissingVariance, findUnevenComponents, findLengthEffects],
  ...[findSlowRewards, findUnstableScores, findTruthFaults, findProbeFaults, findPromptMismatch],
];

export const rewardTools: RewardTools = {
  startRunner: run,
  textFindings: async () => [],
  async findings(program, { rows }, results, runner, signal) {
    const found: Finding[] = [];
    const examination = makeExamination(program, rows, results, (name, asked, more) =>
      runner.score(name, asked, { seed: 0, signal, ...more }),
    );
    for (const detect of detectors) {
      signal.throwIfAborted();
      found.push(...(await detect(examination)));
    }
    return sortFindings(found);
  },
  probes: (program, name, rollouts, wallMs, signal) => probeViews(program, name, rollouts, run, { wallMs, signal }),
  tests: async (program, rollouts) => rewardTests(program, rollouts),
  runTests: (program, ids, rollouts, wallMs, signal) => runRewardTests(program, ids, rollouts, run, { wallMs, signal }),
};
