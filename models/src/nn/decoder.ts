/**
 * A decoder-only language model in the style of LLaMA: RMSNorm before attention and MLP, rotary positions, grouped keys, SiLU
 * gate. Once as a plain function of whole sequences, which is differentiated, and once with a key-value cache for generation.
 * The configuration's parser is in decoderConfig.ts, the loss in programs/.
 *
 * Shapes: B rows, T tokens, C width, H query heads, KV key heads, D head width, V vocabulary, M chosen tokens, S cache slots;
 * where completions share a prompt: B prompts of P tokens, G completions of U tokens each, R = B*P + B*G*U tokens in all.
 */
import { GraphError } from "../errors";
import { addDims, divideExactly, floorDivDims, mulDims, numElements } from "../graph/dims";
import type { Dim, Value } from "../graph/types";
import type { DecoderConfig } from "./decoderConfig";
import { linear, linearShapes, linears } from "./linear";
import { rmsNorm } from "./norm";
import type { Network } from "./parameters";

/** Rotary positions: ids int64 choose rows of the tables [L, D/2]; [B,T] with a cache, else [R,1], one for each token. */
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

/**
 * B prompts of P tokens with G completions of U tokens each, as one list of R tokens: all prompts, then all completions. A
 * completion sees its prompt and itself, so prompts are computed once for all their completions.
 */
export interface SharedPrompts {
  batch: Dim;
  promptTokens: Dim;
  completions: Dim;
  completionTokens: Dim;
  /** int64 [B]: what of each prompt is not padding. */
  promptLengths: Value;
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
  return net.lookUp(`${path}.embed_tokens.weight`, [config.vocabSize, config.width], inputIds);
}

/** Replaces rows of x [B,T,C]: features [N,C] go to the flat rows b*T + t given by positions int64 [N,1]. */
export function placeRows(net: Network, x: Value, features: Value, positions: Value): Value {
  const { b } = net;
  return b.reshape(b.scatterND(flattenRows(net, x), positions, features), x.shape); // [B*T,C] -> [B,T,C]
}

/** [..,C] -> [rows,C]. */
export function flattenRows(net: Network, x: Value): Value {
  return net.b.reshape(x, [numElements(x.shape.slice(0, -1)), x.shape.at(-1)!]);
}

/**
 * All layers over whole sequences: x [B,T,C] -> [M,C] at the flat rows `rows` int64 [M], not yet normalised. T is one of
 * `wholeBlocks`. Rows may be padded on the right: attention is causal, so what stands behind a token cannot reach it.
 */
export function decoderStack(
  net: Network,
  path: string,
  config: DecoderConfig,
  x: Value,
  rope: Rope,
  rows: Value,
): Value {
  const causal = causalBlocks(net, x.shape[1]!);
  return stack(net, path, config, x, rows, (at, input) => attend(net, at, config, input, rope, causal));
}

/**
 * The same over the tokens x [R,C] of completions that share prompts. Completions are padded on
 * the right like prompts; what stands behind the end of a prompt is hidden from its completions.
 */
export function sharedDecoderStack(
  net: Network,
  path: string,
  config: DecoderConfig,
  x: Value,
  rope: Rope,
  layout: SharedPrompts,
  rows: Value,
): Value {
  const views = { causal: causalBlocks(net, layout.promptTokens), mask: completionMask(net, layout) };
  return stack(net, path, config, x, rows, (at, input) => attendShared(net, at, config, input, rope, layout, views));
}

/**
 * The same layers with a cache: x [B,T,C] holds the T newest tokens of each row. Filling an empty cache, rows are padded on the
 * right and `seqlensK` says where each ends; going on, T is 1, or more of a single row.
 *
 * @returns hidden [M,C] at the flat `rows`, and each layer's cache, meant to be written over the given one
 */
