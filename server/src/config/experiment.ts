/**
 * The experiment file `iadr1.yaml` as a schema: every key with its default, unit and meaning. The defaults are those of the
 * published system (preset `iad-r1`, reference sections 4.5 and 5.3) as it runs on its four GPUs, except where a comment says
 * otherwise. Reading files and finding lines is `parseExperiment.ts`.
 */
import * as z from "zod";

const positive = z.number().positive();
const count = z.number().int().positive();
/** Sequences that are in memory together. */
const rows = count.max(4096);
const share = z.number().min(0).max(1);
/** A choice with a sentence for each value, for completion and hovers. */
const choice = <const Values extends Record<string, string>>(description: string, values: Values) =>
  z
    .enum(Object.keys(values) as [keyof Values & string, ...(keyof Values & string)[]])
    .meta({ description, enumDescriptions: Object.values(values) });
const folderPath = z.string().describe("Path, from the folder of this file.");

/** Keeps a part of a source: a shuffle with `seed` inside every (category, label), then the first `share` of it or the rest. */
const partSchema = z
  .strictObject({
    seed: z.number().int().default(0).describe("Seed of the shuffle."),
    share: share.describe("Share of the samples on the first side, 0 to 1."),
    side: choice("Which side to use; use both sides for training and held-out data.", {
      first: "The first `share` of the shuffled samples.",
      rest: "What the first side leaves.",
    }),
  })
  .describe("Uses one side of a seeded split that keeps categories and labels in proportion.");

const common = {
  part: partSchema.optional(),
  categories: z.array(z.string()).min(1).optional().describe("Only these categories; all when left out."),
  limit: count.optional().describe("At most so many samples, chosen by the seed of `part`."),
  repeat: count
    .optional()
    .describe("Each sample counts so many times: gives a few photographs weight beside many generated pictures."),
};

/** Where samples come from. */
const dataSourceSchema = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("folder").describe("A folder with annotations.jsonl, images/ and masks/."),
    path: folderPath,
    ...common,
  }),
  z.strictObject({
    kind: z.literal("pa-sft").describe("A JSON array of chats with images (LLaMA-Factory `sharegpt` layout)."),
    path: folderPath,
    images: z
      .string()
      .optional()
      .describe("Folder that relative image paths start from; the file's own when left out."),
    ...common,
  }),
  z.strictObject({
    kind: z.literal("sc-grpo").describe("A JSON array of {id, image, problem, solution}."),
    path: folderPath,
    images: z
      .string()
      .optional()
      .describe("Folder that relative image paths start from; the file's own when left out."),
    ...common,
  }),
  z.strictObject({
    kind: z
      .literal("test")
      .describe("A test file of the reference: image path → {conversation, similar_templates, ...}."),
    path: folderPath,
    images: z
      .string()
      .optional()
      .describe("Folder that relative image paths start from; the file's own when left out."),
    ...common,
  }),
  z.strictObject({
    kind: z
      .literal("mvtec")
      .describe("A folder laid out as MVTec AD: OBJECT/{train,test}/{good,DEFECT}, ground_truth/."),
    path: folderPath,
    split: choice("Which part of the folder to read.", {
      train: "Normal pictures only, as the data set comes.",
      test: "Normal and anomalous pictures.",
    }).default("test"),
    ...common,
  }),
  z.strictObject({
    kind: z.literal("synth").describe("Generated inspection images; byte-identical for a seed."),
    seed: z.number().int().describe("Use different seeds for training and held-out images."),
    count: count.max(1_000_000).describe("Number of images."),
    size: count.min(32).max(1024).default(112).describe("Width and height in pixels."),
    anomalousShare: share.default(0.5).describe("Share of images with a defect."),
    difficulty: share.default(0.5).describe("0 = large, clear defects; 1 = small and faint ones."),
    ...common,
  }),
]);

const sourcesSchema = z
  .union([dataSourceSchema, z.array(dataSourceSchema).min(1)])
  .transform((value) => (Array.isArray(value) ? value : [value]));

const loraSchema = z.strictObject({
  r: count.max(1024).default(8).describe("Rank."),
  alpha: positive.default(16).describe("The update is scaled by alpha / r."),
  targets: z
    .array(z.string())
    .min(1)
    .default(["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"])
    .describe("Linear layers of the language model, by the last part of their name."),
  saves: z
    .array(z.string())
    .default([])
    .describe(
      "Modules of the language model that learn in full beside the matrices (PEFT's modules_to_save), such as norm.",
    ),
});

