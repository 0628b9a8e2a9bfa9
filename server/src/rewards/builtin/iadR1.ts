/**
 * The reward functions of the published system, bit for bit (reference sections 7, 8, 9 and 11), faults included; the set
 * `iad-r1-strict` is the one to train with. What differs is only the form: where the original appends nothing our outcome
 * is "not applicable", where it raises our outcome is "error", and every function is linear in the completion's length.
 */
import type { RewardInput, RewardOutcome, SampleReward } from "../contract";
import { failed, notApplicable, scored } from "../contract";
import { referenceTypeScore } from "../defectType";
import { referenceLocationScore } from "../location";
import { lower, strip } from "../pythonText";
import type { TagName } from "../tags";
import { hasElementAnyCase, occurInOrder, oneLineBody } from "../tags";

const anomalousStructure = ["<think>", "</think><location>", "</location><type>", "</type><answer>", "</answer>"];
const normalStructure = ["<think>", "</think><answer>", "</answer>"];

/** The ten published functions. */
export const iadR1Rewards: readonly SampleReward[] = [
  reward(
    "consistency",
    1,
    "The tags that the true answer calls for stand in order and touch.",
    "raise",
    (completion, solution) => {
      const truth = trueAnswer(solution);
      if (truth === "yes") return scored(Number(occurInOrder(completion, anomalousStructure)));
      if (truth === "no") {
        const namesDefect = completion.includes("<location>") || completion.includes("<type>");
        return scored(Number(!namesDefect && occurInOrder(completion, normalStructure)));
      }
      return notApplicable(`the true answer is ${quote(truth)}, neither yes nor no`);
    },
  ),
  reward(
    "accuracy",
    2,
    "1 for the right answer; on anomalous images also the mean of type and location.",
    0,
    (completion, solution) => {
      const truth = trueAnswer(solution);
      if (truth === "no") return scored(Number(givenAnswer(completion) === "no"));
      if (truth !== "yes") return scored(0);
      const type = compareBodies(completion, solution, "type", (p, a) => referenceTypeScore(p, a).score) ?? 0;
      const location = compareBodies(completion, solution, "location", referenceLocationScore) ?? 0;
      const answer = Number(givenAnswer(completion) === "yes");
      return scored((type + location) / 2 + answer, { type, location, answer });
    },
  ),
  reward("location", 1, "Both places lie in the same cell of a 3x3 grid.", "raise", (completion, solution) => {
    const score = compareBodies(completion, solution, "location", referenceLocationScore);
    return score === null ? notApplicable(missingBody("location")) : scored(score);
  }),
  reward(
    "type",
    1,
    "Both defect types mean the same, by a vocabulary of eight categories.",
    "raise",
    (completion, solution) => {
      let rule = "";
      const score = compareBodies(completion, solution, "type", (predicted, actual) => {
        const result = referenceTypeScore(predicted, actual);
        rule = result.rule;
        return result.score;
      });
      return score === null ? notApplicable(missingBody("type")) : scored(score, { rule });
    },
  ),
  reward(
    "consistency-cot",
    1,
    "Right answer, and for yes the share of type, location and description present.",
    "raise",
    elementsByAnswer,
  ),
  reward(
    "format-consistency-cot",
    1,
    "The same as consistency-cot; both names are published.",
    "raise",
    elementsByAnswer,
  ),
  reward("accuracy-cot-wo-type", 2, "Answer and location; without a location nothing.", 0, (completion, solution) =>
    accuracyWithOne(completion, solution, "location", referenceLocationScore),
  ),
  reward("accuracy-cot-wo-location", 2, "Answer and type; without a type nothing.", 0, (completion, solution) =>
    accuracyWithOne(completion, solution, "type", (predicted, actual) => referenceTypeScore(predicted, actual).score),
  ),
  reward("accuracy-cot-base", 1, "The answer alone.", 0, (completion, solution) => {
    const truth = trueAnswer(solution);
    return scored(Number((truth === "yes" || truth === "no") && givenAnswer(completion) === truth));
  }),
  reward("format-cot-base", 1, "Reasoning followed at once by an answer.", "raise", (completion) =>
    scored(Number(occurInOrder(completion, normalStructure))),
  ),
];

/**
 * @param onFailure what the original does with a completion or solution that is not text: raise, or swallow the exception
 *                  and give this score
 */
function reward(
  name: string,
  max: number,
  description: string,
  onFailure: "raise" | number,
  score: (completion: string, solution: string) => RewardOutcome,
): SampleReward {
  return {
    name: `iad-r1/${name}`,
    range: { min: 0, max },
    scope: "sample",
    description,
    score({ completion, solution }: RewardInput): RewardOutcome {
      if (typeof completion === "string" && typeof solution === "string") return score(completion, solution);
      const wrong =
        typeof completion === "string" ? `solution is ${kind(solution)}` : `completion is ${kind(completion)}`;
      return onFailure === "raise"
        ? failed(`expected text, but the ${wrong}`)
        : scored(onFailure, { swallowed: wrong });
    },
  };
}

function trueAnswer(solution: string): string {
  return lower(strip(oneLineBody(solution, "answer") ?? solution));
}

function givenAnswer(completion: string): string | null {
  const body = oneLineBody(completion, "answer");
  return body === null ? null : lower(strip(body));
}

/** Score of two bodies, stripped and in lower case; null when either side has none. */
function compareBodies(
  completion: string,
  solution: string,
  tag: TagName,
  score: (predicted: string, actual: string) => number,
): number | null {
  const predicted = oneLineBody(completion, tag);
  const actual = oneLineBody(solution, tag);
  return predicted === null || actual === null ? null : score(lower(strip(predicted)), lower(strip(actual)));
}

function accuracyWithOne(
  completion: string,
  solution: string,
  tag: TagName,
  score: (predicted: string, actual: string) => number,
): RewardOutcome {
  const truth = trueAnswer(solution);
  if (truth === "no") return scored(Number(givenAnswer(completion) === "no"));
  if (truth !== "yes") return scored(0);
  const component = compareBodies(completion, solution, tag, score);
  // The original leaves here without having looked at the answer.
  if (component === null) return scored(0);
  return scored(component + Number(givenAnswer(completion) === "yes"));
}

/** By number of element kinds (type, location, description) beside the answer yes. */
const elementScores = [0, 0.4, 0.7, 1];

function elementsByAnswer(completion: string, solution: string): RewardOutcome {
  const truth = lower(strip(oneLineBody(solution, "answer", { anyCase: true }) ?? solution));
  const body = oneLineBody(completion, "answer", { anyCase: true });
  if (body === null) return scored(0);
  const answer = lower(strip(body));
  if (answer !== truth) return scored(0);
  const kinds = (["type", "location", "description"] as const).filter((tag) =>
    hasElementAnyCase(completion, tag),
  ).length;
  if (answer === "no") return scored(Number(kinds === 0));
  return scored(answer === "yes" ? elementScores[kinds]! : 0);
}

function missingBody(tag: TagName): string {
  return `completion or solution has no one-line <${tag}> element`;
}

function kind(value: unknown): string {
  return value === null
    ? "null"
    : Array.isArray(value)
      ? "a list"
      : value === undefined
        ? "missing"
        : `a ${typeof value}`;
}

function quote(text: string): string {
  return JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}…` : text);
}