export function cachedDecoderStack(
  net: Network,
  path: string,
  config: DecoderConfig,
  x: Value,
  rope: Rope,
  cache: readonly LayerCache[],
  lengths: CacheLengths,
  rows: Value,
): { hidden: Value; cache: LayerCache[] } {
  const present: LayerCache[] = [];
  const hidden = stack(net, path, config, x, rows, (at, input) => {
    const result = attendCached(net, at, config, input, rope, cache[present.length]!, lengths);
    present.push(result.cache);
    return result.mixed;
  });
  return { hidden, cache: present };
}

/** Whether a parameter belongs to the decoder or the output head, and not to tower or projector. */
export function isLanguagePath({ decoder, head }: { decoder: string; head: string }, path: string): boolean {
  return path.startsWith(`${decoder}.`) || path.startsWith(`${head}.`);
}

/** hidden [M,C] -> final norm -> logits [M,V], divided by the temperature. */
export function decoderLogits(
  net: Network,
  paths: { decoder: string; head: string },
  config: DecoderConfig,
  hidden: Value,
  temperature = 1,
): Value {
  let normed = rmsNorm(net, `${paths.decoder}.norm`, hidden, config.normEpsilon);
  // The head is linear, so that its input can be divided in place of its many outputs.
  if (temperature !== 1) normed = net.b.mul(normed, 1 / temperature);
  const head = config.tied ? `${paths.decoder}.embed_tokens.weight` : `${paths.head}.weight`;
  return net.product(normed, head, [config.vocabSize, config.width], null); // [M,V]
}

/** Mixes tokens: normed [..,C] -> the heads side by side [..,H*D], before the output projection. `at` is the layer's path. */
type Attention = (at: string, normed: Value) => Value;

/** All layers: x [..,C] -> [M,C] at the flat `rows`. */
function stack(net: Network, path: string, config: DecoderConfig, x: Value, rows: Value, attention: Attention): Value {
  let hidden = x;
  for (let i = 0; i < config.layers; i++) {
    const at = `${path}.layers.${i}`;
    // Nothing looks at other rows after the last attention.
    const kept = i === config.layers - 1 ? rows : null;
    hidden = net.block(at, () => decoderLayer(net, at, config, hidden, attention, kept));
  }
  return hidden;
}

/** One layer; behind its attention only the flat rows `kept` go on, when there are any: [..,C] -> [..,C] or [M,C]. */
function decoderLayer(
  net: Network,
  at: string,
  config: DecoderConfig,
  x: Value,
  attention: Attention,
  kept: Value | null,
): Value {
  const { b } = net;
  const keep = (y: Value) => (kept === null ? y : b.gather(flattenRows(net, y), kept));
  const mixed = attention(at, rmsNorm(net, `${at}.input_layernorm`, x, config.normEpsilon));
  const attended = b.add(keep(x), linear(net, `${at}.self_attn.o_proj`, keep(mixed), config.width, false));
  const normed = rmsNorm(net, `${at}.post_attention_layernorm`, attended, config.normEpsilon);
  const wide = ["gate_proj", "up_proj"].map((name) => ({ path: `${at}.mlp.${name}`, outWidth: config.mlpWidth }));
  const [gate, up] = linears(net, normed, wide, false) as [Value, Value];
  // Of the widest tensors only the two products are kept for the way back. What reads the gated one stands in the same block.
  const narrowed = net.lightBlock(at, "mlp", () =>
    linear(net, `${at}.mlp.down_proj`, b.mul(b.silu(gate), up), config.width, false),
  );
  return b.add(attended, narrowed);
}

/** x [..,C] -> the three projections [..,H*D], [..,KV*D], [..,KV*D]. */
function project(net: Network, at: string, config: DecoderConfig, x: Value): { q: Value; k: Value; v: Value } {
  const { heads, kvHeads, headDim, attentionBias } = config;
  const layer = (name: string, count: number) => ({ path: `${at}.self_attn.${name}`, outWidth: count * headDim });
  const layers = [layer("q_proj", heads), layer("k_proj", kvHeads), layer("v_proj", kvHeads)];
  const [q, k, v] = linears(net, x, layers, attentionBias) as [Value, Value, Value];
  return { q, k, v };
}

