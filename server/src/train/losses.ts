/**
 * The GRPO family of losses in float64, with their gradients by the log-probabilities: what the training graph computes in
 * float32, written so that it can be read beside the papers. Holds no model and no loop. Shapes: N completions, T_b tokens
 * of completion b; every list of rows has N entries and row b has T_b, padding included.
 *
 * The loss is always Σ_b Σ_t weight[b,t] · tokenLoss[b,t]; the loss types differ in the weights alone.
 */
import { ConfigError } from "@iad-r1/models/errors";

/**
 * - grpo: mean over completions of their token means (DeepSeekMath, arXiv:2402.03300; the reference)
 * - bnpo: mean over the tokens of the batch
 * - dr_grpo: sum over N · longest allowed completion (arXiv:2503.20783)
 * - dapo: mean over the tokens of the whole generation batch (arXiv:2503.14476)
 */
export type LossType = "grpo" | "bnpo" | "dr_grpo" | "dapo";

/**
 * 1 for every token up to and including the first end token, else 0. Without an end token the whole row counts, padding
 * included. At least one token counts.
 *
 * @param ids      (T,) completion, padded on the right
 * @param endIds   the end token, or several
 */
export function completionMask(ids: ArrayLike<number>, endIds: number | readonly number[]): Uint8Array {
  const ends = typeof endIds === "number" ? [endIds] : endIds;
  const mask = new Uint8Array(ids.length);
  for (let t = 0; t < ids.length; t++) {
    mask[t] = 1;
    if (ends.includes(ids[t]!)) break;
  }
  return mask;
}

/** k3 estimate of KL(policy ‖ reference) at one token: exp(d) − d − 1 with d = refLogProb − logProb; never negative. */
export function klEstimate(logProb: number, refLogProb: number): number {
  const d = refLogProb - logProb;
  return Math.exp(d) - d - 1;
}

export interface TokenWeightOptions {
  lossType: LossType;
  /** Longest allowed completion in tokens; needed by dr_grpo. */
  maxCompletionLength?: number;
  /** Completions that share the mean; N when left out. Larger when the rows are one part of a split batch. */
  numCompletions?: number;
  /** Counted tokens that share the mean of bnpo and dapo; those of the rows when left out. */
  numTokens?: number;
}

/**
 * Weight of each token in the loss; 0 where the mask is 0.
 *
 * @param masks (N, T_b) which tokens count; a row of zeros (a truncated completion that is left out) weighs nothing, but is
 *              still one of the N
 * @throws ConfigError `grpo/max-completion-length` when dr_grpo has none
 */
export function tokenWeights(masks: readonly ArrayLike<number>[], options: TokenWeightOptions): Float64Array[] {
  const { lossType, maxCompletionLength, numCompletions = masks.length } = options;
  const lengths = masks.map(sum);
  const numTokens = Math.max(options.numTokens ?? sum(lengths), 1);
  if (lossType === "dr_grpo" && !(maxCompletionLength !== undefined && maxCompletionLength > 0)) {
    throw new ConfigError(
      "grpo/max-completion-length",
      "Loss type dr_grpo divides by the longest allowed completion, which is not given.",
      {
        hint: "Set maxCompletionLength.",
      },
    );
  }
  const weightOf: Record<LossType, (length: number) => number> = {
    grpo: (length) => 1 / (Math.max(length, 1) * numCompletions),
    bnpo: () => 1 / numTokens,
    dr_grpo: () => 1 / (numCompletions * maxCompletionLength!),
    dapo: () => 1 / numTokens,
  };
  return masks.map((mask, b) =>
    Float64Array.from(mask, (counts) => (counts === 0 ? 0 : weightOf[lossType](lengths[b]!))),
  );
}

