/** What a model will take, against what processes of their own then took; and what is said when it is too much. */

import { join } from "node:path";
import { openSafetensors } from "@iad-r1/models/checkpoint/safetensors";
import { headsAtOnce } from "@iad-r1/models/nn/patchTower";
import { quantizeCheckpoint } from "@iad-r1/models/quantizeCheckpoint";
import { parseQwen2VlConfig } from "@iad-r1/models/qwen2Vl/config";
import { numElements } from "@iad-r1/models/graph/dims";
import { describeParameters, loadModelDescription, type ModelDescription } from "@iad-r1/models/zoo";
import { realShapes } from "@iad-r1/server/bench/realShapes";
import { inspecting, inspectionBytes, type WeightUse, weightBytes } from "@iad-r1/server/generate/footprint";
import { estimateTask, smallForm } from "@iad-r1/server/runs/taskEstimate";
import { describe, expect, it } from "vitest";
import { temporaryFolder } from "../../helpers/temporaryFolder";
import { tinyModel } from "../../helpers/tinyModel";

/** A description as if its sizes were others. */
function scaled(model: ModelDescription, by: number): ModelDescription {
  const parameters = new Map(
    [...model.parameters].map(([path, one]) => [path, { ...one, shape: [by, ...one.shape], length: by * one.length }]),
  );
  return { ...model, parameters, facts: { ...model.facts, numParameters: by * model.facts.numParameters } };
}

describe("weights", () => {
  it("are held where they are prepacked or widened, and mapped where they stay in their file", async () => {
    const fixture = tinyModel("qwen2-vl");
    const single = await loadModelDescription(fixture.checkpoint);
    const half = await loadModelDescription(join(fixture.folder, "hub-layout"));
    const bytes = 4 * single.facts.numParameters;
    const { held, mapped } = weightBytes(single);
    expect(held + mapped).toBe(bytes);
    expect(held).toBeGreaterThan(0.8 * bytes);
    // Widened by the session that prepares them: the largest, the patch embedding, is there in both forms for a while.
    const largest = 24 * 1176;
    expect(weightBytes(half)).toEqual({ held: bytes, mapped: 0, opening: 4 * largest });
    // Above four gibibytes nothing is prepacked. Halves are widened to be fed then, each beside itself as it is stored.
    expect(weightBytes(scaled(single, 8000))).toEqual({ held: 0, mapped: 8000 * bytes, opening: 0 });
    expect(weightBytes(scaled(half, 8000))).toEqual({ held: 8000 * bytes, mapped: 0, opening: 8000 * 2 * largest });
    // An adapter learns with fed ones; what is written beside it reads the decoder's prepared.
    const learning = weightBytes(half, { learns: "adapter", writes: true, refers: false });
    expect(learning.held).toBeGreaterThan(1.3 * bytes);
    expect(learning.held).toBeLessThan(2 * bytes);
  });

  it("that learn are all in memory; of an embedding that is not the head only rows are read", async () => {
    const model = await loadModelDescription(tinyModel("qwen2-vl").checkpoint);
    const bytes = 4 * model.facts.numParameters;
    const use = (learns: WeightUse["learns"]) => weightBytes(model, { learns, writes: true, refers: false });
    expect(use("all")).toEqual({ held: bytes, mapped: 0, opening: 0 });
    const language = use("language-model");
    expect(language.held + language.mapped).toBe(bytes);
    expect(language.mapped).toBeGreaterThan(0);
    // An adapter leaves them as they are; what is written beside it reads prepacked ones.
    expect(use("adapter")).toEqual({ ...weightBytes(model), mapped: bytes });
    const quiet = weightBytes(model, { learns: "adapter", writes: false, refers: false });
    expect(quiet).toEqual({ held: 0, mapped: bytes, opening: 0 });
    const { facts, paths, parameters } = model;
    const untied = { ...model, facts: { ...facts, decoder: { ...facts.decoder, tied: false } } };
    const embedding = parameters.get(`${paths.decoder}.embed_tokens.weight`)!.length;
    expect(embedding).toBeGreaterThan(0);
    const looking = weightBytes(untied);
    expect(looking.held + looking.mapped).toBe(bytes - embedding);
  });
});

