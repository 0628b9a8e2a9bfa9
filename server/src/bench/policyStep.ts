/**
 * One step of SC-GRPO on a picture, from prompt to updated adapter: picture through processor and tower, rollouts, rewards,
 * advantages, log-probabilities of the reference, policy pass, AdamW. Left out, against the training loop: the journal and the
 * end of completions, so that every step writes the same number of tokens.
 */
import { createHash } from "node:crypto";
import { loadImage } from "@iad-r1/models/vision/decode";
import type { RgbImage } from "@iad-r1/models/vision/image";
import type { PromptSource } from "../generate/promptEncoder";
import { createRewardRegistry } from "../rewards/registry";
import { scoreCompletions } from "../rewards/evaluate";
import type { Device } from "../runtime/devices";
import { groupAdvantages } from "../train/advantages";
import { tokenWeights } from "../train/losses";
import { TrainedModel } from "../train/trainedModel";
import { decoderLinears, loraSize } from "./trainingStep";

export interface PolicyStepOptions {
  folder: string;
  image: string;
  question: string;
  prompts: number;
  groupSize: number;
  tokens: number;
  threads: number;
  /** Default "cpu". */
  device?: Device;
}

export class PolicyStep {
  private steps = 0;
  private readonly rewards = createRewardRegistry().resolve(["iad-r1"]);

  private constructor(
    private readonly model: TrainedModel,
    private readonly image: RgbImage,
    private readonly options: PolicyStepOptions,
  ) {}

  static async open(options: PolicyStepOptions): Promise<PolicyStep> {
    const model = await TrainedModel.open({
      reference: { base: options.folder, adapter: null },
      ...{ trainable: "lora", lora: { ...loraSize, targets: decoderLinears }, recompute: false, seed: 1 },
      objective: { kind: "grpo", kl: true },
      writes: true,
      adamW: { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0, maxGradNorm: 1 },
      ...{ device: options.device ?? "cpu", threads: options.threads },
    });
    neverEnd(model);
    await model.keepReference();
    return new PolicyStep(model, await loadImage(options.image), options);
  }

  /** Prompts with their rollouts. Every step sees its pictures for the first time. */
  async rollOut(groupSize: number) {
    const { model, image, options } = this;
    this.steps += 1;
    const sources = Array.from({ length: options.prompts }, (_, i): PromptSource => {
      const id = `${this.steps}/${i}`;
      return {
        messages: [{ role: "user", content: [{ type: "image" }, { type: "text", text: options.question }] }],
        pictures: [{ id, load: () => Promise.resolve(image) }],
      };
    });
    const prompts = await model.encoder.encode(sources);
    const completions = await model.generator.generate(
      prompts.map((prompt, i) => ({ prompt, count: groupSize, seed: ["bench", this.steps, i] })),
      {
        sampling: { temperature: 1, topK: 0, topP: 1, repetitionPenalty: 1 },
        maxNewTokens: options.tokens,
        maxRows: 64,
      },
    );
    return { prompts, completions };
  }

  async run(): Promise<void> {
    const { model, options } = this;
    const { groupSize } = options;
    const { prompts, completions } = await this.rollOut(groupSize);
    const all = completions.flat();
    const scored = scoreCompletions(
      this.rewards,
      all.map(({ text }) => ({ completion: text, solution: "<answer>Yes</answer>", columns: {} })),
      { groupSize },
    );
    // Rewards of an untrained model are all alike; a number made of the text stands for a difference.
    const totals = all.map(
      ({ text }, i) => (scored[i]!.total ?? 0) + createHash("md5").update(text).digest()[0]! / 256,
    );
    const { advantages } = groupAdvantages(totals, { groupSize });
    const masks = all.map(({ ids }) => new Uint8Array(ids.length).fill(1));
    const weights = tokenWeights(masks, { lossType: "grpo" });
    const batch = model.collateGroups(
      prompts.map((prompt, i) => ({ prompt, completions: completions[i]!.map(({ ids }) => ids) })),
    );
    const perToken = (values: (i: number) => ArrayLike<number>) => {
      const result = new Float32Array(batch.numTargets);
      for (const i of all.keys()) result.set(values(i), batch.offsets[i]!);
      return result;
    };
    await model.policyPass(batch, {
      tokenWeights: perToken((i) => weights[i]!),
      advantages: perToken((i) => new Float32Array(all[i]!.ids.length).fill(advantages[i]!)),
      oldLogProbs: perToken((i) => all[i]!.logProbs),
      refLogProbs: await model.referenceLogProbs(batch),
      ...{ beta: 0.04, epsilonLow: 0.2, epsilonHigh: 0.2 },
    });
    await model.step(1e-5);
  }

  dispose(): Promise<void> {
    return this.model.dispose();
  }
}

/** Takes the end tokens away, so that completions have a known length. */
export function neverEnd({ live }: Pick<TrainedModel, "live">): void {
  live.description.generation.eosTokenIds = [];
}
