/** Training on the fixtures against PyTorch, PEFT and TRL: policy losses, their metrics, and trajectories of all three kinds. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { adapterParameters, adapterSpec, writeAdapter } from "@iad-r1/models/adapters/adapter";
import { peftName } from "@iad-r1/models/adapters/adapterNames";
import { createLoraConfig } from "@iad-r1/models/adapters/loraConfig";
import { openSafetensors } from "@iad-r1/models/checkpoint/safetensors";
import { numElements } from "@iad-r1/models/graph/dims";
import { loadImage } from "@iad-r1/models/vision/decode";
import type { PromptSource } from "@iad-r1/server/generate/promptEncoder";
import { LiveModel } from "@iad-r1/server/generate/liveModel";
import { type LossType, policyLoss, tokenWeights } from "@iad-r1/server/train/losses";
import { TrainedModel, type TrainedModelOptions, type TrainingBatch } from "@iad-r1/server/train/trainedModel";
import { afterEach, describe, expect, it } from "vitest";
import { readTensors } from "../../helpers/readTensors";
import { type TinyCase, tinyModel } from "../../helpers/tinyModel";

describe.each(["llava-onevision", "qwen2-vl", "qwen2-5-vl"])("%s", (family) => {
  const fixture = tinyModel(family);
  const { cases } = fixture.json<{ cases: Record<string, TinyCase> }>("cases.json");

  function source(name: string): PromptSource {
    const { messages, images } = cases[name]!;
    return {
      messages,
      pictures: images.map((image) => ({ id: image, load: () => loadImage(join(fixture.folder, "images", image)) })),
    };
  }

  /** The optimiser of all recorded trajectories. */
  const adamW = { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.01, maxGradNorm: 1 };
  const lora = { r: 8, alpha: 16, targets: ["q_proj"] };

  let opened: TrainedModel[] = [];
  afterEach(async () => {
    for (const model of opened) await model.dispose();
    opened = [];
  });
  async function open(options: Partial<TrainedModelOptions>): Promise<TrainedModel> {
    const model = await TrainedModel.open({
      ...{ reference: { base: fixture.checkpoint, adapter: null }, trainable: "lora", lora, recompute: false, adamW },
      ...{ objective: { kind: "sft" }, seed: 1, device: "cpu", threads: 1, ...options },
    });
    opened.push(model);
    return model;
  }

  const withAdapter = { base: fixture.checkpoint, adapter: fixture.folder };

  /** Prompts with completions and the end token, as the fixture has them. */
  async function collated(model: TrainedModel, texts: readonly (readonly [name: string, completion: string])[]) {
    const { tokenizer } = model.live.processor;
    const end = [...model.live.eosIds][0]!;
    const prompts = await model.encode(texts.map(([name]) => source(name)));
    return model.collate(
      prompts.map((prompt, i) => ({ prompt, completionIds: [...tokenizer.encode(texts[i]![1]), end] })),
    );
  }

  /** A question and an answer without a picture. */
  async function words(model: TrainedModel): Promise<TrainingBatch> {
    const messages = [{ role: "user" as const, content: [{ type: "text" as const, text: "Is a scratch a defect?" }] }];
    const [prompt] = await model.encode([{ messages, pictures: [] }]);
    return model.collate([{ prompt: prompt!, completionIds: model.live.processor.tokenizer.encode("It is.") }]);
  }

  describe("supervised training", () => {
    const trainBatch: [string, string][] = ["a", "b"].map((name) => [name, cases[name]!.completion]);

    interface Trajectory {
      loss: number[];
      grad_norm_before_clip: number[];
      loss_after_last_step: number;
    }

    async function follow(model: TrainedModel, passes: readonly (readonly [string, string][])[], expected: Trajectory) {
      const batches = await Promise.all(passes.map((pass) => collated(model, pass)));
      const total = batches.reduce((sum, { numTargets }) => sum + numTargets, 0);
      const loss = async () => {
        let sum = 0;
        for (const [i, pass] of passes.entries()) {
          const batch = model.trainsVision ? await collated(model, pass) : batches[i]!;
          const weights = new Float32Array(batch.numTargets).fill(1 / total);
          sum += (await model.supervisedPass(batch, weights)).loss;
        }
        return sum;
      };
      for (const [i, recorded] of expected.loss.entries()) {
        const got = await loss();
        const norm = await model.step(1e-3);
        expect(Math.abs(got / recorded - 1)).toBeLessThan(1e-3);
        expect(Math.abs(norm / expected.grad_norm_before_clip[i]! - 1)).toBeLessThan(3e-3);
      }
      expect(Math.abs((await loss()) / expected.loss_after_last_step - 1)).toBeLessThan(1e-3);
    }

    const reference = fixture.json<{ full_finetuning: Record<string, Trajectory> }>("reference.json").full_finetuning;

    it("of an adapter follows PEFT for ten steps", async () => {
      const { trajectory } = fixture.json<{ trajectory: Trajectory }>("lora.json");
      await follow(await open({ reference: withAdapter }), [trainBatch], trajectory);
    });

    it("in two passes with accumulated gradients is the same as in one", async () => {
      const { trajectory } = fixture.json<{ trajectory: Trajectory }>("lora.json");
      await follow(await open({ reference: withAdapter }), [trainBatch.slice(0, 1), trainBatch.slice(1)], trajectory);
    });

    it("of all weights follows PyTorch for ten steps", async () => {
      await follow(await open({ trainable: "all" }), [trainBatch], reference.all_parameters!);
    });

    it("takes batches without pictures, which leave the tower as it is", async () => {
      const pass = async (model: TrainedModel, batch: TrainingBatch) => {
        await model.supervisedPass(batch, new Float32Array(batch.numTargets).fill(1 / batch.numTargets));
      };
      const inTower = (path: string) => !/^(?:model\.language_model|lm_head)\./.test(path);
      const values = async ({ live, weights }: TrainedModel) => {
        const copies = new Map<string, Float32Array>();
        for (const { path } of weights.parameters) {
          copies.set(path, Float32Array.from(await live.memory.read(live.live.get(path)!)));
        }
        return copies;
      };

      const [mixed, language] = [await open({ trainable: "all" }), await open({ trainable: "language" })];
      const start = await values(mixed);
      await pass(mixed, await words(mixed));
      await pass(language, await words(language));
      expect(await mixed.step(1e-3)).toBe(await language.step(1e-3));
      const afterWords = await values(mixed);
      for (const [path, value] of await values(language)) expect(afterWords.get(path)).toEqual(value);
      for (const [path, value] of start)
        expect([path, Object.is(afterWords.get(path)![0], value[0])]).toEqual([path, inTower(path)]);

      // As in torch, the tower's first step is the first for its moments: the same as that of a model that has only seen pictures.
      const only = await open({ trainable: "all" });
      for (const [path, value] of start) await mixed.live.memory.write(mixed.live.live.get(path)!, value);
      for (const model of [mixed, only]) {
        await pass(model, await collated(model, trainBatch));
        await model.step(1e-3);
      }
      const [got, wanted] = [await values(mixed), await values(only)];
      for (const path of start.keys()) if (inTower(path)) expect(got.get(path)).toEqual(wanted.get(path));
    });

    it("of an adapter takes batches without pictures too", async () => {
      const model = await open({});
      const batch = await words(model);
      const { loss } = await model.supervisedPass(batch, new Float32Array(batch.numTargets).fill(1 / batch.numTargets));
      expect(loss).toBeGreaterThan(0);
      expect(await model.step(1e-3)).toBeGreaterThan(0);
    });

    it("of the language model alone follows PyTorch, with activations computed again", async () => {
      const key = Object.keys(reference).find((name) => name.includes("language"))!;
      await follow(await open({ trainable: "language", recompute: true }), [trainBatch], reference[key]!);
    });
  });

  describe("policy training", () => {
    interface Single {
      loss_type: LossType;
      beta: number;
      epsilon_low: number;
      epsilon_high: number;
      old_logps: string;
      loss: number;
      grad_norm: number;
      kl?: number;
      entropy: number;
      "clip_ratio/low_mean": number;
      "clip_ratio/high_mean": number;
    }
    interface Steps extends Pick<Single, "loss_type" | "beta" | "epsilon_low" | "epsilon_high"> {
      loss: number[];
      grad_norm_before_clip: number[];
      loss_after_last_step: number;
    }
    const golden = fixture.json<{ single: Single[]; three_steps: Steps[] }>("grpo.json");
    const tensors = readTensors(join(fixture.folder, "grpo.safetensors"));
    const rowLength = tensors.get("completion_ids")!.shape[1]!;
    const lengths = [0, 1, 2, 3].map((b) =>
      Array.from(tensors.get("completion_mask")!.data.slice(b * rowLength, (b + 1) * rowLength)).reduce(
        (a, x) => a + x,
        0,
      ),
    );
    const rows = (name: string) =>
      lengths.map((length, b) => Array.from(tensors.get(name)!.data.slice(b * rowLength, b * rowLength + length)));
    const masks = lengths.map((length) => new Uint8Array(length).fill(1));
    const advantages = Array.from(tensors.get("advantages")!.data);
    const flat = (values: readonly ArrayLike<number>[]) => Float32Array.from(values.flatMap((row) => Array.from(row)));

    async function setUp(kl: boolean) {
      const model = await open({ reference: withAdapter, objective: { kind: "grpo", kl } });
      // The records were made with torchvision's pixels; ours are Pillow's, which is more than the tolerance away.
      const pixelValues = readTensors(join(fixture.folder, "reference.safetensors")).get("a.pixel_values")!
        .data as Float32Array;
      const picture = await source("a").pictures[0]!.load();
      const prepare = () => ({ ...model.live.processor.prepareImages([picture]), pixelValues });
      const recorded = () => Promise.resolve({ content: "recorded", prepare });
      await model.encoder.features.encode([{ name: cases.a!.images[0]!, open: recorded }]);
      const batch = model.collateGroups([
        { prompt: (await model.encode([source("a")]))[0]!, completions: rows("completion_ids") },
      ]);
      const pass = (
        options: Pick<Single, "loss_type" | "beta" | "epsilon_low" | "epsilon_high">,
        oldLogProbs: Float32Array,
      ) =>
        model.policyPass(batch, {
          tokenWeights: flat(tokenWeights(masks, { lossType: options.loss_type, maxCompletionLength: 64 })),
          advantages: flat(advantages.map((advantage, b) => new Array<number>(lengths[b]!).fill(advantage))),
          oldLogProbs,
          refLogProbs: kl ? flat(rows("ref_per_token_logps")) : null,
          ...{ beta: options.beta, epsilonLow: options.epsilon_low, epsilonHigh: options.epsilon_high },
        });
      return { model, batch, pass };
    }

    it.each([true, false])("has TRL's losses, gradients, entropy and clip ratios (KL %s)", async (kl) => {
      const { model, batch, pass } = await setUp(kl);
      const onPolicy = flat(rows("policy_per_token_logps"));
      for (const expected of golden.single.filter(({ beta }) => beta > 0 === kl)) {
        const old = expected.old_logps === "given" ? flat(rows("old_per_token_logps")) : onPolicy;
        const result = await pass(expected, old);
        expect(Math.abs(result.loss - expected.loss)).toBeLessThan(5e-5);
        expect(Math.abs((await model.step(0)) / expected.grad_norm - 1)).toBeLessThan(1e-3);
        expect(result.entropy.reduce((a, b) => a + b, 0) / batch.numTargets).toBeCloseTo(expected.entropy, 3);
        const advantageOf = flat(advantages.map((advantage, b) => new Array<number>(lengths[b]!).fill(advantage)));
        const share = (test: (ratio: number, advantage: number) => boolean) =>
          result.ratio.filter((ratio, i) => test(ratio, advantageOf[i]!)).length / batch.numTargets;
        expect(share((r, a) => r < 1 - expected.epsilon_low && a < 0)).toBeCloseTo(expected["clip_ratio/low_mean"], 6);
        expect(share((r, a) => r > 1 + expected.epsilon_high && a > 0)).toBeCloseTo(
          expected["clip_ratio/high_mean"],
          6,
        );
        if (kl) expect(result.kl!.reduce((a, b) => a + b, 0) / batch.numTargets).toBeCloseTo(expected.kl!, 3);
        // The float64 loss beside the papers says the same about the same log-probabilities.
        const split = (values: Float32Array) =>
          lengths.map((_, b) => values.subarray(batch.offsets[b]!, batch.offsets[b + 1]!));
        const plain = policyLoss(
          {
            logProbs: split(result.logProbs),
            oldLogProbs: split(old),
            ...(kl && { refLogProbs: rows("ref_per_token_logps") }),
            ...{ advantages, masks },
          },
          {
            ...{ lossType: expected.loss_type, maxCompletionLength: 64, beta: expected.beta },
            ...{ epsilonLow: expected.epsilon_low, epsilonHigh: expected.epsilon_high },
          },
        );
        expect(result.loss).toBeCloseTo(plain.loss, 5);
      }
    });

    it("follows TRL over three updates on one batch", async () => {
      for (const expected of golden.three_steps) {
        const { model, pass } = await setUp(true);
        const old = flat(rows("old_per_token_logps"));
        for (const [i, loss] of expected.loss.entries()) {
          const result = await pass(expected, old);
          expect(Math.abs(result.loss - loss)).toBeLessThan(1e-3 * Math.max(0.05, Math.abs(loss)));
          expect(Math.abs((await model.step(1e-3)) / expected.grad_norm_before_clip[i]! - 1)).toBeLessThan(3e-3);
        }
        const after = await pass(expected, old);
        expect(Math.abs(after.loss - expected.loss_after_last_step)).toBeLessThan(1e-3);
      }
    });

    it("trains the policy that completions were drawn from: at their temperature all ratios are 1", async () => {
      const temperature = 0.5;
      const model = await open({ reference: withAdapter, objective: { kind: "grpo", kl: true, temperature } });
      const [prompt] = await model.encode([source("a")]);
      const [group] = await model.generator.generate([{ prompt: prompt!, count: 2, seed: [1] }], {
        sampling: { temperature, topK: 0, topP: 1, repetitionPenalty: 1 },
        ...{ maxNewTokens: 12, policyLogProbs: true },
      });
      const batch = model.collateGroups([{ prompt: prompt!, completions: group!.map(({ ids }) => ids) }]);
      const drawn = flat(group!.map(({ policyLogProbs }) => policyLogProbs!));
      await model.keepReference();
      const start = await model.referenceLogProbs(batch);
      const { ratio, kl, logProbs } = await model.policyPass(batch, {
        ...{ tokenWeights: drawn.map(() => 1), advantages: drawn.map(() => 1), oldLogProbs: drawn },
        ...{ refLogProbs: start, beta: 0.1, epsilonLow: 0.2, epsilonHigh: 0.2 },
      });
      const raw = flat(group!.map((completion) => completion.logProbs));
      for (const [t, value] of drawn.entries()) {
        expect(ratio[t]).toBeCloseTo(1, 3);
        expect(kl![t]).toBeCloseTo(0, 5);
        expect(logProbs[t]).toBeCloseTo(value, 3);
        expect(start[t]).toBeCloseTo(value, 3);
      }
      expect(Math.max(...drawn.map((value, t) => Math.abs(value - raw[t]!)))).toBeGreaterThan(0.1);
    });

    it("takes the start model for reference, whatever was learnt since", async () => {
      const { model, batch, pass } = await setUp(true);
      await model.keepReference();
      const before = await model.referenceLogProbs(batch);
      expect(before[0]).toBeCloseTo(rows("policy_per_token_logps")[0]![0]!, 3);
      await pass(golden.single[0]!, flat(rows("old_per_token_logps")));
      await model.step(1e-2);
      expect([...(await model.referenceLogProbs(batch))]).toEqual([...before]);
      const { logProbs } = await pass(golden.single[0]!, flat(rows("old_per_token_logps")));
      expect(Math.abs(logProbs[0]! - before[0]!)).toBeGreaterThan(1e-4);
    });
  });

  describe("an adapter that saves a module in full", () => {
    const norm = "model.language_model.norm.weight";

    it("learns it as full training does, and the others not at all", async () => {
      const gradient = async (options: Partial<TrainedModelOptions>) => {
        const model = await open(options);
        const batch = await collated(model, [["b", cases.b!.completion]]);
        await model.supervisedPass(batch, new Float32Array(batch.numTargets).fill(1 / batch.numTargets));
        const values = await model.live.memory.read(model.weights.feeds[`grad.${norm}`]!);
        return { model, values: Float32Array.from(values) };
      };
      // The matrices of a new adapter change nothing yet, so both differentiate the same function.
      const { model, values } = await gradient({ lora: { ...lora, saves: ["norm"] } });
      const { values: full } = await gradient({ trainable: "language" });
      const largest = full.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
      expect(largest).toBeGreaterThan(1e-4);
      for (const [i, value] of values.entries()) expect(Math.abs(value - full[i]!)).toBeLessThan(1e-5 * largest);
      const learnt = model.weights.parameters.map(({ path }) => path).filter((path) => !path.includes(".lora_"));
      expect(learnt).toEqual([norm]);
    });

    it("is refused for a module that the language model does not have", async () => {
      await expect(open({ lora: { ...lora, saves: ["multi_modal_projector"] } })).rejects.toMatchObject({
        code: "train/saved-modules",
        hint: expect.stringMatching(/norm/),
      });
    });
  });

  it("modules of the vision side that an adapter brought in full are used, stay as they are, and are named", async () => {
    const folder = mkdtempSync(join(tmpdir(), "saved-vision-"));
    try {
      const plain = await open({});
      const { parameters, base, paths } = plain.live.description;
      const { config, layout } = plain.live.adapter!;
      const path = [...parameters.keys()].find((one) => /(projector|merger).*weight$/.test(one))!;
      const module = path.slice(0, -".weight".length);
      const saves = [...parameters].filter(([one]) => one.startsWith(`${module}.`));
      const matrices = adapterParameters(layout, base.shapes);
      const values = new Map(saves.map(([one, { shape }]) => [one, new Float32Array(numElements(shape)).fill(0.5)]));
      for (const { path: matrix, shape } of matrices)
        values.set(matrix, new Float32Array(numElements(shape)).fill(0.01));
      await writeAdapter(folder, { ...config, modulesToSave: [module] }, matrices, values, new Map(saves));
      const model = await open({ reference: { base: fixture.checkpoint, adapter: folder } });
      expect(plain.frozenModules).toEqual([]);
      expect(model.frozenModules).toEqual([module]);
      expect(model.weights.parameters.filter(({ path: one }) => !one.startsWith(`${paths.decoder}.`))).toEqual([]);
      const [before, after] = await Promise.all([plain, model].map((one) => one.encode([source("b")])));
      expect(after![0]!.images).not.toEqual(before![0]!.images);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it("an adapter that reaches the vision tower goes on learning there, and is the same when it is opened again", async () => {
    const [first, second] = [1, 2].map(() => mkdtempSync(join(tmpdir(), "tower-adapter-")));
    try {
      const { base, paths, folder: baseModel } = (await open({})).live.description;
      const config = createLoraConfig({ rank: 2, alpha: 4, targetModules: "all-linear", baseModel });
      const { layout } = adapterSpec(config, base);
      const matrices = adapterParameters(layout, base.shapes);
      const values = new Map(
        matrices.map(({ path, shape }) => [path, new Float32Array(numElements(shape)).fill(0.01)]),
      );
      await writeAdapter(first!, config, matrices, values);
      const model = await open({ reference: { base: fixture.checkpoint, adapter: first! } });
      const text: [string, string][] = [["b", cases.b!.completion]];
      const lossOf = async (one: TrainedModel) => {
        const batch = await collated(one, text);
        const { loss } = await one.supervisedPass(batch, new Float32Array(batch.numTargets).fill(1 / batch.numTargets));
        return loss;
      };
      const before = await lossOf(model);
      await model.step(1e-3);
      const after = await lossOf(model);
      expect(after).toBeLessThan(before);
      await model.saveModel(second!);
      const learnt = await openSafetensors(join(second!, "adapter_model.safetensors"));
      const seeing = model.weights.parameters.filter(({ path }) => !path.startsWith(`${paths.decoder}.`));
      expect(seeing.length).toBeGreaterThan(8);
      for (const { path } of seeing)
        expect(await learnt.readFloat32(peftName(path)), path).not.toEqual(values.get(path));
      const again = await open({ reference: { base: fixture.checkpoint, adapter: second! } });
      expect(await lossOf(again)).toBeCloseTo(after, 6);
    } finally {
      for (const folder of [first, second]) rmSync(folder!, { recursive: true, force: true });
    }
  });

  describe("a saved model", () => {
    it.each([
      ["lora", []],
      ["lora", ["norm"]],
      ["language", []],
      ["all", []],
    ] as const)("gives the same losses again when it is opened (%s, saved in full: %j)", async (trainable, saves) => {
      const folder = mkdtempSync(join(tmpdir(), "saved-model-"));
      try {
        const model = await open({ trainable, lora: { ...lora, targets: ["q_proj", "down_proj"], saves } });
        const text: [string, string][] = [["b", cases.b!.completion]];
        const run = async (one: TrainedModel) => {
          const batch = await collated(one, text);
          return one.supervisedPass(batch, new Float32Array(batch.numTargets).fill(1 / batch.numTargets));
        };
        const losses: number[] = [];
        for (let i = 0; i < 2; i++) {
          losses.push((await run(model)).loss);
          await model.step(1e-2);
        }
        await model.saveModel(folder);
        await model.saveOptimizer(folder);
        const again = await open({
          trainable,
          reference: model.savedReference(folder),
          lora: { r: 1, alpha: 1, targets: ["o_proj"] },
        });
        await again.restoreOptimizer(folder);
        for (let i = 0; i < 2; i++) {
          const [here, there] = [await run(model), await run(again)];
          expect(there.loss).toBe(here.loss);
          expect(await again.step(1e-2)).toBe(await model.step(1e-2));
        }
        const asked = await LiveModel.open(model.savedReference(folder), { threads: 1 });
        expect(asked.adapter === null).toBe(trainable !== "lora");
        await asked.dispose();
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    });
  });
});
