/** RW110, RW121 and RW122: what the length of a completion has to do with its score: long ones, empty ones, cut-off ones. */
import { counted } from "@iad-r1/models/util/counted";
import { type AdvantageConvention, advantagesOf, isFlat, rowsByStep, trendOf, valuesAt } from "../attribution";
import { rankCorrelation } from "../distributions";
import {
  type Detector,
  type Examination,
  findingAbout,
  minRollouts,
  num,
  percent,
  quote,
  rangeOf,
  type ScoredFunction,
} from "../examination";
import type { Finding } from "../finding";
import { mean } from "../groupMath";
import { asked, neutralReasoning } from "../truths";

const maxCorrelation = 0.5;
/** So many recorded steps make a trend. */
const minTrendSteps = 4;
/** Without steps the completions are made longer instead, to see whether that pays. */
const maxPaddedRows = 32;
/** Of the range of scores: less is noise or an offset. */
const paidShare = 0.05;
const maxTruncatedShare = 0.5;
const minTruncatedFailures = 4;

export const findLengthEffects: Detector = async (examination) => [
  ...(await findLengthHacking(examination)),
  ...(await findPaidEmptiness(examination)),
  ...findPunishedTruncation(examination),
];

/** In tokens where they were counted. */
function lengthOf({ length, completion }: Examination["rows"][number]): number {
  return length ?? completion.length;
}

async function findLengthHacking(examination: Examination): Promise<Finding[]> {
  const { rows, functions } = examination;
  if (rows.length < minRollouts) return [];
  const findings: Finding[] = [];
  for (const scored of functions) {
    if (scored.result === null) continue;
    const correlation = meanCorrelation(examination, scored, () => true);
    if (!(correlation > maxCorrelation)) continue;
    const proof = await lengthPays(examination, scored);
    if (proof === null) continue;
    const winners = rows
      .map((row, i) => ({ i, length: lengthOf(row), score: scored.scores[i] ?? Number.NEGATIVE_INFINITY }))
      .sort((a, b) => b.score - a.score || b.length - a.length)
      .slice(0, 8);
    findings.push(
      findingAbout(
        scored,
        "RW110",
        `${scored.declaration.name} pays for length: inside groups, rank correlation of score and length is ${num(correlation)}, and ${proof.text}. Pay for brevity only beside a right answer, or take something off overlong completions; the longest winners have ${num(winners[0]!.length)} ${rows[0]!.length === undefined ? "characters" : "tokens"}.`,
        { rows: winners.map(({ i }) => i), numbers: { correlation, ...proof.numbers } },
      ),
    );
  }
  return findings;
}

function meanCorrelation(
  { rows, groups }: Examination,
  scored: ScoredFunction,
  keep: (row: number) => boolean,
): number {
  const correlations = groups
    .map((group) => group.filter((row) => keep(row) && scored.scores[row] !== null))
    .filter((group) => group.length > 2)
    .map((group) =>
      rankCorrelation(
        group.map((row) => lengthOf(rows[row]!)),
        group.map((row) => scored.scores[row]!),
      ),
    )
    .filter((value) => !Number.isNaN(value));
  return correlations.length === 0 ? Number.NaN : mean(correlations);
}

interface LengthProof {
  text: string;
  numbers: Record<string, number>;
}

/**
 * A correlation alone is no proof: right answers may need more words. Either longer reasoning raises the score of the same
 * answer, or correlation and cut-off share rise together over the recorded steps.
 */
async function lengthPays(examination: Examination, scored: ScoredFunction): Promise<LengthProof | null> {
  const { rows, rescore } = examination;
  const stride = Math.max(1, Math.floor(rows.length / maxPaddedRows));
  const chosen = rows
    .flatMap((_, i) => (i % stride === 0 && scored.scores[i] !== null ? [i] : []))
    .slice(0, maxPaddedRows);
  const padded = chosen.map((i) => asked(rows[i]!, pad(rows[i]!.completion)));
  const { outcomes } = await rescore(scored.declaration.name, padded);
  const gains = outcomes.map((outcome, i) =>
    outcome.status === "ok" ? outcome.score - scored.scores[chosen[i]!]! : 0,
  );
  const raised = gains.filter((gain) => gain > 1e-9).length;
  if (raised > chosen.length / 2) {
    return {
      text: `${raised} of ${chosen.length} completions earn more (${num(mean(gains))} on average) when nothing but their reasoning is made longer`,
      numbers: { padded: chosen.length, raised, meanGain: mean(gains) },
    };
  }
  const steps = rowsByStep(rows);
  if (steps.length < minTrendSteps) return null;
  const members = steps.map(({ rows: inStep }) => new Set(inStep));
  const correlation = trendOf(members.map((inStep) => meanCorrelation(examination, scored, (row) => inStep.has(row))));
  const clipped = trendOf(
    steps.map(({ rows: inStep }) => mean(inStep.map((row) => Number(rows[row]!.finish === "length")))),
  );
  const length = trendOf(steps.map(({ rows: inStep }) => mean(inStep.map((row) => lengthOf(rows[row]!)))));
  const finishKnown = rows.some(({ finish }) => finish !== undefined);
  if (correlation === null || length === null || clipped === null || correlation.change <= 0) return null;
  if (finishKnown ? clipped.change <= 0 : length.change <= 0) return null;
  return {
    text: `it rises over ${steps.length} steps while ${finishKnown ? `the cut-off share goes from ${percent(clipped.first)} to ${percent(clipped.last)}` : `the mean length goes from ${num(length.first)} to ${num(length.last)}`}`,
    numbers: { correlationChange: correlation.change, clippedChange: clipped.change, lengthChange: length.change },
  };
}

