/** Parts of generation that look at single rows: ends, answer probabilities, cache rows, pixels without repeats. */
import type { LlavaOnevisionConfig } from "@iad-r1/models/llavaOnevision/config";
import { viewFeeds } from "@iad-r1/models/llavaOnevision/feeds";
import type { LlavaOnevisionProcessor } from "@iad-r1/models/llavaOnevision/processor";
import { patchesPerSide } from "@iad-r1/models/nn/visionTransformer";
import { createTokenizer } from "@iad-r1/models/text/tokenizer";
import { AnswerProbe } from "@iad-r1/server/generate/answerProbe";
import { KvCache } from "@iad-r1/server/generate/kvCache";
import { createStopWatch } from "@iad-r1/server/generate/stopping";
import { describe, expect, it } from "vitest";
import { formulaPicture } from "../../helpers/pictures";
import { openTinyModel } from "../../helpers/tinyModel";

describe("a stop watch", () => {
  const rules = { eosIds: new Set([9]), stopStrings: ["</answer>", "STOP"], maxNewTokens: 4 };

  it("finds a stop string that comes in pieces and cuts what follows it", () => {
    const watch = createStopWatch(rules);
    expect(watch.push(1, "x</ans", 1)).toBeNull();
    expect(watch.push(2, "wer>y STOP", 2)).toBe("stop");
    expect(watch.text).toBe("x</answer>");
  });

  it("ends at an end token before the limit, and at the limit otherwise", () => {
    expect(createStopWatch(rules).push(9, "", 4)).toBe("eos");
    expect(createStopWatch(rules).push(1, "a", 4)).toBe("length");
    expect(createStopWatch(rules).push(1, "a", 3)).toBeNull();
  });

  it("does not take a piece of the earlier text for the beginning of a new stop", () => {
    const watch = createStopWatch({ ...rules, stopStrings: ["aa"] });
    expect(watch.push(1, "ba", 1)).toBeNull();
    expect(watch.push(1, "b", 2)).toBeNull();
    expect(watch.push(1, "aab", 3)).toBe("stop");
    expect(watch.text).toBe("babaa");
  });
});

describe("the answer probe", () => {
  const words = ["Yes", "Y", "no", "No", "not", "None", ">Yes", ">", ">No", "</", "<", "answer", "n", "Ġyes", "maybe"];
  const tokenizer = createTokenizer({
    tokenizerJson: {
      model: { type: "BPE", vocab: Object.fromEntries(words.map((word, id) => [word, id])), merges: [] },
      decoder: { type: "ByteLevel" },
      added_tokens: [],
      pre_tokenizer: null,
      normalizer: null,
    },
    where: "test",
  });
  const probe = new AnswerProbe(tokenizer, words.length);
  const logits = (masses: Record<string, number>) =>
    Float32Array.from(words, (word) => Math.log(masses[word] ?? 1e-30));
  const score = (text: string, masses: Record<string, number>) =>
    probe.score(text, { logits: logits(masses), logSumExp: 0 });

  it("weighs all ways to begin yes against all ways to begin no", () => {
    expect(score("… <answer>", { Yes: 0.2, Y: 0.1, Ġyes: 0.1, no: 0.1, n: 0.1, maybe: 0.4 })).toBeCloseTo(4 / 6, 6);
    expect(score("<ANSWER>\n ", { Yes: 0.2, No: 0.6 })).toBeCloseTo(0.25, 6);
  });

  it("does not take words that only begin like the answer for it", () => {
    expect(score("<answer>", { Yes: 0.2, not: 0.7, None: 0.05, no: 0.05 })).toBeCloseTo(0.8, 6);
  });

  it("reads a token that closes the tag and writes the word", () => {
    expect(score("<answer", { ">Yes": 0.3, ">No": 0.1, ">": 0.6, Yes: 0.5 })).toBeCloseTo(0.75, 6);
  });

  it("asks without the bracket where the answers are tokens with it, else with the whole tag", () => {
    const merged = (merges: string[]) => {
      const symbols = [..."<answer>YesNo", ...merges.map((merge) => merge.replace(" ", ""))];
      const vocab = Object.fromEntries([...new Set(symbols)].map((token, id) => [token, id]));
      const parts = {
        tokenizerJson: { model: { type: "BPE", vocab, merges }, decoder: { type: "ByteLevel" } },
        where: "test",
      };
      return new AnswerProbe(createTokenizer(parts), Object.keys(vocab).length).question.text;
    };
    expect(merged(["> Y", "> N"])).toBe("<answer");
    expect(merged(["> Y"])).toBe("<answer>");
    expect(merged([])).toBe("<answer>");
  });

  it("says nothing elsewhere", () => {
    expect(score("", { Yes: 1 })).toBeNull();
    expect(score("<answer>Yes", { Yes: 1 })).toBeNull();
    expect(score("<answer>Yes</answer>", { Yes: 1 })).toBeNull();
  });
});

