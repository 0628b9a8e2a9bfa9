/**
 * The two rewards that the published IAD-R1 trains with, written anew from their description, faults included.
 *
 * Hover over a reward to see what it does, or run
 *
 *     iad-r1 reward check published.reward.ts --rollouts rollouts.jsonl
 *
 * The corrected set is built in: `iad-r1-strict`.
 */
import { defineReward } from "iad-r1/reward";
import { typeReward } from "./defectTypes";
import { locationReward } from "./places";
import { element, trueAnswer } from "./texts";

/** Do the tags that the true answer calls for stand in order? */
export const consistency = defineReward({
  name: "consistency_reward",
  range: { min: 0, max: 1 },
  score({ completion, solution }) {
    const answer = trueAnswer(solution!);
    if (answer === "yes") {
      const pattern = /<think>.*?<\/think><location>.*?<\/location><type>.*?<\/type><answer>.*?<\/answer>/s;
      return pattern.test(completion) ? 1 : 0;
    }
    if (answer === "no") {
      if (completion.includes("<location>") || completion.includes("<type>")) return 0;
      return /<think>.*?<\/think><answer>.*?<\/answer>/s.test(completion) ? 1 : 0;
    }
    return undefined;
  },
});

/** 1 for the right answer; on anomalous pictures also the mean of type and location. */
export const accuracy = defineReward({
  name: "accuracy_reward",
  range: { min: 0, max: 2 },
  score({ completion, solution }) {
    try {
      const answer = trueAnswer(solution!);
      const given = element("answer", completion);
      if (answer === "no") return given === "no" ? 1 : 0;
      if (answer !== "yes") return 0;
      let type = 0;
      let location = 0;
      const [predictedType, actualType] = [element("type", completion), element("type", solution!)];
      if (predictedType !== null && actualType !== null) type = typeReward(predictedType, actualType);
      const [predictedPlace, actualPlace] = [element("location", completion), element("location", solution!)];
      if (predictedPlace !== null && actualPlace !== null) location = locationReward(predictedPlace, actualPlace);
      return (type + location) / 2 + (given === "yes" ? 1 : 0);
    } catch {
      return 0;
    }
  },
});
