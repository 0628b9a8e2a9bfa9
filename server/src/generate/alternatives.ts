/**
 * How sure a model was of a token, and what it would have written instead. Read from the distribution that the token was chosen from, at
 * temperature 1 and with nothing cut; it chooses nothing and changes nothing.
 */
import type { Tokenizer } from "@iad-r1/models/text/tokenizer";
import type { TokenChoice } from "@iad-r1/protocol/inspect";
import { type Distribution, largest } from "./sample";

/** Most alternatives that can be asked for. */
export const mostAlternatives = 20;

/**
 * @param text  what the chosen token added to the completion; empty where it holds half a character
 * @param count alternatives wanted
 */
export function tokenChoice(
  { logits, logSumExp }: Pick<Distribution, "logits" | "logSumExp">,
  chosen: number,
  text: string,
  count: number,
  tokenizer: Tokenizer,
): TokenChoice {
  const probability = (id: number) => Math.exp(logits[id]! - logSumExp);
  const others = [...largest(logits, Math.min(count + 1, logits.length))].filter((id) => id !== chosen);
  return {
    ...{ text, probability: probability(chosen) },
    alternatives: others.slice(0, count).map((id) => ({
      ...{ text: textOf(id, tokenizer), probability: probability(id) },
    })),
  };
}

/** A token as text, also one that text leaves out, such as the end of the answer. */
function textOf(id: number, tokenizer: Tokenizer): string {
  const name = tokenizer.idToToken(id);
  if (name === undefined || tokenizer.specialIds.has(id)) return name ?? `#${id}`;
  return new TextDecoder().decode(tokenizer.tokenBytes(id).bytes);
}