describe("the cache", () => {
  const shape = { layers: 2, kvHeads: 2, headDim: 3 };

  it("copies the used part of a row in every layer and head", () => {
    const cache = new KvCache(shape);
    cache.reserve(3, 4);
    const all = cache.rows(0, 3);
    Object.values(all).forEach((tensor, i) => {
      tensor.data.forEach((_, at) => {
        (tensor.data as Float32Array)[at] = 1000 * i + at;
      });
    });
    cache.copyRow(0, 2, 3);
    for (const [i, { data }] of Object.values(all).entries()) {
      const row = (r: number) => [...(data as Float32Array).subarray(r * 24, (r + 1) * 24)];
      expect(row(1)).toEqual(Array.from({ length: 24 }, (_, at) => 1000 * i + 24 + at));
      for (const head of [0, 12]) {
        expect(row(2).slice(head, head + 9)).toEqual(row(0).slice(head, head + 9));
        expect(row(2)[head + 9]).toBe(1000 * i + 48 + head + 9);
      }
    }
  });

  it("keeps its memory when it is asked for less, and shows rows without copying", () => {
    const cache = new KvCache(shape);
    cache.reserve(4, 8);
    const buffer = cache.rows(0, 4)["key_cache.0"]!.data.buffer;
    cache.reserve(2, 8);
    expect(cache.rows(1, 1)["key_cache.0"]!.data.buffer).toBe(buffer);
    expect(cache.rows(1, 1)["key_cache.0"]!.dims).toEqual([1, 2, 8, 3]);
    expect(() => cache.rows(1, 2)).toThrow("outside");
    expect(KvCache.bytes(shape, 4, 8)).toBe(2 * 2 * 4 * 2 * 8 * 3 * 4);
    expect(() => cache.reserve(1e6, 1e6)).toThrow("A cache for 1000000 sequences of 1000000 tokens needs about");
  });
});

describe("pixel feeds", () => {
  it("compute views that are equal once and leave the packed rows as they were", async () => {
    const model = await openTinyModel();
    const processor = model.processor as LlavaOnevisionProcessor;
    const side = processor.settings.viewSide;
    const small = processor.prepareImages([formulaPicture(side, side)]);
    const large = processor.prepareImages([formulaPicture(2 * side, side)]);
    const patches = patchesPerSide((model.description.config as LlavaOnevisionConfig).vision) ** 2;
    const { pixel_values, pack_index, pack_weight } = viewFeeds([small, large], patches);
    // The small picture is its own only crop: two views, one of them computed.
    expect(small.pack.numViews).toBe(2);
    expect(pixel_values.dims[0]).toBe(1 + large.pack.numViews);
    expect(pack_index.dims).toEqual(pack_weight.dims);
    const values = (index: bigint) => {
      const view = Math.floor(Number(index) / patches);
      return view < pixel_values.dims[0]!
        ? [...pixel_values.data.slice(view * 3 * side * side, view * 3 * side * side + 4)]
        : null;
    };
    const original = (index: number) => {
      const view = Math.floor(index / patches);
      return view < 2 ? [...small.pixelValues.slice(view * 3 * side * side, view * 3 * side * side + 4)] : null;
    };
    for (let n = 0; n < small.pack.numRows; n++) {
      expect(values(pack_index.data[n]!)).toEqual(original(small.pack.index[n]!));
      expect(Number(pack_index.data[n]!) % patches).toBe(small.pack.index[n]! % patches);
    }
    await model.dispose();
  });
});
