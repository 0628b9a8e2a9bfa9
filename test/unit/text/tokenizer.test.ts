import { cpSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ModelFileError } from "@iad-r1/models/errors";
import { createTokenizer, loadTokenizer } from "@iad-r1/models/text/tokenizer";
import type { JsonObject } from "@iad-r1/models/util/jsonFile";
import { describe, expect, test } from "vitest";
import { temporaryFolder } from "../../helpers/temporaryFolder";
import { fixturesFolder } from "../../helpers/tokenizerFolders";

const checkpoint = join(fixturesFolder, "vlm/llava-onevision/checkpoint");
const freshJson = () => JSON.parse(readFileSync(join(checkpoint, "tokenizer.json"), "utf8"));
const copyOfCheckpoint = () => {
  const folder = temporaryFolder();
  for (const name of ["tokenizer.json", "tokenizer_config.json"]) cpSync(join(checkpoint, name), join(folder, name));
  return folder;
};

describe("the tokenizer of a checkpoint folder", () => {
  test("knows its special tokens by name, id and text", async () => {
    const tokenizer = await loadTokenizer(checkpoint);
    expect(tokenizer.namedTokens).toEqual({ eos_token: "<|im_end|>", pad_token: "<|endoftext|>" });
    expect(tokenizer.tokenToId("<image>")).toBe(347);
    expect(tokenizer.idToToken(346)).toBe("<|im_end|>");
    expect([...tokenizer.specialIds]).toEqual([344, 345, 346, 347, 348]);
    expect(tokenizer.vocabSize).toBe(349);
    expect(tokenizer.tokenToId("constructor")).toBeUndefined();
  });

  test("leaves special tokens and ids without a token out of the text", async () => {
    const tokenizer = await loadTokenizer(checkpoint);
    const ids = [...tokenizer.encode("a<|im_end|>b"), 355, 1_000_000];
    expect(tokenizer.decode(ids)).toBe("a<|im_end|>b");
    expect(tokenizer.decode(ids, { skipSpecialTokens: true })).toBe("ab");
    expect(tokenizer.decode([])).toBe("");
    expect(tokenizer.encode("")).toEqual([]);
  });

  test("adds tokens that only tokenizer_config.json knows", () => {
    const config = { added_tokens_decoder: { "349": { content: "<extra>", special: true } }, eos_token: "<extra>" };
    const tokenizer = createTokenizer({ tokenizerJson: freshJson(), tokenizerConfig: config, where: "test" });
    expect(tokenizer.encode("a<extra>")).toEqual([...tokenizer.encode("a"), 349]);
    expect(tokenizer.specialIds.has(349)).toBe(true);
  });

  test("replaces lone surrogates instead of failing", async () => {
    const tokenizer = await loadTokenizer(checkpoint);
    expect(tokenizer.decode(tokenizer.encode("a\ud800b"))).toBe("a\ufffdb");
  });

  test.each([
    ["a\u0301", "\u00e1"],
    ["a\u1df6\u0323", "a\u1df6\u0323"],
    ["a\u0898\u0301", "a\u0898\u0301"],
    ["e\u0301\u1ace", "\u00e9\u1ace"],
    ["\u{11935}\u{11930}", "\u{11935}\u{11930}"],
    ["\u{105d2}\u0307", "\u{105d2}\u0307"],
    ["q\u0307\u{1e2ae}\u0323", "q\u0307\u{1e2ae}\u0323"],
    ["\u1ace\u{1e000}\u093c", "\u1ace\u093c\u{1e000}"],
    ["\ufdd0\u0338\u1ace\ufdd1", "\ufdd0\u0338\u1ace\ufdd1"],
  ])("composes %j as tokenizers 0.23.2 does, for which marks younger than Unicode 9 are none", (text, composed) => {
    const forms = [{ type: "NFC" }, { type: "Sequence", normalizers: [{ type: "NFC" }] }];
    for (const normalizer of forms) {
      const tokenizer = createTokenizer({ tokenizerJson: { ...freshJson(), normalizer }, where: "test" });
      expect(tokenizer.decode(tokenizer.encode(text))).toBe(composed);
    }
  });

  test("splits at the blanks of a Metaspace step unless the file says not to, which is its default", () => {
    const folder = join(fixturesFolder, "vlm/llava-1-6-mistral/checkpoint");
    const json = JSON.parse(readFileSync(join(folder, "tokenizer.json"), "utf8"));
    json.model.vocab["▁▁"] = 390;
    json.model.merges.unshift(["▁", "▁"]);
    const ids = (text: string, split?: boolean) => {
      const step = { type: "Metaspace", replacement: "▁", prepend_scheme: "first", split };
      return createTokenizer({ tokenizerJson: { ...json, pre_tokenizer: step }, where: "test" }).encode(text);
    };
    // By tokenizers 0.23.2.
    expect(ids("a   b", false)).toEqual([352, 390, 305, 282]);
    expect(ids("  x </s>  y", false)).toEqual([390, 303, 305, 2, 390, 304]);
    for (const split of [true, undefined]) {
      expect(ids("a   b", split)).toEqual([352, 305, 305, 305, 282]);
      expect(ids("  x </s>  y", split)).toEqual([305, 305, 303, 305, 2, 305, 305, 304]);
    }
  });

  test("mends English spacing only where the configuration asks for it twice, as transformers does with BPE", () => {
    const decoded = (tokenizerConfig: JsonObject) => {
      const tokenizer = createTokenizer({ tokenizerJson: freshJson(), tokenizerConfig, where: "test" });
      return tokenizer.decode(tokenizer.encode("it 's fine ."));
    };
    const once = { clean_up_tokenization_spaces: true };
    expect(decoded({})).toBe("it 's fine .");
    expect(decoded(once)).toBe("it 's fine .");
    const twice = { ...once, clean_up_tokenization_spaces_for_bpe_even_though_it_will_corrupt_output: true };
    expect(decoded(twice)).toBe("it's fine.");
  });

  test("refuses to take special tokens for plain text", () => {
    const tokenizerConfig = { split_special_tokens: true };
    expect(() => createTokenizer({ tokenizerJson: freshJson(), tokenizerConfig, where: "test" })).toThrow(
      "split_special_tokens: expected false",
    );
  });
});

