/**
 * Qwen2-VL, read from top to bottom: pictures of any size are one list of patches, a tower with two-axis rotary positions looks at
 * each picture as a whole, a merger makes one row of two by two patches, and the rows replace the image tokens of a Qwen2 decoder
 * whose positions have three axes. The decoder itself is nn/decoder.ts; geometry and positions are made on the host (feeds.ts).
 *
 * Shapes: P patches, N = P / merge² rows, C width of the tower.
 */
import type { ParameterShapes } from "../checkpoint/parameterTable";
import type { Value } from "../graph/types";
import { decoderShapes } from "../nn/decoder";
import { linear, linearShapes } from "../nn/linear";
import { layerNorm, layerNormShapes } from "../nn/norm";
import type { Network } from "../nn/parameters";
import {
  patchEmbedding,
  patchEmbeddingShapes,
  patchMerger,
  patchMergerShapes,
  patchRope,
  segmentAttention,
  segmentAttentionShapes,
  segmentInputs,
} from "../nn/patchTower";
import type { ImageRows, VisionLanguageNetwork } from "../programs/program";
import type { Qwen2VlConfig } from "./config";
import { modules } from "./text";

const epsilon = 1e-6;

/** Every parameter; a tied head has none of its own. */
export function qwen2VlShapes({ vision, text }: Qwen2VlConfig): ParameterShapes {
  const { width, mlpWidth, mergeSize } = vision;
  const block = (at: string): [string, number[]][] => [
    ...layerNormShapes(`${at}.norm1`, width),
    ...layerNormShapes(`${at}.norm2`, width),
    ...segmentAttentionShapes(`${at}.attn`, width),
    ...linearShapes(`${at}.mlp.fc1`, width, mlpWidth, true),
    ...linearShapes(`${at}.mlp.fc2`, mlpWidth, width, true),
  ];
  return new Map<string, readonly number[]>([
    ...patchEmbeddingShapes(`${modules.vision}.patch_embed`, width, vision),
    ...Array.from({ length: vision.layers }, (_, i) => block(`${modules.vision}.blocks.${i}`)).flat(),
    ...layerNormShapes(`${modules.merger}.ln_q`, width),
    ...patchMergerShapes(modules.merger, width, mergeSize, text.width),
    ...decoderShapes(modules.decoder, text),
    ...(text.tied ? [] : linearShapes(modules.head, text.width, text.vocabSize, false)),
  ]);
}

/**
 * The network for the programs. Image inputs are pixel_values [N, merge², values of a patch], patch_position_ids with their tables,
 * and frame_rows, frame_mask, frame_places: the patches of a picture see each other.
 */
export function qwen2VlNetwork(config: Qwen2VlConfig): VisionLanguageNetwork {
  return {
    decoder: config.text,
    paths: { decoder: modules.decoder, head: modules.head },
    encodeImages: (net) => encodeImages(net, config),
  };
}

function encodeImages(net: Network, { vision, text }: Qwen2VlConfig): ImageRows {
  const { b } = net;
  const { width, heads, mlpWidth, mergeSize } = vision;
  const rope = patchRope(b, width / heads, mergeSize);
  const frames = segmentInputs(b, "frame", { segments: "F", slots: "Q" }, mergeSize);
  let hidden = patchEmbedding(net, `${modules.vision}.patch_embed`, width, vision); // [P,C]
  for (let i = 0; i < vision.layers; i++) {
    const at = `${modules.vision}.blocks.${i}`;
    hidden = net.block(at, () => {
      const seen = segmentAttention(
        net,
        `${at}.attn`,
        layerNorm(net, `${at}.norm1`, hidden, epsilon),
        heads,
        rope,
        frames,
      );
      const attended = b.add(hidden, seen);
      return b.add(attended, mlp(net, `${at}.mlp`, layerNorm(net, `${at}.norm2`, attended, epsilon), mlpWidth));
    });
  }
  const rows = b.scope(modules.merger, () => {
    const normed = layerNorm(net, `${modules.merger}.ln_q`, hidden, epsilon);
    return patchMerger(net, modules.merger, normed, mergeSize, text.width); // [N, text width]
  });
  return { patches: rows, features: () => rows };
}

function mlp(net: Network, at: string, x: Value, mlpWidth: number): Value {
  const wide = net.b.quickGelu(linear(net, `${at}.fc1`, x, mlpWidth, true));
  return linear(net, `${at}.fc2`, wide, x.shape.at(-1) as number, true);
}
