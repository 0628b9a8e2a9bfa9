/**
 * The published rewards for ablations, written anew from their description, faults included. They are alternatives to each
 * other: a run names one of them.
 */
import { defineReward } from "iad-r1/reward";
import { typeReward } from "./defectTypes";
import { locationReward } from "./places";
import { element, lower, strip, trueAnswer } from "./texts";

/** What Python's IGNORECASE takes for i and s besides their two cases. */
const anyCase = (tag: string) => tag.replaceAll("i", "[iıİ]").replaceAll("s", "[sſ]");

/** The right answer, and for yes the share of type, location and description that is there. */
export const consistencyCot = defineReward({
  name: "consistency_reward_cot",
  range: { min: 0, max: 1 },
  score({ completion, solution }) {
    const pattern = new RegExp(`<${anyCase("answer")}>([^\\n]*?)</${anyCase("answer")}>`, "i");
    const truth = lower(strip(pattern.exec(solution!)?.[1] ?? solution!));
    const given = pattern.exec(completion);
    if (given === null || lower(strip(given[1]!)) !== truth) return 0;
    const found = ["type", "location", "description"].filter((tag) =>
      new RegExp(`<${anyCase(tag)}>.*?</${anyCase(tag)}>`, "is").test(completion),
    ).length;
    if (truth === "no") return found === 0 ? 1 : 0;
    return truth === "yes" ? [0, 0.4, 0.7, 1][found]! : 0;
  },
});

function accuracyWithOne(
  completion: string,
  solution: string,
  tag: string,
  score: (predicted: string, actual: string) => number,
): number {
  try {
    const truth = trueAnswer(solution);
    const given = element("answer", completion);
    if (truth === "no") return given === "no" ? 1 : 0;
    if (truth !== "yes") return 0;
    const [predicted, actual] = [element(tag, completion), element(tag, solution)];
    if (predicted === null || actual === null) return 0;
    return score(predicted, actual) + (given === "yes" ? 1 : 0);
  } catch {
    return 0;
  }
}

/** Answer and location. */
export const accuracyWithoutType = defineReward({
  name: "accuracy_reward_cot_wo_type",
  range: { min: 0, max: 2 },
  score: ({ completion, solution }) => accuracyWithOne(completion, solution!, "location", locationReward),
});

/** Answer and type. */
export const accuracyWithoutLocation = defineReward({
  name: "accuracy_reward_cot_wo_location",
  range: { min: 0, max: 2 },
  score: ({ completion, solution }) => accuracyWithOne(completion, solution!, "type", typeReward),
});

/** The answer alone. */
export const accuracyBase = defineReward({
  name: "accuracy_reward_cot_base",
  range: { min: 0, max: 1 },
  score({ completion, solution }) {
    try {
      const truth = trueAnswer(solution!);
      return (truth === "yes" || truth === "no") && element("answer", completion) === truth ? 1 : 0;
    } catch {
      return 0;
    }
  },
});

/** Reasoning followed at once by an answer. */
export const formatBase = defineReward({
  name: "format_reward_cot_base",
  range: { min: 0, max: 1 },
  score({ completion, solution }) {
    trueAnswer(solution!); // read, as in the others, and then not looked at
    return /<think>.*?<\/think><answer>.*?<\/answer>/s.test(completion) ? 1 : 0;
  },
});
