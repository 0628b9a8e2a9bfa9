/**
 * A decoder-only language model in the style of LLaMA: RMSNorm before attention and MLP, rotary positions, grouped keys, SiLU
 * gate. Once as a plain function of whole sequences, which is differentiated, and once with a key-value cache for generation.
 * The configuration's parser is in decoderConfig.ts, the loss in programs/.
 *
 * Shapes: B rows, T tokens, C width, H query heads, KV key heads, D head width, V vocabulary, M chosen tokens, S cache slots.
 */
import { mulDims } from "../graph/dims";
import type { Dim, Value } from "../graph/types";
import type { DecoderConfig } from "./decoderConfig";
import { linear, linearShapes } from "./linear";
import { rmsNorm } from "./norm";
import type { Network } from "./parameters";

/** Rotary positions: ids int64 [B,T] choose rows of the tables [L, D/2]. */
export interface Rope {
  positionIds: Value;
  cos: Value;
  sin: Value;
}

/** Keys and values of one layer: [B, KV, S, cacheHeadDim] each. */
export interface LayerCache {
  key: Value;
  value: Value;
}

/** How full the cache is: int32 [B], the row's total length minus one; and the largest total length, a scalar. */
export interface CacheLengths {
  seqlensK: Value;
  totalLength: Value;
}

/** Head width in the cache: ONNX Runtime's cached attention wants multiples of 8, so others are filled up with zeros. */
export function cacheHeadDim({ headDim }: DecoderConfig): number {
  return Math.ceil(headDim / 8) * 8;
}

/** Parameter shapes of the stack and the embedding, without the output head. */
export function decoderShapes(path: string, config: DecoderConfig): [path: string, shape: number[]][] {
  const { width, mlpWidth, heads, kvHeads, headDim, attentionBias, vocabSize } = config;
  const layer = (at: string): [string, number[]][] => [
    ...linearShapes(`${at}.self_attn.q_proj`, width, heads * headDim, attentionBias),
    ...linearShapes(`${at}.self_attn.k_proj`, width, kvHeads * headDim, attentionBias),
    ...linearShapes(`${at}.self_attn.v_proj`, width, kvHeads * headDim, attentionBias),
    ...linearShapes(`${at}.self_attn.o_proj`, heads * headDim, width, false),
    ...linearShapes(`${at}.mlp.gate_proj`, width, mlpWidth, false),
    ...linearShapes(`${at}.mlp.up_proj`, width, mlpWidth, false),
    ...linearShapes(`${at}.mlp.down_proj`, mlpWidth, width, false),
    [`${at}.input_layernorm.weight`, [width]],
    [`${at}.post_attention_layernorm.weight`, [width]],
  ];
  return [
    [`${path}.embed_tokens.weight`, [vocabSize, width]],
    ...Array.from({ length: config.layers }, (_, i) => layer(`${path}.layers.${i}`)).flat(),
    [`${path}.norm.weight`, [width]],
  ];
}

/** input_ids [B,T] -> [B,T,C]. */
export function embedTokens(net: Network, path: string, config: DecoderConfig, inputIds: Value): Value {
  const table = net.parameter(`${path}.embed_tokens.weight`, [config.vocabSize, config.width]);
  return net.b.gather(table, inputIds);
}

/** Replaces rows of x [B,T,C]: features [N,C] go to the flat rows b*T + t given by positions int64 [N,1]. */
export function placeRows(net: Network, x: Value, features: Value, positions: Value): Value {
  const { b } = net;
  return b.reshape(b.scatterND(flattenRows(net, x), positions, features), x.shape); // [B*T,C] -> [B,T,C]
}

/** [B,T,C] -> [B*T,C]. */
export function flattenRows(net: Network, x: Value): Value {
  const [batch, tokens, width] = x.shape as [Dim, Dim, Dim];
  return net.b.reshape(x, [mulDims(batch, tokens), width]);
}

/**
 * All layers over whole sequences: x [B,T,C] -> [B,T,C], not yet normalised. Rows may be padded on the right: attention is
 * causal, so what stands behind a token cannot reach it.
 */
export function decoderStack(net: Network, path: string, config: DecoderConfig, x: Value, rope: Rope): Value {
  const mask = causalMask(net, x.shape[1]!);
  let hidden = x;
  for (let i = 0; i < config.layers; i++) {
    const at = `${path}.layers.${i}`;
    hidden = net.block(at, () =>
      decoderLayer(net, at, config, hidden, (input) => attend(net, at, config, input, rope, mask)),
    );
  }
  return hidden;
}

/**
 * The same layers with a cache: x [B,T,C] holds the T newest tokens of each row. Filling an empty cache, rows are padded on the
 * right and `seqlensK` says where each ends; going on, T is 1.
 *
 * @returns hidden [B,T,C], and each layer's cache, meant to be written over the given one
 */
export function cachedDecoderStack(
  net: Network,
  path: string,
  config: DecoderConfig,
  x: Value,
  rope: Rope,
  cache: readonly LayerCache[],
  lengths: CacheLengths,
): { hidden: Value; cache: LayerCache[] } {
  const present: LayerCache[] = [];
  let hidden = x;
  for (const [i, past] of cache.entries()) {
    const at = `${path}.layers.${i}`;
    hidden = net.block(at, () =>
      decoderLayer(net, at, config, hidden, (input) => {
        const result = attendCached(net, at, config, input, rope, past, lengths);
        present.push(result.cache);
        return result.output;
      }),
    );
  }
  return { hidden, cache: present };
}