export interface PolicyLossInput {
  /** (N, T_b) log-probabilities of the tokens under the policy that is trained. */
  logProbs: readonly ArrayLike<number>[];
  /** (N, T_b) under the policy that wrote them; left out on-policy, where the ratio is 1 and still has its gradient. */
  oldLogProbs?: readonly ArrayLike<number>[];
  /** (N, T_b) under the frozen start model; needed unless beta is 0. */
  refLogProbs?: readonly ArrayLike<number>[];
  /** (N,) */
  advantages: ArrayLike<number>;
  /** (N, T_b) */
  masks: readonly ArrayLike<number>[];
}

export interface PolicyLossOptions extends TokenWeightOptions {
  /** Weight of the KL term; 0 turns it off. */
  beta: number;
  /** The ratio is clipped below at 1 − epsilonLow. 0.2 when left out. */
  epsilonLow?: number;
  /** The ratio is clipped above at 1 + epsilonHigh. epsilonLow when left out. */
  epsilonHigh?: number;
  /** One ratio per token, or one per completion: the geometric mean of its tokens' (GSPO, arXiv:2507.18071). */
  ratioLevel?: "token" | "sequence";
}

export interface PolicyLoss {
  loss: number;
  /** (N, T_b) ∂loss/∂logProbs. */
  gradient: Float64Array[];
  /** (N, T_b) before masking. */
  tokenLoss: Float64Array[];
  /** (N, T_b) k3 estimates before masking; 0 without reference. */
  kl: Float64Array[];
  /** (N,) mean token loss over the counted tokens of each completion. */
  sequenceLoss: Float64Array;
  /** Mean over completions of their token means, as the reference logs it. */
  meanKl: number;
  /** Mean over all counted tokens, as TRL logs it. */
  tokenMeanKl: number;
  /**
   * Shares of counted tokens whose ratio was clipped: below with a negative advantage, above with a positive one. With one ratio
   * per completion, shares of the completions.
   */
  clipRatio: { low: number; high: number; region: number };
}

/**
 * Clipped policy loss with KL term. Token loss: −min(r·A, clip(r, 1 − εlow, 1 + εhigh)·A) + β·k.
 *
 * On-policy (no `oldLogProbs`) this is the reference's loss: value −A + β·k per token, gradient
 * weight · (−A + β·(1 − exp(d))).
 *
 * @throws ConfigError `grpo/reference` when beta is not 0 and there are no reference log-probabilities
 * @see TRL `GRPOTrainer._compute_loss`; clip-higher from DAPO, arXiv:2503.14476
 */