/** Longer reasoning, same answer: inside `<think>` where there is one, else in front. */
function pad(completion: string): string {
  const filler = `${neutralReasoning} `.repeat(40);
  const open = completion.indexOf("<think>");
  const at = open < 0 ? 0 : open + "<think>".length;
  return `${completion.slice(0, at)}${filler}${completion.slice(at)}`;
}

async function findPaidEmptiness(examination: Examination): Promise<Finding[]> {
  const { rows, functions, rescore, groups } = examination;
  const findings: Finding[] = [];
  const dataRows = groups.map((members) => members[0]!).slice(0, 16);
  for (const scored of functions) {
    // What a group function gives one completion depends on the others; alone it says nothing.
    if (scored.result === null || scored.declaration.scope === "group") continue;
    const range = rangeOf(scored);
    const least = Math.max(1e-9, range === null ? 0 : paidShare * (range.max - range.min));
    const { outcomes } = await rescore(
      scored.declaration.name,
      dataRows.map((row) => asked(rows[row]!, "")),
    );
    const paid = outcomes.flatMap((outcome, i) =>
      outcome.status === "ok" && outcome.score > least ? [{ row: dataRows[i]!, score: outcome.score }] : [],
    );
    // A reward that is the same for everything pays emptiness as it pays all: that is RW105.
    if (paid.length === 0 || range === null || range.max - range.min < 1e-9) continue;
    const best = paid.reduce((most, entry) => (entry.score > most.score ? entry : most));
    findings.push(
      findingAbout(
        scored,
        "RW121",
        `${scored.declaration.name} gives an empty completion ${paid.some(({ score }) => score < best.score - 1e-9) ? "up to " : ""}${num(best.score)} on ${paid.length} of ${counted(outcomes.length, "data row")} (its scores go from ${num(range.min)} to ${num(range.max)}): a policy that says nothing is paid. Return 0 or "not applicable" for empty text, and mask padded completions.`,
        {
          rows: paid.map(({ row }) => row),
          numbers: { paid: paid.length, tried: outcomes.length, score: best.score },
          text: "",
        },
      ),
    );
  }
  return findings;
}

const convention: AdvantageConvention = { method: "grpo" };

/** Recorded completions without a word: do they change what their siblings learn? */
export function findEmptyPeers(examination: Examination): Finding[] {
  const { rows, table, totals, groups, functions } = examination;
  const empty = new Set(
    rows.flatMap(({ completion }, i) => (completion.trim() === "" && totals[i] !== null ? [i] : [])),
  );
  if (empty.size === 0) return [];
  const masked = {
    groups,
    columns: table.columns.map((column) => ({
      ...column,
      scores: column.scores.map((score, i) => (empty.has(i) ? null : score)),
      status: column.status.map((status, i) => (empty.has(i) ? ("na" as const) : status)),
    })),
  };
  const [with_, without] = [advantagesOf(table, convention), advantagesOf(masked, convention)];
  const changed = rows.flatMap((_, i) => (!empty.has(i) && Math.abs(with_[i]! - without[i]!) > 1e-6 ? [i] : []));
  const named = functions.find(({ declaration }) => table.columns.some(({ name }) => name === declaration.name));
  if (changed.length === 0 || named === undefined) return [];
  return [
    findingAbout(
      named,
      "RW121",
      `${counted(empty.size, "empty completion")} of ${rows.length} ${empty.size === 1 ? "is scored and changes" : "are scored and change"} the advantages of ${counted(changed.length, "other completion")} in the same groups. Mask empty and padded completions, or let rewards say "not applicable" for them.`,
      { rows: [...empty], numbers: { empty: empty.size, changed: changed.length } },
    ),
  ];
}

function findPunishedTruncation({ rows, functions, table }: Examination): Finding[] {
  const cut = new Set(rows.flatMap(({ finish }, i) => (finish === "length" ? [i] : [])));
  if (cut.size < minTruncatedFailures) return [];
  return functions.flatMap((scored): Finding[] => {
    if (!table.columns.some(({ name }) => name === scored.declaration.name)) return [];
    const range = rangeOf(scored);
    if (range === null || range.max - range.min < 1e-9) return [];
    const failures = scored.scores.flatMap((score, i) => (score !== null && score <= range.min + 1e-9 ? [i] : []));
    const cutFailures = failures.filter((row) => cut.has(row));
    const share = cutFailures.length / failures.length;
    if (cutFailures.length < minTruncatedFailures || !(share > maxTruncatedShare)) return [];
    return [
      findingAbout(
        scored,
        "RW122",
        `${cutFailures.length} of the ${failures.length} failures of ${scored.declaration.name} (${percent(share)}) are completions that were cut off at the length limit, not wrong answers. Raise the length limit, or mask cut-off completions.`,
        {
          rows: cutFailures,
          numbers: { cutFailures: cutFailures.length, failures: failures.length, cut: cut.size, share },
          text: quote(rows[cutFailures[0]!]!.completion.slice(-60)),
        },
      ),
    ];
  });
}

/** Share of groups without a difference, for the guard of a run. */
export function flatShare(totals: readonly (number | null)[], groups: readonly (readonly number[])[]): number {
  const comparable = groups.filter((group) => valuesAt(totals, group).length > 1);
  return comparable.length === 0
    ? 0
    : comparable.filter((group) => isFlat(valuesAt(totals, group))).length / comparable.length;
}
