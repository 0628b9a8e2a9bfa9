/**
 * What rounding the weights costs: a model and its small form read the same prompts with the same answers, and their distributions
 * over the next token are compared place by place. Activations are exact in both, so it is the weights' rounding alone that shows;
 * nothing is generated.
 */
import { CancelledError } from "@iad-r1/models/errors";
import type { PreparedImages, Processor } from "@iad-r1/models/processor";
import type { ChatMessage } from "@iad-r1/models/text/chatTemplate";
import type { RgbImage } from "@iad-r1/models/vision/image";
import { loadModelDescription, type ModelDescription } from "@iad-r1/models/zoo";
import { CompiledModel } from "../verify/compiledModel";
import type { RecordedBatch } from "../verify/recordedInputs";

/** A prompt with its pictures and the answer that it should get. */
export interface ReadExample {
  messages: readonly ChatMessage[];
  images: readonly RgbImage[];
  answer: string;
}

export interface QuantizationLoss {
  examples: number;
  /** Tokens of the answers. */
  tokens: number;
  /** e to the mean negative log-probability of the answers' tokens. */
  perplexity: { source: number; small: number };
  /** Mean over tokens of the Kullback-Leibler divergence from the source's distribution to the small one's, in nats. */
  divergence: number;
  /** Share of places where both think the same token the most likely. */
  sameBest: number;
  /** Largest difference of a logit, both shifted to mean zero; and the root of the mean square. */
  logitDrift: { largest: number; rms: number };
}

export interface LossOptions {
  threads?: number;
  signal?: AbortSignal;
  onProgress?: (done: number, total: number) => void;
}

/** @throws ModelFileError, DataError, CancelledError */
export async function quantizationLoss(
  source: string,
  small: string,
  examples: readonly ReadExample[],
  options: LossOptions = {},
): Promise<QuantizationLoss> {
  const totals = {
    tokens: 0,
    nll: [0, 0] as [number, number],
    divergence: 0,
    same: 0,
    largest: 0,
    squares: 0,
    logits: 0,
  };
  const models = await Promise.all([source, small].map((folder) => loadModelDescription(folder)));
  const session = options.threads === undefined ? {} : { threads: options.threads };
  const compiled = models.map((model) => new CompiledModel(model, session));
  try {
    const processor = await models[0]!.loadProcessor();
    for (const [done, example] of examples.entries()) {
      if (options.signal?.aborted === true) throw new CancelledError();
      const prepared = processor.prepareImages(example.images);
      const inputs = processor.prepareInputs(example.messages, prepared);
      const answer = processor.tokenizer.encode(example.answer, { addSpecialTokens: false });
      const row = [...inputs.inputIds, ...answer];
      const places = answer.map((_, i) => inputs.inputIds.length - 1 + i);
      const batch: RecordedBatch = { rows: [row], images: picturesOf(models[0]!, processor, example.images, prepared) };
      const logits: Float32Array[] = [];
      for (const one of compiled) logits.push(await one.logits(batch, places));
      accumulate(totals, logits[0]!, logits[1]!, answer);
      options.onProgress?.(done + 1, examples.length);
    }
  } finally {
    for (const one of compiled) await one.dispose();
  }
  const { tokens, nll, divergence, same, largest, squares, logits } = totals;
  return {
    ...{ examples: examples.length, tokens },
    perplexity: { source: Math.exp(nll[0] / tokens), small: Math.exp(nll[1] / tokens) },
    ...{ divergence: divergence / tokens, sameBest: same / tokens },
    logitDrift: { largest, rms: Math.sqrt(squares / logits) },
  };
}

/** Pictures one by one where each has places of its own, else together, as what becomes of one may depend on the others. */
function picturesOf(
  { tower }: ModelDescription,
  processor: Processor,
  images: readonly RgbImage[],
  together: PreparedImages,
): RecordedBatch["images"] {
  if (images.length === 0) return [];
  const prepared = tower.positions === undefined ? [together] : images.map((image) => processor.prepareImages([image]));
  return prepared.map((one) => ({ file: "", form: "", prepared: one }));
}

interface Totals {
  tokens: number;
  nll: [number, number];
  divergence: number;
  same: number;
  largest: number;
  squares: number;
  logits: number;
}

function accumulate(totals: Totals, source: Float32Array, small: Float32Array, answer: readonly number[]): void {
  const vocabulary = source.length / answer.length;
  for (const [i, token] of answer.entries()) {
    const [p, q] = [source, small].map((all) => distribution(all.subarray(i * vocabulary, (i + 1) * vocabulary)));
    totals.tokens += 1;
    totals.nll[0] -= p!.logProbs[token]!;
    totals.nll[1] -= q!.logProbs[token]!;
    if (p!.best === q!.best) totals.same += 1;
    for (let v = 0; v < vocabulary; v++) {
      const [a, b] = [p!.logProbs[v]!, q!.logProbs[v]!];
      totals.divergence += Math.exp(a) * (a - b);
      const drift = a + p!.shift - (b + q!.shift);
      totals.largest = Math.max(totals.largest, Math.abs(drift));
      totals.squares += drift * drift;
    }
    totals.logits += vocabulary;
  }
}

/** Log-probabilities, the best token, and what takes a log-probability back to a logit of mean zero. */
function distribution(logits: Float32Array): { logProbs: Float64Array; best: number; shift: number } {
  let [best, mean] = [0, 0];
  for (let v = 0; v < logits.length; v++) {
    if (logits[v]! > logits[best]!) best = v;
    mean += logits[v]! / logits.length;
  }
  const most = logits[best]!;
  let sum = 0;
  for (const logit of logits) sum += Math.exp(logit - most);
  const logSum = most + Math.log(sum);
  return { logProbs: Float64Array.from(logits, (logit) => logit - logSum), best, shift: logSum - mean };
}
