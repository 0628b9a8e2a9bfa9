/**
 * Keys of config.json that describe the vision side of the LLaVA family: the CLIP tower, which of its layers feed the projector, and
 * the resolutions that a picture may be cut for. Values that a file leaves out are those of the model classes.
 */
import type { ConfigReader } from "../checkpoint/configReader";
import { describeResolutions, isResolution, type Resolution } from "../vision/anyRes";
import type { VisionTransformerConfig } from "./visionTransformer";

const pixels = { min: 1, max: 1 << 14 };

/** CLIP's vision tower; without any `vision_config` the LLaVA classes use CLIP-L/14 at 336 pixels. */
export function parseClipTower(config: ConfigReader): VisionTransformerConfig {
  const reader = config.object("vision_config", true);
  const or = (base: number, large336: number) => (config.has("vision_config") ? base : large336);
  reader.choice("model_type", ["clip_vision_model"], "clip_vision_model");
  reader.choice("hidden_act", ["quick_gelu"], "quick_gelu");
  return {
    ...parseTowerSizes(reader, {
      width: or(768, 1024),
      mlpWidth: or(3072, 4096),
      layers: or(12, 24),
      heads: or(12, 16),
      imageSize: or(224, 336),
      patchSize: or(32, 14),
      normEpsilon: 1e-5,
    }),
    activation: "quickGelu",
    classToken: true,
  };
}

/** The sizes that CLIP and SigLIP name alike. */
export function parseTowerSizes(
  reader: ConfigReader,
  defaults: Pick<
    VisionTransformerConfig,
    "width" | "mlpWidth" | "layers" | "heads" | "imageSize" | "patchSize" | "normEpsilon"
  >,
): Omit<VisionTransformerConfig, "activation" | "classToken"> {
  const width = reader.integer("hidden_size", { min: 1, max: 65536 }, defaults.width);
  const heads = reader.integer("num_attention_heads", { min: 1, max: 1024 }, defaults.heads);
  if (width % heads !== 0) reader.fail("hidden_size", `a multiple of num_attention_heads = ${heads}`, width);
  const imageSize = square(reader, "image_size", defaults.imageSize);
  const patchSize = square(reader, "patch_size", defaults.patchSize);
  if (patchSize > imageSize) reader.fail("patch_size", `at most image_size = ${imageSize}`, patchSize);
  return {
    width,
    mlpWidth: reader.integer("intermediate_size", { min: 1, max: 1 << 20 }, defaults.mlpWidth),
    layers: reader.integer("num_hidden_layers", { min: 1, max: 512 }, defaults.layers),
    heads,
    channels: reader.integer("num_channels", { min: 3, max: 3 }, 3),
    imageSize,
    patchSize,
    normEpsilon: reader.number("layer_norm_eps", { min: 0, max: 1 }, defaults.normEpsilon),
  };
}

/** A side length given as one number or as two equal ones. */
function square(reader: ConfigReader, key: string, fallback: number): number {
  const value = reader.raw(key);
  if (!Array.isArray(value)) return reader.integer(key, pixels, fallback);
  const [first, second] = reader.integers(key, pixels, 2);
  if (first === undefined || (second !== undefined && first !== second)) reader.fail(key, "a square", value);
  return first;
}

/** `vision_feature_layer` as indices 0..layers: 0 is what enters the first block, `layers` the output of the last. */
export function parseFeatureLayers(reader: ConfigReader, layers: number, fallback: number): number[] {
  const given = reader.integers("vision_feature_layer", { min: -layers - 1, max: layers });
  return (given.length === 0 ? [fallback] : given).map((layer) => (layer < 0 ? layers + 1 + layer : layer));
}

/** `image_grid_pinpoints`: resolutions [height, width] in pixels among which a picture's crops are chosen. */
export function parsePinpoints(
  reader: ConfigReader,
  imageSize: number,
  fallback: readonly Resolution[],
): readonly Resolution[] {
  const value = reader.raw("image_grid_pinpoints");
  if (value === undefined) return fallback;
  const expected = describeResolutions(`image_size = ${imageSize}`);
  if (!Array.isArray(value) || value.length === 0 || value.length > 1024) {
    return reader.fail("image_grid_pinpoints", expected, value);
  }
  const wrong: unknown = value.find((item) => !isResolution(item, imageSize));
  if (wrong !== undefined) reader.fail("image_grid_pinpoints", expected, JSON.stringify(wrong));
  return value as Resolution[];
}

/** The id that stands for one image row; the key has two names. */
export function parseImageTokenId(reader: ConfigReader, vocabSize: number, fallback: number): number {
  const key = reader.has("image_token_id") ? "image_token_id" : "image_token_index";
  const id = reader.integer(key, { min: 0, max: (1 << 22) - 1 }, fallback);
  return id < vocabSize ? id : reader.fail(key, `an id below vocab_size = ${vocabSize}`, id);
}
