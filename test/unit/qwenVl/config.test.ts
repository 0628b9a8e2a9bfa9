/** Configurations and tensor names of Qwen2-VL and Qwen2.5-VL, in both generations of files. */
import { join } from "node:path";
import { parameterPath } from "@iad-r1/models/checkpoint/parameterTable";
import { ModelFileError } from "@iad-r1/models/errors";
import { parseQwen25VlConfig } from "@iad-r1/models/qwen25Vl/config";
import { parseQwen2VlConfig } from "@iad-r1/models/qwen2Vl/config";
import { savedName, tensorNames } from "@iad-r1/models/qwen2Vl/text";
import { numElements } from "@iad-r1/models/graph/dims";
import { describeParameters, loadModelDescription } from "@iad-r1/models/zoo";
import { realShapes } from "@iad-r1/server/bench/realShapes";
import { describe, expect, it } from "vitest";
import { tinyModel } from "../../helpers/tinyModel";

type Json = Record<string, unknown>;
const families = { "qwen2-vl": parseQwen2VlConfig, "qwen2-5-vl": parseQwen25VlConfig } as const;

describe.each(Object.entries(families))("%s", (name, parse) => {
  const fixture = tinyModel(name);
  const nested = fixture.json<Json & { text_config: Json; vision_config: Json }>("checkpoint/config.json");

  it("means the same nested as transformers 5 writes it and flat as public repositories have it", () => {
    const config = parse(nested);
    expect(parse(fixture.json("hub-layout/config.json"))).toEqual(config);
    expect(config).toMatchObject({
      imageTokenId: 356,
      text: { width: 64, heads: 4, kvHeads: 2, headDim: 16, ropeTheta: 1e6, ropeSections: [2, 3, 3], tied: true },
      vision: { width: 24, heads: 2, patchSize: 14, mergeSize: 2, temporalPatchSize: 2, channels: 3, ropeTheta: 10000 },
    });
  });

  it.each<[string, Json, Json]>([
    ["mrope_section", { rope_parameters: { mrope_section: [2, 3, 4], rope_theta: 1e6 } }, {}],
    ["mrope_section", { rope_parameters: { rope_theta: 1e6 } }, {}],
    ["rope_type", { rope_parameters: { rope_type: "yarn", mrope_section: [2, 3, 3] } }, {}],
    ["num_heads", {}, { num_heads: 5 }],
    ["num_heads", {}, { num_heads: 12 }],
    ["spatial_merge_size", {}, { spatial_merge_size: 0 }],
    ["model_type", {}, { model_type: "clip_vision_model" }],
    ["hidden_act", {}, { hidden_act: "relu" }],
    ["layer_types", { layer_types: ["sliding_attention", "full_attention"] }, {}],
  ])("refuses what cannot be: %s", (key, text, vision) => {
    const bad = {
      ...nested,
      text_config: { ...nested.text_config, ...text },
      vision_config: { ...nested.vision_config, ...vision },
    };
    expect(() => parse(bad)).toThrow(ModelFileError);
    expect(() => parse(bad)).toThrow(key);
  });

  it("takes the base of the tower's frequencies in either spelling, and refuses scaled ones", () => {
    const { rope_parameters: _, ...rest } = nested.vision_config;
    const theta = (rope: Json) => parse({ ...nested, vision_config: { ...rest, ...rope } }).vision.ropeTheta;
    expect(theta({})).toBe(10000);
    expect(theta({ rope_theta: 50 })).toBe(50);
    expect(theta({ rope_parameters: { rope_type: "axial", rope_theta: 50 } })).toBe(50);
    expect(() => theta({ rope_scaling: { type: "linear", factor: 2 } })).toThrow('expected "axial" or "default"');
  });

  it.each<[string, Json, boolean]>([
    ["off", { use_sliding_window: false, sliding_window: 4, max_window_layers: 0 }, false],
    ["of the class's width", { use_sliding_window: true, max_window_layers: 0 }, true],
    ["of no width", { use_sliding_window: true, sliding_window: null, max_window_layers: 0 }, false],
    ["in the last layer", { use_sliding_window: true, sliding_window: 4, max_window_layers: 1 }, true],
    ["behind the last layer", { use_sliding_window: true, sliding_window: 4, max_window_layers: 2 }, false],
  ])("refuses windows where some layer has one: %s", (_, text, refused) => {
    const { layer_types: __, sliding_window: ___, ...rest } = nested.text_config;
    const read = () => parse({ ...nested, text_config: { ...rest, ...text } });
    if (refused) expect(read).toThrow("layer_types");
    else expect(read().text.layers).toBe(2);
  });

  it("has as many key heads as query heads where the file says null, and the class's 8 where it says nothing", () => {
    const { num_key_value_heads: _, ...rest } = nested.text_config;
    const heads = { ...rest, hidden_size: 64, num_attention_heads: 16, rope_parameters: { mrope_section: [1, 1, 0] } };
    expect(parse({ ...nested, text_config: { ...heads, num_key_value_heads: null } }).text.kvHeads).toBe(16);
    expect(parse({ ...nested, text_config: heads }).text.kvHeads).toBe(8);
  });

  it("refuses an image token beyond the vocabulary, and a merger that writes rows of another width", () => {
    expect(() => parse({ ...nested, image_token_id: 369 })).toThrow("image_token_id");
    const key = name === "qwen2-vl" ? "hidden_size" : "out_hidden_size";
    expect(() => parse({ ...nested, vision_config: { ...nested.vision_config, [key]: 63 } })).toThrow(
      "the decoder's width, 64",
    );
  });

  it("names tensors as transformers does, in both directions", () => {
    const { checkpoint_key_of_parameter: recorded } = fixture.json<{
      checkpoint_key_of_parameter: Record<string, string>;
    }>("reference.json");
    for (const [module, stored] of Object.entries(recorded)) {
      expect(parameterPath(stored, tensorNames.rules)).toBe(module);
      expect(parameterPath(module, tensorNames.rules)).toBe(module);
      expect(savedName(module)).toBe(stored);
    }
  });

  it("finds the same parameters in one file and in bfloat16 shards", async () => {
    const here = await loadModelDescription(fixture.checkpoint);
    const hub = await loadModelDescription(join(fixture.folder, "hub-layout"));
    expect([...hub.parameters.keys()].sort()).toEqual([...here.parameters.keys()].sort());
    expect(new Set([...hub.parameters.values()].map(({ file }) => file)).size).toBe(2);
    expect([...hub.parameters.values()].every(({ dtype }) => dtype === "bfloat16")).toBe(true);
  });
});

describe("real shapes", () => {
  it.each([
    // Counts as the model cards and files of the public checkpoints have them.
    ["qwen2-vl-2b", 2_208_985_600],
    ["qwen2.5-vl-3b", 3_754_622_976],
    ["qwen2.5-vl-7b", 8_292_166_656],
  ])("%s has as many weights as the public checkpoint", (name, expected) => {
    const { shapes } = describeParameters(realShapes[name]!.config);
    const count = [...shapes.values()].reduce((sum, shape) => sum + numElements(shape), 0);
    expect(count).toBe(expected);
  });
});
