/** The hover on an expression, a condition, a catch or a pattern: what it did over the rollouts of the scope. At most twelve lines. */
import type { RegexReport, RolloutKey, SiteReport } from "@iad-r1/protocol/rewardDebugger";
import { counted } from "@iad-r1/models/util/counted";
import { clipped, code } from "../markdown";
import { commandLink } from "./commandLinks";
import { histogramMarkdown, shortNumber } from "./histogram";
import { percent } from "./functionHover";
import type { RewardView } from "./view";

const maxSource = 60;
const maxValue = 80;
/** Rollouts whose names go into a link. */
const maxLinked = 24;

/** @param condition that the place is a part of: what it decides */
export function siteMarkdown(
  view: RewardView,
  site: SiteReport,
  source: string,
  condition: { site: SiteReport; source: string } | null = null,
): string {
  const total = view.input.report!.pinned === null ? numRows(view) : 1;
  const lines = [headLine(view, site, source, total)];
  if (site.regex !== null && site.regex.tested > 0) lines.push(...regexLines(site.regex));
  else if (site.kind === "catch") lines.push(...catchLines(site, total));
  else if (site.reached === 0) lines.push(...neverLines(site, total));
  else if (view.input.report!.pinned !== null) lines.push(...pinnedLines(site));
  else lines.push(...valueLines(site, source));
  if (condition !== null && site.reached > 0) lines.push(...conditionLines(view, condition));
  const links = linksLine(view, site);
  return [...lines, ...(links === "" ? [] : [links])].join("\n\n");
}

function headLine(view: RewardView, site: SiteReport, source: string, total: number): string {
  const shown = code(clipped(source.replace(/\s+/g, " "), maxSource));
  const parts = [`**${shown}**`];
  if (site.kind === "return") parts.push("returned");
  if (view.input.report!.pinned !== null) parts.push("pinned rollout");
  else if (site.kind !== "catch") parts.push(reachText(site, total));
  if (view.isStale) parts.push("updating");
  return parts.join(" · ");
}

/** "reached in 233 of 512 rollouts; not in the others because line 17 was false 256×". */
function reachText({ rowsReached, reached, kept, notReachedBecause }: SiteReport, total: number): string {
  if (rowsReached === null)
    return `reached ${reached}×${kept > 0 && kept < reached ? `, values of the first ${kept}` : ""}`;
  const times = reached > rowsReached && rowsReached > 0 ? `, ${reached}×` : "";
  if (rowsReached >= total) return `reached in all ${total} rollouts${times}`;
  const reason =
    notReachedBecause === null
      ? ""
      : `; not reached because line ${notReachedBecause.line} was ${notReachedBecause.truth} ${notReachedBecause.count}×`;
  return `reached in ${rowsReached} of ${total} rollouts${times}${reason}`;
}

function neverLines({ notReachedBecause }: SiteReport, total: number): string[] {
  if (notReachedBecause === null) return [total === 1 ? "Never reached." : `Never reached in ${total} rollouts.`];
  const { line, truth, count } = notReachedBecause;
  return [`Never reached: line ${line} was ${truth} ${count}×.`];
}

function pinnedLines({ top, thrown }: SiteReport): string[] {
  if (thrown.length > 0) return [`Threw ${code(thrown[0]!.message)}`];
  return top.map(({ text, type }) => `${code(clipped(text, 200))} (${type})`);
}

function valueLines(site: SiteReport, source: string): string[] {
  const { top, distinct, numbers, branches, kept, thrown } = site;
  const lines: string[] = [];
  if (branches !== null) {
    const side = (truth: boolean, count: number, mean: number | null) =>
      `- ${truth} ${count}× (${percent(count / Math.max(1, branches.yes + branches.no))})${mean === null ? "" : `, mean total ${shortNumber(mean)}`}`;
    lines.push([side(true, branches.yes, branches.meanYes), side(false, branches.no, branches.meanNo)].join("\n"));
  } else if (numbers !== null && distinct > 5) {
    lines.push(histogramMarkdown(clipped(source.replace(/\s+/g, " "), maxSource), numbers));
    lines.push(
      `mean ${shortNumber(numbers.mean)} · std ${shortNumber(numbers.std)} · p5 ${shortNumber(numbers.p5)} · p50 ${shortNumber(numbers.p50)} · p95 ${shortNumber(numbers.p95)} · from ${shortNumber(numbers.min)} to ${shortNumber(numbers.max)}`,
    );
  } else {
    const shown = top.map(({ text, count }) => `- ${count}× ${code(clipped(text, maxValue))}`);
    const others = kept - top.reduce((sum, { count }) => sum + count, 0);
    if (distinct > top.length) shown.push(`- ${others}× ${counted(distinct - top.length, "other value")}`);
    if (shown.length > 0) lines.push(shown.join("\n"));
  }
  if (site.meanReached !== null && site.meanOthers !== null) {
    lines.push(
      `Mean total ${shortNumber(site.meanReached)} where it was reached, ${shortNumber(site.meanOthers)} elsewhere`,
    );
  }
  if (thrown.length > 0) lines.push(`Threw ${thrown[0]!.count}×: ${code(clipped(thrown[0]!.message, maxValue))}`);
  return lines;
}

