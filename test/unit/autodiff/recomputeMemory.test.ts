/** Recomputing blocks lowers the peak of real memory. A file of its own: the peak of a process only ever grows. */
import { gradients } from "@iad-r1/models/autodiff/backward";
import type { Value } from "@iad-r1/models/graph/types";
import { createBuilder } from "@iad-r1/models/ops/createBuilder";
import { emit } from "@iad-r1/models/graph/emit";
import { serialize } from "@iad-r1/models/graph/serialize";
import { InferenceSession, Tensor } from "onnxruntime-node";
import { expect, it } from "vitest";

const width = 128;
const numBlocks = 12;
const numRows = 16_384;

/** Peak of resident memory that one training step adds, in bytes. */
async function peakOf(recompute: boolean): Promise<number> {
  const b = createBuilder("memory");
  let x = b.input("x", "float32", ["N", width]);
  const weight = b.input("weight", "float32", [width, width]);
  const scopes = Array.from({ length: numBlocks }, (_, i) => `blocks.${i}`);
  for (const scope of scopes) {
    const inner = x;
    x = b.scope(scope, () => b.add(inner, b.silu(b.silu(b.silu(b.silu(b.linear(inner, weight)))))));
  }
  const loss = b.reduceMean(x, undefined, { keepDims: false });
  const accumulate: Value[] = [b.input("sum", "float32", [width, width])];
  const [gradient] = gradients(b, loss, [weight], { recompute: recompute ? scopes : [], accumulate });
  b.output("gradient", gradient!);
  const { bytes } = serialize(emit(b.finish(), { target: "fused" }), { zeroCopy: false });
  const session = await InferenceSession.create(bytes, { intraOpNumThreads: 1, logSeverityLevel: 3 });
  const square = () => new Tensor("float32", new Float32Array(width * width), [width, width]);
  const rows = new Tensor("float32", new Float32Array(numRows * width), [numRows, width]);
  const before = process.resourceUsage().maxRSS;
  await session.run({ x: rows, weight: square(), sum: square() });
  const peak = process.resourceUsage().maxRSS - before;
  await session.release();
  return peak * 1024;
}

it("keeps one block's activations instead of all", async () => {
  const sizeBytes = numRows * width * 4;
  const recomputed = await peakOf(true);
  const kept = await peakOf(false);
  // Kept: five tensors for each of twelve blocks. Recomputed: what enters each block, and one block's own. The runtime's
  // arena grows in powers of two, hence the margins: measured 31 and 65. The second peak adds to the first.
  expect(recomputed).toBeLessThan(40 * sizeBytes);
  expect(kept + recomputed).toBeGreaterThan(55 * sizeBytes);
});
