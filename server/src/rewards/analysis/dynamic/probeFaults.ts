/** RW119, and RW118 where the battery shows it: which completions of known worth are paid wrongly. */

import { rolloutStatus } from "../../evaluate";
import {
  type Detector,
  type Examination,
  findingAbout,
  num,
  percent,
  quote,
  type ScoredFunction,
} from "../examination";
import type { RolloutRow } from "../../../rollouts/row";
import type { Finding, FindingProbe } from "../finding";
import { mean } from "../groupMath";
import { buildProbes, judgeProbes, type ProbeResult } from "../probes";
import { asked, distinctDataRows, judgesTruth, probeOf, truthClass } from "../truths";

const maxDataRows = 12;
/** An even mixture of both verdicts gives a constant policy half of the answer's worth. */
const maxConstantShare = 0.75;

/** The battery of one data row, as one function answered it. */
export interface ProbedRow {
  row: number;
  results: ProbeResult[];
}

export const findProbeFaults: Detector = async (examination) => {
  const findings: Finding[] = [];
  for (const scored of examination.functions) {
    if (scored.result === null) continue;
    const probed = await runProbes(examination, scored, distinctDataRows(examination, maxDataRows));
    findings.push(
      ...paidNonsense(examination, scored, probed),
      ...unpaidTruth(examination, scored, probed),
      ...constantPolicy(examination, scored, probed),
    );
  }
  return findings;
};

/**
 * Runs the battery of each data row through one function, in one go. Of a group function one completion alone says nothing: there each probe
 * takes the place of the recorded completion among its siblings.
 */
export async function runProbes(
  examination: Examination,
  scored: ScoredFunction,
  dataRows: readonly number[],
): Promise<ProbedRow[]> {
  const { rows, rescore } = examination;
  const judges = await judgesTruth(examination, scored);
  const siblings = distinctDataRows(examination, 64).map((row) => rows[row]!);
  const batteries = dataRows
    .map((row) => ({ row, probes: buildProbes(rows[row]!, siblings) }))
    .filter(({ row, probes }) => probes.length > 0 && (!isOfGroups(scored) || groupOf(examination, row).length > 1));
  const questions: RolloutRow[] = [];
  const places = batteries.map(({ row, probes }) =>
    probes.map(({ completion }, i) => {
      const own = asked(rows[row]!, completion);
      if (!isOfGroups(scored)) return questions.push(own) - 1;
      const members = groupOf(examination, row);
      const group = `probe ${row} ${i}`;
      const first = questions.length;
      for (const [index, member] of members.entries()) {
        questions.push({ ...(member === row ? own : rows[member]!), group, index });
      }
      return first + members.indexOf(row);
    }),
  );
  if (questions.length === 0) return [];
  const { outcomes } = await rescore(scored.declaration.name, questions);
  return batteries.map(({ row, probes }, battery) => {
    const own = places[battery]!.map((at) => {
      const outcome = outcomes[at]!;
      return { score: outcome.status === "ok" ? outcome.score : null, status: rolloutStatus(outcome.status) };
    });
    return { row, results: judgeProbes(probes, own, judges) };
  });
}

function isOfGroups({ declaration }: ScoredFunction): boolean {
  return declaration.scope === "group";
}

/** The rows that were generated together with one, itself among them. */
function groupOf({ groups }: Examination, row: number): readonly number[] {
  return groups.find((members) => members.includes(row)) ?? [];
}

interface Fault {
  result: ProbeResult;
  gold: number;
  rows: number[];
  numFaults: number;
}

/** Other rows' answers: a reward may look at a part of the truth only, and some of them have that part in common. */
const answersOfOthers = /^(?:wrong-answer|all-guesses)/;

/** Faults by probe, the one that wins most first. */
function faultsOf(probed: readonly ProbedRow[], id: "RW118" | "RW119"): Fault[] {
  const faults = new Map<string, Fault>();
  const numJudged = new Map<string, number>();
  for (const { row, results } of probed) {
    const gold = Math.max(
      ...results.flatMap(({ relation, score }) => (relation === "gold" && score !== null ? [score] : [])),
    );
    for (const result of results) {
      const key = result.name.replace(/-\d+$/, "");
      if (result.verdict !== "skipped") numJudged.set(key, (numJudged.get(key) ?? 0) + 1);
      if (result.verdict !== "fault" || result.finding !== id) continue;
      const known = faults.get(key);
      if (known === undefined) faults.set(key, { result, gold, rows: [row], numFaults: 1 });
      else {
        known.numFaults++;
        if (!known.rows.includes(row)) known.rows.push(row);
      }
    }
  }
  for (const [key, { numFaults }] of faults) {
    if (answersOfOthers.test(key) && numFaults <= numJudged.get(key)! / 2) faults.delete(key);
  }
  return [...faults.values()].sort((a, b) => (b.result.score ?? 0) / b.gold - (a.result.score ?? 0) / a.gold);
}