function conditionLines(view: RewardView, { site, source }: { site: SiteReport; source: string }): string[] {
  const shown = code(clipped(source.replace(/\s+/g, " "), maxSource));
  const { branches, top } = site;
  if (view.input.report!.pinned !== null) return top[0] === undefined ? [] : [`${shown} is ${code(top[0].text)}`];
  if (branches === null) return [];
  const mean = (value: number | null) => (value === null ? "" : ` (mean total ${shortNumber(value)})`);
  return [`${shown}: true ${branches.yes}×${mean(branches.meanYes)}, false ${branches.no}×${mean(branches.meanNo)}`];
}

function catchLines({ thrown, meanReached, meanOthers, reached, rowsReached }: SiteReport, total: number): string[] {
  if (reached === 0) return [`Nothing was caught in ${total} rollouts.`];
  const lines = [
    rowsReached === null
      ? `Caught ${reached}×`
      : `Caught in ${rowsReached} of ${total} rollouts (${percent(rowsReached / Math.max(1, total))})`,
  ];
  if (thrown.length > 0) {
    lines.push(
      thrown
        .map(
          ({ message, count, line }) =>
            `- ${count}× ${code(clipped(message, maxValue))}${line > 0 ? `, thrown in line ${line}` : ""}`,
        )
        .join("\n"),
    );
  }
  if (meanReached !== null && meanOthers !== null) {
    lines.push(`Mean total ${shortNumber(meanReached)} where it caught, ${shortNumber(meanOthers)} elsewhere`);
  }
  return lines;
}

function regexLines({ tested, matched, failure, trials, p99Ms, warning }: RegexReport): string[] {
  const time = p99Ms === null ? "" : ` · p99 ${shortNumber(p99Ms)} ms`;
  const lines = [`Matches ${matched} of ${tested} texts (${percent(matched / Math.max(1, tested))})${time}`];
  if (failure !== null) {
    const { matchedUpTo, expected, saw, text, at } = failure;
    lines.push(
      `One that fails: matched up to ${code(visible(matchedUpTo))}, expected ${code(expected)}, saw ${code(visible(saw))}`,
    );
    lines.push(caretView(text, at));
  }
  if (trials.length > 0) {
    lines.push(
      trials
        .slice(0, 3)
        .map(
          ({ title, matched: count }) =>
            `- ${plainTitle(title)}: matches ${count} of ${tested} (${percent(count / Math.max(1, tested))})`,
        )
        .join("\n"),
    );
  }
  if (warning !== null) lines.push(`Can take very long: ${plainTitle(warning)}`);
  return lines;
}

/** The text around a place, with a mark below it. */
function caretView(text: string, at: number): string {
  const from = Math.max(0, at - 30);
  const before = visible(text.slice(from, at));
  const line = before + visible(text.slice(at, at + 40));
  const fence = "`".repeat(Math.max(3, ...[...line.matchAll(/`+/g)].map(([run]) => run.length + 1)));
  return `${fence}text\n${from > 0 ? "…" : ""}${line}\n${" ".repeat(before.length + (from > 0 ? 1 : 0))}^\n${fence}`;
}

/** Line ends and tabs as they are written in code, so that one can see them. */
function visible(text: string): string {
  return text.replaceAll("\n", "\\n").replaceAll("\r", "\\r").replaceAll("\t", "\\t");
}

function plainTitle(text: string): string {
  return text.replace(/\s+/g, " ").replace(/[\\`*_{}[\]()<>#!|~$]/g, "\\$&");
}

function linksLine(view: RewardView, site: SiteReport): string {
  const about = { uri: view.input.uri, function: site.function };
  const fails: RolloutKey | null | undefined = site.regex?.failure?.rollout ?? site.thrown[0]?.rollout;
  const example = fails ?? site.rollouts[0];
  return [
    ...(site.rollouts.length === 0 || view.input.report!.pinned !== null
      ? []
      : [
          commandLink("Show the rollouts", "iadr1.exploreRollouts", {
            ...about,
            rollouts: site.rollouts.slice(0, maxLinked),
          }),
        ]),
    ...(example === undefined
      ? []
      : [commandLink("Debug one of them", "iadr1.debugRollout", { ...about, rollout: example })]),
  ].join(" · ");
}

function numRows(view: RewardView): number {
  return Math.max(0, ...view.input.report!.functions.map(({ numRollouts }) => numRollouts));
}
