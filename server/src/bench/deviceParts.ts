/**
 * What a device is measured by, in parts that each fit a process of their own: recorded numbers, training, policy training and
 * generation with a small checkpoint, reading and writing in a real shape. Speeds are by the clock, after one round that does not count.
 */
import { loadModelDescription } from "@iad-r1/models/zoo";
import { emit } from "@iad-r1/models/graph/emit";
import { serialize } from "@iad-r1/models/graph/serialize";
import { cacheHeadDim } from "@iad-r1/models/nn/decoder";
import { ropeTables } from "@iad-r1/models/nn/rope";
import type { RgbImage } from "@iad-r1/models/vision/image";
import { generateSample } from "../data/synth/sample";
import { inspectionPrompt } from "../generate/examples";
import { Generator } from "../generate/generator";
import { LiveModel } from "../generate/liveModel";
import type { PromptSource } from "../generate/promptEncoder";
import { greedy } from "../generate/sample";
import { type Device, probeDevice } from "../runtime/devices";
import { createSession } from "../runtime/session";
import { openTensorMemory } from "../runtime/tensorMemory";
import { type AnyTensor, scalar, tensor, zeros } from "../runtime/tensors";
import { TrainedModel } from "../train/trainedModel";
import { verifyModel } from "../verify/verifyModel";
import { neverEnd, PolicyStep } from "./policyStep";
import { decoderLinears, loraSize, TrainingStep } from "./trainingStep";

/** One process's work. */
export type DeviceJob =
  | { part: "probe"; device: Device }
  /** A folder with a checkpoint and what was recorded of it. */
  | { part: "verify"; device: Device; folder: string }
  | { part: "pa-sft" | "generate"; device: Device; model: string }
  | { part: "sc-grpo"; device: Device; model: string; image: string }
  /** A decoder of a real shape; see `writeRandomCheckpoint`. */
  | { part: "read-write" | "lora-step"; device: Device; folder: string };

/** One measured number. */
export interface DeviceFigure {
  what: string;
  value: number;
  unit: string;
}

/** Tells figures as soon as they are known: a process that is ended in the middle has told the first ones. */
export type Tell = (figure: DeviceFigure | { note: string }) => void;

const threads = 0;

export async function measurePart(job: DeviceJob, tell: Tell): Promise<void> {
  switch (job.part) {
    case "probe": {
      const { available, detail, hint, gflops, startSeconds } = await probeDevice(job.device);
      tell({ note: `${job.device} ${available ? "works" : "does not work"}: ${detail}${hint ? `; ${hint}` : ""}` });
      if (gflops !== undefined) tell({ what: "matrix product", value: gflops, unit: "GFLOP/s" });
      if (startSeconds !== undefined)
        tell({ what: "one operation after the other", value: 1e6 * startSeconds, unit: "us" });
      return;
    }
    case "verify":
      return verify(job.folder, job.device, tell);
    case "pa-sft":
      return supervised(job.model, job.device, tell);
    case "generate":
      return generate(job.model, job.device, tell);
    case "sc-grpo":
      return policy(job.model, job.image, job.device, tell);
    case "read-write":
      return readAndWrite(job.folder, job.device, tell);
    case "lora-step":
      return loraStep(job.folder, job.device, tell);
  }
}

async function verify(folder: string, device: Device, tell: Tell): Promise<void> {
  let agree = 0;
  let different = 0;
  await verifyModel(`${folder}/checkpoint`, folder, {
    device,
    onCheck: ({ ok, name, case: at, maxAbs, maxRel, note }) => {
      if (ok) agree += 1;
      else {
        different += 1;
        tell({ note: `DIFFERS ${name} (${at}): ${maxAbs.toExponential(1)}, ${maxRel.toExponential(1)} ${note ?? ""}` });
      }
      if ((agree + different) % 20 === 0) tell({ note: `${agree} agree, ${different} differ so far` });
    },
  });
  tell({ what: "quantities that agree", value: agree, unit: "" });
  tell({ what: "quantities that differ", value: different, unit: "" });
}