const maxListed = 6;

/** To keep beside the reward; none for groups, of which one completion says nothing. */
function kept({ rows }: Examination, scored: ScoredFunction, faults: readonly Fault[]): FindingProbe[] {
  if (isOfGroups(scored)) return [];
  return faults.slice(0, maxListed).flatMap(({ result, rows: [row] }) => {
    return result.expect === null ? [] : [probeOf(rows[row!]!, result.title, result.completion, result.expect)];
  });
}

function paidNonsense(examination: Examination, scored: ScoredFunction, probed: readonly ProbedRow[]): Finding[] {
  const faults = faultsOf(probed, "RW119");
  if (faults.length === 0) return [];
  const listed = faults
    .slice(0, maxListed)
    .map(({ result, gold }) => `${result.title} earns ${num(result.score!)} (the true answer ${num(gold)})`);
  const more = faults.length > maxListed ? `; and ${faults.length - maxListed} more` : "";
  return [
    findingAbout(
      scored,
      "RW119",
      `${scored.declaration.name} pays for nonsense: ${listed.join("; ")}${more}. A policy finds these before it learns the task. Pay the parts only beside the right answer, and compare whole words.`,
      {
        rows: [...new Set(faults.flatMap(({ rows }) => rows))],
        numbers: { probes: faults.length, score: faults[0]!.result.score!, gold: faults[0]!.gold },
        text: faults.map(({ result }) => `${result.name}: ${quote(result.completion, 160)}`).join("\n"),
        probes: kept(examination, scored, faults),
      },
    ),
  ];
}

function unpaidTruth(examination: Examination, scored: ScoredFunction, probed: readonly ProbedRow[]): Finding[] {
  const all = probed.flatMap(({ results }) => results);
  // A reward that accepts one wording only means it so; one that accepts some wordings and not others has a gap.
  const knowsSynonyms = all.some(({ relation, verdict }) => relation === "above-wrong" && verdict === "pass");
  const faults = faultsOf(probed, "RW118").filter(({ result }) => result.relation !== "above-wrong" || knowsSynonyms);
  if (faults.length === 0) return [];
  const listed = faults
    .slice(0, maxListed)
    .map(
      ({ result, gold }) =>
        `${result.title} earns ${result.score === null ? "nothing" : num(result.score)}, expected ${result.expected} (the true answer ${num(gold)})`,
    );
  return [
    findingAbout(
      scored,
      "RW118",
      `${scored.declaration.name} does not pay what is right: ${listed.join("; ")}. Let each part earn for itself, and let other words for the same thing count.`,
      {
        rows: [...new Set(faults.flatMap(({ rows }) => rows))],
        numbers: { probes: faults.length, gold: faults[0]!.gold },
        text: faults.map(({ result }) => `${result.name}: ${quote(result.completion, 160)}`).join("\n"),
        probes: kept(examination, scored, faults),
      },
    ),
  ];
}

/** A policy that always says the same, on as many rows of each class. */
function constantPolicy(examination: Examination, scored: ScoredFunction, probed: readonly ProbedRow[]): Finding[] {
  const shareOf = ({ results }: ProbedRow, name: string): number | null => {
    const score = (wanted: string) => results.find((result) => result.name === wanted)?.score ?? null;
    const [gold, nothing, constant] = [score("gold"), score("empty") ?? 0, score(name)];
    const judged = results.some((result) => result.name === "swapped-answer" && result.verdict !== "skipped");
    return gold === null || gold - nothing <= 1e-9 || !judged
      ? null
      : ((constant ?? nothing) - nothing) / (gold - nothing);
  };
  return ["all-yes", "all-no"].flatMap((name): Finding[] => {
    const shares = (["yes", "no"] as const).map((kind) =>
      probed
        .filter(({ row }) => truthClass(examination.rows[row]!) === kind)
        .map((entry) => shareOf(entry, name))
        .filter((share) => share !== null),
    );
    if (shares.some((list) => list.length === 0)) return [];
    const share = mean(shares.map((list) => mean(list)));
    if (share < maxConstantShare) return [];
    return [
      findingAbout(
        scored,
        "RW119",
        `A policy that always answers ${name.slice(4)} earns ${percent(share)} of what the true answers earn with ${scored.declaration.name}, on as many pictures of both kinds: it need not look. Take something off a wrong verdict.`,
        { rows: probed.map(({ row }) => row), numbers: { share } },
      ),
    ];
  });
}