/** Chosen rows int64 [M] of hidden [B,T,C] (flat, b*T + t) -> final norm -> logits [M,V]. */
export function decoderLogits(
  net: Network,
  paths: { decoder: string; head: string },
  config: DecoderConfig,
  hidden: Value,
  rows: Value,
): Value {
  const { b } = net;
  const chosen = b.gather(flattenRows(net, hidden), rows); // [M,C]
  const normed = rmsNorm(net, `${paths.decoder}.norm`, chosen, config.normEpsilon);
  const head = config.tied ? `${paths.decoder}.embed_tokens.weight` : `${paths.head}.weight`;
  return b.linear(normed, net.parameter(head, [config.vocabSize, config.width])); // [M,V]
}

function decoderLayer(
  net: Network,
  at: string,
  config: DecoderConfig,
  x: Value,
  attention: (normed: Value) => Value,
): Value {
  const { b } = net;
  const attended = b.add(x, attention(rmsNorm(net, `${at}.input_layernorm`, x, config.normEpsilon)));
  const normed = rmsNorm(net, `${at}.post_attention_layernorm`, attended, config.normEpsilon);
  const gate = b.silu(linear(net, `${at}.mlp.gate_proj`, normed, config.mlpWidth, false));
  const up = linear(net, `${at}.mlp.up_proj`, normed, config.mlpWidth, false);
  return b.add(attended, linear(net, `${at}.mlp.down_proj`, b.mul(gate, up), config.width, false));
}

/** x [B,T,C] -> the three projections [B,T,H*D], [B,T,KV*D], [B,T,KV*D]. */
function project(net: Network, at: string, config: DecoderConfig, x: Value): { q: Value; k: Value; v: Value } {
  const { heads, kvHeads, headDim, attentionBias } = config;
  return {
    q: linear(net, `${at}.self_attn.q_proj`, x, heads * headDim, attentionBias),
    k: linear(net, `${at}.self_attn.k_proj`, x, kvHeads * headDim, attentionBias),
    v: linear(net, `${at}.self_attn.v_proj`, x, kvHeads * headDim, attentionBias),
  };
}

function attend(net: Network, at: string, config: DecoderConfig, x: Value, rope: Rope, mask: Value): Value {
  const { b } = net;
  const { heads, kvHeads, headDim } = config;
  const [batch, tokens] = x.shape as [Dim, Dim, Dim];
  const split = (y: Value, count: number) => b.transpose(b.reshape(y, [batch, tokens, count, headDim]), [0, 2, 1, 3]);
  const rotate = (y: Value) => b.rotaryEmbedding(y, rope.positionIds, rope.cos, rope.sin);
  const { q, k, v } = project(net, at, config, x);
  const output = b.attention(
    rotate(split(q, heads)), // [B,H,T,D]
    rotate(split(k, kvHeads)), // [B,KV,T,D]
    split(v, kvHeads),
    mask,
    1 / Math.sqrt(headDim),
  );
  const merged = b.reshape(b.transpose(output, [0, 2, 1, 3]), [batch, tokens, heads * headDim]);
  return linear(net, `${at}.self_attn.o_proj`, merged, config.width, false);
}

function attendCached(
  net: Network,
  at: string,
  config: DecoderConfig,
  x: Value,
  rope: Rope,
  past: LayerCache,
  lengths: CacheLengths,
): { output: Value; cache: LayerCache } {
  const { b } = net;
  const { heads, kvHeads, headDim } = config;
  const { q, k, v } = project(net, at, config, x);
  const rotate = (y: Value) => b.rotaryEmbedding(y, rope.positionIds, rope.cos, rope.sin); // [B,T,H*D]
  const padded = cacheHeadDim(config);
  const { output, presentKey, presentValue } = b.groupQueryAttention(
    {
      query: resizeHeads(net, rotate(q), heads, padded),
      key: resizeHeads(net, rotate(k), kvHeads, padded),
      value: resizeHeads(net, v, kvHeads, padded),
      pastKey: past.key,
      pastValue: past.value,
      seqlensK: lengths.seqlensK,
      totalLength: lengths.totalLength,
    },
    { num_heads: heads, kv_num_heads: kvHeads, scale: 1 / Math.sqrt(headDim), do_rotary: 0 },
  );
  return {
    output: linear(net, `${at}.self_attn.o_proj`, resizeHeads(net, output, heads, headDim), config.width, false),
    cache: { key: presentKey, value: presentValue },
  };
}

/** [B,T,count*D] -> [B,T,count*width]: each head cut, or filled up with zeros, which add nothing to scores and sums. */
function resizeHeads(net: Network, x: Value, count: number, width: number): Value {
  const { b } = net;
  const [batch, tokens, total] = x.shape as [Dim, Dim, number];
  const current = total / count;
  if (current === width) return x;
  const split = b.reshape(x, [batch, tokens, count, current]);
  const resized =
    width < current
      ? b.slice(split, [0], [width], [3])
      : b.concat([split, b.full([batch, tokens, count, width - current], 0)], 3);
  return b.reshape(resized, [batch, tokens, count * width]);
}

/** [T,T]: 0 where a token may look, a very negative number behind it. */
function causalMask(net: Network, tokens: Dim): Value {
  const { b } = net;
  const order = b.cumSum(b.full([tokens], 1), 0); // [T] 1..T, float32: exact for any length in use
  const visible = b.lessOrEqual(b.unsqueeze(order, [0]), b.unsqueeze(order, [1])); // key <= query
  return b.where(visible, b.scalar(0), b.scalar(-1e9));
}
