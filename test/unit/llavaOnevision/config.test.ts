import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ModelFileError } from "@iad-r1/models/errors";
import { parseLlavaOnevisionConfig } from "@iad-r1/models/llavaOnevision/config";
import { describe, expect, it } from "vitest";
import { tinyFixture } from "../../helpers/tinyModel";

type Json = Record<string, unknown>;

function readConfig(folder: string): Json {
  return JSON.parse(readFileSync(join(tinyFixture, folder, "config.json"), "utf8")) as Json;
}

/** The fixture's configuration with some keys replaced. */
function withKeys(keys: Json, text: Json = {}, vision: Json = {}): Json {
  const config = readConfig("checkpoint");
  return {
    ...config,
    text_config: { ...(config.text_config as Json), ...text },
    vision_config: { ...(config.vision_config as Json), ...vision },
    ...keys,
  };
}

describe("config.json of LLaVA-OneVision", () => {
  it("means the same in the layout of transformers 5 and in that of the public repositories", () => {
    const config = parseLlavaOnevisionConfig(readConfig("checkpoint"));
    expect(parseLlavaOnevisionConfig(readConfig("hub-layout"))).toEqual(config);
    expect(config.text).toEqual({
      ...{ vocabSize: 360, width: 64, mlpWidth: 96, layers: 2, heads: 4, kvHeads: 2, headDim: 16 },
      ...{ normEpsilon: 1e-6, ropeTheta: 1e6, maxPositions: 32768, attentionBias: true, tied: true },
    });
    expect(config.vision).toEqual({
      ...{ width: 36, mlpWidth: 76, layers: 2, heads: 2, channels: 3, imageSize: 42, patchSize: 14 },
      ...{ normEpsilon: 1e-6, activation: "geluTanh", classToken: false },
    });
    expect(config).toMatchObject({ imageTokenId: 347, featureLayers: [2], projectorBias: true, maxViews: 9 });
    expect(config.gridPinpoints).toHaveLength(36);
  });

  it("takes what the file leaves out from the model class", () => {
    const config = parseLlavaOnevisionConfig({ model_type: "llava_onevision" });
    expect(config.text).toMatchObject({ vocabSize: 151936, width: 4096, heads: 32, ropeTheta: 10000, tied: false });
    // Without any vision_config the class uses SigLIP so400m, with an empty one SigLIP's own defaults.
    expect(config.vision).toMatchObject({ width: 1152, mlpWidth: 4304, layers: 26, imageSize: 384, patchSize: 14 });
    const empty = parseLlavaOnevisionConfig({ model_type: "llava_onevision", vision_config: {} });
    expect(empty.vision).toMatchObject({ width: 768, mlpWidth: 3072, layers: 12, imageSize: 224, patchSize: 16 });
    expect(config.gridPinpoints.at(-1)).toEqual([2304, 2304]);
    expect(config.imageTokenId).toBe(151646);
  });

  it("counts feature layers from either end and keeps their order", () => {
    const layers = (value: unknown) =>
      parseLlavaOnevisionConfig(withKeys({ vision_feature_layer: value })).featureLayers;
    expect(layers(-1)).toEqual([2]);
    expect(layers(-2)).toEqual([1]);
    expect(layers(0)).toEqual([0]);
    expect(layers([-1, 0, -3])).toEqual([2, 0, 0]);
  });

  it("ties the head when either level of the file says so", () => {
    const tied = (top: boolean, text: boolean) =>
      parseLlavaOnevisionConfig(withKeys({ tie_word_embeddings: top }, { tie_word_embeddings: text })).text.tied;
    expect([tied(true, false), tied(false, true), tied(false, false)]).toEqual([true, true, false]);
  });

  it("gives as many key heads as query heads where the file says null, and takes a head width of its own", () => {
    const { text } = parseLlavaOnevisionConfig(withKeys({}, { num_key_value_heads: null, head_dim: 24 }));
    expect(text).toMatchObject({ heads: 4, kvHeads: 4, headDim: 24 });
  });

  it("names file, key, expectation and value when it refuses", () => {
    const bad = withKeys({}, { num_attention_heads: 5 });
    expect(() => parseLlavaOnevisionConfig(bad)).toThrow(ModelFileError);
    expect(() => parseLlavaOnevisionConfig(bad)).toThrow(
      "config.json: text_config: num_key_value_heads: expected a divisor of num_attention_heads = 5, got 2.",
    );
  });
});
