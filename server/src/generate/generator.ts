/**
 * Completions of prompts: fills the cache once per prompt, shares it among the completions of a group, then decodes all rows
 * together until each has ended; rows that end leave the batch at once. Every completion draws from a stream of its own, so who
 * shares a batch with whom changes nothing but rounding. It reads no files and scores nothing.
 */
import { CancelledError, ConfigError, ModelFileError } from "@iad-r1/models/errors";
import { cacheHeadDim } from "@iad-r1/models/nn/decoder";
import { type AxisPositions, RopeRows, ropeTableLength } from "@iad-r1/models/nn/rope";
import { createTextStream, type TextStream } from "@iad-r1/models/text/streamText";
import { createRandom, type Random } from "@iad-r1/models/util/random";
import type { TokenChoice } from "@iad-r1/protocol/inspect";
import type { FinishReason } from "@iad-r1/protocol/runs";
import { scalar, type Tensor, tensor, zeros } from "../runtime/tensors";
import { tokenChoice } from "./alternatives";
import { AnswerProbe } from "./answerProbe";
import { mostDrafted, PromptLookup } from "./draft";
import type { ImageRows } from "./imageFeatures";
import { createKvCache, type KvCache } from "./kvCache";
import type { CompiledProgram, LiveModel } from "./liveModel";
import {
  checkSampling,
  type Distribution,
  logProbAt,
  penalizeRepetition,
  type SamplingOptions,
  sampleToken,
} from "./sample";
import { createStopWatch, type StopWatch } from "./stopping";

/** A prompt as the decoder takes it. */
export interface EncodedPrompt {
  inputIds: Int32Array;
  /** Places in `inputIds` of the image rows, in order. */
  imageTokenPositions: Int32Array;
  /** Null for a prompt without pictures. */
  images: ImageRows | null;
  /** Where the tokens stand; left out when positions count tokens. */
  positions?: AxisPositions;
}

export interface GenerationRequest {
  prompt: EncodedPrompt;
  /** Completions wanted of this prompt. */
  count: number;
  /** Names the stream of random numbers; the number of the completion is added. */
  seed: readonly (number | string)[];
  /** What the last tokens of the prompt have already written of the completion; stop strings and the score count it as written. */
  begun?: string;
}

export interface GenerationOptions {
  sampling: SamplingOptions;
  maxNewTokens: number;
  /** Besides the model's end tokens. */
  stopStrings?: readonly string[];
  /** Measure the yes/no probability at the answer; asks for it behind `<answer>` where a completion gave none. */
  anomalyScore?: boolean;
  /** Also each token's log-probability at the temperature of the draw, for training. */
  policyLogProbs?: boolean;
  /** Most sequences decoded together; default 32. */
  maxRows?: number;
  /**
   * Guess tokens from the text so far and read several in one run, while one sequence is written alone. The same tokens come out, but
   * their probabilities may differ in the last bits, so it is off by default: training must be repeatable to the bit.
   */
  guess?: boolean;
  /** How many tokens `onText` names beside each chosen one; 0, the default, for none and no `choices`. */
  alternatives?: number;
  /** After each run that had guesses: how many, and how many of them were right. */
  onGuess?: (guessed: number, right: number) => void;
  signal?: AbortSignal;
  /** Each piece of text as it comes; never half a character. */
  onText?: (event: {
    request: number;
    index: number;
    text: string;
    anomalyScore: number | null;
    /** Tokens of this completion so far. */
    numTokens: number;
    /** The tokens that this piece is made of, when alternatives are asked for. */
    choices: TokenChoice[];
  }) => void;
  /** After each step: how many completions have ended so far. */
  onProgress?: (finished: number, numTokens: number) => void;
  /** When the prompts of a batch are in the cache. */
  onPrefill?: () => void;
}

