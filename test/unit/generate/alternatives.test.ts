/** Probabilities of tokens: against the whole distribution sorted, and tokens that are no text. */
import { createTextStream } from "@iad-r1/models/text/streamText";
import type { Tokenizer } from "@iad-r1/models/text/tokenizer";
import { createRandom } from "@iad-r1/models/util/random";
import { tokenChoice } from "@iad-r1/server/generate/alternatives";
import { Generator } from "@iad-r1/server/generate/generator";
import type { LiveModel } from "@iad-r1/server/generate/liveModel";
import { greedy } from "@iad-r1/server/generate/sample";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openTinyModel, tinyPrompts } from "../../helpers/tinyModel";

let model: LiveModel;
let tokenizer: Tokenizer;
beforeAll(async () => {
  model = await openTinyModel();
  ({ tokenizer } = model.processor);
});
afterAll(() => model.dispose());

/** A distribution with random logits over the tokens of the fixture. */
function distribution(seed: number) {
  const random = createRandom("alternatives", seed);
  const logits = Float32Array.from({ length: model.description.facts.decoder.vocabSize }, () => 8 * random.next());
  const logSumExp = Math.log(logits.reduce((sum, logit) => sum + Math.exp(logit), 0));
  return { logits, logSumExp };
}

describe("what a model might have written instead", () => {
  it("are the likeliest other tokens, in order", () => {
    for (let seed = 0; seed < 20; seed++) {
      const { logits, logSumExp } = distribution(seed);
      const order = [...logits.keys()].sort((a, b) => logits[b]! - logits[a]! || a - b);
      const chosen = order[seed]!;
      const choice = tokenChoice({ logits, logSumExp }, chosen, "x", 5, tokenizer);
      expect(choice.probability).toBeCloseTo(Math.exp(logits[chosen]! - logSumExp), 12);
      const others = order.filter((id) => id !== chosen).slice(0, 5);
      expect(choice.alternatives.map(({ probability }) => probability)).toEqual(
        others.map((id) => Math.exp(logits[id]! - logSumExp)),
      );
    }
  });

  it("name tokens that text leaves out", () => {
    const { logits, logSumExp } = distribution(1);
    const [end] = model.eosIds;
    logits[end!] = 100;
    const [first] = tokenChoice({ logits, logSumExp }, 0, "x", 1, tokenizer).alternatives;
    expect(first!.text).toBe(tokenizer.idToToken(end!));
  });

  it("agree with the log-probabilities of the completion, piece by piece", async () => {
    const [prompt] = await tinyPrompts(model, ["a"]);
    const seen: { text: string; probability: number }[] = [];
    const [group] = await new Generator(model).generate([{ prompt: prompt!, count: 1, seed: ["alternatives"] }], {
      ...{ sampling: greedy, maxNewTokens: 16, alternatives: 2 },
      onText: ({ choices }) => seen.push(...choices),
    });
    const { ids, logProbs } = group![0]!;
    const stream = createTextStream(tokenizer);
    const pieces = Array.from(ids.slice(0, seen.length), (id) => stream.push(id));
    // What half a character was waiting for comes with the last token.
    pieces[pieces.length - 1] += stream.end();
    expect(seen.map(({ text }) => text)).toEqual(pieces);
    for (const [i, { probability }] of seen.entries()) expect(Math.log(probability)).toBeCloseTo(logProbs[i]!, 5);
    expect(seen.length).toBeGreaterThan(10);
  });
});