function attend(net: Network, at: string, config: DecoderConfig, x: Value, rope: Rope, causal: CausalBlocks): Value {
  const { b } = net;
  const { heads, kvHeads, headDim } = config;
  const [batch, tokens] = x.shape as [Dim, Dim, Dim];
  const split = (y: Value, count: number) => b.transpose(b.reshape(y, [batch, tokens, count, headDim]), [0, 2, 1, 3]);
  const { q, k, v } = project(net, at, config, x);
  const output = causalAttention(
    net,
    split(rotate(net, q, rope), heads), // [B,H,T,D]
    split(rotate(net, k, rope), kvHeads), // [B,KV,T,D]
    split(v, kvHeads),
    causal,
    1 / Math.sqrt(headDim),
  );
  return b.reshape(b.transpose(output, [0, 2, 1, 3]), [batch, tokens, heads * headDim]);
}

/**
 * Rotates the heads of y [..,count*D] by position ids [R,1], one for each row. Every token is a sequence of its own, as ONNX Runtime
 * refuses sequences longer than the tables, which many rows or padding may be.
 */
function rotate(net: Network, y: Value, rope: Rope): Value {
  const { b } = net;
  const single = b.unsqueeze(flattenRows(net, y), [1]); // [R,1,count*D]
  return b.reshape(b.rotaryEmbedding(single, rope.positionIds, rope.cos, rope.sin), y.shape);
}

/**
 * Prompts look at themselves, completions at their prompt's keys, repeated for each of them, and their own. (Repeated keys are few
 * beside the scores; products with them once for all would need a softmax over two pieces.)
 */
function attendShared(
  net: Network,
  at: string,
  config: DecoderConfig,
  x: Value,
  rope: Rope,
  { batch, promptTokens, completions, completionTokens }: SharedPrompts,
  { causal, mask }: { causal: CausalBlocks; mask: Value },
): Value {
  const { b } = net;
  const { heads, kvHeads, headDim } = config;
  const scale = 1 / Math.sqrt(headDim);
  const sequences = mulDims(batch, completions);
  const sizes = [mulDims(batch, promptTokens), mulDims(sequences, completionTokens)] as const;
  /** [R,count*D] -> of the prompts [B,count,P,D], of the completions [B*G,count,U,D]. */
  const split = (y: Value, count: number): [prompts: Value, completions: Value] => {
    const [prompts, rest] = b.split(y, sizes, 0) as [Value, Value];
    const byHead = (part: Value, rows: Dim, tokens: Dim) =>
      b.transpose(b.reshape(part, [rows, tokens, count, headDim]), [0, 2, 1, 3]);
    return [byHead(prompts, batch, promptTokens), byHead(rest, sequences, completionTokens)];
  };
  const join = (y: Value, rows: Dim) => b.reshape(b.transpose(y, [0, 2, 1, 3]), [rows, heads * headDim]);
  /** [B,KV,P,D] and [B*G,KV,U,D] -> [B*G,KV,P+U,D]. */
  const behind = (prompts: Value, own: Value) => {
    const repeated = b.expand(b.unsqueeze(prompts, [1]), [batch, completions, kvHeads, promptTokens, headDim]);
    return b.concat([b.reshape(repeated, [sequences, kvHeads, promptTokens, headDim]), own], 2);
  };
  const projected = project(net, at, config, x);
  const [promptQ, q] = split(rotate(net, projected.q, rope), heads);
  const [promptK, k] = split(rotate(net, projected.k, rope), kvHeads);
  const [promptV, v] = split(projected.v, kvHeads);
  const ofPrompts = causalAttention(net, promptQ, promptK, promptV, causal, scale);
  const ofCompletions = b.attention(q, behind(promptK, k), behind(promptV, v), mask, scale);
  return b.concat([join(ofPrompts, sizes[0]), join(ofCompletions, sizes[1])], 0);
}

