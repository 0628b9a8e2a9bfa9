import { adapterParameters, adapterSpec, initialAdapter } from "@iad-r1/models/adapters/adapter";
import { createLoraConfig } from "@iad-r1/models/adapters/loraConfig";
import { ConfigError } from "@iad-r1/models/errors";
import { numElements } from "@iad-r1/models/graph/dims";
import { emit } from "@iad-r1/models/graph/emit";
import { serialize } from "@iad-r1/models/graph/serialize";
import { packImages } from "@iad-r1/models/llavaOnevision/packing";
import type { PreparedViews } from "@iad-r1/models/llavaOnevision/processor";
import type { Program } from "@iad-r1/models/programs/program";
import type { TrainingOptions } from "@iad-r1/models/programs/training";
import { createRandom } from "@iad-r1/models/util/random";
import { loadModelDescription, type ModelDescription } from "@iad-r1/models/zoo";
import { createSession } from "@iad-r1/server/runtime/session";
import { scalar, type Tensor, zeros } from "@iad-r1/server/runtime/tensors";
import {
  float32s,
  imagePositions,
  int64s,
  labelledTargets,
  sequenceFeeds,
  targetFeeds,
} from "@iad-r1/server/verify/recordedInputs";
import { beforeAll, describe, expect, it } from "vitest";
import { tinyCheckpoint } from "../../helpers/tinyModel";

let model: ModelDescription;
beforeAll(async () => {
  model = await loadModelDescription(tinyCheckpoint);
});

const imageToken = 347;
/** Two rows of different lengths; a picture of one view (10 image tokens) in the first. */
const rows = [
  [3, ...Array<number>(10).fill(imageToken), 8, 15, 22, 40],
  [7, 9, 30, 31],
];
const labels = rows.map((row) => row.map((id, t) => (t >= row.length - 3 ? id : -100)));
const targets = labelledTargets(rows, labels);

/** A picture of one view. */
function onePicture(pixelValues: Float32Array): PreparedViews {
  const size = { height: 42, width: 42 };
  const pack = packImages([{ size, cut: false }], { gridPinpoints: [], viewSize: 42, patchesPerSide: 3, maxViews: 9 });
  const [cropsPerImage, tokensPerImage] = [pack.viewsPerImage, pack.rowsPerImage];
  return { pixelValues, pixelShape: [1, 3, 42, 42], imageSizes: [size], cropsPerImage, tokensPerImage, pack };
}

interface Result {
  loss: number;
  outputs: Record<string, Float32Array>;
  gradients: Map<string, Float32Array>;
}

/** Runs a training program once; `start` is what the accumulators hold before. */
async function train(options: TrainingOptions, extra: Record<string, Tensor> = {}, start = 0): Promise<Result> {
  return run(model.programs.training(options), options, extra, start);
}

async function run(
  program: Program,
  options: TrainingOptions,
  extra: Record<string, Tensor>,
  start: number,
): Promise<Result> {
  const session = await createSession(serialize(emit(program.graph, { target: "fused" })), { threads: 1 });
  const random = createRandom("picture");
  const pixels = Float32Array.from({ length: 3 * 42 * 42 }, () => random.normal());
  const picture = model.tower.feeds([onePicture(pixels)]);
  const available: Record<string, Tensor> = {
    ...sequenceFeeds(model, { rows, images: [] }),
    ...targetFeeds(targets),
    ...picture,
    image_positions: imagePositions(model, rows),
    token_weights: float32s([0.1, 0.2, 0.3, 0.15, 0.2, 0.05]),
    adapter_scale: scalar("float32", 1),
    ...extra,
  };
  const adapter = options.adapter == null ? null : initialAdapter(options.adapter, model.base.shapes, 1);
  const feeds: Record<string, Tensor> = {};
  for (const { name, shape } of program.graph.inputs) {
    if (available[name] !== undefined) feeds[name] = available[name];
    else if (name.startsWith("grad.")) {
      feeds[name] = zeros("float32", shape as number[]);
      feeds[name].data.fill(start as never);
    } else feeds[name] = float32s(adapter?.get(name) ?? (await startValue(name, shape as number[])), shape as number[]);
  }
  const results = await session.evaluate(feeds);
  await session.dispose();
  const outputs: Record<string, Float32Array> = {};
  const gradients = new Map<string, Float32Array>();
  for (const [name, { data }] of Object.entries(results)) {
    if (name.endsWith(".next")) gradients.set(name.slice("grad.".length, -".next".length), data as Float32Array);
    else outputs[name] = data as Float32Array;
  }
  return { loss: outputs.loss![0]!, outputs, gradients };
}

