/**
 * The training program: log-probabilities of the labelled tokens, an objective over them, and the gradients of the trainable
 * weights, added onto accumulators. Every reduction (mean over tokens, over sequences, over a fixed length) is a choice of token
 * weights made by the host, so grpo, bnpo, dr_grpo, dapo and the mean of supervised training are one graph.
 * The optimiser is a program of its own (optimizer.ts), so that gradients can be accumulated over several runs.
 */
import { gradients } from "../autodiff/backward";
import type { ParameterTable } from "../checkpoint/parameterTable";
import { ConfigError, InternalError } from "../errors";
import type { GraphBuilder } from "../graph/builder";
import type { Value } from "../graph/types";
import { isLanguagePath } from "../nn/decoder";
import { rmsNorm } from "../nn/norm";
import type { Network } from "../nn/parameters";
import {
  entropy,
  type ImageRows,
  type ImageSource,
  imageInputs,
  openNetwork,
  type Program,
  type SequenceLayout,
  targetLogProbs,
  type VisionLanguageNetwork,
  type WeightOptions,
} from "./program";

/**
 * - "sft": sum over tokens of w * -log p.
 * - "grpo": sum over tokens of w * (-min(r A, clip(r, 1 - epsilon_low, 1 + epsilon_high) A) + beta * k3) with r = p / p_old and
 *   k3 = p_ref / p - log(p_ref / p) - 1; without `kl` the last term and its inputs are not there. All p are of logits divided by
 *   `temperature` (1 when left out): those of the policy that draws at this temperature.
 * - "perception": linear heads on the image rows before packing, normalised as the decoder's first layer sees them, each a
 *   weighted cross-entropy per row, plus "sft" when `language` is set.
 */
export type Objective =
  | { kind: "sft" }
  | { kind: "grpo"; kl: boolean; temperature?: number }
  | { kind: "perception"; language: boolean; heads: readonly AuxiliaryHead[] };

/** A linear head on image rows. One class is a yes/no question with targets float32 in [0,1], more are one of them (int64). */
export interface AuxiliaryHead {
  name: string;
  classes: number;
}

/**
 * Which weights get gradients: the adapter's matrices with the parameters that it saves in full; the decoder and the output head; tower
 * and projector; or everything. Auxiliary heads are always trained.
 */
export type TrainableSet = "adapter" | "language-model" | "vision" | "all";

export interface TrainingOptions extends WeightOptions {
  objective: Objective;
  trainable: TrainableSet;
  /**
   * "features" keeps the tower out of the graph: for a frozen tower whose outputs the host has cached. "none" is for batches without
   * pictures: what belongs to the tower is not among the parameters, as it gets no gradient from them.
   */
  images: ImageSource;
  /** "rows" when left out. */
  layout?: SequenceLayout;
  /** Compute each layer again while going backward, not only what is light: less memory, about a third more time. */
  recompute?: boolean;
}

/**
 * Inputs of the log-probability program, token_weights [M], the objective's own and grad.<path> for each trainable weight ->
 * loss [], log_probs [M] and the accumulators' ".next". With "grpo" also advantages, old_log_probs (and ref_log_probs) [M],
 * epsilon_low, epsilon_high (and beta) [] -> entropy, ratio (and kl) [M]. With "perception" auxiliary_targets.<head> and
 * auxiliary_weights.<head> [rows] -> auxiliary_logits.<head> [rows, classes].
 *
 * @throws ConfigError `train/trainable` when nothing would be trained or the tower to be trained is not in the graph
 */
export function trainingProgram(
  model: VisionLanguageNetwork,
  table: ParameterTable,
  options: TrainingOptions,
): Program {
  const { objective, trainable, images: source } = options;
  // Without pictures the tower has no gradient, and "all" is what is left.
  const seesNothing = source === "none" && objective.kind !== "perception";
  if (
    source !== "pixels" &&
    (trainable === "vision" || (trainable === "all" && !seesNothing) || objective.kind === "perception")
  ) {
    throw new ConfigError(
      "train/trainable",
      `Training "${trainable}" with "${objective.kind}" needs pixels, got images: "${source}".`,
      {
        hint: "Keep the vision tower in the training graph, or train the language model only.",
      },
    );
  }
  const outside = [...(options.adapter?.keys() ?? [])].find((path) => !path.startsWith(`${model.paths.decoder}.`));
  if (source === "features" && trainable === "adapter" && outside !== undefined) {
    throw new ConfigError(
      "train/trainable",
      `The adapter changes ${outside}, which is not in a training graph with images: "${source}".`,
      {
        hint: "Keep the vision tower in the training graph, or let the adapter target the language model only.",
        data: { module: outside },
      },
    );
  }
  const trains = trainableTest(model, trainable, options.saved ?? new Set());
  const { b, net } = openNetwork(`training_${objective.kind}`, table, options, { trains, wholeSequences: true });
  const images = imageInputs(net, model, source);
  const loss = b.output("loss", objectiveLoss(net, model, options, images));

  const trained = net.inputs.filter(({ input }) => trains(input.path));
  if (trained.length === 0) {
    throw new ConfigError("train/trainable", `No weight of the model belongs to the trainable set "${trainable}".`, {
      hint: trainable === "adapter" ? "Configure an adapter, or train the weights themselves." : undefined,
    });
  }
  const accumulators = trained.map(({ input }) => b.input(`grad.${input.path}`, "float32", input.shape));
  const sums = gradients(
    b,
    loss,
    trained.map(({ value }) => value),
    {
      accumulate: accumulators,
      recompute: options.recompute === true ? net.blocks : net.lightBlocks,
    },
  );
  for (const [i, { input }] of trained.entries()) {
    const sum = sums[i];
    // Networks declare a weight when they use it, and everything built here leads to the loss.
    if (sum == null) throw new InternalError("internal/no-gradient", `The loss does not depend on ${input.path}.`);
    b.output(`grad.${input.path}.next`, sum);
  }
  const parameters = net.inputs.map(({ input }) => ({ ...input, trainable: trains(input.path) }));
  return { graph: b.finish(), parameters };
}

