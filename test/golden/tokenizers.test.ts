import { readFileSync } from "node:fs";
import { join } from "node:path";
import { loadTokenizer } from "@iad-r1/models/text/tokenizer";
import { describe, expect, test } from "vitest";
import { fixturesFolder, readJsonLines, type TokenizerFamily, tokenizerFolder } from "../helpers/tokenizerFolders";

interface Golden {
  text: string;
  ids: number[];
  ids_with_special: number[];
  decoded: string;
}

describe.each<TokenizerFamily>(["llava-onevision", "qwen2-vl", "qwen2.5-vl"])("the tokenizer of %s", (family) => {
  const records = readJsonLines<Golden>(`tokenizers/golden/${family}.jsonl`);

  test("gives the recorded ids with and without special tokens, and the recorded text back", async () => {
    const tokenizer = await loadTokenizer(tokenizerFolder(family));
    expect(records).toHaveLength(35);
    for (const { text, ids, ids_with_special, decoded } of records) {
      expect(tokenizer.encode(text), text).toEqual(ids);
      expect(tokenizer.encode(text, { addSpecialTokens: true }), text).toEqual(ids_with_special);
      expect(tokenizer.decode(ids), text).toBe(decoded);
    }
  });
});

test("the Qwen2 vocabulary gives the ids of llama.cpp's test texts", async () => {
  const tokenizer = await loadTokenizer(tokenizerFolder("qwen2.5-vl"));
  const read = (name: string) => readFileSync(join(fixturesFolder, "tokenizers/llama.cpp", name), "utf8");
  const texts = read("ggml-vocab-qwen2.gguf.inp").split("\n__ggml_vocab_test__\n");
  const lines = read("ggml-vocab-qwen2.gguf.out").split("\n");
  const count = 46;
  for (let i = 0; i < count; i++) {
    const ids = lines[i]!.trim() === "" ? [] : lines[i]!.trim().split(" ").map(Number);
    expect(tokenizer.encode(texts[i]!), JSON.stringify(texts[i])).toEqual(ids);
    expect(tokenizer.decode(ids)).toBe(texts[i]!.normalize("NFC"));
  }
});
