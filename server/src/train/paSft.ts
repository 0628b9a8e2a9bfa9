/**
 * Stage 1, Perception Activation supervised fine-tuning: next-token cross-entropy on what the assistant says (reasoning, place, type,
 * answer, end token), nothing on the prompt.
 *
 * Left out, against the reference: several processes and ZeRO, bfloat16, packing, and its own chat templates (the checkpoint's is
 * used). The mean runs over all labelled tokens of an optimiser step, so the number of passes changes nothing.
 */
import { ConfigError } from "@iad-r1/models/errors";
import type { ModelDescription } from "@iad-r1/models/zoo";
import type { ModelReference } from "@iad-r1/protocol/runs";
import type { PaSftConfig } from "../config/experiment";
import { turnAt } from "../data/augment";
import type { InspectionSample } from "../data/samples";
import { supervisedExample } from "../generate/examples";
import type { Device } from "../runtime/devices";
import { decaysInTraining } from "./adamW";
import { DataOrder } from "./dataOrder";
import { learningRateAt } from "./schedule";
import { type StageContext, type StageResult, StageRun, tellFrozenModules } from "./stage";
import { TrainedModel, type TrainingPrompt } from "./trainedModel";

export interface PaSftInput {
  config: PaSftConfig;
  /** The model to start from. */
  model: ModelReference;
  samples: readonly InspectionSample[];
  /** Reference pictures in each prompt. */
  references: number;
  device: Device;
  threads: number;
}

export async function runPaSft(input: PaSftInput, context: StageContext): Promise<StageResult> {
  const { config, samples } = input;
  const { plan, resume, seed, recorder } = context;
  const model = await TrainedModel.open({
    ...{ reference: input.model, trainable: config.trainable, lora: config.lora },
    ...{ recompute: config.recompute, adamW: { ...config, decays: decaysInTraining }, seed },
    ...{ objective: { kind: "sft" }, device: input.device, threads: input.threads, writes: config.evalEvery > 0 },
  });
  try {
    tellFrozenModules(recorder, model);
    if (resume !== null) {
      // Not opened from its checkpoint: what does not learn is read again for each one that is written, when that is deleted.
      await model.restoreWeights(resumedModel(input.model, resume.folder, config));
      await model.restoreOptimizer(resume.folder);
    }
    const run = new StageRun(context, model, config);
    await run.begin();
    const order = new DataOrder(seed, plan.id, samples);
    const samplesPerStep = config.batchSize * config.gradientAccumulation;
    let { step, samplesSeen, numTokens } = resume?.state ?? { step: 0, samplesSeen: 0, numTokens: 0 };
    const endToken = endTokenOf(model.live.description);
    const limit = Math.min(config.maxLength, model.live.description.facts.decoder.maxPositions);
    let numCut = 0;

    while (step < plan.totalSteps) {
      // 1. The samples of this step, in the order of the seed.
      const examples = Array.from({ length: samplesPerStep }, (_, i) => {
        const position = samplesSeen + i;
        const turn = turnAt(config.augment, seed, position);
        return supervisedExample(samples[order.at(position)!]!, { references: input.references, turn });
      });
      const prompts = await model.encode(examples.map(({ source }) => source));
      const sequences = prompts.map((prompt, i) => {
        const answer = [...model.live.processor.tokenizer.encode(examples[i]!.answer), endToken];
        const completionIds = answer.slice(0, roomFor(prompt, limit));
        if (completionIds.length < answer.length) numCut += 1;
        return { prompt, completionIds };
      });

      // Like lengths share a pass, so that little is padded; the mean over all tokens does not care.
      sequences.sort((a, b) => lengthOf(b) - lengthOf(a));

      // 2. Gradients of the mean over all labelled tokens, pass by pass.
      const numLabelled = sequences.reduce((sum, { completionIds }) => sum + completionIds.length, 0);
      let loss = 0;
      let correctTokens = 0;
      let tokens = 0;
      for (let from = 0; from < sequences.length; from += config.batchSize) {
        run.progress(step, from / sequences.length, "");
        const batch = model.collate(sequences.slice(from, from + config.batchSize));
        const weights = new Float32Array(batch.numTargets).fill(1 / numLabelled);
        const pass = await model.supervisedPass(batch, weights);
        loss += pass.loss;
        for (const logProb of pass.logProbs) correctTokens += Math.exp(logProb);
        tokens += batch.numTokens;
      }

      // 3. The update.
      const schedule = { ...config, totalSteps: plan.totalSteps };
      const learningRate = learningRateAt(step, schedule);
      const gradNorm = await model.step(learningRate);
      checkFinite(loss, gradNorm, plan.id, step + 1);

      step += 1;
      samplesSeen += samplesPerStep;
      numTokens += tokens;
      const epoch = order.epoch(samplesSeen);
      await run.finishStep(
        { step, samplesSeen, numTokens, epoch },
        {
          ...{ loss, grad_norm: gradNorm, learning_rate: learningRate, epoch, num_tokens: numTokens },
          mean_token_probability: correctTokens / numLabelled,
        },
        tokens,
      );
    }
    tellCut(recorder, numCut, config.maxLength);
    return run.result();
  } finally {
    await model.dispose();
  }
}

/** Says once, at the end, how many sequences did not fit. */
export function tellCut(recorder: StageContext["recorder"], numCut: number, maxLength: number): void {
  if (numCut === 0) return;
  recorder.log("warning", "data/truncated", `${numCut} sequences were longer than ${maxLength} tokens and were cut.`);
}

/** The weights of a checkpoint: an adapter on the same base, or a full checkpoint of its own. */
export function resumedModel(
  start: ModelReference,
  folder: string,
  { trainable }: Pick<PaSftConfig, "trainable">,
): ModelReference {
  return trainable === "lora" ? { base: start.base, adapter: folder } : { base: folder, adapter: null };
}

function lengthOf({ prompt, completionIds }: { prompt: TrainingPrompt; completionIds: ArrayLike<number> }): number {
  return prompt.inputIds.length + completionIds.length;
}

/**
 * What a complete answer ends with.
 *
 * @throws ConfigError `train/no-end-token`
 */
export function endTokenOf({ generation }: Pick<ModelDescription, "generation">): number {
  const end = generation.eosTokenIds[0];
  if (end !== undefined) return end;
  throw new ConfigError("train/no-end-token", "The model names no end token, so it could never learn to stop.", {
    hint: "Add eos_token_id to generation_config.json.",
  });
}

/**
 * Tokens that an answer may have so that it fits behind its prompt. Answers are cut from behind; a prompt that fills the limit by
 * itself is refused, as cutting it (reference section 4.1) would cut image tokens.
 *
 * @throws ConfigError `train/prompt-too-long`
 */
function roomFor({ inputIds }: TrainingPrompt, limit: number): number {
  if (inputIds.length < limit) return limit - inputIds.length;
  throw new ConfigError("train/prompt-too-long", `A prompt has ${inputIds.length} tokens, the limit is ${limit}.`, {
    hint: "Raise maxLength, use smaller pictures, or fewer reference images.",
  });
}

/** @throws ConfigError `train/diverged` as soon as a loss or gradient is not a number: nothing after it could be right */
export function checkFinite(loss: number, gradNorm: number, stage: string, step: number): void {
  if (Number.isFinite(loss) && Number.isFinite(gradNorm)) return;
  throw new ConfigError(
    "train/diverged",
    `${stage} step ${step}: expected a finite loss and gradient, got ${loss} and ${gradNorm}.`,
    {
      hint: "Lower the learning rate, add warm-up steps, and resume from the last checkpoint.",
    },
  );
}