export interface Completion {
  /** With the end token where there is one. */
  ids: Int32Array;
  /** Without special tokens; cut behind a stop string. */
  text: string;
  finish: FinishReason;
  /** (T,) log-probability of each id under the raw distribution (temperature 1, nothing cut), in nats. */
  logProbs: Float32Array;
  /** (T,) the same of logits divided by the temperature; there when asked for. */
  policyLogProbs?: Float32Array;
  /** (T,) entropy of the same distributions, in nats. */
  entropies: Float32Array;
  /** (T,) signs of `text` that each token added, 0 for what text leaves out; missing where another engine wrote it. */
  lengths?: number[];
  /** 0 to 1; null when not asked for or not measurable. */
  anomalyScore: number | null;
}

/** One sequence being written; its number in the list is its row in the cache. */
interface Row {
  request: number;
  index: number;
  ids: number[];
  logProbs: number[];
  /** Null when not asked for. */
  policyLogProbs: number[] | null;
  entropies: number[];
  /** Signs that each token added to the text. */
  lengths: number[];
  /** Tokens in the cache. */
  length: number;
  /** Position of the next token minus `length`: pictures take fewer positions than tokens with three-axis positions. */
  shift: number;
  random: Random;
  stream: TextStream;
  watch: StopWatch;
  /** Ids that occurred, for the repetition penalty; null when it is off. */
  occurred: Set<number> | null;
  anomalyScore: number | null;
  /** A completion that gave no answer is asked for it, for the score alone: `question` holds the tokens still to be fed. */
  phase: "writing" | "asking" | "done";
  question: number[];
  finish: FinishReason;
  /** The token to be fed next. */
  pending: number;
  /** Null where nothing is guessed. */
  lookup: PromptLookup | null;
  /** Tokens whose text has not been told yet. */
  choices: TokenChoice[];
}

/** Tokens through the decoder at a time while prompts are read; bounds the memory of attention. */
const defaultPrefillTokens = 2048;

export class Generator {
  private readonly cache: KvCache;
  private probe: AnswerProbe | null = null;
  private readonly output: DecoderOutput;
  private readonly steps = new Map<number, StepTensors>();

  /** @param prefillTokens a prompt that is longer is read in pieces of this length */
  constructor(
    private readonly model: LiveModel,
    private readonly prefillTokens = defaultPrefillTokens,
  ) {
    const { decoder } = model.description.facts;
    const shape = { layers: decoder.layers, kvHeads: decoder.kvHeads, headDim: cacheHeadDim(decoder) };
    this.cache = createKvCache(shape, model.memory);
    this.output = new DecoderOutput(model.description.facts.decoder.vocabSize);
  }

  /**
   * @returns for each request its completions, in order
   * @throws ConfigError `generate/too-long` when a prompt and its answer exceed the model's positions
   * @throws ModelFileError `generate/not-finite` when the model computes no numbers
   * @throws CancelledError when the signal is aborted
   */
  async generate(requests: readonly GenerationRequest[], options: GenerationOptions): Promise<Completion[][]> {
    checkSampling(options.sampling);
    this.checkLengths(requests, options.maxNewTokens);
    const results = requests.map(({ count }) => new Array<Completion>(count));
    // Prompts of like length together: padding costs as much as text. Ties keep their order, so batches do not depend on chance.
    const order = requests
      .map((_, i) => i)
      .sort((a, b) => promptLength(requests[a]!) - promptLength(requests[b]!) || a - b);
    const maxRows = options.maxRows ?? 32;
    const progress = { finished: 0, numTokens: 0 };
    for (let from = 0; from < order.length; ) {
      let to = from;
      for (let rows = 0; to < order.length && (to === from || rows + requests[order[to]!]!.count <= maxRows); to++) {
        rows += requests[order[to]!]!.count;
      }
      await this.batch(order.slice(from, to), requests, options, results, progress);
      from = to;
    }
    return results;
  }

