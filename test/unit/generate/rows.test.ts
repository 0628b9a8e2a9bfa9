/** Parts of generation that look at single rows: ends, answer probabilities, cache rows, pixels without repeats. */
import type { LlavaOnevisionConfig } from "@iad-r1/models/llavaOnevision/config";
import { viewFeeds } from "@iad-r1/models/llavaOnevision/feeds";
import type { LlavaOnevisionProcessor } from "@iad-r1/models/llavaOnevision/processor";
import { patchesPerSide } from "@iad-r1/models/nn/visionTransformer";
import { createTokenizer } from "@iad-r1/models/text/tokenizer";
import { AnswerProbe } from "@iad-r1/server/generate/answerProbe";
import { cacheBytes, DeviceKvCache, HostKvCache, type KvCache } from "@iad-r1/server/generate/kvCache";
import { createStopWatch } from "@iad-r1/server/generate/stopping";
import { hostMemory } from "@iad-r1/server/runtime/tensorMemory";
import type { Tensor } from "@iad-r1/server/runtime/tensors";
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

  /** Every element is a number of its own. */
  function number(tensors: Record<string, Tensor>): void {
    Object.values(tensors).forEach(({ data }, i) => {
      for (const at of data.keys()) (data as Float32Array)[at] = 1000 * i + at;
    });
  }
  const rowOf = ({ data }: Tensor, row: number) => [...(data as Float32Array).subarray(row * 24, (row + 1) * 24)];
  /** The first three of four tokens of both heads. */
  const used = (row: readonly number[]) => [...row.slice(0, 9), ...row.slice(12, 21)];
  const numbers = (buffer: number, row: number) => Array.from({ length: 24 }, (_, at) => 1000 * buffer + row * 24 + at);

  it("copies the used part of each prompt to its rows, in every layer and head", async () => {
    const cache = new HostKvCache(shape);
    cache.reserve(3, 4);
    number(await cache.prompts(0, 3));
    await cache.spread([1, 2], [3, 3]);
    for (const [i, buffer] of Object.values(cache.rows(3)).entries()) {
      expect(rowOf(buffer, 0)).toEqual(numbers(i, 0));
      for (const row of [1, 2]) expect(used(rowOf(buffer, row))).toEqual(used(numbers(i, 1)));
      // What lies behind the tokens of a row stays.
      expect(rowOf(buffer, 2)[9]).toBe(1000 * i + 48 + 9);
    }
  });

  it("moves rows from behind into the places of those that leave", async () => {
    const cache = new HostKvCache(shape);
    cache.reserve(4, 4);
    number(await cache.prompts(0, 4));
    await cache.keep([0, 3], [3, 3]);
    for (const [i, buffer] of Object.values(cache.rows(2)).entries()) {
      expect(rowOf(buffer, 0)).toEqual(numbers(i, 0));
      expect(used(rowOf(buffer, 1))).toEqual(used(numbers(i, 3)));
    }
  });

  it("keeps its memory when it is asked for less, and shows rows without copying", async () => {
    const cache = new HostKvCache(shape);
    cache.reserve(4, 8);
    const buffer = cache.rows(4)["key_cache.0"]!.data.buffer;
    cache.reserve(2, 8);
    const second = (await cache.prompts(1, 1))["key_cache.0"]!;
    expect(second.data.buffer).toBe(buffer);
    expect(second.dims).toEqual([1, 2, 8, 3]);
    await expect(async () => cache.prompts(1, 2)).rejects.toThrow("outside");
    expect(cacheBytes(shape, 4, 8)).toBe(2 * 2 * 4 * 2 * 8 * 3 * 4);
    expect(() => cache.reserve(1e6, 1e6)).toThrow("A cache for 1000000 sequences of 1000000 tokens needs about");
  });

  it("gives the same rows where tensors can only be gathered", async () => {
    const host = new HostKvCache(shape);
    const device = new DeviceKvCache(shape, hostMemory);
    for (const cache of [host, device] as KvCache[]) {
      cache.reserve(5, 4);
      // Prompts come in two pieces.
      for (const [first, count] of [
        [0, 2],
        [2, 1],
      ] as const) {
        const piece = (await cache.prompts(first, count)) as Record<string, Tensor>;
        Object.values(piece).forEach(({ data }, i) => {
          for (const at of data.keys()) (data as Float32Array)[at] = 1000 * i + first * 24 + at;
        });
      }
      await cache.spread([2, 1, 2], [4, 4, 4]);
      await cache.keep([0, 4, 2], [4, 4, 4]);
    }
    for (const [name, { data }] of Object.entries(host.rows(3))) {
      expect((device.rows(3)[name] as Tensor).data, name).toEqual(data);
    }
    await device.keep([]);
    expect(() => device.rows(0)).toThrow("outside");
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
