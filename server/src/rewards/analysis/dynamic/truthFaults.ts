/** RW117, RW118, RW120 and RW123: does the reward agree with the ground truth, with the evaluation, and between classes? */
import { counted } from "@iad-r1/models/util/counted";
import { parseCell } from "../../location";
import { parseTags } from "../../tags";
import type { RolloutRow } from "../../../rollouts/row";
import {
  type Detector,
  type Examination,
  findingAbout,
  num,
  percent,
  quote,
  rangeOf,
  type ScoredFunction,
} from "../examination";
import type { Finding } from "../finding";
import {
  asked as askedRow,
  distinctDataRows,
  goldCompletions,
  judgesTruth,
  neutralReasoning,
  truthClass,
  truthText,
  probeOf,
} from "../truths";

const maxDataRows = 64;
/** Of the range of scores: less is a matter of form, not of direction. */
const beatenBy = 0.05;
const minDisagreements = 4;
const maxDisagreement = 0.05;
const maxCeilingGap = 0.1;
/** A right completion that earns no more of its ceiling is not rewarded. */
const creditShare = 0.1;

export const findTruthFaults: Detector = async (examination) => {
  const findings: Finding[] = [];
  for (const scored of examination.functions) {
    if (scored.result === null || scored.declaration.scope === "group" || !(await judgesTruth(examination, scored)))
      continue;
    const golds = await scoreGolds(examination, scored);
    if (golds.length === 0) continue;
    const ceilings = unequalCeilings(examination, scored, golds);
    const direction = wrongDirection(examination, scored, golds, ceilings.length > 0);
    findings.push(
      ...direction,
      // A reward that points the wrong way gives its least to every truth.
      ...(direction.length > 0 ? [] : unreadTruths(scored, golds, examination)),
      ...disagreement(examination, scored, golds),
      ...ceilings,
    );
  }
  return findings;
};

/** What one data row's truth earns when it is said in the best form we know, and what nonsense in form earns there. */
interface Gold {
  row: number;
  truth: string;
  completion: string;
  /** null when every form ends as "not applicable" or an error. */
  score: number | null;
  nonsense: number | null;
  /** Best score among the recorded completions of this truth, and its row. */
  best: { row: number; score: number } | null;
}

async function scoreGolds(examination: Examination, scored: ScoredFunction): Promise<Gold[]> {
  const { rows, rescore } = examination;
  const dataRows = distinctDataRows(examination, maxDataRows).filter((row) => truthText(rows[row]!) !== null);
  const asked = dataRows.map((row) => [...goldCompletions(rows[row]!), nonsense]);
  const flat = asked.flatMap((completions, i) =>
    completions.map((completion) => askedRow(rows[dataRows[i]!]!, completion)),
  );
  if (flat.length === 0) return [];
  const { outcomes } = await rescore(scored.declaration.name, flat);
  const bestOf = new Map<string, { row: number; score: number }>();
  rows.forEach((row, i) => {
    const score = scored.scores[i];
    const truth = truthText(row);
    if (score === null || score === undefined || truth === null) return;
    const best = bestOf.get(truth);
    if (best === undefined || score > best.score) bestOf.set(truth, { row: i, score });
  });
  let at = 0;
  return asked.map((completions, i) => {
    const scores = outcomes
      .slice(at, at + completions.length)
      .map((outcome) => (outcome.status === "ok" ? outcome.score : null));
    at += completions.length;
    const own = scores.slice(0, -1);
    const present = own.filter((score) => score !== null);
    const score = present.length === 0 ? null : Math.max(...present);
    const truth = truthText(rows[dataRows[i]!]!)!;
    return {
      row: dataRows[i]!,
      truth,
      completion: completions[Math.max(0, own.indexOf(score))]!,
      score,
      nonsense: scores.at(-1)!,
      best: bestOf.get(truth) ?? null,
    };
  });
}

/** Well-formed and void, in no language. */
const nonsense = `<think>${neutralReasoning}</think><location>-</location><type>-</type><answer>-</answer>`;