  private checkLengths(requests: readonly GenerationRequest[], maxNewTokens: number): void {
    const { maxPositions } = this.model.description.facts.decoder;
    const longest = Math.max(0, ...requests.map(promptLength));
    if (longest + maxNewTokens <= maxPositions) return;
    throw new ConfigError(
      "generate/too-long",
      `A prompt of ${longest} tokens and ${maxNewTokens} new ones need ${longest + maxNewTokens} positions, the model has ${maxPositions}.`,
      { hint: "Ask for fewer tokens, use a smaller picture, or fewer reference images." },
    );
  }

  private async batch(
    chosen: readonly number[],
    requests: readonly GenerationRequest[],
    options: GenerationOptions,
    results: Completion[][],
    progress: { finished: number; numTokens: number },
  ): Promise<void> {
    const { vocabSize } = this.model.description.facts.decoder;
    if (options.anomalyScore) this.probe ??= new AnswerProbe(this.model.processor.tokenizer, vocabSize);
    const askIds = options.anomalyScore ? this.probe!.question.ids : [];
    const longest = Math.max(...chosen.map((request) => promptLength(requests[request]!)));
    const numRows = chosen.reduce((sum, request) => sum + requests[request]!.count, 0);
    const slots = Math.ceil((longest + options.maxNewTokens + askIds.length) / 64) * 64;
    this.cache.reserve(numRows, slots);
    this.output.reserve(options.guess ? Math.max(numRows, 1 + mostDrafted) : numRows);

    await this.prefill(chosen, requests, slots, options.signal);
    options.onPrefill?.();

    const all = chosen.map((request) => requests[request]!);
    await this.cache.spread(
      all.map(({ count }) => count),
      all.map(promptLength),
    );
    const rows = chosen.flatMap((request) =>
      Array.from({ length: requests[request]!.count }, (_, index) =>
        this.newRow(request, index, requests[request]!, options),
      ),
    );
    let row = 0;
    for (const [p, request] of chosen.entries()) {
      for (let index = 0; index < requests[request]!.count; index++) {
        this.choose(rows[row++]!, this.output.row(p), options, askIds, progress);
      }
    }
    await this.release(rows, results, progress);
    const program = await this.decoder(false);
    let lastBreath = Date.now();
    while (rows.length > 0) {
      const guessed = rows.length === 1 ? guessFor(rows[0]!, slots, options.maxNewTokens) : [];
      if (guessed.length > 0) {
        await this.stepOver(program, rows[0]!, guessed);
        this.chooseAmong(rows[0]!, guessed, options, askIds, progress);
      } else {
        await this.step(program, rows);
        for (const [i, one] of rows.entries()) {
          this.choose(one, this.output.row(i), options, askIds, progress);
        }
      }
      await this.release(rows, results, progress);
      options.onProgress?.(progress.finished, progress.numTokens);
      // A run blocks the thread; messages (a stop, say) come in only when it rests.
      if (Date.now() - lastBreath > 40) {
        await new Promise((resolve) => setImmediate(resolve));
        lastBreath = Date.now();
        if (options.signal?.aborted) throw new CancelledError();
      }
    }
  }

  /** Reads prompts into the cache, several at a time; the last position of prompt p goes to row p of the output. */
  private async prefill(
    chosen: readonly number[],
    requests: readonly GenerationRequest[],
    slots: number,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const { width } = this.model.description.facts.decoder;
    const atOnce = Math.min(this.prefillTokens, await this.model.promptLimit());
    for (let from = 0; from < chosen.length; ) {
      let to = from;
      let longest = 0;
      for (; to < chosen.length; to++) {
        const length = Math.max(longest, promptLength(requests[chosen[to]!]!));
        if (to > from && length * (to - from + 1) > atOnce) break;
        longest = length;
      }
      const prompts = chosen.slice(from, to).map((request) => requests[request]!.prompt);
      const places = new RopeRows(ropeTableLength(slots));
      // A prompt that is too long is alone here. Each piece sees what is in the cache already.
      for (let start = 0; start < longest; start += atOnce) {
        const end = Math.min(longest, start + atOnce);
        const feeds = prefillFeeds(prompts, { start, end }, width, places);
        const program = await this.decoder(feeds.image_features !== undefined);
        const rope = await this.model.ropeTables(slots, places.extra);
        await program.session.run(
          { ...program.weights, ...rope, ...feeds, ...(await this.cache.prompts(from, to - from)) },
          this.output.rows(from, to - from),
        );
        await new Promise((resolve) => setImmediate(resolve));
        if (signal?.aborted) throw new CancelledError();
      }
      from = to;
    }
  }

