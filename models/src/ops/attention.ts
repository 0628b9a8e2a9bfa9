/** Attention: the differentiable composite for training and encoders, and ONNX Runtime's cached one for generation. */
import type { GraphBuilder } from "../graph/builder";
import { divideExactly, mulDims } from "../graph/dims";
import {
  broadcastShapes,
  required,
  requireDim,
  requireDType,
  requireRank,
  requireSameDType,
  requireShape,
} from "../graph/shapes";
import type { Dim, OperatorAttributes, Shape, Value } from "../graph/types";
import type { Operator } from "./operator";

/**
 * Rotation by halves: (x1, x2) -> (x1 cos - x2 sin, x2 cos + x1 sin). The input is [B,H,T,D], or [B,T,H*D] as generation has it:
 * then the tables tell the head width.
 */
export const rotaryEmbedding: Operator<OperatorAttributes["RotaryEmbedding"]> = {
  domain: "com.microsoft",
  inputs: ["input", "position_ids", "cos_cache", "sin_cache"],
  outputs: ["output"],
  attributes: { interleaved: "int", num_heads: "int", rotary_embedding_dim: "int" },
  infer: (context) => {
    const [x, positions] = [required(context, 0), required(context, 1)];
    const [cos, sin] = [required(context, 2), required(context, 3)];
    const heads = x.shape.length !== 3;
    if (heads) requireRank(context, x, 4, "input");
    requireDType(context, positions, "int64");
    requireSameDType(context, [x, cos, sin]);
    const [batch, length] = [x.shape[0]!, x.shape[heads ? 2 : 1]!];
    const width = heads ? x.shape[3]! : mulDims(2, cos.shape[1]!);
    if (divideExactly(x.shape.at(-1)!, width) === undefined)
      context.fail("the tables must divide the width of the input");
    requireShape(context, positions, [batch, length], "position_ids");
    const rotated = context.attributes.rotary_embedding_dim || width;
    const half = divideExactly(rotated, 2) ?? context.fail("the head width must be even");
    requireDim(context, cos.shape[1], half, "the width of cos_cache");
    requireShape(context, sin, cos.shape, "sin_cache");
    return [{ dtype: x.dtype, shape: x.shape }];
  },
  // The inverse of a rotation is the rotation by the opposite angle.
  gradient: ({ b, attributes, input, gradient, once }) => {
    const minusSin = once(`neg ${input(3).id}`, () => b.neg(input(3)));
    return b.apply("RotaryEmbedding", [gradient(), input(1), input(2), minusSin], attributes);
  },
};

/**
 * y = softmax(scale q k^T + mask) v. The second output is the probabilities with the query heads that share a key head
 * stacked as rows: [B,KV,G*T,S], G = H / KV.
 */
export const attention: Operator<OperatorAttributes["Attention"]> = {
  domain: "iad-r1",
  inputs: ["q", "k", "v", "mask?"],
  outputs: ["y", "probabilities?"],
  attributes: { scale: "float" },
  infer: (context) => {
    const [q, k, v, mask] = [required(context, 0), required(context, 1), required(context, 2), context.inputs[3]];
    for (const [i, type] of [q, k, v].entries()) requireRank(context, type, 4, "qkv"[i]!);
    requireSameDType(context, mask === null || mask === undefined ? [q, k, v] : [q, k, v, mask]);
    const [batch, heads, rows, width] = q.shape as [Dim, Dim, Dim, Dim];
    const [, keyHeads, keys] = k.shape as [Dim, Dim, Dim, Dim];
    requireShape(context, k, [batch, keyHeads, keys, width], "k");
    requireDim(context, v.shape[0], batch, "the first extent of v");
    requireDim(context, v.shape[1], keyHeads, "the number of heads of v");
    requireDim(context, v.shape[2], keys, "the length of v");
    const group = divideExactly(heads, keyHeads);
    if (group === undefined) context.fail(`${heads} query heads cannot share ${keyHeads} key heads`);
    if (mask !== null && mask !== undefined) {
      const scores: Shape = [batch, heads, rows, keys];
      const broadcast = broadcastShapes(mask.shape, scores);
      requireShape(context, { dtype: q.dtype, shape: broadcast ?? [] }, scores, "mask broadcast to the scores");
    }
    return [
      { dtype: q.dtype, shape: [batch, heads, rows, v.shape[3]!] },
      { dtype: q.dtype, shape: stackedShape(q.shape, keyHeads, keys) },
    ];
  },
  // dV = P^T dO, dP = dO V^T, dS = P (dP - rowsum(dO O)), dQ = scale dS K, dK = scale dS^T Q
  gradient: ({ b, attributes, input, output, gradient, needs }) => {
    const alpha = attributes.scale;
    const keyHeads = input(1).shape[1]!;
    const stack = (x: Value) => stackHeads(b, x, keyHeads);
    const p = output(1);
    const dO = stack(gradient());
    // a^T c as (c^T a)^T with the narrow c: ONNX Runtime transposes its left operand four times slower when it is the wide one.
    const timesTransposed = (a: Value, c: Value, alpha: number) =>
      b.transpose(b.fusedMatMul(c, a, { transA: true, alpha }), [0, 1, 3, 2]);
    const dV = () => timesTransposed(p, dO, 1);
    if (!needs(0) && !needs(1) && !needs(3)) return [null, null, dV()];
    const dP = b.fusedMatMul(dO, input(2), { transB: true });
    const along = b.reduceSum(b.mul(dO, stack(output(0))), [-1]);
    const dS = b.mul(p, b.sub(dP, along));
    return [
      needs(0) ? b.reshape(b.fusedMatMul(dS, input(1), { alpha }), input(0).shape) : null,
      needs(1) ? timesTransposed(dS, stack(input(0)), alpha) : null,
      needs(2) ? dV() : null,
      needs(3) ? b.reshape(dS, [...input(0).shape.slice(0, 3), input(1).shape[2]!]) : null,
    ];
  },
};