/** PA-SFT on pictures with the tower frozen: features, passes, optimiser. */
async function supervised(base: string, device: Device, tell: Tell): Promise<void> {
  const batchSize = 8;
  const model = await TrainedModel.open({
    reference: { base, adapter: null },
    ...{ trainable: "language", lora: { ...loraSize, targets: decoderLinears }, recompute: false, seed: 1 },
    objective: { kind: "sft" },
    adamW: { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.01, maxGradNorm: 1 },
    ...{ device, threads },
  });
  let tokens = 0;
  const losses: number[] = [];
  let picture = 0;
  const step = async () => {
    const sources = Array.from({ length: batchSize }, () => pictureQuestion(picture++));
    const prompts = await model.encode(sources);
    const completionIds = Array.from({ length: 64 }, (_, i) => i + 1);
    const batch = model.collate(prompts.map((prompt) => ({ prompt, completionIds })));
    const { loss } = await model.supervisedPass(batch, new Float32Array(batch.numTargets).fill(1 / batch.numTargets));
    losses.push(loss);
    tokens = batch.numTokens;
    await model.step(1e-3);
  };
  const seconds = await rounds(step, 5);
  tell({ what: "PA-SFT, pictures", value: batchSize / seconds, unit: "img/s" });
  tell({ what: "PA-SFT, tokens", value: tokens / seconds, unit: "tokens/s" });
  // The same numbers on every device tell that the same was learnt.
  for (const at of [0, losses.length - 1]) tell({ what: `loss of step ${at + 1}`, value: losses[at]!, unit: "" });
  await model.dispose();
}

async function policy(folder: string, image: string, device: Device, tell: Tell): Promise<void> {
  const settings = { prompts: 4, groupSize: 8, tokens: 32 };
  const step = await PolicyStep.open({ folder, image, question, ...settings, threads, device });
  const seconds = await rounds(() => step.run(), 2);
  const written = settings.prompts * settings.groupSize * settings.tokens;
  tell({ what: "SC-GRPO, 4 prompts x 8 completions x 32 tokens", value: seconds, unit: "s/step" });
  tell({ what: "SC-GRPO, tokens written", value: written / seconds, unit: "tokens/s" });
  await step.dispose();
}

async function generate(base: string, device: Device, tell: Tell): Promise<void> {
  const live = await LiveModel.open({ base, adapter: null }, { device, threads });
  neverEnd({ live });
  const generator = new Generator(live);
  const tokens = 64;
  for (const count of [1, 8]) {
    const requests = Array.from({ length: count }, (_, row) => ({
      prompt: {
        inputIds: Int32Array.from({ length: 192 }, (_, i) => (7 * i + 13 * row) % 1000),
        imageTokenPositions: new Int32Array(0),
        images: null,
      },
      ...{ count: 1, seed: ["device", row] },
    }));
    let ids: number[] = [];
    const seconds = await rounds(async () => {
      const [first] = await generator.generate(requests, { sampling: greedy, maxNewTokens: tokens });
      ids = [...first![0]!.ids];
    }, 3);
    tell({ what: `generation of ${count}, 192 tokens read`, value: (count * tokens) / seconds, unit: "tokens/s" });
    tell({ note: `first ids of ${count}: ${ids.slice(0, 12).join(" ")}` });
  }
  await live.dispose();
}