/** How the optimiser walks; shared by all training stages. */
const optimization = {
  weightDecay: z.number().min(0).describe("Decoupled weight decay of AdamW; biases and norms do not decay."),
  maxGradNorm: positive.default(1).describe("Gradients are scaled down to this global norm."),
  beta1: share.default(0.9).describe("How long AdamW remembers the direction of gradients; below 1."),
  beta2: share.default(0.999).describe("How long AdamW remembers the size of gradients; below 1."),
  epsilon: positive.default(1e-8).describe("Added to the divisor of AdamW. Not the clipping of GRPO."),
  warmupSteps: z.number().int().min(0).describe("Steps over which the learning rate rises from 0."),
  schedule: choice("How the learning rate goes on after the warm-up.", {
    cosine: "Falls to 0 along half a cosine.",
    linear: "Falls to 0 in a straight line.",
    constant: "Stays.",
  }),
};

const trainableSchema = choice(
  "What learns: LoRA matrices on the language model, the whole language model, or everything with the vision tower.",
  {
    lora: "Small matrices beside the linear layers (`lora`); least memory, the result is an adapter.",
    language: "All weights of the language model.",
    all: "All weights, the vision tower and the projector too.",
  },
);

const learningRate = positive.describe("Largest step size, reached after the warm-up.");
const augmentSchema = choice(
  "Mirrors and turns images and changes the places in the text with them; for small real data sets.",
  {
    none: "Pictures as they are.",
    flips: "Mirrored left-right and top-bottom.",
    "flips-and-turns": "Mirrored, and turned by quarters.",
  },
);

const saving = {
  evalEvery: z
    .number()
    .int()
    .min(0)
    .default(0)
    .describe("Evaluate every so many steps and keep the best checkpoint; 0 = keep the last one."),
  evalSamples: count.optional().describe("Held-out samples used inside the stage; all when left out."),
  saveEvery: count.default(100).describe("Write a checkpoint every so many steps."),
  keepCheckpoints: count.default(2).describe("Newest checkpoints kept besides the best one."),
};

const paSftSchema = z.strictObject({
  learningRate: learningRate.default(2e-5),
  epochs: positive.default(1).describe("Passes over the training data; `steps` wins when given."),
  steps: count.optional().describe("Optimiser steps."),
  batchSize: rows.default(1).describe("Samples per forward and backward pass."),
  gradientAccumulation: count.default(8).describe("Passes per optimiser step."),
  trainable: trainableSchema.default("all"),
  lora: loraSchema.prefault({}).describe("The matrices that learn when `trainable` is lora."),
  ...optimization,
  weightDecay: optimization.weightDecay.default(0.1),
  warmupSteps: optimization.warmupSteps.default(100),
  schedule: optimization.schedule.default("cosine"),
  maxLength: count
    .default(8192)
    .describe("Longest sequence in tokens (`cutoff_len`); longer ones are cut as the reference does."),
  augment: augmentSchema.default("none"),
  recompute: z
    .boolean()
    .default(false)
    .describe("Recompute activations in the backward pass: less memory, a third more time."),
  data: sourcesSchema.optional().describe("Training data of this stage; `data.train` when left out."),
  ...saving,
});

const rewardUseSchema = z.strictObject({
  name: z.string().describe("`iad-r1/<function>` or the path of a reward file with `#name`."),
  weight: z
    .number()
    .optional()
    .describe("Factor of this reward in the sum; what the reward file says when left out, else 1."),
});

