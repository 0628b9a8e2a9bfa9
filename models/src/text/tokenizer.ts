/**
 * The tokenizer of a checkpoint folder, behind a small interface of our own. Encoding is done by
 * `@huggingface/tokenizers`; decoding by `detokenize.ts`, so that text can be streamed byte by byte. It knows nothing
 * of images or chat templates.
 */
import { Tokenizer as HuggingFaceTokenizer } from "@huggingface/tokenizers";
import { DataError, ModelFileError } from "../errors";
import { escapeRegExp } from "../util/escapeRegExp";
import { describeJson, isJsonObject, type JsonObject, readJsonFile, readTextFile } from "../util/jsonFile";
import {
  bytesOfToken,
  type DecoderRules,
  readDecoderRules,
  type TokenBytes,
  textOfTokens,
  withoutBlanks,
} from "./detokenize";
import { TimeLimitError, withTimeLimit } from "../util/timeLimit";
import { withOlderUnicode } from "./olderUnicode";
import { qwen2TokenizerJson } from "./qwen2Files";

export interface Tokenizer {
  /**
   * Token ids of a text. Added tokens such as `<image>` are found in the text.
   *
   * @param options.addSpecialTokens also put the tokens that the model wants around a text (`<s>`); default false
   */
  encode(text: string, options?: { addSpecialTokens?: boolean }): number[];
  /** Text of token ids; ids without a token (padding rows of the embedding) give nothing. */
  decode(ids: ArrayLike<number>, options?: { skipSpecialTokens?: boolean }): string;
  /** The bytes of one token; none for an id without a token. `first`: it opens the text. */
  tokenBytes(id: number, first?: boolean): TokenBytes;
  tokenToId(token: string): number | undefined;
  idToToken(id: number): string | undefined;
  /** Ids that `skipSpecialTokens` leaves out. */
  readonly specialIds: ReadonlySet<number>;
  /** The largest id plus one; the model's embedding usually has more rows. */
  readonly vocabSize: number;
  /** `bos_token`, `eos_token`, `pad_token`, ... as the configuration names them; templates may use them. */
  readonly namedTokens: Readonly<Record<string, string>>;
  /** How bytes become text; for streaming. */
  readonly decoderRules: DecoderRules;
}

/** Contents of the files that make a tokenizer. `where` names their folder in errors. */
export interface TokenizerParts {
  tokenizerJson: JsonObject;
  tokenizerConfig?: JsonObject;
  specialTokensMap?: JsonObject;
  where: string;
}

/** Above every known vocabulary; keeps a damaged id from asking for gigabytes. */
const maxTokenId = 4_000_000;
const maxTextLength = 64 * 1024 * 1024;
/** Patterns of a tokenizer come from its file; sound ones take milliseconds for a prompt. */
const encodeLimitMs = 3000;

/**
 * Loads the tokenizer of a checkpoint folder: `tokenizer.json`, or the older `vocab.json` and `merges.txt` of Qwen2,
 * with `tokenizer_config.json`, `special_tokens_map.json` and `added_tokens.json` where present.
 *
 * @throws ModelFileError when a part is missing, damaged or of a kind that is not supported
 */
export async function loadTokenizer(folder: string): Promise<Tokenizer> {
  const [tokenizerJson, tokenizerConfig, specialTokensMap] = await Promise.all([
    readJsonFile(folder, "tokenizer.json"),
    readJsonFile(folder, "tokenizer_config.json"),
    readJsonFile(folder, "special_tokens_map.json"),
  ]);
  const parts = { tokenizerConfig, specialTokensMap, where: folder };
  return createTokenizer({ ...parts, tokenizerJson: tokenizerJson ?? (await readOlderFiles(folder, tokenizerConfig)) });
}