describe("damaged or missing parts end in a model file error", () => {
  // biome-ignore lint/suspicious/noExplicitAny: the test damages a parsed file
  const damages: [string, (json: any) => void, string][] = [
    ["no model", (json) => delete json.model, "model/broken-tokenizer"],
    ["another kind of model", (json) => Object.assign(json.model, { type: "Unigram" }), "model/unsupported-tokenizer"],
    ["a vocabulary that is a list", (json) => Object.assign(json.model, { vocab: ["a"] }), "model/broken-tokenizer"],
    ["no merges", (json) => delete json.model.merges, "model/broken-tokenizer"],
    ["a huge id", (json) => Object.assign(json.model.vocab, { zzz: 4e9 }), "model/broken-tokenizer"],
    ["a negative id", (json) => Object.assign(json.model.vocab, { zzz: -1 }), "model/broken-tokenizer"],
    ["an id that is a text", (json) => Object.assign(json.model.vocab, { zzz: "7" }), "model/broken-tokenizer"],
    ["an id given twice", (json) => Object.assign(json.model.vocab, { zzz: 5 }), "model/broken-tokenizer"],
    [
      "a merge of pieces that are not in the vocabulary",
      (json) => json.model.merges.push("zz yy"),
      "model/broken-tokenizer",
    ],
    ["a merge of one piece", (json) => json.model.merges.push("a"), "model/broken-tokenizer"],
    ["a merge that is a number", (json) => json.model.merges.push(3), "model/broken-tokenizer"],
    ["added tokens that are not a list", (json) => Object.assign(json, { added_tokens: {} }), "model/broken-tokenizer"],
    ["an added token without content", (json) => json.added_tokens.push({ id: 349 }), "model/broken-tokenizer"],
    ["an added token without id", (json) => json.added_tokens.push({ content: "x" }), "model/broken-tokenizer"],
    [
      "two added tokens with one id",
      (json) => json.added_tokens.push({ id: 347, content: "x" }),
      "model/broken-tokenizer",
    ],
    [
      "an unknown normalizer",
      (json) => Object.assign(json, { normalizer: { type: "Magic" } }),
      "model/broken-tokenizer",
    ],
    [
      "an unknown pre-tokenizer",
      (json) => Object.assign(json, { pre_tokenizer: { type: "Magic" } }),
      "model/broken-tokenizer",
    ],
    [
      "a broken pattern",
      (json) => Object.assign(json.pre_tokenizer.pretokenizers[0].pattern, { Regex: "(" }),
      "model/broken-tokenizer",
    ],
    ["an unknown decoder", (json) => Object.assign(json, { decoder: { type: "CTC" } }), "model/unsupported-tokenizer"],
    ["no decoder", (json) => delete json.decoder, "model/unsupported-tokenizer"],
  ];
  test.each(damages)("%s", (_, damage, code) => {
    const tokenizerJson = freshJson();
    damage(tokenizerJson);
    let caught: unknown;
    try {
      createTokenizer({ tokenizerJson, where: "some/folder" });
    } catch (error) {
      caught = error;
    }
    expect(caught).toBeInstanceOf(ModelFileError);
    expect(caught).toMatchObject({ code, where: "some/folder" });
  });

  const folders: [string, (folder: string) => void, string][] = [
    ["an empty folder", (folder) => rmSync(join(folder, "tokenizer.json")), "model/missing-tokenizer"],
    [
      "a truncated tokenizer.json",
      (folder) => writeFileSync(join(folder, "tokenizer.json"), '{"model": {'),
      "model/broken-json",
    ],
    ["an empty tokenizer.json", (folder) => writeFileSync(join(folder, "tokenizer.json"), ""), "model/broken-json"],
    ["a list in tokenizer.json", (folder) => writeFileSync(join(folder, "tokenizer.json"), "[]"), "model/broken-json"],
    [
      "a broken tokenizer_config.json",
      (folder) => writeFileSync(join(folder, "tokenizer_config.json"), "x"),
      "model/broken-json",
    ],
    [
      "vocab.json without merges.txt",
      (folder) => {
        rmSync(join(folder, "tokenizer.json"));
        writeFileSync(join(folder, "vocab.json"), '{"a": 0}');
      },
      "model/missing-tokenizer",
    ],
    [
      "vocab.json of another class",
      (folder) => {
        rmSync(join(folder, "tokenizer.json"));
        writeFileSync(join(folder, "vocab.json"), '{"a": 0}');
        writeFileSync(join(folder, "merges.txt"), "");
        writeFileSync(join(folder, "tokenizer_config.json"), '{"tokenizer_class": "GPT2Tokenizer"}');
      },
      "model/unsupported-tokenizer",
    ],
  ];
  test.each(folders)("%s", async (_, damage, code) => {
    const folder = copyOfCheckpoint();
    damage(folder);
    await expect(loadTokenizer(folder)).rejects.toMatchObject({ code });
    await expect(loadTokenizer(folder)).rejects.toBeInstanceOf(ModelFileError);
  });
});
