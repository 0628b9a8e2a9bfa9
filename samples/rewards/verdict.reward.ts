/**
 * A reward of one's own, as people write their first one; SC-GRPO of the sample project trains with it. It has a fault that nobody sees
 * by training alone: the curve just stays at zero. Start live values, hover over the name or the pattern, and take the quick fix.
 */
import { defineReward } from "iad-r1/reward";

/** Pays for the right verdict. */
export const verdict = defineReward({
  name: "verdict",
  range: { min: 0, max: 1 },
  score({ completion, truth, skip }) {
    if (truth.answer === null) return skip("the truth has no verdict");
    const answer = /<answer>(yes|no)<\/answer>/.exec(completion);
    if (answer === null) return 0;
    return answer[1]!.toLowerCase() === truth.answer ? 1 : 0;
  },
});
