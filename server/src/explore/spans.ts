/** Which parts of a completion a built-in reward reads. What a person's own reward reads shows in its trace. */
import type { RewardSpan } from "@iad-r1/protocol/rollouts";
import { parseTags, type TagName } from "../rewards/tags";

/** By the name behind the set; those that read the whole text are left out. */
const readTags: Readonly<Record<string, readonly TagName[]>> = {
  accuracy: ["answer", "location", "type"],
  "accuracy-cot-wo-type": ["answer", "location"],
  "accuracy-cot-wo-location": ["answer", "type"],
  "accuracy-cot-base": ["answer"],
  consistency: ["think", "location", "type", "answer"],
  "consistency-cot": ["think", "location", "type", "answer"],
  "format-consistency-cot": ["think", "location", "type", "answer"],
  "format-cot-base": ["think", "answer"],
  answer: ["answer"],
  location: ["location"],
  type: ["type"],
};

export function rewardSpans(names: readonly string[], completion: string): RewardSpan[] {
  const own = names.filter((name) => /^iad-r1(-strict)?\//.test(name));
  if (own.length === 0) return [];
  const { elements } = parseTags(completion);
  return own.flatMap((reward) => {
    const tags = readTags[reward.slice(reward.indexOf("/") + 1)] ?? [];
    return elements
      .filter(({ name, closed }) => closed && tags.includes(name))
      .map(({ bodyStart, bodyEnd }) => ({ reward, start: bodyStart, end: bodyEnd }));
  });
}