export const groupQueryAttention: Operator<OperatorAttributes["GroupQueryAttention"]> = {
  domain: "com.microsoft",
  inputs: [
    "query",
    "key",
    "value",
    "past_key",
    "past_value",
    "seqlens_k",
    "total_sequence_length",
    "cos_cache?",
    "sin_cache?",
  ],
  outputs: ["output", "present_key", "present_value"],
  attributes: {
    num_heads: "int",
    kv_num_heads: "int",
    scale: "float",
    do_rotary: "int",
    rotary_interleaved: "int",
    local_window_size: "int",
  },
  infer: (context) => {
    const [query, key, value] = [required(context, 0), required(context, 1), required(context, 2)];
    const [pastKey, pastValue] = [required(context, 3), required(context, 4)];
    for (const type of [query, key, value]) requireRank(context, type, 3, "query, key and value");
    requireSameDType(context, [query, key, value, pastKey, pastValue]);
    const { num_heads: heads, kv_num_heads: keyHeads } = context.attributes;
    const [batch, length, width] = query.shape as [Dim, Dim, Dim];
    const headWidth = divideExactly(width, heads) ?? context.fail(`width ${width} cannot hold ${heads} heads`);
    if (typeof headWidth !== "number") return context.fail("the width of query must be a number");
    if (context.attributes.do_rotary === 1 && headWidth % 16 !== 0) {
      context.fail(
        `with do_rotary the head width must be a multiple of 16, got ${headWidth}; use RotaryEmbedding before`,
      );
    }
    requireShape(context, key, [batch, length, keyHeads * headWidth], "key");
    requireShape(context, value, [batch, length, keyHeads * headWidth], "value");
    requireShape(context, pastKey, [batch, keyHeads, pastKey.shape[2]!, headWidth], "past_key");
    requireShape(context, pastValue, pastKey.shape, "past_value");
    requireDType(context, required(context, 5), "int32");
    requireShape(context, required(context, 5), [batch], "seqlens_k");
    requireDType(context, required(context, 6), "int32");
    const present = { dtype: query.dtype, shape: pastKey.shape };
    return [{ dtype: query.dtype, shape: query.shape }, present, present];
  },
  gradient: { none: "it writes the key and value cache and is for generation; train with Attention" },
};

/** Query heads that share a key head become rows of it: [B,H,T,D] -> [B,KV,G*T,D]. */
export function stackHeads(b: GraphBuilder, x: Value, keyHeads: Dim): Value {
  return b.reshape(x, stackedShape(x.shape, keyHeads, x.shape[3]!));
}

function stackedShape(shape: Shape, keyHeads: Dim, width: Dim): Dim[] {
  const [batch, heads, rows] = shape as [Dim, Dim, Dim, Dim];
  const group = divideExactly(heads, keyHeads)!;
  return [batch, keyHeads, mulDims(group, rows), width];
}
