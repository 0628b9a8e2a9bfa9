import { join } from "node:path";
import { createTextStream } from "@iad-r1/models/text/streamText";
import { createTokenizer, loadTokenizer, type Tokenizer } from "@iad-r1/models/text/tokenizer";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { fixturesFolder } from "../../helpers/tokenizerFolders";

const stream = (tokenizer: Tokenizer, ids: readonly number[], skipSpecialTokens = true) => {
  const text = createTextStream(tokenizer, { skipSpecialTokens });
  return [...ids.map((id) => text.push(id)), text.end()];
};

describe("byte-level tokens", async () => {
  const tokenizer = await loadTokenizer(join(fixturesFolder, "vlm/llava-onevision/checkpoint"));

  test("a character of several tokens comes out with its last byte", () => {
    const ids = tokenizer.encode("Rauheit ≈ 2 µm 🔧.");
    const pieces = stream(tokenizer, ids);
    expect(pieces.join("")).toBe("Rauheit ≈ 2 µm 🔧.");
    expect(pieces.some((piece) => piece.includes("\ufffd"))).toBe(false);
    expect(pieces.filter((piece) => piece.includes("🔧"))).toHaveLength(1);
  });

  test("an unfinished character is given out at the end as U+FFFD", () => {
    const ids = tokenizer.encode("🔧").slice(0, -1);
    expect(stream(tokenizer, ids).join("")).toBe("\ufffd");
  });

  test("the stream starts afresh after its end", () => {
    const text = createTextStream(tokenizer);
    text.push(tokenizer.encode("🔧")[0]!);
    text.end();
    expect(
      tokenizer
        .encode("ok")
        .map((id) => text.push(id))
        .join("") + text.end(),
    ).toBe("ok");
  });

  test("pieces together equal the decoded text and never end inside a surrogate pair, for any text", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 30 }), (text) => {
        const ids = tokenizer.encode(text);
        const pieces = stream(tokenizer, ids, false);
        expect(pieces.join("")).toBe(tokenizer.decode(ids));
        for (const piece of pieces) expect(piece).not.toMatch(/\p{Surrogate}/u);
      }),
      { seed: 11, numRuns: 500 },
    );
  });

  test("pieces together equal the decoded text for any ids, broken UTF-8 and unknown ids included", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 360 }), { maxLength: 40 }), fc.boolean(), (ids, skip) => {
        expect(stream(tokenizer, ids, skip).join("")).toBe(tokenizer.decode(ids, { skipSpecialTokens: skip }));
      }),
      { seed: 12, numRuns: 1000 },
    );
  });
});

/** As LLaMA and Mistral have it: "▁" for a blank, bytes as tokens, one leading blank taken off. */
function sentencePieceLike(): Tokenizer {
  const vocab: Record<string, number> = { "<unk>": 0, "▁": 1, "▁a": 2, b: 3, "▁▁": 4, a: 5 };
  for (let byte = 0; byte < 256; byte++) vocab[`<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`] = 6 + byte;
  return createTokenizer({
    tokenizerJson: {
      model: { type: "BPE", vocab, merges: ["▁ a", "▁ ▁"], unk_token: "<unk>", byte_fallback: true, fuse_unk: true },
      normalizer: {
        type: "Sequence",
        normalizers: [
          { type: "Prepend", prepend: "▁" },
          { type: "Replace", pattern: { String: " " }, content: "▁" },
        ],
      },
      decoder: {
        type: "Sequence",
        decoders: [
          { type: "Replace", pattern: { String: "▁" }, content: " " },
          { type: "ByteFallback" },
          { type: "Fuse" },
          { type: "Strip", content: " ", start: 1, stop: 0 },
        ],
      },
      added_tokens: [{ id: 0, content: "<unk>", special: true }],
    },
    where: "test",
  });
}

describe("tokens with byte fallback", () => {
  const tokenizer = sentencePieceLike();

  test("only the first blank of the text is taken off", () => {
    expect(stream(tokenizer, [2, 4, 3])).toEqual(["a", "  ", "b", ""]);
    expect(stream(tokenizer, [1, 1, 3])).toEqual(["", " ", "b", ""]);
    expect(tokenizer.decode([1, 1, 3])).toBe(" b");
  });

  test("any text comes back, and as streamed", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", maxLength: 20 }), (text) => {
        fc.pre(!text.includes("▁") && !text.includes("<unk>"));
        const ids = tokenizer.encode(text);
        expect(tokenizer.decode(ids)).toBe(text);
        expect(stream(tokenizer, ids).join("")).toBe(text);
      }),
      { seed: 13, numRuns: 500 },
    );
  });

  test("a run of byte tokens that is not UTF-8 decodes to one U+FFFD a byte", () => {
    expect(tokenizer.decode([5, 6 + 0xe2, 6 + 0x89, 3])).toBe("a\ufffd\ufffdb");
  });
});