  private decoder(images: boolean): Promise<CompiledProgram> {
    const { hasOneDecoder, description } = this.model;
    const takesImages = images || hasOneDecoder;
    return this.model.program(
      takesImages ? "decoder_with_images" : "decoder",
      // Rounded activations write packed weights more than twice as fast, and 8 bits have no other fast product. What is trained is thereby
      // judged as it will be used; its policy is a little other than what writes, which the ratio of their probabilities makes up for.
      (weights) =>
        description.programs.decoder({ images: takesImages, statistics: true, activations: "int8", ...weights }),
      { prepack: !images || hasOneDecoder, isFolded: true, scope: "language" },
    );
  }

  /** One token of every row: feeds the pending ids, leaves the next distributions in the output. */
  private async step(program: CompiledProgram, rows: readonly Row[]): Promise<void> {
    const count = rows.length;
    const tensors = this.stepTensors(count);
    let longest = 0;
    for (const [i, row] of rows.entries()) {
      tensors.input_ids.data[i] = BigInt(row.pending);
      tensors.position_ids.data[i] = BigInt(row.length + row.shift);
      tensors.seqlens_k.data[i] = row.length;
      row.length += 1;
      longest = Math.max(longest, row.length);
    }
    tensors.total_sequence_length.data[0] = longest;
    const rope = await this.model.ropeTables(longest);
    await program.session.run(
      { ...program.weights, ...rope, ...tensors, ...this.cache.rows(count) },
      this.output.rows(0, count),
    );
  }

  /** The pending token and guesses behind it in one run; distribution i of the output is that behind the i-th of these tokens. */
  private async stepOver(program: CompiledProgram, row: Row, guessed: readonly number[]): Promise<void> {
    const count = 1 + guessed.length;
    const total = row.length + count;
    const int64 = (values: readonly number[], dims: readonly number[]) =>
      tensor("int64", BigInt64Array.from(values, BigInt), dims);
    const places = Array.from({ length: count }, (_, i) => i);
    const rope = await this.model.ropeTables(total);
    await program.session.run(
      {
        ...program.weights,
        ...rope,
        input_ids: int64([row.pending, ...guessed], [1, count]),
        position_ids: int64(
          places.map((i) => row.length + row.shift + i),
          [1, count],
        ),
        seqlens_k: tensor("int32", Int32Array.of(total - 1), [1]),
        total_sequence_length: scalar("int32", total),
        logit_positions: int64(places, [count]),
        ...this.cache.rows(1),
      },
      this.output.rows(0, count),
    );
    // The pending token is in the cache now; guesses count when they turn out right, else they are written over.
    row.length += 1;
  }

  /** Chooses tokens as long as they are the guessed ones, and one more. */
  private chooseAmong(
    row: Row,
    guessed: readonly number[],
    options: GenerationOptions,
    askIds: readonly number[],
    progress: { numTokens: number },
  ): void {
    let right = 0;
    for (;;) {
      this.choose(row, this.output.row(right), options, askIds, progress);
      if (row.phase !== "writing" || row.pending !== guessed[right]) break;
      row.length += 1;
      right += 1;
    }
    row.lookup!.judge(guessed.length, right);
    options.onGuess?.(guessed.length, right);
  }

