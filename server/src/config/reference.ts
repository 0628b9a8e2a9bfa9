/**
 * What the published system uses for each key of `iadr1.yaml`, as its scripts and the libraries under them say: for hovers,
 * completion and the names that people bring along from TRL, LLaMA-Factory and PEFT. Changes no behaviour: defaults stand in
 * `experiment.ts`.
 */

export interface ReferenceValue {
  /** As it would be written in the file; null when the published system does not do this at all. */
  text: string | null;
  /** For which models or why. */
  note?: string;
}

export interface ReferenceEntry {
  /** Name of the option over there. */
  option?: string;
  values: readonly ReferenceValue[];
}

const one = (text: string | null, option?: string, note?: string): ReferenceEntry => ({
  ...(option === undefined ? {} : { option }),
  values: [note === undefined ? { text } : { text, note }],
});
const library = "a default of the library, never set";

const optimiser = {
  maxGradNorm: one("1", "max_grad_norm", library),
  beta1: one("0.9", "adam_beta1", library),
  beta2: one("0.999", "adam_beta2", library),
  epsilon: one("1.0e-8", "adam_epsilon", library),
};
const under = (path: string, entries: Record<string, ReferenceEntry>) =>
  Object.entries(entries).map(([key, entry]): [string, ReferenceEntry] => [`${path}.${key}`, entry]);

/** Keys from the top, joined by dots. */
export const referenceValues: ReadonlyMap<string, ReferenceEntry> = new Map([
  ...under("stages.paSft", {
    ...optimiser,
    learningRate: {
      option: "learning_rate",
      values: [
        { text: "2.0e-5", note: "LLaVA-OneVision 0.5B, Qwen2-VL 2B" },
        { text: "1.0e-5", note: "the five larger models" },
      ],
    },
    epochs: one("1", "num_train_epochs"),
    batchSize: one("1", "per_device_train_batch_size", "on each of 4 GPUs"),
    gradientAccumulation: one("8", "gradient_accumulation_steps", "2 on each of 4 GPUs; 8 samples per optimiser step"),
    trainable: one(
      "all",
      "finetuning_type",
      "full; the vision tower stands still for LLaVA-1.5, LLaVA-1.6 and Qwen2-VL",
    ),
    weightDecay: one("0.1", "weight_decay"),
    warmupSteps: one("100", "warmup_steps"),
    schedule: one("cosine", "lr_scheduler_type"),
    maxLength: {
      option: "cutoff_len",
      values: [
        { text: "8192", note: "LLaVA models" },
        { text: "4096", note: "Qwen models" },
      ],
    },
    saveEvery: {
      option: "save_steps",
      values: [
        { text: "500", note: "LLaVA models" },
        { text: "365", note: "Qwen models" },
      ],
    },
  }),
  ...under("stages.scGrpo", {
    ...optimiser,
    groupSize: one("4", "num_generations"),
    promptsPerStep: one("6", "per_device_train_batch_size × gradient_accumulation_steps", "1 × 2 on each of 3 GPUs"),
    epochs: one("1", "num_train_epochs"),
    iterations: one("1", "num_iterations", "the option is ignored; always one update"),
    lossType: one("grpo", "loss_type", "the option is ignored; means of completions, then their mean"),
    beta: one("0.04", "beta", library),
    epsilonLow: one(null, "epsilon", "the option is ignored; ratios are not clipped, which is the same for one update"),
    epsilonHigh: one(null, "epsilon_high", "the option is ignored; ratios are not clipped"),
    scaleRewards: one("group", "scale_rewards", "the option is ignored; always divided"),
    maskTruncated: one("false", "mask_truncated_completions", "the option is ignored"),
    dynamicSampling: one(null),
    temperature: one("0.9", "temperature", "left out of the log-probabilities that are trained; here it is in them"),
    topK: one("50", "top_k", "fixed in the code"),
    topP: one("0.9", "top_p", "fixed in the code"),
    repetitionPenalty: one("1", "repetition_penalty", "not passed on"),
    maxCompletionLength: one("512", "max_completion_length"),
    maxPromptLength: {
      option: "max_prompt_length",
      values: [
        { text: "8192", note: "LLaVA-OneVision, LLaVA-1.6" },
        { text: "4096", note: "Qwen models, LLaVA-1.5" },
      ],
    },
    microBatchSize: one("4", "per_device_train_batch_size", "the 4 completions of one prompt on each GPU"),
    learningRate: one("1.0e-6", "learning_rate", library),
    trainable: one("all", "use_peft", "full; no adapters"),
    weightDecay: one("0", "weight_decay", library),
    warmupSteps: one("0", "warmup_steps", library),
    schedule: one("linear", "lr_scheduler_type", library),
    recompute: one("true", "gradient_checkpointing"),
    saveEvery: one("100", "save_steps"),
    rewards: one("[{ name: iad-r1/consistency }, { name: iad-r1/accuracy }]", "reward_funcs", "a plain sum"),
  }),
  ...under("stages.scGrpo.rewards", { weight: one("1", "reward_weights", "the option is ignored; a plain sum") }),
  ...under("prompt", {
    style: one("expert", "use_system_prompt", "false in all training scripts"),
    references: {
      option: "single_img",
      values: [
        { text: "0", note: "single_img 1, all training scripts" },
        { text: "1", note: "single_img 0" },
      ],
    },
  }),
  ...under("evaluation", {
    batchSize: one("4", "batch_size"),
    maxCompletionLength: one("512", "max_tokens"),
    temperature: one("0", "temperature"),
  }),
  ["preset", one("iad-r1")],
  ["seed", one("42", "seed", library)],
]);

/** Names of other tools, by the section of the file that they belong into; values are keys of that section. */
const otherNames: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  "stages.paSft.lora": { rank: "r", lora_rank: "r", lora_r: "r", lora_alpha: "alpha", lora_target: "targets" },
  "stages.scGrpo.lora": { rank: "r", lora_rank: "r", lora_r: "r", lora_alpha: "alpha", lora_target: "targets" },
  "stages.paSft": { max_steps: "steps", eval_steps: "evalEvery", gradient_checkpointing: "recompute" },
  "stages.scGrpo": {
    max_steps: "steps",
    eval_steps: "evalEvery",
    reward_functions: "rewards",
    clip_ratio: "epsilonLow",
  },
  stages: { sft: "paSft", pa_sft: "paSft", grpo: "scGrpo", sc_grpo: "scGrpo" },
  evaluation: { max_new_tokens: "maxCompletionLength", max_completion_length: "maxCompletionLength" },
  model: { model_name_or_path: "base", path: "base", adapter_name_or_path: "adapter" },
  data: { training: "train", test: "heldOut", eval: "heldOut", val: "validation" },
  "": { output_dir: "output", name: "project", run_name: "project" },
};
for (const stage of ["stages.paSft", "stages.scGrpo"]) {
  const lora = otherNames[`${stage}.lora`] as Record<string, string>;
  lora.target_modules = "targets";
  (otherNames[stage] as Record<string, string>).save_total_limit = "keepCheckpoints";
}

/** The key of a section that is called `name` elsewhere, or null. */
export function keyOfOtherName(section: string, name: string): string | null {
  const own = otherNames[section];
  if (own !== undefined && Object.hasOwn(own, name)) return own[name]!;
  const prefix = section === "" ? "" : `${section}.`;
  for (const [path, { option }] of referenceValues) {
    if (option !== name || !path.startsWith(prefix)) continue;
    const key = path.slice(prefix.length);
    if (!key.includes(".")) return key;
  }
  return null;
}
