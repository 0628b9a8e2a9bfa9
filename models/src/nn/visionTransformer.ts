/**
 * A vision transformer with square patches, learned positions and LayerNorm before attention and MLP: SigLIP, or CLIP with a class
 * token before the patches and a norm before the first block. It returns hidden states before the tower's last norm; pooling heads
 * are not computed.
 *
 * Shapes: S crops, P tokens of a crop (patches, and the class token first where there is one), C width, H heads, D head width.
 */
import type { Dim, Value } from "../graph/types";
import { linear, linearShapes } from "./linear";
import { layerNorm, layerNormShapes } from "./norm";
import type { Network } from "./parameters";

export interface VisionTransformerConfig {
  width: number;
  mlpWidth: number;
  layers: number;
  heads: number;
  channels: number;
  /** Side of a crop in pixels. */
  imageSize: number;
  /** Side of a patch in pixels. */
  patchSize: number;
  normEpsilon: number;
  activation: "geluTanh" | "quickGelu";
  /** CLIP: a class token before the patches, a norm before the first block, and no bias at the patch embedding. */
  classToken: boolean;
}

/** Patches along one side of a crop; pixels beyond the last whole patch are not looked at. */
export function patchesPerSide(config: VisionTransformerConfig): number {
  return Math.floor(config.imageSize / config.patchSize);
}

/** Tokens of one crop in the tower: its patches and the class token. */
export function tokensPerCrop(config: VisionTransformerConfig): number {
  return patchesPerSide(config) ** 2 + (config.classToken ? 1 : 0);
}

/** The misspelt name is that of every CLIP checkpoint. */
const preNorm = "pre_layrnorm";

function classTokenShapes(path: string, width: number): [path: string, shape: number[]][] {
  return [[`${path}.embeddings.class_embedding`, [width]], ...layerNormShapes(`${path}.${preNorm}`, width)];
}

export function visionTransformerShapes(
  path: string,
  config: VisionTransformerConfig,
): [path: string, shape: number[]][] {
  const { width, mlpWidth, channels, patchSize, classToken } = config;
  const layer = (at: string): [string, number[]][] => [
    ...layerNormShapes(`${at}.layer_norm1`, width),
    ...["q_proj", "k_proj", "v_proj", "out_proj"].flatMap((name) =>
      linearShapes(`${at}.self_attn.${name}`, width, width, true),
    ),
    ...layerNormShapes(`${at}.layer_norm2`, width),
    ...linearShapes(`${at}.mlp.fc1`, width, mlpWidth, true),
    ...linearShapes(`${at}.mlp.fc2`, mlpWidth, width, true),
  ];
  return [
    [`${path}.embeddings.patch_embedding.weight`, [width, channels, patchSize, patchSize]],
    ...(classToken
      ? classTokenShapes(path, width)
      : ([[`${path}.embeddings.patch_embedding.bias`, [width]]] as [string, number[]][])),
    [`${path}.embeddings.position_embedding.weight`, [tokensPerCrop(config), width]],
    ...Array.from({ length: config.layers }, (_, i) => layer(`${path}.encoder.layers.${i}`)).flat(),
    ...layerNormShapes(`${path}.post_layernorm`, width),
  ];
}

/**
 * pixels [S, channels, imageSize, imageSize] -> hidden states [S,P,C] after the given layers, in their order: 0 is what enters the
 * first block, i the output of block i. Blocks behind the last one asked for are not built.
 */
export function visionTransformer(
  net: Network,
  path: string,
  config: VisionTransformerConfig,
  pixels: Value,
  featureLayers: readonly number[],
): Value[] {
  const { b } = net;
  const states = [b.scope(`${path}.embeddings`, () => embedPatches(net, path, config, pixels))];
  for (let i = 0; i < Math.max(...featureLayers); i++) {
    const at = `${path}.encoder.layers.${i}`;
    states.push(net.block(at, () => encoderLayer(net, at, config, states[i]!)));
  }
  return featureLayers.map((layer) => states[layer]!);
}

/** A convolution whose stride is its width is a linear map of flattened patches. */
function embedPatches(net: Network, path: string, config: VisionTransformerConfig, pixels: Value): Value {
  const { b } = net;
  const { width, channels, patchSize } = config;
  const side = patchesPerSide(config);
  const area = channels * patchSize * patchSize;
  const covered = side * patchSize;
  const whole = covered === config.imageSize ? pixels : b.slice(pixels, [0, 0], [covered, covered], [2, 3]);
  const cells = b.reshape(whole, [pixels.shape[0]!, channels, side, patchSize, side, patchSize]);
  const patches = b.reshape(b.transpose(cells, [0, 2, 4, 1, 3, 5]), [pixels.shape[0]!, side * side, area]); // [S,P,area]
  const kernel = net.parameter(`${path}.embeddings.patch_embedding.weight`, [width, channels, patchSize, patchSize]);
  const bias = config.classToken ? null : net.parameter(`${path}.embeddings.patch_embedding.bias`, [width]);
  const embedded = b.linear(patches, b.reshape(kernel, [width, area]), bias);
  const tokens = config.classToken ? behindClassToken(net, path, embedded) : embedded;
  const positions = net.parameter(`${path}.embeddings.position_embedding.weight`, [tokensPerCrop(config), width]);
  const placed = b.add(tokens, positions); // [S,P,C]
  return config.classToken ? layerNorm(net, `${path}.${preNorm}`, placed, config.normEpsilon) : placed;
}

/** patches [S,P-1,C] -> [S,P,C] with the class token first. */
function behindClassToken(net: Network, path: string, patches: Value): Value {
  const { b } = net;
  const [crops, , width] = patches.shape as [Dim, Dim, number];
  const token = b.reshape(net.parameter(`${path}.embeddings.class_embedding`, [width]), [1, 1, width]);
  return b.concat([b.expand(token, [crops, 1, width]), patches], 1);
}

function encoderLayer(net: Network, at: string, config: VisionTransformerConfig, x: Value): Value {
  const { b } = net;
  const attended = b.add(x, selfAttention(net, at, config, layerNorm(net, `${at}.layer_norm1`, x, config.normEpsilon)));
  const normed = layerNorm(net, `${at}.layer_norm2`, attended, config.normEpsilon);
  const wide = linear(net, `${at}.mlp.fc1`, normed, config.mlpWidth, true);
  const active = config.activation === "geluTanh" ? b.gelu(wide, "tanh") : b.quickGelu(wide);
  return b.add(attended, linear(net, `${at}.mlp.fc2`, active, config.width, true));
}

function selfAttention(net: Network, at: string, config: VisionTransformerConfig, x: Value): Value {
  const { b } = net;
  const { heads, width } = config;
  const headDim = width / heads;
  const [crops, patches] = x.shape as [Dim, Dim, Dim];
  const project = (name: string) => {
    const y = linear(net, `${at}.self_attn.${name}`, x, width, true);
    return b.transpose(b.reshape(y, [crops, patches, heads, headDim]), [0, 2, 1, 3]); // [S,H,P,D]
  };
  const output = b.attention(project("q_proj"), project("k_proj"), project("v_proj"), null, 1 / Math.sqrt(headDim));
  const merged = b.reshape(b.transpose(output, [0, 2, 1, 3]), [crops, patches, width]); // [S,P,C]
  return linear(net, `${at}.self_attn.out_proj`, merged, width, true);
}
