/**
 * Small tasks of writing words between tags. They have nothing to do with the picture: words and tags are drawn independently, in any
 * order, so that a base model has met the tokens of the answer grammar without knowing the grammar, which PA-SFT teaches.
 */
import type { Random } from "@iad-r1/models/util/random";
import { LOCATIONS } from "@iad-r1/protocol/locations";
import { DEFECT_TYPES } from "./defectTypes";
import type { SynthFacts } from "./sample";
import { captionText, type QuestionPair } from "./text";

const TAGS = ["think", "location", "type", "answer"] as const;

/** One to three tagged pieces to be written down. */
export function markupTask(facts: SynthFacts, random: Random): QuestionPair {
  const pieces = Array.from({ length: 1 + random.int(3) }, () => {
    const tag = random.pick(TAGS);
    return { tag, words: words(facts, random) };
  });
  const answer = pieces.map(({ tag, words }) => `<${tag}>${words}</${tag}>`).join("");
  if (random.next() < 0.5) return { question: `${random.pick(["Repeat:", "Write:", "Copy this:"])} ${answer}`, answer };
  const asked = pieces.map(({ tag, words }) => `"${words}" in ${tag} tags`).join(", then ");
  return { question: `Put ${asked}.`, answer };
}

function words(facts: SynthFacts, random: Random): string {
  return random.pick([
    () => random.pick(LOCATIONS),
    () => random.pick(DEFECT_TYPES),
    () => random.pick(["Yes", "No"]),
    () => captionText(facts, random.int(1_000_000)),
    () => random.pick(["I see it.", "The image shows it.", "This is it.", "First I look.", "The picture is clear."]),
  ])();
}