async function readOlderFiles(folder: string, config: JsonObject | undefined): Promise<JsonObject> {
  const [vocab, merges, addedTokens] = await Promise.all([
    readJsonFile(folder, "vocab.json"),
    readTextFile(folder, "merges.txt"),
    readJsonFile(folder, "added_tokens.json"),
  ]);
  if (vocab === undefined && merges === undefined) {
    throw new ModelFileError("model/missing-tokenizer", "The checkpoint has no tokenizer.json.", {
      where: folder,
      hint:
        "Copy tokenizer.json of the same model into the folder; a folder with only tokenizer.model (SentencePiece) " +
        "gets one from AutoTokenizer.from_pretrained(...).save_pretrained(...) in Python.",
    });
  }
  const missing = vocab === undefined ? "vocab.json" : merges === undefined ? "merges.txt" : undefined;
  if (vocab === undefined || merges === undefined) {
    throw new ModelFileError("model/missing-tokenizer", `The checkpoint has neither tokenizer.json nor ${missing}.`, {
      where: folder,
      hint: "vocab.json and merges.txt belong together; copy the missing one, or tokenizer.json.",
    });
  }
  const kind = config?.tokenizer_class;
  if (kind !== undefined && kind !== null && !/^Qwen2Tokenizer(Fast)?$/.test(String(kind))) {
    throw new ModelFileError(
      "model/unsupported-tokenizer",
      `vocab.json with merges.txt is read for Qwen2Tokenizer only, got tokenizer_class ${describeJson(kind)}.`,
      { where: folder, hint: "Copy the model's tokenizer.json into the folder." },
    );
  }
  return qwen2TokenizerJson(vocab, merges, addedTokens);
}

/**
 * Builds a tokenizer from the contents of its files.
 *
 * @throws ModelFileError `model/broken-tokenizer` or `model/unsupported-tokenizer`
 */
export function createTokenizer(parts: TokenizerParts): Tokenizer {
  const { where } = parts;
  const config = parts.tokenizerConfig ?? {};
  if (config.split_special_tokens === true) {
    throw new ModelFileError(
      "model/unsupported-tokenizer",
      "split_special_tokens: expected false, got true: the tokens around messages and pictures would be plain text.",
      { where, hint: "Remove the setting from tokenizer_config.json." },
    );
  }
  // The spacing of pieces of words (BPE, all that is read here) is their own: transformers mends it only where both are asked for.
  const mendsSpacing =
    config.clean_up_tokenization_spaces === true &&
    config.clean_up_tokenization_spaces_for_bpe_even_though_it_will_corrupt_output === true;
  const namedTokens = readNamedTokens(parts.specialTokensMap, config);
  const vocab = checkModel(parts.tokenizerJson.model, where);
  const addedTokens = gatherAddedTokens(parts, config, namedTokens, vocab);
  const decoderRules = readDecoderRules(parts.tokenizerJson.decoder, where);

  const tokens: (string | undefined)[] = [];
  for (const token in vocab) tokens[vocab[token]!] = token;
  const addedIds = new Map<string, number>();
  const specialIds = new Set<number>();
  for (const added of addedTokens) {
    tokens[added.id] = added.content;
    addedIds.set(added.content, added.id);
    if (added.special) specialIds.add(added.id);
  }

  let encoder: HuggingFaceTokenizer;
  try {
    encoder = new HuggingFaceTokenizer(
      {
        post_processor: null,
        decoder: null,
        ...parts.tokenizerJson,
        normalizer: withOlderUnicode(parts.tokenizerJson.normalizer ?? null),
        pre_tokenizer: withMetaspaceSplit(parts.tokenizerJson.pre_tokenizer ?? null),
        added_tokens: addedTokens,
      },
      config,
    );
  } catch (error) {
    throw brokenTokenizer(`tokenizer.json cannot be used: ${(error as Error).message}`, where, error);
  }

  const bytes: (TokenBytes | undefined)[] = [];
  const noBytes: TokenBytes = { bytes: new Uint8Array(0), fallback: false };
  function tokenBytes(id: number, first = false): TokenBytes {
    const token = tokens[id];
    if (token === undefined) return noBytes;
    bytes[id] ??= bytesOfToken(token, decoderRules);
    return first && decoderRules.dropBlanksOfFirst ? withoutBlanks(bytes[id]) : bytes[id];
  }

  return {
    encode(text, options = {}) {
      if (text.length > maxTextLength) {
        throw new DataError(
          "data/text-too-long",
          `Text: expected at most ${maxTextLength} characters, got ${text.length}.`,
          {
            hint: "Shorten the prompt.",
          },
        );
      }
      if (text.length === 0 && !options.addSpecialTokens) return [];
      try {
        return withTimeLimit(encodeLimitMs, () => {
          return encoder.encode(text, { add_special_tokens: options.addSpecialTokens ?? false }).ids;
        });
      } catch (error) {
        if (!(error instanceof TimeLimitError)) throw error;
        throw new ModelFileError(
          "model/slow-tokenizer",
          `The patterns of the tokenizer took longer than ${error.limitMs} ms on a text of ${text.length} characters.`,
          { where, hint: "The file is damaged or hostile; copy the model's own tokenizer.json again.", cause: error },
        );
      }
    },
    decode(ids, options = {}) {
      const kept: TokenBytes[] = [];
      for (let i = 0; i < ids.length; i++) {
        const id = Number(ids[i]);
        if (tokens[id] === undefined || (options.skipSpecialTokens && specialIds.has(id))) continue;
        kept.push(tokenBytes(id, kept.length === 0));
      }
      const text = textOfTokens(kept, decoderRules);
      return mendsSpacing ? cleanUpSpaces(text) : text;
    },
    tokenBytes,
    tokenToId: (token) => addedIds.get(token) ?? (Object.hasOwn(vocab, token) ? vocab[token] : undefined),
    idToToken: (id) => tokens[id],
    specialIds,
    vocabSize: tokens.length,
    namedTokens,
    decoderRules,
  };
}

