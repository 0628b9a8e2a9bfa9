/** Recorded GRPO losses: policy = base + adapter, reference = base alone, one prompt with several completions. */
import type { Tensors } from "../runtime/session";
import { scalar } from "../runtime/tensors";
import { Comparison, norm, tolerances, type VerifyCheck } from "./compare";
import type { CompiledModel, Trainer } from "./compiledModel";
import { imagesOf } from "./recordedCases";
import { float32s, labelledTargets, type RecordedBatch, type Targets, unpadded } from "./recordedInputs";
import type { GrpoJson, GrpoRun, GrpoSingle, GrpoSteps, Reference } from "./referenceFiles";

/** Per completion token, all completions one after another. */
interface RecordedCompletions {
  batch: RecordedBatch;
  targets: Targets;
  /** Tokens of each completion. */
  lengths: number[];
  advantages: number[];
  oldLogProbs: number[];
  refLogProbs: number[];
  policyLogProbs: number[];
}

/** @param compiled the model opened with the recorded adapter */
export async function grpoChecks(compiled: CompiledModel, reference: Reference): Promise<VerifyCheck[]> {
  const { json } = reference.grpo!;
  const recorded = await readCompletions(compiled, reference);
  const policy = await compiled.logProbs(recorded.batch, recorded.targets);
  const base = await compiled.logProbs(recorded.batch, recorded.targets, 0);
  const compare = (name: string) => new Comparison(`grpo.${name}`, "logprobs", tolerances.logProbs);
  const checks = [
    compare("policy_per_token_logps").add(policy.logProbs, recorded.policyLogProbs).check(),
    compare("ref_per_token_logps").add(base.logProbs, recorded.refLogProbs).check(),
  ];
  for (const kl of [true, false]) {
    const singles = json.single.filter(({ beta }) => (beta !== 0) === kl);
    await withPolicy(compiled, recorded, kl, async (trainer) => {
      for (const single of singles) {
        // Without old log-probabilities the ratio is one: the old policy is the present one.
        const old = single.old_logps === "given" ? recorded.oldLogProbs : policy.logProbs;
        const feeds = await policyFeeds(compiled, recorded, single, old, json);
        checks.push(...(await singleChecks(trainer, feeds, single, recorded)));
        await trainer.clearGradients();
      }
    });
  }
  for (const steps of json.three_steps) {
    await withPolicy(compiled, recorded, steps.beta !== 0, async (trainer) => {
      const feeds = await policyFeeds(compiled, recorded, steps, recorded.oldLogProbs, json);
      checks.push(...(await stepChecks(trainer, feeds, steps)));
    });
  }
  return checks;
}

async function readCompletions(compiled: CompiledModel, reference: Reference): Promise<RecordedCompletions> {
  const { tensors, json } = reference.grpo!;
  const prompts = unpadded(await tensors.rows("prompt_ids"), await tensors.rows("prompt_mask"));
  const mask = await tensors.rows("completion_mask");
  const completions = unpadded(await tensors.rows("completion_ids"), mask);
  const rows = prompts.map((prompt, i) => [...prompt, ...completions[i]!]);
  const labels = prompts.map((prompt, i) => [...prompt.map(() => -100), ...completions[i]!]);
  const columns = mask[0]!.length;
  const atTokens = async (name: string) => {
    const values = await tensors.floats(name);
    return mask.flatMap((row, i) => row.flatMap((bit, t) => (bit === 1 ? [values[i * columns + t]!] : [])));
  };
  const advantages = await tensors.floats("advantages");
  const images = await imagesOf(
    { model: compiled.model, reference },
    prompts.map(() => json.setup.case),
  );
  return {
    batch: { rows, images },
    targets: labelledTargets(rows, labels),
    lengths: completions.map(({ length }) => length),
    advantages: completions.flatMap((tokens, i) => tokens.map(() => advantages[i]!)),
    oldLogProbs: await atTokens("old_per_token_logps"),
    refLogProbs: await atTokens("ref_per_token_logps"),
    policyLogProbs: await atTokens("policy_per_token_logps"),
  };
}

/** Opens the recorded adapter as the policy, unchanged by what others did. */
async function withPolicy(
  compiled: CompiledModel,
  recorded: RecordedCompletions,
  kl: boolean,
  use: (trainer: Trainer) => Promise<void>,
): Promise<void> {
  const trainer = await compiled.trainer(
    { kind: "grpo", kl },
    "adapter",
    compiled.imageSource(recorded.batch, "adapter"),
  );
  try {
    await use(trainer);
  } finally {
    await trainer.dispose();
  }
}

