/**
 * One optimiser step of supervised training on given token ids, without pictures: forward, backward, clipping, AdamW. The same
 * programs, sessions and optimiser as real training; only data and bookkeeping are left out.
 */
import { adapterSpec, initialAdapter } from "@iad-r1/models/adapters/adapter";
import { createLoraConfig } from "@iad-r1/models/adapters/loraConfig";
import { emit } from "@iad-r1/models/graph/emit";
import { serialize } from "@iad-r1/models/graph/serialize";
import type { Graph } from "@iad-r1/models/graph/types";
import { ropeTables } from "@iad-r1/models/nn/rope";
import type { Program } from "@iad-r1/models/programs/program";
import { numElements } from "@iad-r1/models/graph/dims";
import { loadModelDescription, type ModelDescription } from "@iad-r1/models/zoo";
import { languageTargets } from "../generate/liveModel";
import type { Device } from "../runtime/devices";
import { createSession, type Session, type Tensors } from "../runtime/session";
import { openTensorMemory } from "../runtime/tensorMemory";
import { type AnyTensor, scalar, type StateTensor, tensor } from "../runtime/tensors";
import { collate } from "../train/collate";
import { TrainableWeights } from "../train/trainableWeights";
import { matrixFlops } from "./flops";

export interface TrainingStepOptions {
  /** LoRA of rank 8 on all linears of the decoder, or all weights of decoder and head. */
  trainable: "lora" | "language";
  threads: number;
  /** Default "cpu". */
  device?: Device;
}

/** Ids of sequences. */
type Rows = readonly (readonly number[])[];

/** The seven linears of a decoder layer. */
export const decoderLinears = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"];
export const loraSize = { r: 8, alpha: 16 };

export class TrainingStep {
  private constructor(
    private readonly model: ModelDescription,
    private readonly graph: Graph,
    private readonly session: Session,
    private readonly frozen: Tensors,
    private readonly weights: TrainableWeights<StateTensor>,
  ) {}

  static async open(
    folder: string,
    { trainable, threads, device = "cpu" }: TrainingStepOptions,
  ): Promise<TrainingStep> {
    const model = await loadModelDescription(folder);
    const config = createLoraConfig({
      rank: loraSize.r,
      alpha: loraSize.alpha,
      targetModules: languageTargets(decoderLinears),
      baseModel: folder,
    });
    const adapter = trainable === "lora" ? adapterSpec(config, model.base).layout : null;
    const memory = openTensorMemory(device);
    const program = model.programs.training({
      ...{ objective: { kind: "sft" }, trainable: adapter === null ? "language-model" : "adapter" },
      ...{ images: "none", adapter, weights: memory.isHost ? "files" : "inputs" },
    });
    const graph = emit(program.graph, { target: device === "cpu" ? "fused" : "primitive" });
    const session = await createSession(serialize(graph), { threads, device, name: "training_step" });
    const start = adapter === null ? new Map<string, Float32Array>() : initialAdapter(adapter, model.base.shapes, 1);
    const frozen: Record<string, AnyTensor> = adapter === null ? {} : { adapter_scale: scalar("float32", 1) };
    for (const { path, shape, trainable: learns } of program.parameters) {
      if (learns) continue;
      frozen[path] = await memory.place(tensor("float32", await model.parameters.get(path)!.read(), shape));
    }
    const weights = await TrainableWeights.createIn(
      memory,
      trainableOf(program),
      async (path) => start.get(path) ?? (await model.parameters.get(path)!.read()),
      { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.01, maxGradNorm: 1 },
      { threads, device },
    );
    return new TrainingStep(model, graph, session, frozen, weights);
  }

  /** Numbers that learn. */
  get numTrainable(): number {
    return this.weights.parameters.reduce((sum, { shape }) => sum + numElements(shape), 0);
  }

  /**
   * @param passes ids of the rows of each pass, all of equal length; gradients are accumulated
   * @param prompt tokens at the front of each row that are not learnt
   * @returns the loss before the step: mean over the learnt tokens
   */
  async run(passes: readonly Rows[], prompt: number): Promise<number> {
    let loss = 0;
    for (const rows of passes) loss += await this.pass(rows, prompt, passes.length);
    await this.weights.step(1e-4);
    return loss;
  }

  private async pass(rows: Rows, prompt: number, numPasses: number): Promise<number> {
    const batch = this.batch(rows, prompt);
    const loss = scalar("float32", 0);
    const logProbs = tensor("float32", new Float32Array(batch.numTargets), [batch.numTargets]);
    const weight = new Float32Array(batch.numTargets).fill(1 / (numPasses * batch.numTargets));
    const { decoder } = this.model.facts;
    const { cos, sin } = ropeTables(decoder, batch.length);
    const dims = [batch.length, decoder.headDim / 2];
    await this.session.run(
      {
        ...this.frozen,
        ...this.weights.feeds,
        ...batch.feeds,
        ...{ rope_cos: tensor("float32", cos, dims), rope_sin: tensor("float32", sin, dims) },
        token_weights: tensor("float32", weight, [batch.numTargets]),
      },
      { loss, log_probs: logProbs },
    );
    return loss.data[0]!;
  }

  /** Operations in matrix products of one step. */
  flops(passes: readonly Rows[], prompt: number): number {
    return passes.reduce((sum, rows) => {
      const { length, numTargets } = this.batch(rows, prompt);
      return sum + matrixFlops(this.graph, { B: rows.length, T: length, M: numTargets, L: length });
    }, 0);
  }

  private batch(rows: Rows, prompt: number) {
    const sequences = rows.map((ids) => ({
      prompt: {
        inputIds: Int32Array.from(ids.slice(0, prompt)),
        imageTokenPositions: new Int32Array(0),
        images: null,
      },
      completionIds: ids.slice(prompt),
    }));
    return collate(sequences, this.model.facts.decoder.width);
  }

  async dispose(): Promise<void> {
    await this.session.dispose();
    await this.weights.dispose();
  }
}

function trainableOf(program: Program) {
  return program.parameters.filter(({ trainable }) => trainable);
}