describe("packed weights", () => {
  /** Bytes of the largest tensor of the tower in single precision. */
  const widest = 4 * 24 * 1176;

  /** Bytes of the parts of a small form in 4 bits, by what its file has. */
  async function smallModel() {
    const source = await loadModelDescription(join(tinyModel("qwen2-vl").folder, "hub-layout"));
    const folder = temporaryFolder();
    await quantizeCheckpoint(source, folder, { bits: 4, blockSize: 16 });
    const model = await loadModelDescription(folder);
    const { tensors } = await openSafetensors(folder);
    const bytes = (test: RegExp) =>
      [...tensors.values()].filter(({ name }) => test.test(name)).reduce((sum, { length }) => sum + length, 0);
    const floats = (test: RegExp) =>
      [...model.parameters]
        .filter(([path, { packed }]) => packed !== undefined && test.test(path))
        .reduce((sum, [, { shape }]) => sum + 4 * shape[0]! * shape[1]!, 0);
    return { source, model, bytes, floats };
  }

  it("are held prepared, with their scales and sums; the rest stays in the file", async () => {
    const { source, model, bytes } = await smallModel();
    const [integers, scales, all] = [bytes(/\.weight\.values$/), bytes(/\.weight\.scales$/), bytes(/./)];
    const embedding = bytes(/embed_tokens/);
    for (const one of [integers, scales, embedding]) expect(one).toBeGreaterThan(0);
    // The copy that is prepared for products with rounded activations, and the largest matrix of the tower in single precision, for its
    // product. Integers are let go.
    expect(weightBytes(model)).toEqual({
      held: integers + 2 * scales + widest,
      mapped: all - embedding - integers,
      // While it is opened the largest matrix has its integers in both forms.
      opening: Math.max(...[...model.parameters.values()].map(({ packed }) => packed?.values.length ?? 0)),
    });
    // What is said before the small form is made is what is said of it.
    expect(weightBytes(smallForm(source, 4, 16))).toEqual(weightBytes(model));
    expect(() => smallForm(model, 8)).toThrow(/rounded weights already/);
  });

  it("are there once for each program that reads them, and in floats where a step unpacks them", async () => {
    const { model, bytes, floats } = await smallModel();
    const [layers, head] = [bytes(/\.layers\..*\.weight\.values$/), bytes(/^lm_head.*values$/)];
    const embedding = bytes(/embed_tokens/);
    expect(head).toBeGreaterThan(0);
    const use = (change: Partial<WeightUse>) =>
      weightBytes(model, { learns: "adapter", writes: false, refers: false, ...change });
    // With floats for activations only the integers of 4 bits are prepared; the head, in 8, is unpacked for its product.
    const unpacked = Math.max(floats(/\.layers\.0\./), floats(/^lm_head/));
    const step = use({});
    expect(step.held).toBe(layers + widest + unpacked);
    // Derivatives read the integers in the file.
    expect(step.mapped).toBe(bytes(/./) - embedding);
    // SC-GRPO writes as well: a second copy, prepared for rounded activations, the head with it.
    const writing = layers + head + 2 * bytes(/\.weight\.scales$/);
    expect(use({ writes: true }).held).toBe(step.held + writing);
    // The reference's program keeps the memory of the largest matrix that it unpacks.
    const largest = Math.max(...[...model.parameters.keys()].map((path) => floats(new RegExp(`^${path}$`))));
    expect(use({ writes: true, refers: true }).held).toBe(step.held + writing + largest);
    expect(use({ writes: true }).held).toBeGreaterThan(weightBytes(model, inspecting).held);
  });
});

describe("the memory of an inspection", () => {
  /** The shape of a real model, with other depths and vocabulary, as a description without files. */
  function described(dtype: "float32" | "bfloat16", change: Record<string, unknown>, depth: number): ModelDescription {
    const { vision_config, ...rest } = realShapes["qwen2-vl-2b"]!.config as { vision_config: object };
    const json = { ...rest, ...change, vision_config: { ...vision_config, depth } };
    const { text, vision } = parseQwen2VlConfig(json);
    const { shapes } = describeParameters(json);
    const width = dtype === "float32" ? 4 : 2;
    const parameters = new Map(
      [...shapes].map(([path, shape]) => [path, { dtype, shape, length: width * numElements(shape) }]),
    );
    const numParameters = [...shapes.values()].reduce((sum, shape) => sum + numElements(shape), 0);
    const facts = { decoder: text, tower: vision, numParameters };
    return {
      parameters,
      facts,
      paths: { decoder: "model.language_model", head: "lm_head" },
    } as unknown as ModelDescription;
  }
  const shallow = { num_hidden_layers: 4, vocab_size: 400, image_token_id: 356 };

  // Peak memory of `iad-r1 bench shape` on x86-64 Linux, in MB, each page once.
  it.each([
    { dtype: "bfloat16", change: shallow, depth: 4, patches: 64, promptTokens: 86, newTokens: 16, measured: 1403 },
    { dtype: "bfloat16", change: shallow, depth: 4, patches: 3136, promptTokens: 854, newTokens: 16, measured: 2223 },
    { dtype: "float32", change: shallow, depth: 4, patches: 64, promptTokens: 86, newTokens: 4, measured: 1357 },
    { dtype: "bfloat16", change: {}, depth: 32, patches: 1024, promptTokens: 286, newTokens: 16, measured: 9262 },
  ] as const)("is within 15 % of what was measured ($dtype, $patches patches)", ({ patches, measured, ...one }) => {
    const model = described(one.dtype, one.change, one.depth);
    const tower = { sequences: 1, tokens: patches, scores: headsAtOnce(16) * patches ** 2 };
    const { total } = inspectionBytes(model, { rows: 1, tower, ...one });
    expect(Math.abs(total / 1e6 / measured - 1)).toBeLessThan(0.15);
  });
});

