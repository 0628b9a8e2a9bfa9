/**
 * LLaVA-1.6: the tower and projector of LLaVA-1.5 look at crops of each picture, and the patches of a picture are packed into rows
 * (first the whole picture, then the mosaic of its crops without padding, `image_newline` at the end of each line). The decoder
 * is Mistral's or LLaMA's. Which patch goes where is decided on the host.
 */
import { projectedPatches } from "../llava/model";
import { packRows } from "../nn/packRows";
import type { VisionLanguageNetwork } from "../programs/program";
import type { LlavaNextConfig } from "./config";
import { modules } from "./weights";

/** The network for the programs. Image inputs are pixel_values [S,3,H,W], pack_index int64 [K,N] and pack_weight [K,N]. */
export function llavaNextNetwork(config: LlavaNextConfig): VisionLanguageNetwork {
  return {
    decoder: config.text,
    paths: { decoder: modules.decoder, head: modules.head },
    encodeImages: (net) => {
      const patches = projectedPatches(net, config);
      const newline = () => net.parameter(modules.newline, [config.text.width]);
      return { patches, features: () => packRows(net, patches, newline) };
    },
  };
}
