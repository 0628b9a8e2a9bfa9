/**
 * Expectations that a person keeps about a reward: `probes/*.yaml` beside it or beside its folder, each case a completion with the score that
 * it must get. They are tests of the reward. Reads files and compares numbers; runs nothing.
 *
 *     reward: ../rewards/location.reward.ts
 *     cases:
 *       - name: a newline before the tag changes nothing
 *         function: location
 *         completion: "<think>…</think>\n<location>top left</location><answer>Yes</answer>"
 *         solution: "<location>top left</location><answer>Yes</answer>"
 *         expect: ">= 1"
 */
import { readdirSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { AppError } from "@iad-r1/models/errors";
import * as z from "zod";
import { parseYaml, plainValue, readConfigText } from "../../config/yamlFile";
import { expectationPattern, type RewardOutcomeView } from "@iad-r1/protocol/rewardDebugger";
import { parseProbeFile, probeFileOf, type SavedProbe } from "../analysis/probeFile";
import type { RolloutRow } from "../../rollouts/row";

export interface Expectation {
  file: string;
  /** Place in the file, from 0. */
  at: number;
  name: string;
  function: string;
  row: RolloutRow;
  /** `>= 1`, `0.5`, `na`, `error`. */
  expect: string;
  /** Line of the case, from 0. */
  line: number;
}

const caseSchema = z.object({
  name: z.string().max(500),
  function: z.string().max(200).optional(),
  completion: z.string().max(200_000),
  solution: z.string().max(200_000).nullish(),
  prompt: z.unknown().optional(),
  columns: z.record(z.string(), z.unknown()).optional(),
  expect: z.union([z.number(), z.string().max(100)]),
});
const fileSchema = z.object({ reward: z.string().max(4096), cases: z.array(caseSchema).max(2000) });

/** Saved probes beside the reward file, and where they stand. None where the file is missing or cannot be read; `reward test` says why. */
export function savedProbesOf(rewardFile: string): { file: string; probes: { probe: SavedProbe; line: number }[] } {
  const file = probeFileOf(rewardFile);
  try {
    const text = readConfigText(file);
    let from = 0;
    const probes = parseProbeFile(text, file).map((probe) => {
      const at = text.indexOf(JSON.stringify(probe.name), from);
      from = Math.max(from, at + 1);
      return { probe, line: at < 0 ? 0 : text.slice(0, at).split("\n").length - 1 };
    });
    return { file, probes };
  } catch (error) {
    if (!AppError.is(error)) throw error;
    return { file, probes: [] };
  }
}

/** Expectations about the functions of a reward file. A file that cannot be read is left out. */
export function expectationsOf(rewardFile: string, functions: readonly string[]): Expectation[] {
  const folder = dirname(rewardFile);
  const found: Expectation[] = [];
  for (const place of new Set([join(folder, "probes"), join(dirname(folder), "probes")])) {
    for (const name of yamlFiles(place)) {
      try {
        const file = join(place, name);
        found.push(...readExpectations(readConfigText(file), file, rewardFile, functions));
      } catch (error) {
        if (!AppError.is(error)) throw error;
      }
    }
  }
  return found;
}

/** Whether an outcome is as expected. */
export function isMet(expect: string, { status, score }: RewardOutcomeView): boolean {
  const wanted = expect.trim().toLowerCase();
  if (wanted === "na" || wanted === "error") return status === wanted;
  const match = expectationPattern.exec(expect);
  if (match === null || score === null) return false;
  const limit = Number(match[2]);
  const tolerance = 1e-9;
  switch (match[1]) {
    case "<":
      return score < limit - tolerance;
    case "<=":
      return score <= limit + tolerance;
    case ">":
      return score > limit + tolerance;
    case ">=":
      return score >= limit - tolerance;
    case "!=":
      return Math.abs(score - limit) > tolerance;
    default:
      return Math.abs(score - limit) <= tolerance;
  }
}

/** Those of one text, which stands in `file`, or will; none when it is about another reward or cannot be read. */
export function readExpectations(
  text: string,
  file: string,
  rewardFile: string,
  functions: readonly string[],
): Expectation[] {
  const { document, lines, faults } = parseYaml(text);
  if (faults.length > 0) return [];
  const parsed = fileSchema.safeParse(plainValue(document));
  if (!parsed.success) return [];
  const { reward, cases } = parsed.data;
  if (resolve(dirname(file), reward) !== resolve(rewardFile)) return [];
  return cases.flatMap((one, at): Expectation[] => {
    const name = one.function ?? (functions.length === 1 ? functions[0] : undefined);
    if (name === undefined || !functions.includes(name)) return [];
    const node = document.getIn(["cases", at], true) as { range?: [number, number, number] } | undefined;
    const line = node?.range === undefined ? 0 : lines.linePos(node.range[0]).line - 1;
    const row: RolloutRow = {
      ...{ group: `${file} ${at}`, index: 0, prompt: one.prompt ?? null, completion: one.completion },
      ...{ solution: one.solution ?? null, columns: one.columns ?? {} },
    };
    return [{ file, at, name: one.name, function: name, row, expect: String(one.expect), line }];
  });
}

function yamlFiles(folder: string): string[] {
  try {
    return readdirSync(folder)
      .filter((name) => /\.ya?ml$/i.test(name))
      .sort();
  } catch {
    return [];
  }
}
