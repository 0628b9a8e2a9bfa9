/** Loss, gradients and optimiser trajectories of the recorded training batch, for full fine-tuning and for an adapter. */
import type { TrainableSet } from "@iad-r1/models/programs/training";
import type { Tensors } from "../runtime/session";
import { Comparison, gradientElements, largest, norm, roundingShare, tolerances, type VerifyCheck } from "./compare";
import { type CompiledModel, recordedLearningRate, type Trainer } from "./compiledModel";
import { positionCheck } from "./forwardChecks";
import { type TrainingCase, trainingCase } from "./recordedCases";
import { float32s } from "./recordedInputs";
import type { RecordedGradients, RecordedTrajectory, Reference } from "./referenceFiles";

/** Gradients of all parameters, then ten steps with all of them and ten with the language model alone. */
export async function fullTrainingChecks(compiled: CompiledModel, reference: Reference): Promise<VerifyCheck[]> {
  const training = await trainingCase({ model: compiled.model, reference });
  if (training === null) return [];
  const { json, tensors } = reference;
  const checks = await batchChecks(compiled, reference, training);
  const runs = json.full_finetuning;
  const full = async (name: string) => (tensors.has(`grad.${name}`) ? tensors.floats(`grad.${name}`) : null);
  await withTrainer(compiled, training, "all", async (trainer, feeds) => {
    const gradients = { recorded: json.gradients_of_train_loss, full };
    checks.push(
      ...(await trajectoryChecks("full_finetuning", compiled, trainer, feeds, runs?.all_parameters, gradients)),
    );
  });
  const languageModel = runs?.language_model_and_head_only;
  if (languageModel !== undefined) {
    await withTrainer(compiled, training, "language-model", async (trainer, feeds) => {
      checks.push(...(await trajectoryChecks("language_model", compiled, trainer, feeds, languageModel)));
    });
  }
  return checks;
}

/** The batch's log-probabilities at real tokens, and its loss. */
async function batchChecks(
  compiled: CompiledModel,
  reference: Reference,
  training: TrainingCase,
): Promise<VerifyCheck[]> {
  const { tensors, json } = reference;
  const { batch, targets } = training;
  const { logProbs } = await compiled.logProbs(batch, targets);
  const checks: VerifyCheck[] = [];
  if (tensors.has("train.logprobs")) {
    const [, columns] = tensors.shape("train.logprobs") as [number, number];
    const recorded = await tensors.floats("train.logprobs");
    // Recorded column t predicts token t + 1 of a row of columns + 1 tokens.
    const at = targets.positions.map((position) => {
      const [row, token] = [Math.floor(position / (columns + 1)), position % (columns + 1)];
      return recorded[row * columns + token]!;
    });
    checks.push(new Comparison("logprobs", "train", tolerances.logProbs).add(logProbs, at).check());
  }
  const positions = await positionCheck(batch, compiled.model, reference, "train");
  if (positions !== null) checks.push(positions);
  const loss = -logProbs.reduce((sum, value) => sum + value, 0) / logProbs.length;
  checks.push(new Comparison("loss", "train", tolerances.loss).add([loss], [json.train_batch!.loss]).check());
  return checks;
}

/** Opens a trainer over the batch; the loss is the mean over labelled tokens. */
export async function withTrainer(
  compiled: CompiledModel,
  { batch, targets }: TrainingCase,
  trainable: TrainableSet,
  use: (trainer: Trainer, feeds: Tensors) => Promise<void>,
): Promise<void> {
  const images = compiled.imageSource(batch, trainable);
  const count = targets.tokens.length;
  const trainer = await compiled.trainer({ kind: "sft" }, trainable, images);
  try {
    await use(trainer, {
      ...(await compiled.trainingFeeds(batch, targets, images)),
      token_weights: float32s(Array<number>(count).fill(1 / count)),
    });
  } finally {
    await trainer.dispose();
  }
}

interface RecordedGradientSet {
  recorded: RecordedGradients | undefined;
  /** A whole recorded gradient, where there is one. */
  full: (name: string) => Promise<Float32Array | null>;
}

/** Norm of all recorded gradients together. */
function globalNorm(recorded: RecordedGradients): number {
  return Math.hypot(...Object.values(recorded).map((record) => record?.norm ?? 0));
}

/**
 * Gradients of the first pass (when recorded), then the optimiser: loss before each step and after the last, gradient norms, and
 * the norms of all parameters at the end.
 *
 * @param nameOf the record's name of one of our parameters
 */
