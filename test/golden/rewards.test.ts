/** The published rewards and the text operations under them against recorded outputs of the original. */
import { iadR1Rewards } from "@iad-r1/server/rewards/builtin/iadR1";
import type { RewardOutcome } from "@iad-r1/server/rewards/contract";
import { bestCategory, normalizeType, referenceTypeScore } from "@iad-r1/server/rewards/defectType";
import { referenceLocationScore } from "@iad-r1/server/rewards/location";
import {
  collapseSpace,
  dropPunctuation,
  isDigit,
  isSpace,
  isWord,
  lower,
  strip,
} from "@iad-r1/server/rewards/pythonText";
import { matchText } from "@iad-r1/server/rewards/similarity";
import { hasElementAnyCase, occurInOrder, oneLineBody } from "@iad-r1/server/rewards/tags";
import { describe, expect, it } from "vitest";
import { type Golden, mismatches, readGoldens } from "../helpers/goldens";

const scoreTolerance = 1e-12;

/** Published function name to ours. */
const ourNames: Record<string, string> = {
  consistency_reward: "iad-r1/consistency",
  accuracy_reward: "iad-r1/accuracy",
  consistency_reward_cot: "iad-r1/consistency-cot",
  format_consistency_reward_cot: "iad-r1/format-consistency-cot",
  accuracy_reward_cot_wo_type: "iad-r1/accuracy-cot-wo-type",
  accuracy_reward_cot_wo_location: "iad-r1/accuracy-cot-wo-location",
  accuracy_reward_cot_base: "iad-r1/accuracy-cot-base",
  format_reward_cot_base: "iad-r1/format-cot-base",
};

const rewards = new Map(iadR1Rewards.map((reward) => [reward.name, reward]));

function score(name: string, completion: unknown, solution: unknown): RewardOutcome {
  return rewards.get(name)!.score({ completion, solution, columns: {} });
}

/** The list that the original returned, out of our outcomes. */
function asList(outcomes: RewardOutcome[]): unknown {
  if (outcomes.some((outcome) => outcome.status === "error")) return "raises";
  return outcomes.flatMap((outcome) => (outcome.status === "ok" ? [outcome.score] : []));
}

interface RewardGolden extends Golden {
  kind: "pair" | "batch" | "type" | "location";
  completion: unknown;
  solution: unknown;
  completions: unknown[];
  solutions: unknown[];
  predicted: string;
  actual: string;
  out: Record<string, unknown>;
}

describe("the published rewards", () => {
  const records = readGoldens<RewardGolden>("rewards");
  const ofKind = (kind: RewardGolden["kind"]) => records.filter((record) => record.kind === kind);

  it("are all recorded", () => {
    expect(records.length).toBeGreaterThan(5000);
    expect([...rewards.keys()].sort()).toEqual([...Object.values(ourNames), "iad-r1/location", "iad-r1/type"].sort());
  });

  it.each(Object.entries(ourNames))("%s scores single pairs as recorded", (theirs, ours) => {
    const check = (record: RewardGolden) => {
      const recorded = record.out[theirs]!;
      return {
        expected: Array.isArray(recorded) ? recorded : "raises",
        received: asList([score(ours, record.completion, record.solution)]),
      };
    };
    expect(mismatches(ofKind("pair"), check, scoreTolerance)).toEqual([]);
  });

  it.each([
    ["location_reward", "iad-r1/location"],
    ["type_reward", "iad-r1/type"],
  ])("%s scores the bodies of a pair as recorded, and does not apply where one is missing", (theirs, ours) => {
    const check = (record: RewardGolden) => {
      const outcome = score(ours, record.completion, record.solution);
      return { expected: record.out[theirs], received: outcome.status === "ok" ? outcome.score : null };
    };
    expect(mismatches(ofKind("pair"), check, scoreTolerance)).toEqual([]);
  });

  it("the type reward names the rule that decided a pair as recorded", () => {
    const check = (record: RewardGolden) => {
      const outcome = score("iad-r1/type", record.completion, record.solution);
      return {
        expected: record.out.type_category,
        received: outcome.status === "ok" ? outcome.notes!.rule : null,
      };
    };
    expect(mismatches(ofKind("pair"), check)).toEqual([]);
  });

  it("batches skip what the original skips and pair up to the shorter list", () => {
    const check = (record: RewardGolden) => {
      const length = Math.min(record.completions.length, record.solutions.length);
      const pairs = Array.from({ length }, (_, i) => [record.completions[i], record.solutions[i]] as const);
      return {
        expected: Object.fromEntries(Object.keys(ourNames).map((theirs) => [theirs, record.out[theirs]])),
        received: Object.fromEntries(
          Object.entries(ourNames).map(([theirs, ours]) => [
            theirs,
            asList(pairs.map(([completion, solution]) => score(ours, completion, solution))),
          ]),
        ),
      };
    };
    expect(mismatches(ofKind("batch"), check, scoreTolerance)).toEqual([]);
  });

  it("the type scorer gives the recorded score, rule and categories", () => {
    const check = (record: RewardGolden) => {
      const result = referenceTypeScore(record.predicted, record.actual);
      return {
        expected: record.out,
        received: {
          reward: result.score,
          explained_reward: result.explainedScore,
          explained_category: result.rule,
          pred_best: [result.predicted.category, result.predicted.confidence],
          gt_best: [result.actual.category, result.actual.confidence],
        },
      };
    };
    expect(mismatches(ofKind("type"), check, scoreTolerance)).toEqual([]);
  });

  it("the location scorer gives the recorded score", () => {
    const check = (record: RewardGolden) => ({
      expected: record.out.reward,
      received: referenceLocationScore(record.predicted, record.actual),
    });
    expect(mismatches(ofKind("location"), check)).toEqual([]);
  });
});

