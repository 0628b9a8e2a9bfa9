/** Shape rules that many operators share, and how types are written in messages. */
import { GraphError } from "../errors";
import { addDims, sameShape } from "./dims";
import type { Dim, DType, InferContext, Shape, TensorType } from "./types";

/** "float32[B,T,64]"; a scalar is "float32[]". */
export function formatType(type: TensorType | null): string {
  return type === null ? "nothing" : `${type.dtype}[${type.shape.join(",")}]`;
}

export function formatShape(shape: Shape): string {
  return `[${shape.join(",")}]`;
}

/** Numpy broadcasting; undefined when two extents differ and neither is 1. */
export function broadcastShapes(a: Shape, b: Shape): Dim[] | undefined {
  const rank = Math.max(a.length, b.length);
  const result: Dim[] = [];
  for (let i = 0; i < rank; i++) {
    const left = a[i - rank + a.length] ?? 1;
    const right = b[i - rank + b.length] ?? 1;
    if (left === right || right === 1) result.push(left);
    else if (left === 1) result.push(right);
    else return undefined;
  }
  return result;
}

/** Axis counted from the front, in [0, rank). Throws GraphError when outside [-rank, rank). */
export function normalizeAxis(axis: number, rank: number): number {
  const normalized = axis < 0 ? axis + rank : axis;
  if (Number.isInteger(normalized) && normalized >= 0 && normalized < rank) return normalized;
  throw new GraphError("graph/axis", `Axis ${axis} is outside of rank ${rank}: expected ${-rank} to ${rank - 1}.`);
}

/** Shape of `shape` with the extent at `axis` (counted from the front) replaced. */
export function withDim(shape: Shape, axis: number, dim: Dim): Dim[] {
  return shape.map((old, i) => (i === axis ? dim : old));
}

export function sumDims(dims: readonly Dim[]): Dim {
  return dims.reduce(addDims, 0);
}

const bitsOf: Readonly<Record<DType, number>> = {
  float64: 64,
  int64: 64,
  float32: 32,
  int32: 32,
  float16: 16,
  bfloat16: 16,
  int8: 8,
  uint8: 8,
  bool: 8,
  int4: 4,
  uint4: 4,
};

/** Bytes that `count` elements take when packed. */
export function sizeBytes(dtype: DType, count: number): number {
  return Math.ceil((bitsOf[dtype] * count) / 8);
}

export function isFloat(dtype: DType): boolean {
  return dtype === "float32" || dtype === "float64" || dtype === "float16" || dtype === "bfloat16";
}

// --- pieces of shape rules ------------------------------------------------------------------------------------------

/** The input at `index`; fails when it was left out. */
export function required<A>(context: InferContext<A>, index: number): TensorType {
  return context.inputs[index] ?? context.fail(`input ${index} must be given`);
}

export function requireDType<A>(context: InferContext<A>, type: TensorType, ...allowed: DType[]): void {
  if (!allowed.includes(type.dtype)) context.fail(`expected ${allowed.join(" or ")}, got ${type.dtype}`);
}

export function requireSameDType<A>(context: InferContext<A>, types: readonly TensorType[]): void {
  if (types.some((type) => type.dtype !== types[0]!.dtype)) context.fail("inputs must have one element type");
}

export function requireRank<A>(context: InferContext<A>, type: TensorType, rank: number, what: string): void {
  if (type.shape.length !== rank) context.fail(`${what} must have rank ${rank}, got ${formatType(type)}`);
}

export function requireDim<A>(context: InferContext<A>, found: Dim | undefined, expected: Dim, what: string): void {
  if (found !== expected) context.fail(`${what} must be ${expected}, got ${found ?? "nothing"}`);
}

export function requireShape<A>(context: InferContext<A>, type: TensorType, shape: Shape, what: string): void {
  if (!sameShape(type.shape, shape)) context.fail(`${what} must be ${formatShape(shape)}, got ${formatType(type)}`);
}

export function axisOf<A>(context: InferContext<A>, axis: number, rank: number): number {
  const normalized = axis < 0 ? axis + rank : axis;
  if (normalized < 0 || normalized >= rank) context.fail(`axis ${axis} must lie in ${-rank} to ${rank - 1}`);
  return normalized;
}

/** Whole numbers given as a constant integer tensor; undefined when they are not known or symbolic. */
export function knownInts(type: TensorType | null | undefined): number[] | undefined {
  const content = type?.content;
  return content?.every((dim) => typeof dim === "number") ? (content as number[]) : undefined;
}