const scGrpoSchema = z.strictObject({
  groupSize: rows.min(2).default(4).describe("G: completions per prompt."),
  promptsPerStep: rows.default(6).describe("Prompts per optimiser step."),
  epochs: positive.default(1).describe("Passes over the training data; `steps` wins when given."),
  steps: count.optional().describe("Batches of rollouts (each gives `iterations` optimiser steps)."),
  iterations: count.default(1).describe("Optimiser steps per batch of rollouts."),
  lossType: choice("How the losses of tokens become one number.", {
    grpo: "Mean over the tokens of each completion, then over completions.",
    bnpo: "Mean over all tokens of the batch.",
    dr_grpo: "Sum over tokens divided by the longest allowed length: no reward for short or long answers.",
    dapo: "Mean over all tokens of the whole step, however it is cut into passes.",
  }).default("grpo"),
  beta: z
    .number()
    .min(0)
    .default(0.04)
    .describe("Weight of the KL term against the model the stage started from; 0 = off."),
  epsilonLow: share.default(0.2).describe("Ratios are clipped at 1 - epsilonLow."),
  epsilonHigh: z
    .number()
    .min(0)
    .optional()
    .describe("Ratios are clipped at 1 + epsilonHigh; epsilonLow when left out."),
  scaleRewards: choice("By whose standard deviation advantages are divided.", {
    group: "That of the completions of one prompt.",
    batch: "That of all completions of the step.",
    none: "Not divided.",
  }).default("group"),
  maskTruncated: z.boolean().default(false).describe("Completions cut by the token limit do not move the policy."),
  dynamicSampling: z
    .boolean()
    .default(false)
    .describe("Replace groups whose rewards are all equal by fresh prompts (DAPO), at most 3 rounds."),
  temperature: positive
    .default(0.9)
    .describe("How freely completions are drawn; 1 = as the model's probabilities say, less = more cautious."),
  topK: z.number().int().min(0).default(50).describe("Sample from the k most likely tokens; 0 = off."),
  topP: z
    .number()
    .gt(0)
    .max(1)
    .default(0.9)
    .describe("Sample from the smallest set of tokens with this total probability."),
  repetitionPenalty: positive.default(1).describe("Above 1, words that were written become less likely; 1 = off."),
  maxCompletionLength: count.default(512).describe("Longest completion, in tokens."),
  maxPromptLength: count
    .default(8192)
    .describe("Longest prompt in tokens, with image tokens; longer prompts are refused."),
  microBatchSize: rows.default(8).describe("Completions per forward and backward pass; changes memory, not results."),
  rewards: z
    .array(rewardUseSchema)
    .min(1)
    .optional()
    .describe("Reward functions with weights; those of the preset when left out."),
  rewardErrors: choice("What happens when a reward function fails on a completion.", {
    skip: "The completion is left out; the run stops when more than 5 % fail.",
    stop: "The run stops.",
    zero: "It counts as 0, as if the answer were bad.",
  }).default("skip"),
  rewardTimeout: positive
    .default(10)
    .describe("Longest time, in seconds, that a reward file may take for the completions of a step."),
  pauseOn: z
    .array(
      choice("A finding of the reward debugger after which the run waits for a person.", {
        RW101: "A reward gives the wrong number of values.",
        RW102: "A reward gives something else than a finite number.",
        RW104: "Exceptions become scores, or leave more than 5 % of the completions without one.",
        RW105: "A reward gives the least it can for at least 64 completions in a row.",
        RW106: "For 8 steps, more than 90 % of the groups say nothing: all totals are equal.",
      }),
    )
    .default([])
    .describe("Findings that hold the run, so that the reward can be corrected and the run goes on with it."),
  learningRate: learningRate.default(1e-6),
  trainable: trainableSchema.default("all"),
  lora: loraSchema.prefault({}).describe("The matrices that learn when `trainable` is lora."),
  ...optimization,
  weightDecay: optimization.weightDecay.default(0),
  warmupSteps: optimization.warmupSteps.default(0),
  schedule: optimization.schedule.default("linear"),
  recompute: z
    .boolean()
    .default(false)
    .describe("Recompute activations in the backward pass: less memory, a third more time."),
  augment: augmentSchema.default("none"),
  data: sourcesSchema.optional().describe("Training data of this stage; `data.train` when left out."),
  ...saving,
});

const alertSchema = z.strictObject({
  metric: z.string().min(1).describe("Name of a curve, such as kl, reward or rewards/place/mean."),
  above: z.number().optional().describe("Told when the value is greater."),
  below: z.number().optional().describe("Told when the value is less."),
  steps: count.default(1).describe("So many values in a row must be outside."),
  stage: choice("The only stage that it is about; both when left out.", {
    "pa-sft": "Stage 1.",
    "sc-grpo": "Stage 2.",
  }).optional(),
  name: z.string().min(1).optional().describe("What it is called when it is told."),
});

export const alertsSchema = z.array(alertSchema).max(100);

const trlSchema = z.strictObject({
  python: z
    .string()
    .optional()
    .describe(
      "Python that has torch, transformers, trl, peft, accelerate and pillow; IADR1_PYTHON, an active virtual environment or python3 when left out.",
    ),
  processes: count
    .max(1024)
    .default(1)
    .describe("Processes that `accelerate launch` starts, one a card; 1 = no launcher."),
  accelerateConfig: z
    .string()
    .optional()
    .describe(
      "File of `accelerate config`, for DeepSpeed, FSDP or several machines; path from the folder of this file.",
    ),
  precision: choice("Number format of the arithmetic; weights that learn are float32.", {
    auto: "bfloat16 on graphics cards that have it, else float32.",
    float32: "As the embedded engine computes.",
    bfloat16: "Half the memory, about three digits.",
  }).default("auto"),
});