  private stepTensors(count: number): StepTensors {
    let tensors = this.steps.get(count);
    if (tensors === undefined) {
      tensors = {
        input_ids: zeros("int64", [count, 1]),
        position_ids: zeros("int64", [count, 1]),
        seqlens_k: zeros("int32", [count]),
        total_sequence_length: scalar("int32", 0),
        logit_positions: tensor(
          "int64",
          BigInt64Array.from({ length: count }, (_, i) => BigInt(i)),
          [count],
        ),
      };
      this.steps.set(count, tensors);
    }
    return tensors;
  }

  private newRow(
    request: number,
    index: number,
    { prompt, seed, begun = "" }: GenerationRequest,
    options: GenerationOptions,
  ): Row {
    const row: Row = {
      ...{ request, index, ids: [], logProbs: [], entropies: [], lengths: [], length: prompt.inputIds.length },
      policyLogProbs: options.policyLogProbs ? [] : null,
      shift: prompt.positions?.delta ?? 0,
      random: createRandom(...seed, index),
      stream: createTextStream(this.model.processor.tokenizer),
      watch: createStopWatch({
        eosIds: this.model.eosIds,
        stopStrings: options.stopStrings ?? [],
        maxNewTokens: options.maxNewTokens,
      }),
      occurred: options.sampling.repetitionPenalty === 1 ? null : new Set(prompt.inputIds),
      ...{ anomalyScore: null, phase: "writing", question: [], finish: "length", pending: 0 },
      lookup: options.guess ? new PromptLookup(prompt.inputIds) : null,
      choices: [],
    };
    row.watch.append(begun);
    return row;
  }

  /** Takes the distribution behind a row's last token and decides its next one. */
  private choose(
    row: Row,
    distribution: Distribution,
    options: GenerationOptions,
    askIds: readonly number[],
    progress: { numTokens: number },
  ): void {
    if (row.phase === "asking") {
      this.ask(row, distribution);
      return;
    }
    const { logits, logSumExp, entropy } = distribution;
    if (!Number.isFinite(logSumExp)) throw notFinite();
    if (options.anomalyScore) row.anomalyScore = this.probe!.score(row.watch.text, distribution) ?? row.anomalyScore;
    let allowed = logits;
    if (row.occurred !== null) {
      allowed = logits.slice();
      penalizeRepetition(allowed, row.occurred, options.sampling.repetitionPenalty);
    }
    const id = sampleToken(allowed, options.sampling, row.random);
    row.occurred?.add(id);
    row.lookup?.push(id);
    row.ids.push(id);
    row.logProbs.push(logits[id]! - logSumExp);
    const { temperature } = options.sampling;
    row.policyLogProbs?.push(temperature === 1 ? row.logProbs.at(-1)! : logProbAt(logits, id, temperature));
    row.entropies.push(entropy);
    row.pending = id;
    progress.numTokens += 1;
    const before = row.watch.text.length;
    const finish = row.watch.push(id, row.stream.push(id), row.ids.length);
    if (finish === "eos" || finish === "length") row.watch.append(row.stream.end());
    const piece = row.watch.text.slice(before);
    row.lengths.push(piece.length);
    const { alternatives = 0 } = options;
    if (alternatives > 0) {
      row.choices.push(tokenChoice(distribution, id, piece, alternatives, this.model.processor.tokenizer));
    }
    if (piece !== "") {
      const { request, index, anomalyScore, ids } = row;
      const choices = row.choices.splice(0);
      options.onText?.({ request, index, text: piece, anomalyScore, numTokens: ids.length, choices });
    }
    if (finish === null) return;
    row.finish = finish;
    if (!options.anomalyScore || row.anomalyScore !== null) {
      row.phase = "done";
      return;
    }
    row.phase = "asking";
    // An end token stays outside the cache, so that the question follows the text directly.
    row.question = finish === "eos" ? [...askIds] : [id, ...askIds];
    row.pending = row.question.shift()!;
  }