/**
 * Truths that the function cannot tell from nonsense, while it can tell the others: those of an unusual kind, and those that
 * earn nothing when they are said word by word.
 */
function unreadTruths(scored: ScoredFunction, all: readonly Gold[], { rows }: Examination): Finding[] {
  const golds = [...new Map(all.map((gold) => [gold.truth, gold])).values()];
  const kinds = new Map<string, Gold[]>();
  for (const gold of golds) {
    const kind = kindOf(rows[gold.row]!);
    kinds.set(kind, [...(kinds.get(kind) ?? []), gold]);
  }
  const numRowsOf = (members: readonly Gold[]) =>
    rows.filter((row) => members.some(({ truth }) => truth === truthText(row))).length;
  const odd = new Set([...kinds.values()].filter((members) => numRowsOf(members) < rows.length / 5).flat());
  const tellsApart = ({ score, nonsense: void_, best }: Gold) =>
    score !== void_ || (best !== null && best.score !== void_);
  const usual = golds.filter((gold) => !odd.has(gold));
  // Where the function is blind to most of the usual truths it has another problem.
  if (usual.filter(tellsApart).length < usual.length / 2 || golds.length < 2) return [];
  const least = rangeOf(scored)?.min ?? 0;
  const unread = golds.filter((gold) => {
    if (tellsApart(gold)) return false;
    if (odd.has(gold)) return true;
    const siblings = kinds.get(kindOf(rows[gold.row]!))!;
    const failsAlone = gold.score === null || gold.score <= least;
    return failsAlone && siblings.filter(tellsApart).length >= siblings.length / 2;
  });
  if (unread.length === 0) return [];
  const affected = numRowsOf(unread);
  const examples = unread.slice(0, 3).map(({ truth }) => quote(truth));
  return [
    findingAbout(
      scored,
      "RW117",
      `${scored.declaration.name} cannot read ${counted(unread.length, "ground truth")} of ${golds.length}, such as ${examples.join(", ")}: saying exactly that earns ${unread[0]!.score === null ? "no score" : num(unread[0]!.score)}, as nonsense does. ${counted(affected, "completion")} cannot be judged. Correct these data rows, or return "not applicable" for them.`,
      {
        rows: unread.map(({ row }) => row),
        numbers: { unread: unread.length, truths: golds.length, completions: affected },
        text: unread[0]!.truth,
      },
    ),
  ];
}

/** What a truth looks like: verdict and elements, a number, a letter, or words. */
function kindOf(row: RolloutRow): string {
  const text = truthText(row)!.trim();
  const tags = parseTags(text);
  if (tags.elements.length > 0) return `${truthClass(row) ?? "other"}:${tags.elements.map(({ name }) => name).join()}`;
  if (/^[-+$]?[\d.,]+%?$/.test(text)) return "number";
  if (/^\(?[A-Z]\)?$/.test(text)) return "letter";
  return truthClass(row) ?? "words";
}

