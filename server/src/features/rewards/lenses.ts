/** One line above each reward function. It is there from the first paint and never comes or goes while typing; only its words change. */
import { rangeAt } from "../places";
import type { TextRange } from "../types";
import { shortNumber, sparkline } from "./histogram";
import type { PlacedFunction, RewardView } from "./view";

export interface RewardLens {
  range: TextRange;
  title: string;
  tooltip: string;
  command: string;
  arguments: readonly unknown[];
}

export function rewardLenses(view: RewardView): RewardLens[] {
  return view.functions.flatMap((placed) => {
    const { declaration, name } = placed;
    const about = { uri: view.input.uri, function: declaration.name };
    const range = rangeAt(view.lines, name.start, name.end);
    const lens = (title: string, command: string, tooltip: string) => ({
      ...{ range, title, tooltip, command: `iadr1.${command}`, arguments: [about] },
    });
    return [
      lens(
        verdictTitle(view, placed),
        "copyRewardReport",
        "What it did over the rollouts of the scope; copies it as Markdown",
      ),
      lens("Explore", "exploreRollouts", "Opens the rollouts behind these numbers"),
      lens("Probe", "probeReward", "Scores made-up completions: empty, tags only, wrong answers, …"),
      lens("Score with…", "scoreWith", "Chooses other rollouts: a run, steps, a file"),
    ];
  });
}

/** "▁▂▅█ 0.43 ± 0.2 · 12 % equal groups". */
function verdictTitle(view: RewardView, { report }: PlacedFunction): string {
  if (report === null || report.scores === null) {
    return view.input.isUpdating
      ? "scoring…"
      : report === null || report.numRollouts === 0
        ? "no rollouts yet"
        : "no scores yet";
  }
  const { scores, trend, groups, change, pinned } = report;
  if (pinned !== null) {
    return `pinned rollout: ${pinned.score === null ? (pinned.status === "na" ? "not applicable" : "failed") : shortNumber(pinned.score)}`;
  }
  const shape = trend.length > 2 ? sparkline(trend.slice(-12).map(({ mean }) => mean)) : sparkline(coarse(scores.bins));
  const parts = [`${shape} ${shortNumber(scores.mean)} ± ${shortNumber(scores.std)}`];
  if (groups !== null && groups.count > 0) {
    parts.push(`${Math.round((groups.zeroVariance / groups.count) * 100)} % equal groups`);
  }
  if (change !== null && change.flips > 0) parts.push(`${change.flips} flips`);
  return parts.join(" · ");
}

/** Eight bins say enough in a line of text. */
function coarse(bins: readonly number[]): number[] {
  if (bins.length <= 8) return [...bins];
  const width = bins.length / 8;
  return Array.from({ length: 8 }, (_, i) =>
    bins.slice(Math.floor(i * width), Math.floor((i + 1) * width)).reduce((sum, count) => sum + count, 0),
  );
}