/** Prompts of 1024 tokens through the decoder, then tokens one by one, with its cache. */
async function readAndWrite(folder: string, device: Device, tell: Tell): Promise<void> {
  const model = await loadModelDescription(folder);
  const { decoder } = model.facts;
  const memory = openTensorMemory(device);
  const program = model.programs.decoder({
    ...{ images: false, statistics: true, weights: memory.isHost ? "files" : "inputs" },
  });
  const opened = performance.now();
  const target = device === "cpu" ? "fused" : "primitive";
  const session = await createSession(serialize(emit(program.graph, { target })), {
    ...{ device, name: "decoder", prepack: device === "cpu" },
  });
  const weights: Record<string, AnyTensor> = {};
  for (const { path, shape } of program.parameters) {
    weights[path] = await memory.place(tensor("float32", await model.parameters.get(path)!.read(), shape));
  }
  tell({ what: "weights and session ready after", value: (performance.now() - opened) / 1000, unit: "s" });
  const [read, slots] = [1024, 1152];
  const { cos, sin, length } = ropeTables(decoder, slots);
  const table = (values: Float32Array) => memory.place(tensor("float32", values, [length, decoder.headDim / 2]));
  const rope = { rope_cos: await table(cos), rope_sin: await table(sin) };
  for (const batch of [1, 8]) {
    const cache: Record<string, AnyTensor> = {};
    for (let layer = 0; layer < decoder.layers; layer++) {
      for (const kind of ["key", "value"]) {
        const dims = [batch, decoder.kvHeads, slots, cacheHeadDim(decoder)];
        cache[`${kind}_cache.${layer}`] = await memory.zeros(dims);
      }
    }
    const outputs = {
      logits: zeros("float32", [batch, decoder.vocabSize]),
      ...{ log_sum_exp: zeros("float32", [batch]), entropy: zeros("float32", [batch]) },
    };
    const run = (tokens: number, before: number) => {
      const count = batch * tokens;
      const ids = BigInt64Array.from({ length: count }, (_, i) => BigInt((31 * i) % decoder.vocabSize));
      const places = BigInt64Array.from({ length: count }, (_, i) => BigInt(before + (i % tokens)));
      const last = BigInt64Array.from({ length: batch }, (_, i) => BigInt((i + 1) * tokens - 1));
      const feeds = {
        input_ids: tensor("int64", ids, [batch, tokens]),
        position_ids: tensor("int64", places, [batch, tokens]),
        seqlens_k: tensor("int32", new Int32Array(batch).fill(before + tokens - 1), [batch]),
        total_sequence_length: scalar("int32", before + tokens),
        logit_positions: tensor("int64", last, [batch]),
      };
      return session.run({ ...weights, ...rope, ...cache, ...feeds }, outputs);
    };
    if (batch === 1) {
      const seconds = await rounds(() => run(read, 0), 2);
      tell({ what: `reading ${read} tokens`, value: read / seconds, unit: "tokens/s" });
      tell({ what: "log of the sum of the last logits", value: outputs.log_sum_exp.data[0]!, unit: "" });
    }
    let at = read;
    const seconds = await rounds(() => run(1, at++), 24);
    tell({ what: `writing behind ${read}, batch ${batch}`, value: batch / seconds, unit: "tokens/s" });
  }
}

async function loraStep(folder: string, device: Device, tell: Tell): Promise<void> {
  const step = await TrainingStep.open(folder, { trainable: "lora", threads, device });
  const rows = Array.from({ length: 2 }, (_, row) => Array.from({ length: 256 }, (_, i) => (17 * i + row) % 8000));
  const losses: number[] = [];
  const seconds = await rounds(async () => losses.push(await step.run([rows], 192)), 2);
  tell({ what: "LoRA step, 2 x 256 tokens", value: seconds, unit: "s/step" });
  tell({ what: "loss of step 1", value: losses[0]!, unit: "" });
  tell({ what: `loss of step ${losses.length}`, value: losses.at(-1)!, unit: "" });
}

/** Seconds of one round, the mean after one that does not count. */
async function rounds(work: () => Promise<unknown>, count: number): Promise<number> {
  await work();
  const start = performance.now();
  for (let i = 0; i < count; i++) await work();
  return (performance.now() - start) / 1000 / count;
}

const question = "Are there any anomalies in the picture? Think first, then give location, type and answer.";

function pictureQuestion(index: number): PromptSource {
  const load = (): Promise<RgbImage> => Promise.resolve(generateSample({ seed: 1, index, size: 112 }).image);
  return inspectionPrompt([{ id: `picture ${index}`, load }]);
}