export async function trajectoryChecks(
  name: string,
  compiled: CompiledModel,
  trainer: Trainer,
  feeds: Tensors,
  trajectory: RecordedTrajectory | undefined,
  gradients?: RecordedGradientSet,
  nameOf: (path: string) => string = (path) => path,
): Promise<VerifyCheck[]> {
  const checks: VerifyCheck[] = [];
  const steps = trajectory?.loss.length ?? 0;
  const losses = [(await trainer.accumulate(feeds)).loss];
  if (gradients?.recorded !== undefined) {
    checks.push(...(await gradientChecks(trainer, gradients.recorded, gradients.full, nameOf)));
  }
  if (trajectory === undefined) return checks;
  const norms: number[] = [];
  for (let step = 0; step < steps; step++) {
    norms.push(await trainer.step());
    losses.push((await trainer.accumulate(feeds)).loss);
  }
  const compare = (what: string, tolerance = tolerances.trajectoryLoss) =>
    new Comparison(`${name}.${what}`, "train", tolerance);
  checks.push(
    compare("loss")
      .add(losses, [...trajectory.loss, trajectory.loss_after_last_step])
      .check(),
    compare("grad_norm", tolerances.trajectoryGradientNorm).add(norms, trajectory.grad_norm_before_clip).check(),
  );
  const finalNorms = trajectory.final_parameter_norms ?? trajectory.final_norms ?? {};
  const values = new Map([...(await trainer.values())].map(([path, value]) => [nameOf(path), value]));
  const comparison = compare("final_norms", tolerances.finalNorm);
  const untrained = new Set(trajectory.parameters_without_gradient);
  const noise = roundingShare * globalNorm(gradients?.recorded ?? {});
  for (const [parameter, recorded] of Object.entries(finalNorms)) {
    const value =
      values.get(parameter) ?? (untrained.has(parameter) ? await untrainedValue(compiled, parameter) : undefined);
    if (value === undefined) {
      comparison.fail(`${parameter} was not trained`);
      continue;
    }
    // Adam makes full steps of a gradient that is nothing but rounding: it may wander, by at most the learning rate a step.
    const wanders = (gradients?.recorded?.[parameter]?.norm ?? Number.POSITIVE_INFINITY) < noise;
    const reach = wanders ? steps * recordedLearningRate * Math.sqrt(value.length) : 0;
    comparison.add([norm(value)], [recorded], parameter, { ...tolerances.finalNorm, abs: reach });
  }
  checks.push(comparison.check());
  return checks;
}

/** A parameter that gets no gradient keeps its value: no update, no decay. */
async function untrainedValue(compiled: CompiledModel, path: string): Promise<Float32Array | undefined> {
  return compiled.model.parameters.get(path)?.read();
}

/** Every parameter's gradient norm and first elements, a few gradients in full, and which parameters get none. */
async function gradientChecks(
  trainer: Trainer,
  recorded: RecordedGradients,
  full: (name: string) => Promise<Float32Array | null>,
  nameOf: (path: string) => string,
): Promise<VerifyCheck[]> {
  const ours = new Map([...(await trainer.gradients())].map(([path, gradient]) => [nameOf(path), gradient]));
  const present = new Comparison("gradients.present", "train", tolerances.exact);
  const norms = new Comparison("gradients.norm", "train", tolerances.gradientNorm);
  const elements = new Comparison("gradients.elements", "train", gradientElements(1));
  const noise = roundingShare * globalNorm(recorded);
  for (const [name, record] of Object.entries(recorded)) {
    const gradient = ours.get(name);
    present.addExact([gradient !== undefined], [record !== null], name);
    if (gradient === undefined || record === null) continue;
    const relative = gradientElements(largest(gradient));
    const tolerance = { ...relative, abs: Math.max(relative.abs, noise) };
    norms.add([norm(gradient)], [record.norm], name, { ...tolerances.gradientNorm, abs: noise });
    elements.add(gradient.subarray(0, record.first.length), record.first, name, tolerance);
    const whole = await full(name);
    if (whole !== null) elements.add(gradient, whole, name, tolerance);
  }
  present.addExact(
    [...ours.keys()].filter((name) => !(name in recorded)),
    [],
    "parameters that are not recorded",
  );
  return [present.check(), norms.check(), elements.check()];
}
