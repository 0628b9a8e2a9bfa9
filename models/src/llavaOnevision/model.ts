/**
 * LLaVA-OneVision, read from top to bottom: a SigLIP tower looks at crops of each picture, a projector maps its patches to the
 * width of the language model, the patches of a picture are packed into rows (image_newline ends each line of the mosaic), and
 * the rows replace the image tokens of a Qwen2 decoder. The decoder itself is nn/decoder.ts; which patch goes where is decided
 * by packing.ts on the host.
 *
 * Shapes: S crops, P patches of a crop, C width of the language model, N packed rows.
 */
import { mulDims } from "../graph/dims";
import { packRows } from "../nn/packRows";
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
  return { patches, features: () => packRows(net, patches, () => net.parameter(modules.newline, [text.width])) };
}