export const experimentSchema = z.strictObject({
  project: z.string().min(1).default("inspection").describe("Name of the experiment; runs are listed under it."),
  preset: choice("Default rewards: those of the paper bit for bit, or the corrected ones.", {
    "iad-r1": "The two rewards of the published system, their holes included.",
    "iad-r1-strict": "Form, answer, place and type, with the holes closed.",
  }).default("iad-r1"),
  model: z
    .strictObject({
      base: z
        .string()
        .describe(
          "Folder of a checkpoint as Hugging Face writes it, or an embedded model: nano-base (untrained), nano-pa-sft, nano (trained).",
        ),
      adapter: z
        .string()
        .nullable()
        .default(null)
        .describe("Folder of a PEFT adapter to start from; nano and nano-pa-sft bring their own."),
    })
    .describe("The model that learns."),
  data: z
    .strictObject({
      train: sourcesSchema.describe("Training images with answers."),
      heldOut: sourcesSchema.optional().describe("Images that no stage trains on; the table of the run is about them."),
      validation: sourcesSchema
        .optional()
        .describe("Images that choose the best checkpoint while training; `heldOut` when left out."),
    })
    .describe("Where pictures with answers come from: one source or a list of sources."),
  prompt: z
    .strictObject({
      style: choice("How SC-GRPO asks.", {
        inspection: "Word for word as evaluation and inspection ask: what is learnt is what is used.",
        question: "The question alone.",
        expert: "The expert sentence before the question, as the published training scripts do.",
        system: "The system prompt of the published system, which spells out the answer format.",
      }).default("inspection"),
      references: z.number().int().min(0).default(0).describe("Normal reference images shown before the query image."),
    })
    .prefault({})
    .describe("What the model is asked."),
  stages: z
    .strictObject({
      paSft: paSftSchema.prefault({}).describe("Stage 1: supervised fine-tuning on chains of thought."),
      scGrpo: scGrpoSchema
        .prefault({})
        .describe("Stage 2: the model answers several times, rewards judge, the better answers become more likely."),
    })
    .prefault({})
    .describe("The two training stages."),
  evaluation: z
    .strictObject({
      batchSize: rows.default(16).describe("Pictures that are answered together; changes memory, not results."),
      maxCompletionLength: count.default(512).describe("Longest answer, in tokens."),
      temperature: z.number().min(0).default(0).describe("0 = always the most likely word."),
    })
    .prefault({})
    .describe("How the model is tested before, between and after the stages."),
  engine: choice("What trains; evaluations always run on the engine of this program.", {
    embedded: "The engine of this program on ONNX Runtime; needs no Python.",
    trl: "TRL, transformers and accelerate in Python, for jobs that outgrow this machine's engine; same files, same rewards, same run folder.",
  })
    .optional()
    .describe("What trains: embedded (when left out), or trl."),
  trl: trlSchema.optional().describe("Where and how TRL runs, with engine: trl."),
  alerts: alertsSchema
    .optional()
    .describe(
      "Rules on curves: when a value is outside, it is told once, as a message and in the run. Nothing is stopped.",
    ),
  seed: z.number().int().min(0).default(42).describe("The same seed gives the same run."),
  device: choice("Where to compute; `iad-r1 doctor` says what this machine has.", {
    auto: "The best device that works here.",
    cpu: "The processor; works everywhere.",
    webgpu: "A graphics card through Vulkan, Metal or Direct3D.",
    cuda: "An NVIDIA card with CUDA.",
    dml: "Windows: any card with DirectX 12.",
    coreml: "Apple: Core ML.",
  }).default("auto"),
  threads: z.number().int().min(0).max(1024).default(0).describe("Threads for the arithmetic; 0 = one per core."),
  output: z.string().default(".iadr1/runs").describe("Folder of the run folders."),
});

export type ExperimentConfig = z.output<typeof experimentSchema>;
export type ExperimentInput = z.input<typeof experimentSchema>;
export type DataSource = z.output<typeof dataSourceSchema>;
export type PaSftConfig = z.output<typeof paSftSchema>;
export type ScGrpoConfig = z.output<typeof scGrpoSchema>;
export type AlertRule = z.output<typeof alertSchema>;
export type TrlConfig = z.output<typeof trlSchema>;
export type Trainable = z.output<typeof trainableSchema>;

/** The JSON Schema of `iadr1.yaml`, for completion and hovers in editors. */
export function experimentJsonSchema(): Record<string, unknown> {
  const schema = z.toJSONSchema(experimentSchema, { io: "input", unrepresentable: "any" });
  return { ...schema, title: "IAD-R1 experiment" };
}
