/**
 * From token ids back to text: what bytes a token stands for, and how runs of bytes become characters. The rules are
 * those of the `decoder` part of a tokenizer.json. It knows nothing of encoding.
 *
 * @see huggingface/tokenizers, `decoders` (ByteLevel, Metaspace, Replace, ByteFallback, Fuse, Strip)
 */
import { ModelFileError } from "../errors";
import { describeJson, isJsonObject } from "../util/jsonFile";

export interface DecoderRules {
  /** Characters of a token stand for single bytes by the GPT-2 table. */
  byteLevel: boolean;
  /** A token `<0x0A>` stands for one byte. */
  byteFallback: boolean;
  /** Character that stands for a blank ("▁"), or undefined. */
  blank: string | undefined;
  /** Leading blanks taken off the whole text. */
  stripStart: number;
  /** The first token loses all its blanks (Metaspace). */
  dropBlanksOfFirst: boolean;
}

/** One token as bytes. `fallback` marks a byte token, whose run of neighbours is judged together. */
export interface TokenBytes {
  bytes: Uint8Array;
  fallback: boolean;
}

/** Reads the `decoder` part of a tokenizer.json. @throws ModelFileError `model/unsupported-tokenizer` */
export function readDecoderRules(decoder: unknown, where: string): DecoderRules {
  const rules: DecoderRules = {
    byteLevel: false,
    byteFallback: false,
    blank: undefined,
    stripStart: 0,
    dropBlanksOfFirst: false,
  };
  const parts = isJsonObject(decoder) && decoder.type === "Sequence" ? decoder.decoders : [decoder];
  if (!Array.isArray(parts)) throw unsupported(decoder, where);
  for (const part of parts) {
    if (!isJsonObject(part)) throw unsupported(part, where);
    switch (part.type) {
      case "ByteLevel":
        rules.byteLevel = true;
        break;
      case "ByteFallback":
        rules.byteFallback = true;
        break;
      case "Fuse":
        break;
      case "Metaspace":
        rules.blank = typeof part.replacement === "string" ? part.replacement : "▁";
        rules.dropBlanksOfFirst = (part.prepend_scheme ?? "always") !== "never" && part.add_prefix_space !== false;
        break;
      case "Replace": {
        const from = isJsonObject(part.pattern) ? part.pattern.String : undefined;
        if (typeof from !== "string" || from.length === 0 || part.content !== " ") throw unsupported(part, where);
        rules.blank = from;
        break;
      }
      case "Strip":
        if (part.content !== " " || part.stop !== 0 || !Number.isInteger(part.start)) throw unsupported(part, where);
        rules.stripStart = part.start as number;
        break;
      default:
        throw unsupported(part, where);
    }
  }
  return rules;
}

function unsupported(part: unknown, where: string): ModelFileError {
  const got = isJsonObject(part) ? JSON.stringify(part).slice(0, 120) : describeJson(part);
  return new ModelFileError(
    "model/unsupported-tokenizer",
    `Tokenizer decoder: expected ByteLevel, Metaspace, or a Sequence of Replace, ByteFallback, Fuse and Strip, got ${got}.`,
    { where, hint: "Use the tokenizer.json of a Qwen2, LLaMA or Mistral based model." },
  );
}

const utf8 = new TextEncoder();
const nothing = new Uint8Array(0);

/** Bytes that a token stands for under `rules`; ByteLevel tokens with a foreign character stand for themselves. */
export function bytesOfToken(token: string, rules: DecoderRules): TokenBytes {
  if (rules.byteLevel) {
    const bytes = new Uint8Array(token.length);
    for (let i = 0; i < token.length; i++) {
      const byte = byteOfCharCode[token.charCodeAt(i)];
      if (byte === undefined) return { bytes: utf8.encode(token), fallback: false };
      bytes[i] = byte;
    }
    return { bytes, fallback: false };
  }
  if (rules.byteFallback && /^<0x[0-9A-Fa-f]{2}>$/.test(token)) {
    return { bytes: Uint8Array.of(Number.parseInt(token.slice(3, 5), 16)), fallback: true };
  }
  return {
    bytes: utf8.encode(rules.blank === undefined ? token : token.replaceAll(rules.blank, " ")),
    fallback: false,
  };
}

/** The first token of a text under Metaspace, where its blanks vanish. */
export function withoutBlanks(token: TokenBytes): TokenBytes {
  return { bytes: token.bytes.filter((byte) => byte !== 0x20), fallback: token.fallback };
}

/**
 * Text of a whole sequence, as the original decodes it: a run of byte tokens that is not valid UTF-8 gives one
 * U+FFFD a byte; in byte-level text each maximal broken part gives one.
 */
export function textOfTokens(tokens: readonly TokenBytes[], rules: DecoderRules): string {
  const chunks: string[] = [];
  for (let start = 0; start < tokens.length; ) {
    const fallback = tokens[start]!.fallback;
    let end = start;
    let size = 0;
    while (end < tokens.length && tokens[end]!.fallback === fallback) size += tokens[end++]!.bytes.length;
    const run = size === 0 ? nothing : new Uint8Array(size);
    for (let i = start, at = 0; i < end; at += tokens[i++]!.bytes.length) run.set(tokens[i]!.bytes, at);
    chunks.push(fallback ? strictOrMarks(run) : lossy.decode(run));
    start = end;
  }
  return stripStart(chunks.join(""), rules.stripStart);
}

/** Takes at most `count` blanks off the front. */
export function stripStart(text: string, count: number): string {
  let from = 0;
  while (from < count && text[from] === " ") from++;
  return from === 0 ? text : text.slice(from);
}

const lossy = new TextDecoder("utf-8", { ignoreBOM: true });
const strict = new TextDecoder("utf-8", { ignoreBOM: true, fatal: true });

function strictOrMarks(run: Uint8Array): string {
  try {
    return strict.decode(run);
  } catch {
    return "\ufffd".repeat(run.length);
  }
}

/** GPT-2's table: printable Latin-1 bytes are their own character, the other 68 follow from U+0100 on. */
const byteOfCharCode: readonly (number | undefined)[] = (() => {
  const table: (number | undefined)[] = new Array(256 + 68).fill(undefined);
  let next = 256;
  for (let byte = 0; byte < 256; byte++) {
    const printable = (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
    table[printable ? byte : next++] = byte;
  }
  return table;
})();