  /** Goes on with the question for the answer; reads the score behind its last token. */
  private ask(row: Row, distribution: Distribution): void {
    const next = row.question.shift();
    if (next !== undefined) {
      row.pending = next;
      return;
    }
    row.anomalyScore = this.probe!.score(this.probe!.question.text, distribution);
    row.phase = "done";
  }

  /** Hands finished rows over; the last row moves into the place of each, so that the batch stays dense. */
  private async release(rows: Row[], results: Completion[][], progress: { finished: number }): Promise<void> {
    const picks = [...rows.keys()];
    const before = rows.length;
    for (let i = rows.length - 1; i >= 0; i--) {
      const row = rows[i]!;
      if (row.phase !== "done") continue;
      results[row.request]![row.index] = {
        ids: Int32Array.from(row.ids),
        text: row.watch.text,
        finish: row.finish,
        logProbs: Float32Array.from(row.logProbs),
        ...(row.policyLogProbs !== null && { policyLogProbs: Float32Array.from(row.policyLogProbs) }),
        entropies: Float32Array.from(row.entropies),
        lengths: row.lengths,
        anomalyScore: row.anomalyScore,
      };
      progress.finished += 1;
      const last = rows.pop()!;
      const place = picks.pop()!;
      if (last !== row) {
        rows[i] = last;
        picks[i] = place;
      }
    }
    if (rows.length < before) {
      await this.cache.keep(
        picks,
        rows.map(({ length }) => length),
      );
    }
  }
}

/** What the decoder says about the next token of each row: memory of its own, used over and over. */
class DecoderOutput {
  private logits = new Float32Array(0);
  private logSumExp = new Float32Array(0);
  private entropies = new Float32Array(0);
  private readonly views = new Map<string, Record<string, Tensor>>();

  constructor(private readonly vocabSize: number) {}

  /** Makes room; memory only grows. */
  reserve(rows: number): void {
    if (this.logSumExp.length >= rows) return;
    this.logits = new Float32Array(rows * this.vocabSize);
    this.logSumExp = new Float32Array(rows);
    this.entropies = new Float32Array(rows);
    this.views.clear();
  }

  /** The outputs of a run over `count` rows from `first` on. */
  rows(first: number, count: number): Record<string, Tensor> {
    const key = `${first},${count}`;
    let view = this.views.get(key);
    if (view === undefined) {
      const { vocabSize } = this;
      const end = first + count;
      view = {
        logits: tensor("float32", this.logits.subarray(first * vocabSize, end * vocabSize), [count, vocabSize]),
        log_sum_exp: tensor("float32", this.logSumExp.subarray(first, end), [count]),
        entropy: tensor("float32", this.entropies.subarray(first, end), [count]),
      };
      this.views.set(key, view);
    }
    return view;
  }

  row(at: number): Distribution {
    return {
      logits: this.logits.subarray(at * this.vocabSize, (at + 1) * this.vocabSize),
      logSumExp: this.logSumExp[at]!,
      entropy: this.entropies[at]!,
    };
  }
}

interface StepTensors {
  input_ids: Tensor<"int64">;
  position_ids: Tensor<"int64">;
  seqlens_k: Tensor<"int32">;
  total_sequence_length: Tensor<"int32">;
  logit_positions: Tensor<"int64">;
}

/** Guesses for a row that is alone; never beyond its cache or what it may write. */
function guessFor(row: Row, slots: number, maxNewTokens: number): number[] {
  if (row.lookup === null || row.phase !== "writing") return [];
  return row.lookup.guess(Math.min(slots - row.length - 1, maxNewTokens - row.ids.length - 1));
}

function promptLength({ prompt }: GenerationRequest): number {
  return prompt.inputIds.length;
}