async function policyFeeds(
  compiled: CompiledModel,
  recorded: RecordedCompletions,
  run: GrpoRun,
  oldLogProbs: ArrayLike<number>,
  json: GrpoJson,
): Promise<Tensors> {
  const reference = { ref_log_probs: float32s(recorded.refLogProbs), beta: scalar("float32", run.beta) };
  return {
    ...(await compiled.trainingFeeds(
      recorded.batch,
      recorded.targets,
      compiled.imageSource(recorded.batch, "adapter"),
    )),
    token_weights: float32s(tokenWeights(run.loss_type, recorded.lengths, json)),
    advantages: float32s(recorded.advantages),
    old_log_probs: float32s(oldLogProbs),
    epsilon_low: scalar("float32", run.epsilon_low),
    epsilon_high: scalar("float32", run.epsilon_high),
    ...(run.beta === 0 ? {} : reference),
  };
}

/** The reductions of TRL's loss types as weights of the tokens. */
function tokenWeights(lossType: string, lengths: readonly number[], { setup }: GrpoJson): number[] {
  const total = lengths.reduce((sum, length) => sum + length, 0);
  const divisors: Record<string, (length: number) => number> = {
    grpo: (length) => length * lengths.length,
    bnpo: () => total,
    dr_grpo: () => lengths.length * setup.max_completion_length,
    dapo: () => setup.num_items_in_batch,
  };
  const divisor = divisors[lossType];
  return lengths.flatMap((length) =>
    Array<number>(length).fill(divisor === undefined ? Number.NaN : 1 / divisor(length)),
  );
}

async function singleChecks(
  trainer: Trainer,
  feeds: Tensors,
  single: GrpoSingle,
  recorded: RecordedCompletions,
): Promise<VerifyCheck[]> {
  const { loss, tokens } = await trainer.accumulate(feeds);
  const name = `${single.loss_type} beta=${single.beta} epsilon_high=${single.epsilon_high} old=${single.old_logps}`;
  const gradients = [...(await trainer.gradients())];
  const normOf = (matrix: string) =>
    Math.hypot(...gradients.filter(([path]) => path.includes(matrix)).map(([, gradient]) => norm(gradient)));
  const ratio = tokens.ratio!;
  const low = mean(recorded.advantages.map((a, i) => Number(a < 0 && ratio[i]! < 1 - single.epsilon_low)));
  const high = mean(recorded.advantages.map((a, i) => Number(a > 0 && ratio[i]! > 1 + single.epsilon_high)));
  const metrics = new Comparison("grpo.metrics", name, tolerances.logProbs)
    .add([mean(tokens.entropy!)], [single.entropy], "entropy")
    .add([low], [single["clip_ratio/low_mean"]], "clip_ratio/low_mean")
    .add([high], [single["clip_ratio/high_mean"]], "clip_ratio/high_mean")
    .add([low + high], [single["clip_ratio/region_mean"]], "clip_ratio/region_mean");
  if (single.kl !== undefined) metrics.add([mean(tokens.kl ?? [Number.NaN])], [single.kl], "kl");
  return [
    new Comparison("grpo.loss", name, tolerances.loss).add([loss], [single.loss]).check(),
    new Comparison("grpo.grad_norm", name, tolerances.trajectoryGradientNorm)
      .add([normOf("lora_")], [single.grad_norm], "all")
      .add([normOf("lora_A")], [single.grad_norm_lora_A], "lora_A")
      .add([normOf("lora_B")], [single.grad_norm_lora_B], "lora_B")
      .check(),
    metrics.check(),
  ];
}

async function stepChecks(trainer: Trainer, feeds: Tensors, steps: GrpoSteps): Promise<VerifyCheck[]> {
  const losses = [(await trainer.accumulate(feeds)).loss];
  const norms: number[] = [];
  for (let step = 0; step < steps.loss.length; step++) {
    norms.push(await trainer.step());
    losses.push((await trainer.accumulate(feeds)).loss);
  }
  const name = `three steps ${steps.loss_type}`;
  const recorded = [...steps.loss, steps.loss_after_last_step];
  return [
    new Comparison("grpo.loss", name, tolerances.loss).add(losses, recorded).check(),
    new Comparison("grpo.grad_norm", name, tolerances.trajectoryGradientNorm)
      .add(norms, steps.grad_norm_before_clip)
      .check(),
  ];
}

function mean(values: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]!;
  return sum / values.length;
}