interface DifflibGolden extends Golden {
  a: string;
  b: string;
  ratio: number;
  matches: number;
  popular: number;
  ratio_without_autojunk: number;
}

describe("text similarity", () => {
  it("equals difflib's ratio, matches and popular characters, with and without autojunk", () => {
    const check = ({ a, b, ratio, matches, popular, ratio_without_autojunk }: DifflibGolden) => ({
      expected: { ratio, matches, popular, ratio_without_autojunk },
      received: { ...matchText(a, b), ratio_without_autojunk: matchText(a, b, { autojunk: false }).ratio },
    });
    expect(mismatches(readGoldens<DifflibGolden>("difflib"), check)).toEqual([]);
  });
});

interface PythonGolden extends Golden {
  op: string;
  input: string;
  output: unknown;
}

describe("Python text operations", () => {
  const yes = ["<think>", "</think><location>", "</location><type>", "</type><answer>", "</answer>"];
  const no = ["<think>", "</think><answer>", "</answer>"];
  const operations: Record<string, (input: string) => unknown> = {
    strip: (input) => strip(input),
    lower,
    collapse_ws: collapseSpace,
    drop_punct: dropPunctuation,
    normalize: normalizeType,
    search_answer: (input) => oneLineBody(input, "answer"),
    search_answer_ignorecase: (input) => oneLineBody(input, "answer", { anyCase: true }),
    search_type_ignorecase_dotall: (input) => hasElementAnyCase(input, "type"),
    fullmatch_yes: (input) => occurInOrder(input, yes),
    fullmatch_no: (input) => !input.includes("<location>") && !input.includes("<type>") && occurInOrder(input, no),
    fullmatch_base: (input) => occurInOrder(input, no),
    char_class: (input) => {
      const codePoint = input.codePointAt(0)!;
      return {
        word: isWord(codePoint),
        space: isSpace(codePoint),
        dot: input !== "\n",
        dot_dotall: true,
        stripped: strip(input) === "",
        lower: lower(input),
        digit: isDigit(codePoint),
        boundary_before_A: !isWord(codePoint),
      };
    },
  };
  const records = readGoldens<PythonGolden>("pyre");

  it("are all recorded", () => {
    expect([...new Set(records.map((record) => record.op))].sort()).toEqual(Object.keys(operations).sort());
  });

  it.each(Object.keys(operations))("%s gives what Python gave", (op) => {
    const check = (record: PythonGolden) => ({ expected: record.output, received: operations[op]!(record.input) });
    expect(
      mismatches(
        records.filter((record) => record.op === op),
        check,
      ),
    ).toEqual([]);
  });

  it("an unknown text has no category", () => {
    expect(bestCategory(normalizeType("crack"))).toEqual({ category: null, confidence: 0 });
  });
});
