/**
 * LLaVA-1.5, read from top to bottom: a CLIP tower looks at each picture, the hidden states of its last layer but one are taken
 * without their class token, a projector maps them to the width of the language model, and they replace the image tokens of a
 * LLaMA decoder. The decoder itself is nn/decoder.ts.
 *
 * Shapes: S pictures, P rows of a picture, C width of the language model, N rows in all.
 */
import { mulDims } from "../graph/dims";
import { packRows } from "../nn/packRows";
import type { Network } from "../nn/parameters";
import { projector } from "../nn/projector";
import { visionTransformer } from "../nn/visionTransformer";
import type { ImageRows, VisionLanguageNetwork } from "../programs/program";
import { type LlavaConfig, rowsPerImage } from "./config";
import { modules } from "./weights";

/** The network for the programs. Image inputs are pixel_values [S,3,H,W], pack_index int64 [K,N] and pack_weight [K,N]. */
export function llavaNetwork(config: LlavaConfig): VisionLanguageNetwork {
  return {
    decoder: config.text,
    paths: { decoder: modules.decoder, head: modules.head },
    encodeImages: (net) => {
      const patches = projectedPatches(net, config);
      // Rows are the pictures' patches as they are; the index lets pictures that occur twice be computed once.
      return { patches, features: () => packRows(net, patches, () => null) };
    },
  };
}

/** The rows of all pictures after the projector: [S*P,C]. Shared with LLaVA-1.6, whose pictures are views. */
export function projectedPatches(net: Network, config: LlavaConfig): ImageRows["patches"] {
  const { b } = net;
  const { vision, text, dropClassToken } = config;
  const pixels = b.input("pixel_values", "float32", ["S", vision.channels, vision.imageSize, vision.imageSize]);
  // Hidden states before the tower's post_layernorm; several layers lie side by side.
  const states = b.concat(visionTransformer(net, modules.vision, vision, pixels, config.featureLayers), -1); // [S,·,·]
  const rows = rowsPerImage(config);
  const chosen = dropClassToken ? b.slice(states, [1], [rows + 1], [1]) : states;
  const projected = projector(net, modules.projector, chosen, text.width, config.projectorBias); // [S,P,C]
  return b.reshape(projected, [mulDims(pixels.shape[0]!, rows), text.width]);
}