/**
 * Tokens [start, end) of prompts [B,T], padded on the right with id 0, which no other token can see. Only a single prompt can be read
 * in pieces.
 */
function prefillFeeds(
  prompts: readonly EncodedPrompt[],
  { start, end }: { start: number; end: number },
  width: number,
  places: RopeRows,
): Record<string, Tensor> {
  const batch = prompts.length;
  const length = end - start;
  const inputIds = new BigInt64Array(batch * length);
  const positionIds = new BigInt64Array(batch * length);
  const last = new BigInt64Array(batch);
  const seqlens = new Int32Array(batch);
  for (const [b, { inputIds: ids, positions }] of prompts.entries()) {
    const until = Math.min(end, ids.length);
    for (let t = 0; t < length; t++) {
      const at = start + t;
      if (at < until) inputIds[b * length + t] = BigInt(ids[at]!);
      positionIds[b * length + t] = BigInt(places.row(positions, Math.min(at, ids.length - 1)));
    }
    last[b] = BigInt(b * length + until - 1 - start);
    seqlens[b] = until - 1;
  }
  return {
    input_ids: tensor("int64", inputIds, [batch, length]),
    position_ids: tensor("int64", positionIds, [batch, length]),
    seqlens_k: tensor("int32", seqlens, [batch]),
    total_sequence_length: scalar("int32", end),
    logit_positions: tensor("int64", last, [batch]),
    ...imageFeeds(
      prompts.map((prompt) => pieceOf(prompt, start, end)),
      length,
      width,
    ),
  };
}

/** The image rows of a prompt whose tokens lie in [start, end), counted from there. */
function pieceOf(
  prompt: EncodedPrompt,
  start: number,
  end: number,
): Pick<EncodedPrompt, "images" | "imageTokenPositions"> {
  const { imageTokenPositions: all, images } = prompt;
  if (start === 0 && end >= prompt.inputIds.length) return prompt;
  const first = all.findIndex((at) => at >= start);
  const count = first < 0 ? 0 : all.filter((at) => at >= start && at < end).length;
  if (count === 0) return { images: null, imageTokenPositions: new Int32Array(0) };
  const width = images === null ? 0 : images.rows.length / images.numRows;
  return {
    images: images && { ...images, numRows: count, rows: images.rows.subarray(first * width, (first + count) * width) },
    imageTokenPositions: all.slice(first, first + count).map((at) => at - start),
  };
}

/**
 * image_positions [N,1] of a padded batch, and image_features [N,C] unless the program computes them from pixels; nothing when no
 * prompt has pictures.
 */
export function imageFeeds(
  prompts: readonly Pick<EncodedPrompt, "images" | "imageTokenPositions">[],
  length: number,
  width: number,
): { image_features?: Tensor<"float32">; image_positions?: Tensor<"int64"> } {
  const numRows = prompts.reduce((sum, { imageTokenPositions }) => sum + imageTokenPositions.length, 0);
  if (numRows === 0) return {};
  const positions = new BigInt64Array(numRows);
  const features = new Float32Array(numRows * width);
  let hasFeatures = true;
  let row = 0;
  for (const [b, { images, imageTokenPositions }] of prompts.entries()) {
    if (images !== null) features.set(images.rows, row * width);
    else if (imageTokenPositions.length > 0) hasFeatures = false;
    for (const place of imageTokenPositions) positions[row++] = BigInt(b * length + place);
  }
  return {
    ...(hasFeatures && { image_features: tensor("float32", features, [numRows, width]) }),
    image_positions: tensor("int64", positions, [numRows, 1]),
  };
}

/** Choosing among NaN would give the first token of the vocabulary for ever, which looks like an answer. */
function notFinite(): ModelFileError {
  return new ModelFileError(
    "generate/not-finite",
    "The model computes NaN or infinity where probabilities should be.",
    {
      hint: "Its weights are damaged, or its training diverged: use another checkpoint or adapter.",
    },
  );
}
