/**
 * The blocks of vision towers that take pictures of any size as one list of patches (Qwen2-VL, Qwen2.5-VL): patch embedding,
 * attention inside segments of patches with two-axis rotary positions, and the merger of neighbouring patches. Which patches make
 * a segment (a picture, a window) is decided on the host; see vision/patchGrid.ts.
 *
 * Shapes: P patches of all pictures, N = P / merge² merged rows, C width, H heads, D head width, S segments of at most L patches.
 */
import type { GraphBuilder } from "../graph/builder";
import { mulDims } from "../graph/dims";
import type { Dim, Value } from "../graph/types";
import type { Rope } from "./decoder";
import { linear, linearShapes } from "./linear";
import type { Network } from "./parameters";

export interface PatchSize {
  channels: number;
  /** Side of a patch in pixels, and frames of one. */
  patchSize: number;
  temporalPatchSize: number;
  /** Patches along a side that become one row. */
  mergeSize: number;
}

/** Segments as index maps: where each slot of a segment takes its patch from, and where each patch lies among all slots. */
export interface Segments {
  /** int64 [S,L]; slots behind the end of a segment point at any patch */
  rows: Value;
  /** [S,1,1,L]: 0 for a patch, a very negative number behind the end */
  mask: Value;
  /** int64 [P]: flat slot s*L + l of each patch */
  places: Value;
}

/** Numbers of one patch. */
export function patchValues({ channels, temporalPatchSize, patchSize }: PatchSize): number {
  return channels * temporalPatchSize * patchSize ** 2;
}

export function patchEmbeddingShapes(path: string, width: number, size: PatchSize): [path: string, shape: number[]][] {
  const { channels, temporalPatchSize, patchSize } = size;
  return [[`${path}.proj.weight`, [width, channels, temporalPatchSize, patchSize, patchSize]]];
}

/** Declares pixel_values [N, merge², patch values] and embeds the patches: [P,C]. A convolution without overlap is linear. */
export function patchEmbedding(net: Network, path: string, width: number, size: PatchSize): Value {
  const { b } = net;
  const { channels, temporalPatchSize, patchSize, mergeSize } = size;
  const pixels = b.input("pixel_values", "float32", ["N", mergeSize ** 2, patchValues(size)]);
  const kernel = net.parameter(`${path}.proj.weight`, [width, channels, temporalPatchSize, patchSize, patchSize]);
  const patches = b.reshape(pixels, [mulDims("N", mergeSize ** 2), patchValues(size)]);
  return b.scope(path, () => b.linear(patches, b.reshape(kernel, [width, patchValues(size)])));
}

/** Declares patch_position_ids [N, merge²] into the tables patch_rope_cos and patch_rope_sin [R, D/2]. */
export function patchRope(b: GraphBuilder, headDim: number, mergeSize: number): Rope {
  const ids = b.input("patch_position_ids", "int64", ["N", mergeSize ** 2]);
  return {
    positionIds: b.reshape(ids, [mulDims("N", mergeSize ** 2), 1]),
    cos: b.input("patch_rope_cos", "float32", ["R", headDim / 2]),
    sin: b.input("patch_rope_sin", "float32", ["R", headDim / 2]),
  };
}

/** Declares `<name>_rows`, `<name>_mask` and `<name>_places`; `counts` name the numbers of segments and slots. */
export function segmentInputs(
  b: GraphBuilder,
  name: string,
  counts: { segments: string; slots: string },
  mergeSize: number,
): Segments {
  const { segments, slots } = counts;
  return {
    rows: b.input(`${name}_rows`, "int64", [segments, slots]),
    mask: b.input(`${name}_mask`, "float32", [segments, 1, 1, slots]),
    places: b.reshape(b.input(`${name}_places`, "int64", ["N", mergeSize ** 2]), [mulDims("N", mergeSize ** 2)]),
  };
}

export function segmentAttentionShapes(path: string, width: number): [path: string, shape: number[]][] {
  return [...linearShapes(`${path}.qkv`, width, 3 * width, true), ...linearShapes(`${path}.proj`, width, width, true)];
}

/** x [P,C] -> [P,C]: each patch looks at the patches of its segment. */
export function segmentAttention(
  net: Network,
  path: string,
  x: Value,
  heads: number,
  rope: Rope,
  segments: Segments,
): Value {
  const { b } = net;
  const [patches, width] = x.shape as [Dim, number];
  const headDim = width / heads;
  const [count, slots] = segments.rows.shape as [Dim, Dim];
  const qkv = linear(net, `${path}.qkv`, x, 3 * width, true);
  const [qk, v] = b.split(qkv, [2 * width, width], 1) as [Value, Value];
  const turned = b.rotaryEmbedding(b.unsqueeze(qk, [1]), rope.positionIds, rope.cos, rope.sin); // [P,1,2C]
  const [q, k] = b.split(b.reshape(turned, [patches, 2 * width]), [width, width], 1) as [Value, Value];
  const bySegment = (y: Value) =>
    b.transpose(b.reshape(b.gather(y, segments.rows), [count, slots, heads, headDim]), [0, 2, 1, 3]); // [S,H,L,D]
  const mixed = headByHead(b, [bySegment(q), bySegment(k), bySegment(v)], segments.mask, heads, headDim);
  const slotRows = b.reshape(b.transpose(mixed, [0, 2, 1, 3]), [mulDims(count, slots), width]); // [S*L,C]
  return linear(net, `${path}.proj`, b.gather(slotRows, segments.places), width, true);
}

/** Pieces in which heads are computed: scores of a large picture are wide, and only those of one piece are alive at a time. */
const headPieces = 4;

/** Heads whose scores are alive at a time. */
export function headsAtOnce(heads: number): number {
  return heads % headPieces === 0 ? heads / headPieces : heads;
}

/** q, k, v [S,H,L,D] -> [S,H,L,D]. */
function headByHead(
  b: GraphBuilder,
  inputs: readonly [Value, Value, Value],
  mask: Value,
  heads: number,
  headDim: number,
): Value {
  const scale = 1 / Math.sqrt(headDim);
  const atOnce = headsAtOnce(heads);
  if (atOnce === heads) return b.attention(...inputs, mask, scale);
  const sizes = Array<number>(headPieces).fill(atOnce);
  const [qs, ks, vs] = inputs.map((x) => b.split(x, sizes, 1)) as [Value[], Value[], Value[]];
  return b.concat(
    qs.map((q, i) => b.attention(q, ks[i]!, vs[i]!, mask, scale)),
    1,
  );
}

export function patchMergerShapes(
  path: string,
  width: number,
  mergeSize: number,
  outWidth: number,
): [path: string, shape: number[]][] {
  const wide = width * mergeSize ** 2;
  return [...linearShapes(`${path}.mlp.0`, wide, wide, true), ...linearShapes(`${path}.mlp.2`, wide, outWidth, true)];
}

/** normed [P,C] -> [N,out]: the merge² patches of a row lie one after another and become one; exact-erf GELU. */
export function patchMerger(net: Network, path: string, normed: Value, mergeSize: number, outWidth: number): Value {
  const { b } = net;
  const wide = (normed.shape[1] as number) * mergeSize ** 2;
  const rows = b.reshape(normed, ["N", wide]);
  return linear(net, `${path}.mlp.2`, b.gelu(linear(net, `${path}.mlp.0`, rows, wide, true), "none"), outWidth, true);
}