function trainableTest(
  model: VisionLanguageNetwork,
  set: TrainableSet,
  saved: ReadonlySet<string>,
): (path: string) => boolean {
  const isAdapter = (path: string) => /\.lora_[AB]\.weight$/.test(path);
  const isLanguage = (path: string) => isLanguagePath(model.paths, path);
  const isAuxiliary = (path: string) => path.startsWith("auxiliary.");
  const chosen: Record<TrainableSet, (path: string) => boolean> = {
    adapter: (path) => isAdapter(path) || saved.has(path),
    "language-model": (path) => isLanguage(path) && !isAdapter(path),
    vision: (path) => !isLanguage(path) && !isAdapter(path),
    all: (path) => !isAdapter(path),
  };
  return (path) => isAuxiliary(path) || chosen[set](path);
}

function objectiveLoss(
  net: Network,
  model: VisionLanguageNetwork,
  { objective, layout = "rows" }: TrainingOptions,
  images: ImageRows | null,
): Value {
  switch (objective.kind) {
    case "sft":
      return supervisedLoss(net, model, images, layout);
    case "grpo":
      return policyLoss(net, model, images, layout, objective);
    case "perception": {
      const norm = `${model.paths.decoder}.layers.0.input_layernorm`;
      const seen = rmsNorm(net, norm, images!.patches, model.decoder.normEpsilon);
      const dense = objective.heads.map((head) => auxiliaryLoss(net, seen, head));
      return net.b.sum(objective.language ? [...dense, supervisedLoss(net, model, images, layout)] : dense);
    }
  }
}

function supervisedLoss(
  net: Network,
  model: VisionLanguageNetwork,
  images: ImageRows | null,
  layout: SequenceLayout,
): Value {
  const { b } = net;
  const { selected } = targetLogProbs(net, model, images, layout);
  b.output("log_probs", selected);
  return b.neg(weightedSum(b, selected, b.input("token_weights", "float32", ["M"])));
}

/** @see DeepSeekMath, arXiv:2402.03300, section 4.1; the clip bounds are separate as in DAPO, arXiv:2503.14476. */
function policyLoss(
  net: Network,
  model: VisionLanguageNetwork,
  images: ImageRows | null,
  layout: SequenceLayout,
  { kl, temperature }: Extract<Objective, { kind: "grpo" }>,
): Value {
  const { b } = net;
  const perToken = (name: string) => b.input(name, "float32", ["M"]);
  const scalar = (name: string) => b.input(name, "float32", []);
  const { selected, all } = targetLogProbs(net, model, images, layout, temperature);
  const advantages = perToken("advantages");
  const ratio = b.exp(b.sub(selected, perToken("old_log_probs")));
  const clipped = b.clip(ratio, b.sub(1, scalar("epsilon_low")), b.add(scalar("epsilon_high"), 1));
  let tokenLoss = b.neg(b.min(b.mul(ratio, advantages), b.mul(clipped, advantages)));
  if (kl) {
    const towardsReference = b.sub(perToken("ref_log_probs"), selected);
    const divergence = b.sub(b.sub(b.exp(towardsReference), towardsReference), 1);
    tokenLoss = b.add(tokenLoss, b.mul(divergence, scalar("beta")));
    b.output("kl", divergence);
  }
  b.output("log_probs", selected);
  b.output("entropy", entropy(b, all));
  b.output("ratio", ratio);
  return weightedSum(b, tokenLoss, perToken("token_weights"));
}

/** One head over image rows [rows,C]: sum over rows of weight * cross-entropy. */
function auxiliaryLoss(net: Network, rows: Value, head: AuxiliaryHead): Value {
  const { b } = net;
  const [count, width] = rows.shape;
  const path = `auxiliary.${head.name}`;
  const weight = net.newParameter(`${path}.weight`, [head.classes, width as number]);
  const bias = net.newParameter(`${path}.bias`, [head.classes]);
  const logits = b.output(`auxiliary_logits.${head.name}`, b.linear(rows, weight, bias)); // [rows, classes]
  const weights = b.input(`auxiliary_weights.${head.name}`, "float32", [count!]);
  if (head.classes === 1) {
    const targets = b.input(`auxiliary_targets.${head.name}`, "float32", [count!]);
    const logit = b.reshape(logits, [count!]);
    return weightedSum(b, b.sub(b.softplus(logit), b.mul(logit, targets)), weights);
  }
  const targets = b.input(`auxiliary_targets.${head.name}`, "int64", [count!]);
  return b.neg(weightedSum(b, b.tokenLogProbs(logits, targets).selected, weights));
}

function weightedSum(b: GraphBuilder, values: Value, weights: Value): Value {
  return b.reduceSum(b.mul(values, weights), undefined, { keepDims: false });
}
