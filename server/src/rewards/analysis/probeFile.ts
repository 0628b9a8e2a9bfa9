/**
 * Probes that a person keeps beside a reward file (`accuracy.probes.json` beside `accuracy.reward.ts`): completions with the
 * score they must get. They are the regression tests of a reward. Reading and judging; running is the caller's.
 */
import { DataError } from "@iad-r1/models/errors";
import * as z from "zod";
import type { RewardOutcome } from "../contract";
import type { RolloutRow } from "../../rollouts/row";

const expectation = z
  .string()
  .regex(
    /^\s*(?:(?:>=|<=|=|>|<)\s*-?(?:\d+\.?\d*|\.\d+)(?:e-?\d+)?|n\/a)\s*$/i,
    'expected a comparison such as ">=1", "=0.5" or "n/a"',
  )
  .meta({ description: 'What the score must be: ">=1", "<=0.2", "=0.5", ">0", "<1", or "n/a" for "not applicable".' });

const savedProbe = z.strictObject({
  name: z.string().min(1),
  /** Reward function; all of the file when left out. */
  function: z.string().optional(),
  completion: z.string(),
  solution: z.string().nullable().default(null),
  prompt: z.unknown().default(null),
  columns: z.record(z.string(), z.unknown()).default({}),
  expect: z.strictObject({
    /** Of each function that the probe is for. */
    score: expectation.optional(),
    /** Of the weighted sum over the functions of the file. */
    total: expectation.optional(),
  }),
});

const probeFile = z.strictObject({
  format: z.literal("iad-r1/probes"),
  version: z.literal(1),
  probes: z.array(savedProbe),
});

export type SavedProbe = z.output<typeof savedProbe>;

/** Path of the probes of a reward file. */
export function probeFileOf(rewardFile: string): string {
  return rewardFile.replace(/(?:\.reward)?\.[^./\\]+$/, ".probes.json");
}

/** @throws DataError `reward/bad-probes` with what is wrong and where */
export function parseProbeFile(text: string, where: string): SavedProbe[] {
  const bad = (message: string, cause?: unknown) =>
    new DataError("reward/bad-probes", `${where}: ${message}`, {
      where,
      hint: 'Expected {"format": "iad-r1/probes", "version": 1, "probes": [{"name": "…", "completion": "…", "solution": "…", "expect": {"score": ">=1"}}]}.',
      ...(cause !== undefined && { cause }),
    });
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw bad(`not JSON (${(cause as Error).message}).`, cause);
  }
  const parsed = probeFile.safeParse(value);
  if (parsed.success) return parsed.data.probes;
  const [issue] = parsed.error.issues;
  throw bad(`${issue!.path.join(".") || "the file"}: ${issue!.message}.`);
}

/** The probe as a row that a runner scores. */
export function probeRow({ name, completion, solution, prompt, columns }: SavedProbe): RolloutRow {
  return { group: name, index: 0, prompt, completion, solution, columns };
}

/** Scores this near are equal. */
const tolerance = 1e-9;

/** Whether a score is as expected; null stands for "not applicable", undefined for a failure, which is never expected. */
export function meets(score: number | null | undefined, wanted: string): boolean {
  if (score === undefined) return false;
  const text = wanted.trim().toLowerCase();
  if (text === "n/a") return score === null;
  if (score === null) return false;
  const [, operator, number] = /^(>=|<=|=|>|<)\s*(.*)$/.exec(text)!;
  const limit = Number(number);
  switch (operator) {
    case ">=":
      return score >= limit - tolerance;
    case "<=":
      return score <= limit + tolerance;
    case ">":
      return score > limit + tolerance;
    case "<":
      return score < limit - tolerance;
    default:
      return Math.abs(score - limit) <= tolerance;
  }
}

/** How one probe went. */
export interface ProbeVerdict {
  name: string;
  /** null for the total. */
  function: string | null;
  expected: string;
  /** In words: a number, "not applicable", or how it failed. */
  got: string;
  ok: boolean;
}

/**
 * Judges one probe.
 *
 * @param outcomes by function name, for all functions of the file
 * @param weights  by function name
 */
export function judgeSavedProbe(
  probe: SavedProbe,
  outcomes: ReadonlyMap<string, RewardOutcome>,
  weights: ReadonlyMap<string, number>,
): ProbeVerdict[] {
  const verdicts: ProbeVerdict[] = [];
  const names = probe.function === undefined ? [...outcomes.keys()] : [probe.function];
  const { score: wantedScore, total: wantedTotal } = probe.expect;
  for (const name of wantedScore === undefined ? [] : names) {
    const outcome = outcomes.get(name);
    verdicts.push({
      ...{ name: probe.name, function: name, expected: wantedScore! },
      got: outcome === undefined ? "there is no such function" : said(outcome),
      ok: meets(outcome === undefined ? undefined : scoreIn(outcome), wantedScore!),
    });
  }
  if (wantedTotal !== undefined) {
    const all = [...outcomes];
    const failing = all.find(([, outcome]) => outcome.status === "error");
    const applied = all.flatMap(([name, outcome]) =>
      outcome.status === "ok" ? [(weights.get(name) ?? 1) * outcome.score] : [],
    );
    const total =
      failing !== undefined ? undefined : applied.length === 0 ? null : applied.reduce((sum, part) => sum + part, 0);
    verdicts.push({
      ...{ name: probe.name, function: null, expected: wantedTotal },
      got:
        failing !== undefined ? `${failing[0]}: ${said(failing[1])}` : total === null ? "not applicable" : `${total}`,
      ok: meets(total, wantedTotal),
    });
  }
  return verdicts;
}

function scoreIn(outcome: RewardOutcome): number | null | undefined {
  return outcome.status === "ok" ? outcome.score : outcome.status === "error" ? undefined : null;
}

function said(outcome: RewardOutcome): string {
  return outcome.status === "ok"
    ? `${outcome.score}`
    : outcome.status === "error"
      ? `failed: ${outcome.message}`
      : "not applicable";
}