describe("an estimate", () => {
  it("names the parts, their sum, and times from the speed of the machine", async () => {
    const model = await loadModelDescription(tinyModel("qwen2-5-vl").checkpoint);
    const size = { side: 112, tokens: 16 };
    const inspect = await estimateTask(
      model,
      { task: "inspect", ...size },
      { flopsPerSecond: 1e9, threads: 1, touchSeconds: 0 },
    );
    expect(inspect).toMatchObject({ imageTokens: 16, fits: true, cure: null });
    const { total, ...parts } = inspect.memory;
    expect(Object.values(parts).reduce((sum, bytes) => sum + bytes, 0)).toBe(total);
    const faster = await estimateTask(
      model,
      { task: "inspect", ...size },
      { flopsPerSecond: 2e9, threads: 1, touchSeconds: 1e-9 },
    );
    expect(faster.seconds!.read).toBeCloseTo(inspect.seconds!.read! / 2, 9);
    // With twice the threads other work takes as long as before.
    const wider = await estimateTask(
      model,
      { task: "inspect", ...size },
      { flopsPerSecond: 2e9, threads: 2, touchSeconds: 0 },
    );
    expect(wider.seconds!.look).toBeCloseTo(faster.seconds!.look!, 9);
    expect(wider.seconds!.load).toBeCloseTo(inspect.seconds!.load!, 9);
    // A device starts operations one after the other: a pass has 16 for each layer and 26, a token is a pass.
    const device = await estimateTask(
      model,
      { task: "inspect", ...size },
      { flopsPerSecond: 1e9, threads: null, touchSeconds: 0, startSeconds: 1e-3 },
    );
    const { layers } = model.facts.decoder;
    expect(device.seconds!.read! - inspect.seconds!.read!).toBeCloseTo(1e-3 * (16 * layers + 26), 9);
    expect(device.seconds!.write! - inspect.seconds!.write!).toBeCloseTo(16e-3 * (16 * layers + 26), 9);
    // What is new memory: not the files, nor what the process has already.
    const { mapped, process } = inspect.memory;
    expect(inspect.seconds!.memory).toBe(0);
    expect(faster.seconds!.memory).toBeCloseTo(1e-9 * (total - mapped! - process!), 9);
    expect((await estimateTask(model, { task: "lora-step", ...size }, null)).seconds).toBeNull();
    const large = inspectionBytes(model, {
      ...{ rows: 1, promptTokens: 500, newTokens: 16 },
      tower: model.tower.load(
        (await model.loadProcessor()).prepareImages([{ width: 560, height: 560, data: new Uint8Array(3 * 560 * 560) }]),
      ),
    });
    expect(large.tower).toBeGreaterThan(20 * (inspect.memory.tower as number));
  });

  it("tells what a device that keeps tensors holds, and what is left for this machine's memory", async () => {
    const model = await loadModelDescription(tinyModel("qwen2-vl").checkpoint);
    const size = { side: 112, tokens: 16 };
    for (const task of ["inspect", "lora-step"] as const) {
      const here = await estimateTask(model, { task, ...size }, null);
      const there = await estimateTask(model, { task, ...size, device: "webgpu" }, null);
      expect(here.deviceMemory).toBeNull();
      expect(there.deviceMemory!.weights).toBe(4 * model.facts.numParameters);
      expect(there.deviceMemory!.tower).toBe(here.memory.tower);
      expect(there.memory.total).toBeLessThan(here.memory.total);
      const { total, ...parts } = there.deviceMemory!;
      expect(Object.values(parts).reduce((sum, bytes) => sum + bytes, 0)).toBe(total);
      // The runtime's interface gives no handle for memory of other devices.
      expect((await estimateTask(model, { task, ...size, device: "cuda" }, null)).memory).toEqual(here.memory);
    }
  });

  it("says what to do when it does not fit", async () => {
    const model = await loadModelDescription(join(tinyModel("qwen2-vl").folder, "hub-layout"));
    const processor = await loadModelDescription(tinyModel("qwen2-vl").checkpoint);
    const huge = { ...scaled(model, 1e9), loadProcessor: processor.loadProcessor };
    const estimate = await estimateTask(huge, { task: "inspect", side: 112, tokens: 16 }, null);
    expect(estimate.fits).toBe(false);
    expect(estimate.cure).toContain("iad-r1 quantize");
    // Also for a step whose activations alone would be too much: first the weights must fit.
    const step = await estimateTask(huge, { task: "lora-step", side: 112, tokens: 1e9 }, null);
    expect(step.cure).toContain("iad-r1 quantize");
    const small = await loadModelDescription(tinyModel("qwen2-vl").checkpoint);
    const long = await estimateTask(small, { task: "lora-step", side: 112, tokens: 1e9 }, null);
    expect(long).toMatchObject({ fits: false, cure: "Show a smaller picture, or learn from shorter answers." });
  });
});