/**
 * A Metaspace pre-tokenizer that splits (the default) begins a new piece at each of its blanks; the encoder only puts the blanks in, so
 * the splitting is said as a step of its own.
 */
function withMetaspaceSplit(step: unknown): unknown {
  if (!isJsonObject(step)) return step;
  if (step.type === "Sequence" && Array.isArray(step.pretokenizers)) {
    return { ...step, pretokenizers: step.pretokenizers.map(withMetaspaceSplit) };
  }
  if (step.type !== "Metaspace" || step.split === false) return step;
  const blank = typeof step.replacement === "string" ? step.replacement : "▁";
  const escaped = escapeRegExp(blank);
  const pieces = { type: "Split", pattern: { Regex: `${escaped}[^${escaped}]*` }, behavior: "Isolated", invert: false };
  return { type: "Sequence", pretokenizers: [step, pieces] };
}

/** English spacing as transformers' `clean_up_tokenization` mends it. */
function cleanUpSpaces(text: string): string {
  return text
    .replaceAll(" .", ".")
    .replaceAll(" ?", "?")
    .replaceAll(" !", "!")
    .replaceAll(" ,", ",")
    .replaceAll(" ' ", "'")
    .replaceAll(" n't", "n't")
    .replaceAll(" 'm", "'m")
    .replaceAll(" 's", "'s")
    .replaceAll(" 've", "'ve")
    .replaceAll(" 're", "'re");
}

interface AddedToken extends JsonObject {
  id: number;
  content: string;
  special: boolean;
}

const namedKeys = ["bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token"];

/** The tokens with a name; `tokenizer_config.json` wins over the older `special_tokens_map.json`. */
function readNamedTokens(map: JsonObject | undefined, config: JsonObject): Record<string, string> {
  const named: Record<string, string> = {};
  const extra = isJsonObject(config.extra_special_tokens) ? config.extra_special_tokens : {};
  for (const source of [map ?? {}, extra, config]) {
    for (const [key, value] of Object.entries(source)) {
      if (!namedKeys.includes(key) && !/^(image|video|boi|eoi)_token$/.test(key)) continue;
      const content = isJsonObject(value) ? value.content : value;
      if (typeof content === "string" && content.length > 0) named[key] = content;
    }
  }
  return named;
}