export function policyLoss(input: PolicyLossInput, options: PolicyLossOptions): PolicyLoss {
  const { logProbs, oldLogProbs, refLogProbs, advantages, masks } = input;
  const { beta, epsilonLow = 0.2, epsilonHigh = epsilonLow, ratioLevel = "token" } = options;
  if (beta !== 0 && refLogProbs === undefined) {
    throw new ConfigError("grpo/reference", `The KL term (beta ${beta}) needs log-probabilities of the start model.`, {
      hint: "Score the completions with the start model, or set beta to 0.",
    });
  }
  const weights = tokenWeights(masks, options);
  const result: PolicyLoss = {
    loss: 0,
    gradient: [],
    tokenLoss: [],
    kl: [],
    sequenceLoss: new Float64Array(masks.length),
    meanKl: 0,
    tokenMeanKl: 0,
    clipRatio: { low: 0, high: 0, region: 0 },
  };
  let numTokens = 0;

  const clipSide = (ratio: number, advantage: number) => ({
    isLow: ratio < 1 - epsilonLow && advantage < 0,
    isHigh: ratio > 1 + epsilonHigh && advantage > 0,
  });
  const countClipped = (ratio: number, advantage: number) => {
    const { isLow, isHigh } = clipSide(ratio, advantage);
    result.clipRatio.low += Number(isLow);
    result.clipRatio.high += Number(isHigh);
    result.clipRatio.region += Number(isLow || isHigh);
  };

  masks.forEach((mask, b) => {
    const advantage = advantages[b]!;
    const numCounted = Math.max(sum(mask), 1);
    const ratios = importanceRatios(logProbs[b]!, oldLogProbs?.[b], mask, ratioLevel);
    const tokenLoss = new Float64Array(mask.length);
    const kl = new Float64Array(mask.length);
    const gradient = new Float64Array(mask.length);
    let sequenceLoss = 0;
    let sequenceKl = 0;
    // Sequence level: every token's loss holds the one ratio, which depends on every counted token.
    let sharedGradient = 0;
    if (ratioLevel === "sequence") countClipped(ratios[0] ?? 1, advantage);

    for (let t = 0; t < mask.length; t++) {
      const ratio = ratios[t]!;
      const { isLow, isHigh } = clipSide(ratio, advantage);
      const clipped = isLow ? 1 - epsilonLow : isHigh ? 1 + epsilonHigh : ratio;
      const d = refLogProbs === undefined ? 0 : refLogProbs[b]![t]! - logProbs[b]![t]!;
      kl[t] = refLogProbs === undefined ? 0 : klEstimate(logProbs[b]![t]!, refLogProbs[b]![t]!);
      tokenLoss[t] = -clipped * advantage + (beta === 0 ? 0 : beta * kl[t]!);
      // What stands at padding may be anything, infinities included; it must not be multiplied by 0.
      if (mask[t] === 0) {
        // The mask is a factor of the gradient, so an advantage that is no number (a group of one) leaves none in its whole row.
        if (Number.isNaN(advantage)) gradient[t] = Number.NaN;
        continue;
      }
      const weight = weights[b]![t]!;
      const policyGradient = isLow || isHigh ? 0 : -ratio * advantage;
      const klGradient = beta === 0 ? 0 : beta * (1 - Math.exp(d));
      if (ratioLevel === "sequence") sharedGradient += weight * policyGradient;
      gradient[t] = weight * (ratioLevel === "sequence" ? klGradient : policyGradient + klGradient);
      result.loss += weight * tokenLoss[t]!;
      sequenceLoss += tokenLoss[t]!;
      sequenceKl += kl[t]!;
      numTokens++;
      if (ratioLevel === "token") countClipped(ratio, advantage);
    }

    if (ratioLevel === "sequence") {
      for (let t = 0; t < mask.length; t++) if (mask[t] !== 0) gradient[t]! += sharedGradient / numCounted;
    }
    result.gradient.push(gradient);
    result.tokenLoss.push(tokenLoss);
    result.kl.push(kl);
    result.sequenceLoss[b] = sequenceLoss / numCounted;
    result.meanKl += sequenceKl / numCounted / masks.length;
    result.tokenMeanKl += sequenceKl;
  });

  const counted = Math.max(numTokens, 1);
  result.tokenMeanKl /= counted;
  const numRatios = ratioLevel === "token" ? counted : Math.max(masks.length, 1);
  const { low, high, region } = result.clipRatio;
  result.clipRatio = { low: low / numRatios, high: high / numRatios, region: region / numRatios };
  return result;
}

/** exp(logProb − oldLogProb) of each token, or of the mean over the counted tokens, the same for all. */
function importanceRatios(
  logProbs: ArrayLike<number>,
  oldLogProbs: ArrayLike<number> | undefined,
  mask: ArrayLike<number>,
  level: "token" | "sequence",
): Float64Array {
  const ratios = new Float64Array(mask.length).fill(1);
  if (oldLogProbs === undefined) return ratios;
  if (level === "token") return ratios.map((_, t) => Math.exp(logProbs[t]! - oldLogProbs[t]!));
  let logRatio = 0;
  for (let t = 0; t < mask.length; t++) if (mask[t] !== 0) logRatio += logProbs[t]! - oldLogProbs[t]!;
  return ratios.fill(Math.exp(logRatio / Math.max(sum(mask), 1)));
}

function sum(values: ArrayLike<number>): number {
  let total = 0;
  for (let i = 0; i < values.length; i++) total += values[i]!;
  return total;
}
