/**
 * The older file layout of Qwen2 tokenizers (`vocab.json`, `merges.txt`, `added_tokens.json`) turned into the contents
 * of a `tokenizer.json`. Only Qwen2: other byte-level tokenizers split text by other patterns.
 *
 * @see transformers, `Qwen2Tokenizer` (pattern, NFC, no prefix blank)
 */
import type { JsonObject } from "../util/jsonFile";

const pretokenizePattern =
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

/**
 * @param vocab       contents of `vocab.json`
 * @param merges      text of `merges.txt`: one pair a line, a first line `#version` is skipped
 * @param addedTokens contents of `added_tokens.json`, token to id; all count as special, since the file does not say
 */
export function qwen2TokenizerJson(vocab: JsonObject, merges: string, addedTokens: JsonObject = {}): JsonObject {
  const lines = merges.split(/\r?\n/);
  if (lines[0]?.startsWith("#version")) lines.shift();
  const byteLevel = { type: "ByteLevel", add_prefix_space: false, trim_offsets: false, use_regex: false };
  return {
    added_tokens: Object.entries(addedTokens).map(([content, id]) => ({
      id,
      content,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
      special: true,
    })),
    normalizer: { type: "NFC" },
    pre_tokenizer: {
      type: "Sequence",
      pretokenizers: [
        { type: "Split", pattern: { Regex: pretokenizePattern }, behavior: "Isolated", invert: false },
        byteLevel,
      ],
    },
    post_processor: byteLevel,
    decoder: byteLevel,
    model: {
      type: "BPE",
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: "",
      end_of_word_suffix: "",
      fuse_unk: false,
      byte_fallback: false,
      vocab,
      merges: lines.filter((line) => line.length > 0),
    },
  };
}