/** Weights of the checkpoint; auxiliary heads get seeded numbers. */
async function startValue(path: string, shape: readonly number[]): Promise<Float32Array> {
  const stored = model.parameters.get(path);
  if (stored !== undefined) return stored.read();
  const random = createRandom("auxiliary", path);
  return Float32Array.from({ length: numElements(shape) }, () => 0.3 * random.normal());
}

function expectSame(ours: Map<string, Float32Array>, theirs: Map<string, Float32Array>, offset = 0): void {
  expect([...ours.keys()]).toEqual([...theirs.keys()]);
  for (const [path, gradient] of ours) {
    const other = theirs.get(path)!;
    const largest = other.reduce((best, value) => Math.max(best, Math.abs(value)), 0);
    for (let i = 0; i < gradient.length; i++) {
      expect(Math.abs(gradient[i]! - other[i]! - offset), path).toBeLessThan(2e-6 + 1e-5 * largest);
    }
  }
}

const supervised: TrainingOptions = { objective: { kind: "sft" }, trainable: "all", images: "pixels" };

describe("the training program", () => {
  it("adds gradients onto what the accumulators hold", async () => {
    const [fresh, onto] = [await train(supervised), await train(supervised, {}, 0.25)];
    expectSame(onto.gradients, fresh.gradients, 0.25);
  });

  it("gives the same gradients when every block is computed again while going backward", async () => {
    const [kept, again] = [await train(supervised), await train({ ...supervised, recompute: true })];
    expect(again.loss).toBeCloseTo(kept.loss, 6);
    expectSame(again.gradients, kept.gradients);
  });

  it("keeps of a gated MLP its two wide products alone: the rest is computed again for the way back", () => {
    const { nodes } = model.programs.training(supervised).graph;
    const { layers, mlpWidth } = model.facts.decoder;
    const isGated = (scope: string) => scope.startsWith(`${model.paths.decoder}.layers.`) && scope.endsWith(".mlp");
    const wide = nodes.flatMap(({ scope, outputs }) =>
      isGated(scope) ? outputs.filter((value) => value !== null && value.shape.at(-1) === mlpWidth) : [],
    );
    expect(wide).toHaveLength(2 * layers);
    const readers = nodes.filter(({ inputs }) => inputs.some((value) => value !== null && wide.includes(value)));
    expect(readers.filter(({ scope }) => !isGated(scope))).toEqual([]);
  });

  it("weighs tokens as the host says", async () => {
    const { loss, outputs } = await train(supervised);
    const weights = [0.1, 0.2, 0.3, 0.15, 0.2, 0.05];
    const expected = weights.reduce((sum, weight, i) => sum - weight * outputs.log_probs![i]!, 0);
    expect(loss).toBeCloseTo(expected, 5);
  });

  it("trains the chosen part only, and never what the loss does not reach", async () => {
    const paths = async (options: Partial<TrainingOptions>) => [
      ...(await train({ ...supervised, ...options })).gradients.keys(),
    ];
    const all = await paths({});
    expect(all).toContain("model.image_newline");
    expect(all.filter((path) => path.includes("post_layernorm"))).toEqual([]);
    expect(all).toHaveLength(model.parameters.size - 2);
    const language = await paths({ trainable: "language-model" });
    expect(language.every((path) => path.startsWith("model.language_model."))).toBe(true);
    const vision = await paths({ trainable: "vision" });
    expect(vision.length + language.length).toBe(all.length);
  });

  it("refuses to train a tower that is not in the graph", () => {
    expect(() => model.programs.training({ ...supervised, images: "features" })).toThrow(ConfigError);
    const everywhere = adapterSpec(createLoraConfig({ rank: 2, alpha: 2, targetModules: ["q_proj"] }), model.base);
    const options = { ...supervised, trainable: "adapter" as const, adapter: everywhere.layout };
    expect(() => model.programs.training({ ...options, images: "features" })).toThrow("vision_tower");
    expect(() => model.programs.training({ ...options, adapter: null })).toThrow("No weight");
  });

  it("trains an adapter's matrices and leaves the model itself in its file", async () => {
    const config = createLoraConfig({ rank: 2, alpha: 2, targetModules: ["q_proj", "fc1"] });
    const { layout } = adapterSpec(config, model.base);
    const options: TrainingOptions = { ...supervised, trainable: "adapter", adapter: layout };
    const program = model.programs.training(options);
    const expected = adapterParameters(layout, model.base.shapes).map(({ path }) => path);
    expect(program.parameters.map(({ path }) => path).sort()).toEqual(expected.sort());
    const { gradients } = await train(options);
    // B starts at zero, so A gets no gradient yet and B does.
    for (const [path, gradient] of gradients) {
      expect(
        gradient.some((value) => value !== 0),
        path,
      ).toBe(path.includes("lora_B"));
    }
  });
});