/** Of completions over their prompt and themselves: [B*G,1,U,P+U]. */
function completionMask(net: Network, layout: SharedPrompts): Value {
  const { b } = net;
  const { batch, promptTokens, completions, completionTokens } = layout;
  const place = b.unsqueeze(places(net, promptTokens), [0]); // [1,P]
  const isPrompt = b.lessOrEqual(place, b.unsqueeze(b.cast(layout.promptLengths, "float32"), [1])); // [B,P]
  const prompt = b.reshape(maskOf(net, isPrompt), [batch, 1, 1, promptTokens]);
  const order = places(net, completionTokens);
  const parts = [
    b.expand(prompt, [batch, completions, completionTokens, promptTokens]),
    b.expand(causalMask(net, order, order), [batch, completions, completionTokens, completionTokens]),
  ];
  const keys = addDims(promptTokens, completionTokens);
  return b.reshape(b.concat(parts, 3), [mulDims(batch, completions), 1, completionTokens, keys]);
}

function attendCached(
  net: Network,
  at: string,
  config: DecoderConfig,
  x: Value,
  rope: Rope,
  past: LayerCache,
  lengths: CacheLengths,
): { mixed: Value; cache: LayerCache } {
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
    mixed: resizeHeads(net, output, heads, headDim),
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

/** Queries in `blocks` pieces, each with its mask [piece, keys up to its end]. */
interface CausalBlocks {
  sizes: Dim[];
  masks: Value[];
}

/** Half of all scores lie in the future. Cut into four, the queries skip three quarters of them. */
const blocks = 4;

/**
 * The next length that falls into equal pieces; programs fill their rows up to it. No piece may be empty: batched products over no
 * elements leave all but their first matrix unwritten (ONNX Runtime 1.30).
 */
export function wholeBlocks(tokens: Dim): Dim {
  return mulDims(blocks, floorDivDims(addDims(tokens, blocks - 1), blocks));
}

function causalBlocks(net: Network, tokens: Dim): CausalBlocks {
  const { b } = net;
  const size = divideExactly(tokens, blocks);
  if (size === undefined) throw new GraphError("graph/shape", `${tokens} tokens cannot be cut into ${blocks} pieces.`);
  const sizes = Array<Dim>(blocks).fill(size);
  const order = b.split(places(net, tokens), sizes, 0);
  const masks = order.map((rows, i) => causalMask(net, rows, b.concat(order.slice(0, i + 1), 0)));
  return { sizes, masks };
}

/** q [B,H,T,D], k and v [B,KV,T,D] -> [B,H,T,D]: every token sees those before it and itself. */
function causalAttention(
  net: Network,
  q: Value,
  k: Value,
  v: Value,
  { sizes, masks }: CausalBlocks,
  scale: number,
): Value {
  const { b } = net;
  const [queries, keys, values] = [q, k, v].map((x) => b.split(x, sizes, 2)) as [Value[], Value[], Value[]];
  const seen = (all: Value, pieces: Value[], i: number) =>
    i === blocks - 1 ? all : b.concat(pieces.slice(0, i + 1), 2);
  const outputs = queries.map((query, i) => b.attention(query, seen(k, keys, i), seen(v, values, i), masks[i]!, scale));
  return b.concat(outputs, 2);
}

/** 1, 2, … [T], float32: exact for any length in use. */
function places(net: Network, tokens: Dim): Value {
  return net.b.cumSum(net.b.full([tokens], 1), 0);
}

/** Places of queries [Q] and keys [S] -> [Q,S]. */
function causalMask(net: Network, queries: Value, keys: Value): Value {
  const { b } = net;
  return maskOf(net, b.lessOrEqual(b.unsqueeze(keys, [0]), b.unsqueeze(queries, [1])));
}

/** What is added to scores: 0 where a token may look, a very negative number elsewhere. */
function maskOf({ b }: Network, visible: Value): Value {
  return b.where(visible, b.scalar(0), b.scalar(-1e9));
}
