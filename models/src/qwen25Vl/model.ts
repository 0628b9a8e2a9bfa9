/**
 * Qwen2.5-VL, read from top to bottom: as Qwen2-VL, but most blocks of the tower look only inside windows of a picture, norms are
 * RMSNorm and the MLP has a gate. transformers sorts patches by window on the way in and back on the way out; here they keep
 * their order, and each attention takes the patches of its windows, which is the same.
 *
 * Shapes: P patches, N = P / merge² rows, C width of the tower.
 */
import type { ParameterShapes } from "../checkpoint/parameterTable";
import type { Value } from "../graph/types";
import { decoderShapes } from "../nn/decoder";
import { linear, linearShapes, linears } from "../nn/linear";
import { rmsNorm } from "../nn/norm";
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
import type { TowerFeeds } from "../processor";
import type { ImageRows, VisionLanguageNetwork } from "../programs/program";
import { patchFeeds, segmentFeeds } from "../qwen2Vl/feeds";
import type { PreparedPatches } from "../qwen2Vl/processor";
import { modules } from "../qwen2Vl/text";
import { windowSegments } from "../vision/patchGrid";
import type { Qwen25VlConfig, WindowTowerConfig } from "./config";

const epsilon = 1e-6;

/** Every parameter; a tied head has none of its own. */
export function qwen25VlShapes({ vision, text }: Qwen25VlConfig): ParameterShapes {
  const { width, mlpWidth, mergeSize } = vision;
  const block = (at: string): [string, number[]][] => [
    [`${at}.norm1.weight`, [width]],
    [`${at}.norm2.weight`, [width]],
    ...segmentAttentionShapes(`${at}.attn`, width),
    ...linearShapes(`${at}.mlp.gate_proj`, width, mlpWidth, true),
    ...linearShapes(`${at}.mlp.up_proj`, width, mlpWidth, true),
    ...linearShapes(`${at}.mlp.down_proj`, mlpWidth, width, true),
  ];
  return new Map<string, readonly number[]>([
    ...patchEmbeddingShapes(`${modules.vision}.patch_embed`, width, vision),
    ...Array.from({ length: vision.layers }, (_, i) => block(`${modules.vision}.blocks.${i}`)).flat(),
    [`${modules.merger}.ln_q.weight`, [width]],
    ...patchMergerShapes(modules.merger, width, mergeSize, text.width),
    ...decoderShapes(modules.decoder, text),
    ...(text.tied ? [] : linearShapes(modules.head, text.width, text.vocabSize, false)),
  ]);
}

/** The network for the programs. Image inputs are those of Qwen2-VL, and window_rows, window_mask, window_places. */
export function qwen25VlNetwork(config: Qwen25VlConfig): VisionLanguageNetwork {
  return {
    decoder: config.text,
    paths: { decoder: modules.decoder, head: modules.head },
    encodeImages: (net) => encodeImages(net, config),
  };
}

function encodeImages(net: Network, { vision, text }: Qwen25VlConfig): ImageRows {
  const { b } = net;
  const { width, heads, mlpWidth, mergeSize } = vision;
  const rope = patchRope(b, width / heads, mergeSize);
  const full = hasFullBlocks(vision) ? segmentInputs(b, "frame", { segments: "F", slots: "Q" }, mergeSize) : null;
  const windows = hasWindows(vision) ? segmentInputs(b, "window", { segments: "W", slots: "K" }, mergeSize) : null;
  let hidden = patchEmbedding(net, `${modules.vision}.patch_embed`, width, vision); // [P,C]
  for (let i = 0; i < vision.layers; i++) {
    const at = `${modules.vision}.blocks.${i}`;
    const segments = vision.fullBlocks.includes(i) ? full! : windows!;
    hidden = net.block(at, () => {
      const seen = segmentAttention(
        net,
        `${at}.attn`,
        rmsNorm(net, `${at}.norm1`, hidden, epsilon),
        heads,
        rope,
        segments,
      );
      const attended = b.add(hidden, seen);
      return b.add(attended, gatedMlp(net, `${at}.mlp`, rmsNorm(net, `${at}.norm2`, attended, epsilon), mlpWidth));
    });
  }
  const rows = b.scope(modules.merger, () => {
    const normed = rmsNorm(net, `${modules.merger}.ln_q`, hidden, epsilon);
    return patchMerger(net, modules.merger, normed, mergeSize, text.width); // [N, text width]
  });
  return { patches: rows, features: () => rows };
}

function gatedMlp(net: Network, at: string, x: Value, mlpWidth: number): Value {
  const { b } = net;
  const wide = ["gate_proj", "up_proj"].map((name) => ({ path: `${at}.${name}`, outWidth: mlpWidth }));
  const [gate, up] = linears(net, x, wide, true) as [Value, Value];
  return linear(net, `${at}.down_proj`, b.mul(b.silu(gate), up), x.shape.at(-1) as number, true);
}

/** Whether some block sees whole pictures; what no block uses is no input of the graph. */
function hasFullBlocks({ layers, fullBlocks }: WindowTowerConfig): boolean {
  return fullBlocks.some((block) => block < layers);
}

function hasWindows({ layers, fullBlocks }: WindowTowerConfig): boolean {
  return Array.from({ length: layers }, (_, i) => i).some((block) => !fullBlocks.includes(block));
}

/** Inputs of the tower for prepared pictures. */
export function windowFeeds(prompts: readonly PreparedPatches[], vision: WindowTowerConfig): TowerFeeds {
  const grids = prompts.flatMap(({ imageGrids }) => imageGrids);
  const { frame_rows, frame_mask, frame_places, ...feeds } = patchFeeds(prompts, vision);
  const windows = windowSegments(grids, vision.mergeSize, vision.windowRows);
  return {
    ...feeds,
    ...(hasFullBlocks(vision) && { frame_rows: frame_rows!, frame_mask: frame_mask!, frame_places: frame_places! }),
    ...(hasWindows(vision) && segmentFeeds("window", windows, vision.mergeSize ** 2)),
  };
}
