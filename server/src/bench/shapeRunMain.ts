/** The process of `shapeRun.ts`: takes one job, does it, answers with times and its own peak, and ends. */
import type { RgbImage } from "@iad-r1/models/vision/image";
import { generateSample } from "../data/synth/sample";
import { inspectionPrompt } from "../generate/examples";
import { Generator } from "../generate/generator";
import { LiveModel } from "../generate/liveModel";
import { PromptEncoder, type PromptSource } from "../generate/promptEncoder";
import { greedy } from "../generate/sample";
import { TrainedModel } from "../train/trainedModel";
import { neverEnd } from "./policyStep";
import { ResidentMemory } from "./residentMemory";
import type { ShapeJob, ShapeMeasurement } from "./shapeRun";
import { decoderLinears, loraSize } from "./trainingStep";

process.once("message", (message) => {
  const job = message as ShapeJob;
  void (job.task === "inspect" ? inspect(job) : loraStep(job)).then((result) => {
    process.send!({ ...result, peakBytes: memory.peakBytes }, () => process.exit(0));
  });
});

const memory = new ResidentMemory();

type Result = Omit<ShapeMeasurement, "peakBytes">;

function promptOf({ side }: ShapeJob): PromptSource {
  const load = (): Promise<RgbImage> => Promise.resolve(generateSample({ seed: 1, index: 0, size: side }).image);
  return inspectionPrompt([{ id: "picture", load }]);
}

/** Seconds of each part, by name. */
class Clock {
  readonly seconds: ShapeMeasurement["seconds"] = {};
  private since = performance.now();
  private used = process.cpuUsage();

  lap(name: string): void {
    const now = performance.now();
    const { user, system } = process.cpuUsage(this.used);
    this.seconds[name] = { wall: (now - this.since) / 1000, cpu: (user + system) / 1e6 };
    this.since = now;
    this.used = process.cpuUsage();
    memory.look();
  }
}

async function inspect(job: ShapeJob): Promise<Result> {
  const clock = new Clock();
  const live = await LiveModel.open({ base: job.folder, adapter: null }, { device: job.device, threads: job.threads });
  neverEnd({ live });
  clock.lap("open");
  const [prompt] = await new PromptEncoder(live).encode([promptOf(job)]);
  clock.lap("look");
  await new Generator(live).generate([{ prompt: prompt!, count: 1, seed: ["shape"] }], {
    ...{ sampling: greedy, maxNewTokens: job.tokens },
    onPrefill: () => clock.lap("read"),
  });
  clock.lap("write");
  return { promptTokens: prompt!.inputIds.length, imageTokens: prompt!.numImageTokens, seconds: clock.seconds };
}

async function loraStep(job: ShapeJob): Promise<Result> {
  const clock = new Clock();
  const model = await TrainedModel.open({
    reference: { base: job.folder, adapter: null },
    ...{ trainable: "lora", lora: { ...loraSize, targets: decoderLinears }, recompute: true, seed: 1 },
    objective: { kind: "sft" },
    adamW: { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0, maxGradNorm: 1 },
    ...{ device: job.device, threads: job.threads },
  });
  clock.lap("open");
  const [prompt] = await model.encode([promptOf(job)]);
  clock.lap("look");
  const completionIds = Array.from({ length: job.tokens }, (_, i) => i + 1);
  const batch = model.collate([{ prompt: prompt!, completionIds }]);
  await model.supervisedPass(batch, new Float32Array(batch.numTargets).fill(1 / batch.numTargets));
  await model.step(1e-4);
  clock.lap("step");
  return { promptTokens: prompt!.inputIds.length, imageTokens: prompt!.numImageTokens, seconds: clock.seconds };
}
