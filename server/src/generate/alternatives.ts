/**
 * How sure a model was of a token, and what it would have written instead. Read from the distribution that the token was chosen from, at
 * temperature 1 and with nothing cut; it chooses nothing and changes nothing.
 */
import type { Tokenizer } from "@iad-r1/models/text/tokenizer";
import type { TokenChoice } from "@iad-r1/protocol/inspect";
import type { Distribution } from "./sample";

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
  return {
    ...{ text, probability: probability(chosen) },
    alternatives: likeliest(logits, count, chosen).map((id) => ({
      ...{ text: textOf(id, tokenizer), probability: probability(id) },
    })),
  };
}

/** Ids of the greatest logits, the greatest first; equal ones in order of their ids. */
function likeliest(logits: Float32Array, count: number, without: number): number[] {
  const best: number[] = [];
  for (let id = 0; id < logits.length; id++) {
    const value = logits[id]!;
    if (id === without || (best.length === count && !(value > logits[best.at(-1)!]!))) continue;
    let at = best.length;
    while (at > 0 && value > logits[best[at - 1]!]!) at--;
    best.splice(at, 0, id);
    if (best.length > count) best.pop();
  }
  return best;
}

/** A token as text, also one that text leaves out, such as the end of the answer. */
function textOf(id: number, tokenizer: Tokenizer): string {
  const name = tokenizer.idToToken(id);
  if (name === undefined || tokenizer.specialIds.has(id)) return name ?? `#${id}`;
  return new TextDecoder().decode(tokenizer.tokenBytes(id).bytes);
}
