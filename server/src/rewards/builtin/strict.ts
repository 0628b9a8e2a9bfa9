/**
 * The corrected rewards `iad-r1-strict/*`: the same aims as the published ones without their holes (reference section 15,
 * items 1 to 7). Not bit-compatible with anything.
 *
 * What is closed, and how:
 * - One reading. Completions and solutions go through the tag parser that evaluation and views use. White space and line
 *   feeds are free; an element that occurs twice, anywhere, counts as absent.
 * - Form is judged by what the completion claims, not by the truth, so it neither pays nor leaks the answer.
 * - Place and type pay only beside the right answer. On a normal image the right place and type is "none".
 * - Equal ceilings: with the preset's weights a perfect answer earns 3 on both kinds of images.
 * - Constant policies gain nothing. A missed defect costs a point of place and of type, because "No" denies both. On equally
 *   many images of both kinds a well-formed policy then averages 0.5 + 2 · balanced accuracy, plus its points for place and
 *   type; always-yes and always-no both have balanced accuracy one half.
 * - Places are whole words, and a phrase without a place is not the centre; types are kinds of defects, and a list of
 *   guesses shares one score.
 */

import type { RewardInput, RewardOutcome, SampleReward, WeightedReward } from "../contract";
import { failed, notApplicable, scored } from "../contract";
import { typeScore } from "../defectConcepts";
import { parseCell } from "../location";
import type { TaggedText, TagName } from "../tags";
import { parseTags, readYesNo } from "../tags";

const format = reward(
  "format",
  { min: 0, max: 1 },
  "Reasoning, then what the own answer calls for: place and type beside yes, nothing beside no; each once, in order.",
  (completion) => {
    const order: readonly TagName[] | null =
      completion.answer === "yes"
        ? ["think", "location", "type", "answer"]
        : completion.answer === "no"
          ? ["think", "answer"]
          : null;
    if (order === null) return scored(0, { problem: "no single yes or no" });
    const problem = completion.problems[0];
    if (problem !== undefined)
      return scored(0, { problem: `${problem.kind}${problem.tag === null ? "" : ` ${problem.tag}`}` });
    const names = completion.elements.map((element) => element.name);
    if (names.join() !== order.join()) return scored(0, { problem: `elements are ${names.join(", ")}` });
    const empty = order.find(
      (name) => name !== "answer" && !hasLetter(completion[name as Exclude<TagName, "answer">]!),
    );
    return empty === undefined ? scored(1) : scored(0, { problem: `empty ${empty}` });
  },
);

const answer = reward("answer", { min: 0, max: 1 }, "The right answer, yes or no.", (completion, truth) =>
  scored(Number(completion.answer === truth.answer)),
);

const location = component(
  "location",
  "The place, as a cell of a 3x3 grid; on normal images that none is named.",
  (predicted, truth, columns) => {
    const accepted = new Set(
      [truth, ...listOfStrings(columns.locations)].map(parseCell).filter((cell) => cell !== null),
    );
    if (accepted.size === 0) return null;
    const cell = parseCell(predicted);
    return Number(cell !== null && accepted.has(cell));
  },
);

const type = component(
  "type",
  "The kind of defect in any wording; on normal images that none is named.",
  (predicted, truth) => (hasLetter(truth) ? typeScore(predicted, truth) : null),
);

export const strictRewards: readonly SampleReward[] = [format, answer, location, type];

/** Weights of the preset: as in the published pair, a perfect answer earns 3, of which place and type are half a point each. */
export const strictPreset: readonly WeightedReward[] = [
  { reward: format, weight: 1 },
  { reward: answer, weight: 1 },
  { reward: location, weight: 0.5 },
  { reward: type, weight: 0.5 },
];

interface Truth {
  answer: "yes" | "no";
  location: string | null;
  type: string | null;
}

function reward(
  name: string,
  range: { min: number; max: number },
  description: string,
  score: (completion: TaggedText, truth: Truth, columns: RewardInput["columns"]) => RewardOutcome,
): SampleReward {
  return {
    name: `iad-r1-strict/${name}`,
    range,
    scope: "sample",
    description,
    score({ completion, solution, columns }) {
      if (typeof completion !== "string") return failed("expected the completion to be text");
      if (typeof solution !== "string") return failed("expected the solution to be text");
      const tags = parseTags(solution);
      const truth = tags.answer ?? (tags.elements.length === 0 ? readYesNo(solution) : null);
      if (truth === null) return notApplicable("the solution has no single answer yes or no");
      return score(parseTags(completion), { answer: truth, location: tags.location, type: tags.type }, columns);
    },
  };
}

/**
 * Place or type. Anomalous image: −1 unless the answer is yes, then `grade`. Normal image: 1 for a "no" without this
 * element, else 0.
 *
 * @param grade 0 to 1, or null when the truth cannot be compared with
 */
function component(
  name: "location" | "type",
  description: string,
  grade: (predicted: string, truth: string, columns: RewardInput["columns"]) => number | null,
): SampleReward {
  return reward(name, { min: -1, max: 1 }, description, (completion, truth, columns) => {
    const isNamed = completion.elements.some((element) => element.name === name);
    if (truth.answer === "no") return scored(Number(completion.answer === "no" && !isNamed));
    if (completion.answer !== "yes") return scored(-1);
    const score = truth[name] === null ? null : grade(completion[name] ?? "", truth[name], columns);
    return score === null ? notApplicable(`the solution has no ${name} to compare with`) : scored(score);
  });
}

function listOfStrings(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((item): item is string => typeof item === "string") : [];
}

function hasLetter(text: string | null): boolean {
  return text !== null && /\p{L}/u.test(text);
}
