import { createLoraConfig, loraConfigToJson, loraTargets, parseLoraConfig } from "@iad-r1/models/adapters/loraConfig";
import { describe, expect, it } from "vitest";
import { tinyJson } from "../../helpers/tinyModel";

const modules = ["model.a.q_proj", "model.a.k_proj", "model.b.q_proj"];

describe("adapter_config.json", () => {
  it("is read as PEFT writes it", () => {
    const config = parseLoraConfig(tinyJson("adapter_config.json"));
    expect(config).toMatchObject({ rank: 8, alpha: 16, useRsLora: false, modulesToSave: [], excludeModules: null });
    expect(config.targetModules).toContain("language_model");
  });

  it("is the same after writing and reading", () => {
    const config = createLoraConfig({
      ...{ rank: 4, alpha: 6, targetModules: ["q_proj"], useRsLora: true, rankPattern: { q_proj: 2 } },
      ...{ alphaPattern: { k_proj: 3 }, excludeModules: ".*b.*", modulesToSave: ["norm"], layersToTransform: [1, 2] },
      ...{ layersPattern: ["layers"], baseModel: "models/nano" },
    });
    expect(parseLoraConfig(loraConfigToJson(config))).toEqual(config);
  });

  it("scales by alpha / r, or alpha / sqrt(r) for rsLoRA, with patterns per module", () => {
    const config = createLoraConfig({ rank: 4, alpha: 6, targetModules: ["q_proj", "k_proj"] });
    expect(loraTargets(config, modules)).toEqual(modules.map((path) => ({ path, rank: 4, scaling: 1.5 })));
    expect(loraTargets({ ...config, useRsLora: true }, modules)[0]!.scaling).toBe(3);
    const patterns = { ...config, rankPattern: { "a.q_proj": 2 }, alphaPattern: { k_proj: 10 } };
    expect(loraTargets(patterns, modules).map(({ rank, scaling }) => [rank, scaling])).toEqual([
      [2, 3],
      [4, 2.5],
      [4, 1.5],
    ]);
  });

  it("refuses variants that compute something else, by name", () => {
    const refused = (keys: object) => () => parseLoraConfig({ peft_type: "LORA", target_modules: ["q_proj"], ...keys });
    expect(refused({ use_dora: true })).toThrow("use_dora");
    expect(refused({ bias: "all" })).toThrow("bias");
    expect(refused({ peft_type: "IA3" })).toThrow("peft_type");
    expect(refused({ fan_in_fan_out: true })).toThrow("fan_in_fan_out");
    expect(refused({ r: 0 })).toThrow("r: expected an integer from 1");
    expect(refused({ bias: "none", use_dora: false, alora_invocation_tokens: null })).not.toThrow();
  });

  it("says what module paths look like when nothing matches", () => {
    const config = createLoraConfig({ rank: 4, alpha: 6, targetModules: ["query"] });
    expect(() => loraTargets(config, modules)).toThrow("at least one linear");
  });

  it("ends in an error when a pattern would run for ever", () => {
    const config = createLoraConfig({ rank: 4, alpha: 6, targetModules: "(?:(?:[a-z._]+)+)+!" });
    const long = "model.language_model.layers.self_attn.q_proj";
    const started = Date.now();
    expect(() => loraTargets(config, [long])).toThrow("took longer than");
    expect(Date.now() - started).toBeLessThan(60_000);
  });
});