describe("the perception objective", () => {
  const heads = [
    { name: "defect", classes: 1 },
    { name: "type", classes: 3 },
  ];
  const options = (language: boolean): TrainingOptions => ({
    ...supervised,
    objective: { kind: "perception", language, heads },
  });
  const defect = [0, 1, 0, 0.5, 1, 0, 0, 0, 1];
  const type = [0, 1, 2, 0, 1, 2, 0, 1, 2];
  const weights = { defect: [1, 2, 1, 1, 0, 1, 1, 1, 3], type: [0, 0.5, 0, 0, 0.5, 0, 0, 0, 1] };
  const extra = {
    "auxiliary_targets.defect": float32s(defect),
    "auxiliary_targets.type": int64s(type),
    "auxiliary_weights.defect": float32s(weights.defect),
    "auxiliary_weights.type": float32s(weights.type),
  };

  /** Weighted binary and categorical cross-entropy of the given logits, and d loss / d bias of both heads. */
  function expected(outputs: Record<string, Float32Array>): { loss: number; defectBias: number; typeBias: number[] } {
    let [loss, defectBias] = [0, 0];
    const typeBias = [0, 0, 0];
    for (let row = 0; row < 9; row++) {
      const logit = outputs["auxiliary_logits.defect"]![row]!;
      const probability = 1 / (1 + Math.exp(-logit));
      const target = defect[row]!;
      loss -= weights.defect[row]! * (target * Math.log(probability) + (1 - target) * Math.log(1 - probability));
      defectBias += weights.defect[row]! * (probability - target);
      const logits = [...outputs["auxiliary_logits.type"]!.slice(3 * row, 3 * row + 3)];
      const total = logits.reduce((sum, value) => sum + Math.exp(value), 0);
      loss -= weights.type[row]! * (logits[type[row]!]! - Math.log(total));
      for (const [k, value] of logits.entries()) {
        typeBias[k]! += weights.type[row]! * (Math.exp(value) / total - Number(k === type[row]));
      }
    }
    return { loss, defectBias, typeBias };
  }

  it("is the weighted cross-entropy of each head over the patches of all crops", async () => {
    const { loss, outputs, gradients } = await train(options(false), extra);
    const wanted = expected(outputs);
    expect(loss).toBeCloseTo(wanted.loss, 4);
    expect(gradients.get("auxiliary.defect.bias")![0]).toBeCloseTo(wanted.defectBias, 4);
    for (const [k, value] of wanted.typeBias.entries()) {
      expect(gradients.get("auxiliary.type.bias")![k]).toBeCloseTo(value, 4);
    }
  });

  it("reaches the tower, and of the language model only the norm it looks through unless text is learnt beside it", async () => {
    const alone = await train(options(false), extra);
    expect([...alone.gradients.keys()].filter((path) => path.includes("language_model"))).toEqual([
      "model.language_model.layers.0.input_layernorm.weight",
    ]);
    expect(alone.gradients.get("model.vision_tower.embeddings.patch_embedding.weight")!.some((g) => g !== 0)).toBe(
      true,
    );
    const [beside, text] = [await train(options(true), extra), await train(supervised)];
    expect(beside.loss).toBeCloseTo(alone.loss + text.loss, 4);
    const path = "model.language_model.norm.weight";
    expectSame(new Map([[path, beside.gradients.get(path)!]]), new Map([[path, text.gradients.get(path)!]]));
  });
});
