/**
 * What a training pass will need in memory, estimated before it runs. The formula was fitted to measured peaks of the training graphs
 * (see memory.test.ts); it errs on the high side. Refusing is runtime/memory.ts.
 */
import type { StackSize } from "@iad-r1/models/architecture";

export interface PassSize {
  /** The layers that the pass goes through. */
  stack: StackSize;
  /** Sequences, and tokens of each with padding. */
  rows: number;
  tokens: number;
  /** Tokens whose distribution is computed, and size of the vocabulary; 0 for a tower. */
  labelled: number;
  vocabSize: number;
  /** Activations are computed again layer by layer in the backward pass. */
  recompute: boolean;
}

/** Bytes of activations that are alive at the peak of forward and backward pass. */
export function activationBytes({ stack, rows, tokens, labelled, vocabSize, recompute }: PassSize): number {
  const { layers, width, mlpWidth, heads } = stack;
  // Of a layer, per token: norms, projections and residuals; the MLP; attention probabilities.
  const perLayer = (mlp: number) => 10 * width + mlp * mlpWidth + 1.8 * heads * tokens;
  // With recomputation only the input of each layer is kept, and one layer at a time is whole. Without it an MLP keeps two wide tensors: its
  // two products where it is gated, else its product and what the activation makes of it.
  const perToken = recompute ? 3 * layers * width + 1.3 * perLayer(3.5) : layers * perLayer(2);
  const floats = rows * tokens * perToken + 3 * labelled * vocabSize;
  return 4 * floats;
}

/** Bytes of what is trained: gradient and two moments beside each weight. */
export function trainingStateBytes(numTrainable: number): number {
  return 4 * 4 * numTrainable;
}