/** Checks the `model` part and returns its vocabulary. */
function checkModel(model: unknown, where: string): Record<string, number> {
  if (!isJsonObject(model)) throw brokenTokenizer(`"model": expected an object, got ${describeJson(model)}`, where);
  if (model.type !== undefined && model.type !== "BPE") {
    throw new ModelFileError(
      "model/unsupported-tokenizer",
      `Tokenizer model: expected BPE, got ${describeJson(model.type)}.`,
      { where, hint: "Qwen2, LLaMA and Mistral tokenizers are of the kind BPE." },
    );
  }
  const { vocab, merges } = model;
  if (!isJsonObject(vocab))
    throw brokenTokenizer(`"model.vocab": expected an object, got ${describeJson(vocab)}`, where);
  if (!Array.isArray(merges))
    throw brokenTokenizer(`"model.merges": expected a list, got ${describeJson(merges)}`, where);
  const owner: (string | undefined)[] = [];
  for (const token in vocab) {
    const id = vocab[token];
    checkId(id, token, where);
    if (owner[id] !== undefined) {
      throw brokenTokenizer(`id ${id} is given to both ${describeJson(owner[id])} and ${describeJson(token)}`, where);
    }
    owner[id] = token;
  }
  const known = vocab as Record<string, number>;
  for (let i = 0; i < merges.length; i++) {
    const pair: unknown = typeof merges[i] === "string" ? (merges[i] as string).split(" ") : merges[i];
    const [left, right] = Array.isArray(pair) && pair.length === 2 ? (pair as unknown[]) : [];
    if (typeof left !== "string" || typeof right !== "string") {
      throw brokenTokenizer(`merge ${i}: expected two pieces, got ${describeJson(merges[i])}`, where);
    }
    const missing = [left, right, left + right].find((piece) => !Object.hasOwn(known, piece));
    if (missing !== undefined) {
      throw brokenTokenizer(
        `merge ${i} (${describeJson(`${left} ${right}`)}) needs ${describeJson(missing)}, which the vocabulary lacks`,
        where,
      );
    }
  }
  return known;
}

function checkId(id: unknown, token: string, where: string): asserts id is number {
  if (typeof id !== "number" || !Number.isInteger(id) || id < 0 || id > maxTokenId) {
    throw brokenTokenizer(
      `token ${describeJson(token)}: expected an id of 0 to ${maxTokenId}, got ${describeJson(id)}`,
      where,
    );
  }
}

/**
 * Added tokens from tokenizer.json, then those that only the configuration knows, as transformers adds them on load.
 * Named tokens count as special even where tokenizer.json keeps them in the plain vocabulary.
 */
function gatherAddedTokens(
  parts: TokenizerParts,
  config: JsonObject,
  namedTokens: Record<string, string>,
  vocab: Record<string, number>,
): AddedToken[] {
  const { where } = parts;
  const byId = new Map<number, AddedToken>();
  const byContent = new Map<string, AddedToken>();

  function add(value: unknown, id: unknown, origin: string): void {
    if (!isJsonObject(value) || typeof value.content !== "string" || value.content.length === 0) {
      throw brokenTokenizer(`${origin}: expected a token with content, got ${describeJson(value)}`, where);
    }
    checkId(id, value.content, where);
    const token: AddedToken = { ...value, id, content: value.content, special: value.special === true };
    const other = byId.get(id);
    if (other !== undefined && other.content !== token.content) {
      throw brokenTokenizer(
        `id ${id} is given to both ${describeJson(other.content)} and ${describeJson(token.content)}`,
        where,
      );
    }
    byId.set(id, token);
    byContent.set(token.content, token);
  }

  const fromJson = parts.tokenizerJson.added_tokens ?? [];
  if (!Array.isArray(fromJson))
    throw brokenTokenizer(`"added_tokens": expected a list, got ${describeJson(fromJson)}`, where);
  for (const token of fromJson) add(token, isJsonObject(token) ? token.id : undefined, "added_tokens");
  const fromConfig = isJsonObject(config.added_tokens_decoder) ? config.added_tokens_decoder : {};
  for (const [id, token] of Object.entries(fromConfig)) {
    const content = isJsonObject(token) ? token.content : undefined;
    if (typeof content === "string" && byContent.has(content)) continue;
    add(token, Number(id), "added_tokens_decoder");
  }

  const additional = Array.isArray(config.additional_special_tokens) ? config.additional_special_tokens : [];
  const specials = [...Object.values(namedTokens), ...additional.map((t) => (isJsonObject(t) ? t.content : t))];
  for (const content of specials) {
    if (typeof content !== "string") continue;
    const token = byContent.get(content);
    if (token !== undefined) token.special = true;
    else if (Object.hasOwn(vocab, content)) {
      add({ content, special: true, normalized: false }, vocab[content], "special tokens");
    }
  }
  return [...byId.values()].sort((a, b) => a.id - b.id);
}

function brokenTokenizer(message: string, where: string, cause?: unknown): ModelFileError {
  return new ModelFileError("model/broken-tokenizer", `Tokenizer: ${message}.`, {
    where,
    hint: "The file is damaged or was edited; copy the model's own tokenizer files again.",
    cause,
  });
}
