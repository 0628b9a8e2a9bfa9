/** The hover on the name of a reward function: verdict, picture, table, what an edit changed. At most twelve lines. */
import { counted } from "@iad-r1/models/util/counted";
import type { RewardFunctionReport, ScoreChange } from "@iad-r1/protocol/rewardDebugger";
import { code } from "../markdown";
import { commandLink } from "./commandLinks";
import { histogramMarkdown, shortNumber } from "./histogram";
import type { PlacedFunction, RewardView } from "./view";

export interface WorstFinding {
  id: string;
  message: string;
}

/** @param isForSharing no links and no picture */
export function functionMarkdown(
  view: RewardView,
  { declaration, report }: PlacedFunction,
  worst: WorstFinding | null,
  isForSharing = false,
): string {
  const { name, shape, scope } = declaration;
  const about = { uri: view.input.uri, function: name };
  if (report === null || (report.freshness === "none" && report.numRollouts === 0)) {
    return [
      `**${code(name)}** · ${shape} reward, one call per ${scope === "sample" ? "completion" : scope}`,
      "No recorded rollouts yet.",
      ...(worst === null ? [] : [problemLine(worst)]),
      ...(isForSharing
        ? []
        : [
            [
              commandLink("Sample rollouts", "iadr1.sampleRollouts"),
              commandLink("Select scope", "iadr1.selectRewardScope"),
            ].join(" · "),
          ]),
    ].join("\n\n");
  }
  return [
    headLine(view, report),
    ...(report.pinned === null ? [] : [pinnedLine(report)]),
    ...(report.scores === null || isForSharing || report.pinned !== null
      ? []
      : [histogramMarkdown(`Scores of ${name}`, report.scores)]),
    ...(report.scores === null ? [emptyLine(report)] : [scoreTable(report, isForSharing)]),
    factsLine(report),
    ...trendLine(report),
    ...(report.change === null ? [] : [changeLine(report.change)]),
    ...(view.input.report?.problem == null ? [] : [view.input.report.problem.split("\n")[0]!]),
    ...(worst === null ? [] : [problemLine(worst)]),
    ...(isForSharing ? [] : [linksLine(report, about)]),
  ].join("\n\n");
}

function headLine(view: RewardView, report: RewardFunctionReport): string {
  const freshness = view.isStale
    ? "updating"
    : report.freshness === "live"
      ? "re-scored with the code on screen"
      : report.freshness === "recorded"
        ? "recorded"
        : "not in these rollouts";
  const { label } = view.input.report!;
  return `**${code(report.name)}** · ${code(label)} · ${report.numRollouts} rollouts · ${freshness}`;
}

function pinnedLine({ pinned }: RewardFunctionReport): string {
  const { status, score, reason } = pinned!;
  const said = status === "ok" ? `**${shortNumber(score!)}**` : status === "na" ? "not applicable" : "failed";
  return `Pinned rollout: ${said}${reason === null ? "" : `, ${code(reason)}`}`;
}

function emptyLine({ freshness }: RewardFunctionReport): string {
  return freshness === "none"
    ? "The rollouts were recorded without this reward. Start live values to score them with the code on screen."
    : "No rollout got a number.";
}

/** Hovers set the columns of a table side by side without a gap: two blanks before each head keep them apart. */
const columnGap = "&nbsp;&nbsp;";

function scoreTable({ scores, groups }: RewardFunctionReport, isForSharing: boolean): string {
  const { count, mean, std, p5, p50, p95, min, max } = scores!;
  const inside = groups === null ? [] : [["std inside groups", shortNumber(groups.meanStd)]];
  const cells = [
    ["mean", shortNumber(mean)],
    [`std over all ${count}`, shortNumber(std)],
    ...inside,
    ...[
      ["p5", p5] as const,
      ["p50", p50] as const,
      ["p95", p95] as const,
      ["min", min] as const,
      ["max", max] as const,
    ].map(([head, value]) => [head, shortNumber(value)]),
  ];
  const row = (values: readonly (string | undefined)[]) => `| ${values.join(" | ")} |`;
  const heads = cells.map(([head], i) => (isForSharing || i === 0 ? head : `${columnGap}${head}`));
  return [row(heads), row(cells.map(() => "--:")), row(cells.map(([, value]) => value))].join("\n");
}

function factsLine({ groups, counts, timeMs, varianceShare }: RewardFunctionReport): string {
  const facts: string[] = [];
  if (groups !== null && groups.count > 0) {
    facts.push(`${percent(groups.zeroVariance / groups.count)} of ${groups.count} groups have equal totals`);
  }
  facts.push(`${counts.na} not applicable`, `${counts.error} failed`);
  if (timeMs !== null) facts.push(`p99 ${shortNumber(timeMs.p99)} ms a call`);
  if (varianceShare !== null) facts.push(`${percent(varianceShare)} of the total's variance inside groups`);
  return facts.join(" · ");
}

function trendLine({ trend }: RewardFunctionReport): string[] {
  const [first, last] = [trend[0], trend.at(-1)];
  if (first === undefined || last === undefined || trend.length < 2) return [];
  return [`Mean ${shortNumber(first.mean)} → ${shortNumber(last.mean)} over ${trend.length} steps`];
}

/** "This edit flips 17 of 512 scores, mean +0.02, 3 groups regain variance". */
export function changeLine({ against, flips, compared, deltaMean, regainedGroups, lostGroups }: ScoreChange): string {
  const than = against === "recorded" ? "" : " of when it was first run here";
  if (flips === 0)
    return `This code gives the same ${compared} scores as ${against === "recorded" ? "the run" : "when it was first run here"}`;
  const parts = [`This edit flips ${flips} of ${compared} scores${than}`, `mean ${signed(deltaMean)}`];
  if (regainedGroups > 0)
    parts.push(`${counted(regainedGroups, "group")} ${regainedGroups === 1 ? "regains" : "regain"} variance`);
  if (lostGroups > 0) parts.push(`${counted(lostGroups, "group")} ${lostGroups === 1 ? "loses" : "lose"} it`);
  return parts.join(", ");
}

function problemLine({ id, message }: WorstFinding): string {
  const sentence = /^.*?(?:[.:](?=\s|$)|[。：])/.exec(message)?.[0] ?? message;
  return `⚠ **${id}** ${plainText(sentence)}`;
}

function linksLine(
  { change, worst, freshness }: RewardFunctionReport,
  about: { uri: string; function: string },
): string {
  return [
    commandLink("Explore rollouts", "iadr1.exploreRollouts", about),
    ...(change === null || change.flips === 0
      ? []
      : [commandLink(`Show the ${change.flips} flips`, "iadr1.exploreRollouts", { ...about, filter: "flips" })]),
    ...(worst === null ? [] : [commandLink("Debug worst rollout", "iadr1.debugRollout", { ...about, rollout: worst })]),
    commandLink("Probe", "iadr1.probeReward", about),
    commandLink("Copy as markdown", "iadr1.copyRewardReport", about),
    ...(freshness === "live" ? [] : [commandLink("Start live values", "iadr1.startLiveValues")]),
  ].join(" · ");
}

export function percent(share: number): string {
  return `${Math.round(share * 100)} %`;
}

export function signed(value: number): string {
  const text = shortNumber(value);
  return value > 0 ? `+${text}` : text.replace("-", "−");
}

/** Text of a finding: its quoted pieces may come from a rollout, so nothing in it may become a link, a picture or a line. */
export function plainText(text: string): string {
  return text.replace(/\s+/g, " ").replace(/[\\`*_{}[\]()<>#!|~$]/g, "\\$&");
}
