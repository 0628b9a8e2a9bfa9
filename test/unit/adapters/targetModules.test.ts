import { patternFor, selectModules, type TargetSelection } from "@iad-r1/models/adapters/targetModules";
import { describe, expect, it } from "vitest";

const modules = [
  "model.vision_tower.encoder.layers.0.self_attn.q_proj",
  "model.multi_modal_projector.linear_1",
  "model.language_model.layers.0.self_attn.q_proj",
  "model.language_model.layers.0.self_attn.v_proj",
  "model.language_model.layers.0.mlp.up_proj",
  "model.language_model.layers.1.self_attn.q_proj",
  "model.language_model.layers.1.mlp.up_proj",
];

/** Indices into `modules` of what a selection means. */
function select(selection: Partial<TargetSelection>): number[] {
  const all = { excludeModules: null, modulesToSave: [], layersToTransform: null, layersPattern: [] };
  const chosen = selectModules({ targetModules: [], ...all, ...selection }, modules, "adapter_config.json");
  return chosen.map((path) => modules.indexOf(path));
}

describe("target_modules", () => {
  it("given as names means modules that end with one, in every part of the network", () => {
    expect(select({ targetModules: ["q_proj"] })).toEqual([0, 2, 5]);
    expect(select({ targetModules: ["self_attn.v_proj", "linear_1"] })).toEqual([1, 3]);
    expect(select({ targetModules: ["proj"] })).toEqual([]);
  });

  it("given as a pattern must match the whole path", () => {
    expect(select({ targetModules: ".*language_model.*\\.(?:q_proj|v_proj)" })).toEqual([2, 3, 5]);
    expect(select({ targetModules: "q_proj" })).toEqual([]);
    expect(select({ targetModules: "^(?:.*\\.)?language_model\\..*\\.up_proj$" })).toEqual([4, 6]);
  });

  it("reads Python's spelling of named groups and anchors", () => {
    expect(select({ targetModules: "\\A.*layers\\.(?P<layer>1)\\..*\\Z" })).toEqual([5, 6]);
  });

  it("leaves out excluded and fully saved modules", () => {
    expect(select({ targetModules: ["q_proj", "up_proj"], excludeModules: ["self_attn.q_proj"] })).toEqual([4, 6]);
    expect(select({ targetModules: ["q_proj"], excludeModules: ".*vision_tower.*" })).toEqual([2, 5]);
    expect(select({ targetModules: ["q_proj"], modulesToSave: ["vision_tower"] })).toEqual([2, 5]);
  });

  it("can be limited to layers, whose container is the first with a number unless it is named", () => {
    expect(select({ targetModules: ["q_proj"], layersToTransform: [1] })).toEqual([5]);
    expect(select({ targetModules: ["q_proj"], layersToTransform: [0], layersPattern: ["layers"] })).toEqual([0, 2]);
    expect(select({ targetModules: ["q_proj"], layersToTransform: [0], layersPattern: ["blocks"] })).toEqual([]);
  });

  it("all-linear means every linear but the excluded", () => {
    expect(select({ targetModules: "all-linear", excludeModules: ["linear_1"] })).toEqual([0, 2, 3, 4, 5, 6]);
  });
});

describe("rank_pattern and alpha_pattern", () => {
  it("take the first key that fits the end of the path", () => {
    const key = (patterns: string[]) => patternFor(patterns, modules[2]!, "adapter_config.json");
    expect(key(["v_proj", "q_proj", "self_attn.q_proj"])).toBe("q_proj");
    expect(key(["layers\\.1\\.self_attn\\.q_proj"])).toBeUndefined();
    expect(key(["language_model.*q_proj"])).toBe("language_model.*q_proj");
    expect(key(["proj"])).toBeUndefined();
  });
});
