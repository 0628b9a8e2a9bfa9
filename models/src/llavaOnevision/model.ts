/**
 * LLaVA-OneVision, read from top to bottom: a SigLIP tower looks at crops of each picture, a projector maps its patches to the
 * width of the language model, the patches of a picture are packed into rows (image_newline ends each line of the mosaic), and
 * the rows replace the image tokens of a Qwen2 decoder. The decoder itself is nn/decoder.ts; which patch goes where is decided
 * by packing.ts on the host.
 *
 * Shapes: S crops, P patches of a crop, C width of the language model, N packed rows, K taps of a packed row.
 */
import { mulDims } from "../graph/dims";
import type { Value } from "../graph/types";
import type { Network } from "../nn/parameters";
import { projector } from "../nn/projector";
import { visionTransformer } from "../nn/visionTransformer";
import type { ImageRows, VisionLanguageNetwork } from "../programs/program";
import type { LlavaOnevisionConfig } from "./config";
import { modules } from "./weights";

/** The network for the programs. Image inputs are pixel_values [S,3,H,W], pack_index int64 [K,N] and pack_weight [K,N]. */
export function llavaOnevisionNetwork(config: LlavaOnevisionConfig): VisionLanguageNetwork {
  return {
    decoder: config.text,
    paths: { decoder: modules.decoder, head: modules.head },
    encodeImages: (net) => encodeImages(net, config),
  };
}

function encodeImages(net: Network, config: LlavaOnevisionConfig): ImageRows {
  const { b } = net;
  const { vision, text } = config;
  const pixels = b.input("pixel_values", "float32", ["S", vision.channels, vision.imageSize, vision.imageSize]);
  // Hidden states before the tower's post_layernorm; several layers lie side by side.
  const states = b.concat(visionTransformer(net, modules.vision, vision, pixels, config.featureLayers), -1); // [S,P,·]
  const projected = projector(net, modules.projector, states, text.width, config.projectorBias); // [S,P,C]
  const [crops, patchesOfCrop] = projected.shape;
  const patches = b.reshape(projected, [mulDims(crops!, patchesOfCrop!), text.width]); // [S*P,C]
  return { patches, features: () => b.scope("pack", () => pack(net, patches, text.width)) };
}

/**
 * Packs patches [S*P,C] into rows [N,C], as planned by packing.ts: the table is all patches in order, then image_newline as its
 * last row. Each packed row is a weighted sum of K rows of the table: one, unless a mosaic was shrunk, which interpolates
 * between four neighbours.
 */
function pack(net: Network, patches: Value, width: number): Value {
  const { b } = net;
  const index = b.input("pack_index", "int64", ["K", "N"]);
  const weight = b.input("pack_weight", "float32", ["K", "N"]);
  const newline = b.reshape(net.parameter(modules.newline, [width]), [1, width]);
  const table = b.concat([patches, newline], 0); // [S*P + 1, C]
  const taps = b.mul(b.gather(table, index), b.unsqueeze(weight, [2])); // [K,N,C]
  return b.reduceSum(taps, [0], { keepDims: false });
}