/** A wrong recorded completion that earns more than the truth; or a truth that never reaches what the reward declares. */
function wrongDirection(
  examination: Examination,
  scored: ScoredFunction,
  golds: readonly Gold[],
  unequal: boolean,
): Finding[] {
  const { rows } = examination;
  const range = rangeOf(scored);
  if (range === null || range.max - range.min < 1e-9) return [];
  const margin = beatenBy * (range.max - range.min);
  const beaten = golds.flatMap((gold) => {
    const winner = wrongWinner(examination, scored, gold, margin);
    return winner === null ? [] : [{ gold, winner }];
  });
  if (beaten.length > 0 && beaten.length >= golds.length / 10) {
    const { gold, winner } = beaten[0]!;
    return [
      findingAbout(
        scored,
        "RW118",
        `${scored.declaration.name} points the wrong way: on ${beaten.length} of ${counted(golds.length, "data row")} a wrong completion earns more than the true answer; ${quote(rows[winner.row]!.completion, 80)} earns ${num(winner.score)}, the truth ${quote(gold.truth)} earns ${gold.score === null ? "no score" : num(gold.score)}. Turn the sign or the comparison round.`,
        {
          rows: beaten.map(({ winner: { row } }) => row),
          numbers: {
            beaten: beaten.length,
            truths: golds.length,
            winner: winner.score,
            ...(gold.score !== null && { gold: gold.score }),
          },
          text: gold.completion,
          probes: [
            probeOf(
              rows[gold.row]!,
              "the true answer earns at least what a wrong one does",
              gold.completion,
              `>= ${winner.score}`,
            ),
          ],
        },
      ),
    ];
  }
  const declared = scored.declaration.range;
  if (declared === null || unequal) return [];
  const short = golds.filter(
    ({ score, best }) =>
      score !== null &&
      score < declared.max - 0.1 * (declared.max - declared.min) &&
      (best === null || best.score <= score + 1e-9),
  );
  if (short.length < golds.length) return [];
  const top = short.reduce((most, gold) => (gold.score! > most.score! ? gold : most));
  return [
    findingAbout(
      scored,
      "RW118",
      `No true answer reaches the ceiling of ${num(declared.max)} that ${scored.declaration.name} declares: the best of ${counted(golds.length, "true answer")} earns ${num(top.score!)}. Correct the comparison, or declare the range it really has.`,
      { rows: [top.row], numbers: { best: top.score!, declared: declared.max }, text: top.completion },
    ),
  ];
}

function wrongWinner(
  { rows }: Examination,
  scored: ScoredFunction,
  gold: Gold,
  margin: number,
): { row: number; score: number } | null {
  let winner: { row: number; score: number } | null = null;
  rows.forEach((row, i) => {
    const score = scored.scores[i];
    if (score === null || score === undefined || truthText(row) !== gold.truth || isRight(row) !== false) return;
    if (score > (gold.score ?? Number.NEGATIVE_INFINITY) + margin && (winner === null || score > winner.score))
      winner = { row: i, score };
  });
  return gold.score === null ? null : winner;
}

const verdictColumns = ["evalCorrect", "eval_correct", "correct"];

/**
 * Whether the evaluation counts a completion as right: a recorded verdict, else the tag parser that `iad-r1 eval` uses; for
 * truths in no grammar, false when the completion does not hold the truth at all. null when it cannot be told.
 */
export function isRight(row: RolloutRow): boolean | null {
  for (const name of verdictColumns) if (typeof row.columns[name] === "boolean") return row.columns[name];
  const truth = truthClass(row);
  if (truth !== null) {
    const tags = parseTags(row.completion);
    return tags.answer === null && tags.elements.every(({ name }) => name !== "answer") ? null : tags.answer === truth;
  }
  const text = truthText(row);
  if (text === null) return null;
  const value = text.slice(text.lastIndexOf("####") < 0 ? 0 : text.lastIndexOf("####") + 4).trim();
  return value !== "" && !row.completion.toLowerCase().includes(value.toLowerCase()) ? false : null;
}

/** Whether a completion names another place or type than the truth does: what a reward takes off for that is its own business. */
function hasOtherParts(row: RolloutRow): boolean {
  const [given, wanted] = [parseTags(row.completion), parseTags(truthText(row) ?? "")];
  const isPlace = wanted.location !== null && parseCell(given.location ?? "") !== parseCell(wanted.location);
  const word = (text: string | null) => text?.trim().toLowerCase() ?? null;
  return isPlace || (wanted.type !== null && word(given.type) !== word(wanted.type));
}

/** Rewarded × right, over the rows where both are known. */
function disagreement({ rows }: Examination, scored: ScoredFunction, golds: readonly Gold[]): Finding[] {
  const scales = new Map(
    golds.map(({ truth, score, nonsense: void_, best }) => {
      const ceiling = Math.max(score ?? Number.NEGATIVE_INFINITY, best?.score ?? Number.NEGATIVE_INFINITY);
      return [truth, { ceiling, floor: void_ }] as const;
    }),
  );
  const range = rangeOf(scored);
  if (range === null) return [];
  const table = {
    both: [] as number[],
    onlyReward: [] as number[],
    onlyEvaluation: [] as number[],
    neither: [] as number[],
  };
  rows.forEach((row, i) => {
    const score = scored.scores[i];
    const right = isRight(row);
    const scale = scales.get(truthText(row) ?? "");
    if (score === null || score === undefined || right === null || scale === undefined) return;
    // Credit counts from what nonsense earns with this truth: elsewhere it may cost more.
    const floor = scale.floor ?? range.min;
    if (scale.ceiling - floor < 1e-9) return;
    // Partial credit for a right verdict is credit; for a wrong one, half of what a right one earns is too much.
    const level = (score - floor) / (scale.ceiling - floor);
    const isRewarded = right ? level > creditShare : level >= 0.5;
    // A reward for the place is no other opinion about the verdict.
    if (right && !isRewarded && hasOtherParts(row)) return;
    const cell = isRewarded ? (right ? "both" : "onlyReward") : right ? "onlyEvaluation" : "neither";
    table[cell].push(i);
  });
  const right = table.both.length + table.onlyEvaluation.length;
  const wrong = table.onlyReward.length + table.neither.length;
  // Without both kinds there is nothing to agree about, and a reward for something else agrees by chance only.
  if (right === 0 || wrong === 0 || table.both.length / right - table.onlyReward.length / wrong < 0.2) return [];
  const disagreeing = [...table.onlyReward, ...table.onlyEvaluation];
  const share = disagreeing.length / (right + wrong);
  if (disagreeing.length < minDisagreements || share <= maxDisagreement) return [];
  const example = disagreeing[0]!;
  return [
    findingAbout(
      scored,
      "RW120",
      `${scored.declaration.name} and the evaluation disagree on ${disagreeing.length} of ${right + wrong} completions (${percent(share)}): ${table.onlyReward.length} are rewarded though wrong, ${table.onlyEvaluation.length} are right but not rewarded, such as ${quote(rows[example]!.completion.slice(-80), 80)} for ${quote(truthText(rows[example]!) ?? "")}. Read both with the same parser.`,
      {
        rows: disagreeing,
        numbers: {
          both: table.both.length,
          onlyReward: table.onlyReward.length,
          onlyEvaluation: table.onlyEvaluation.length,
          neither: table.neither.length,
          share,
        },
        text: rows[example]!.completion,
      },
    ),
  ];
}

const minPerClass = 2;

function unequalCeilings({ rows }: Examination, scored: ScoredFunction, golds: readonly Gold[]): Finding[] {
  const classes = (["yes", "no"] as const).map((kind) => ({
    kind,
    golds: golds.filter(({ row }) => truthClass(rows[row]!) === kind),
  }));
  if (classes.some((entry) => entry.golds.length < minPerClass)) return [];
  const ceilings = classes.map((entry) => {
    const scores = entry.golds
      .flatMap(({ score, best }) => [score, best?.score ?? null])
      .filter((score) => score !== null);
    const voids = entry.golds.flatMap(({ nonsense: score }) => (score === null ? [] : [score]));
    return { max: Math.max(...scores), least: Math.min(...voids, ...scores) };
  });
  // A class on which nothing is ever told apart is none this reward speaks about.
  if (ceilings.some(({ max, least }) => !Number.isFinite(max) || max - least < 1e-9)) return [];
  const [yes, no] = [ceilings[0]!, ceilings[1]!];
  const gap = Math.abs(yes.max - no.max) / Math.max(Math.abs(yes.max), Math.abs(no.max));
  if (!(gap > maxCeilingGap)) return [];
  const [high, low] = yes.max > no.max ? ["anomalous", "normal"] : ["normal", "anomalous"];
  const [more, less] = [Math.max(yes.max, no.max), Math.min(yes.max, no.max)];
  return [
    findingAbout(
      scored,
      "RW123",
      `${scored.declaration.name} can give at most ${num(more)} where the truth is ${high} and ${num(less)} where it is ${low}: a perfect policy earns more on one kind, which bends training as soon as advantages are scaled over the batch or not at all. Divide by each kind's own ceiling.`,
      { rows: classes.map((entry) => entry.golds[0]!.row), numbers: { yes: yes.max, no: no.max, gap } },
    ),
  ];
}
