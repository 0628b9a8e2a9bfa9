/**
 * How fast a device is with tensors that stay on it, as weights, caches and moments do on one that keeps them: products one after the other,
 * and operations so small that only the way to them counts. A product whose matrices travel (gemmPeak.ts) says how fast the way is.
 */
import { serialize } from "@iad-r1/models/graph/serialize";
import type { GraphBuilder } from "@iad-r1/models/graph/builder";
import type { Value } from "@iad-r1/models/graph/types";
import { createBuilder } from "@iad-r1/models/ops/createBuilder";
import { wrongDevice } from "./deviceFailure";
import type { Device } from "./devices";
import { createSession } from "./session";
import { openTensorMemory, type TensorMemory } from "./tensorMemory";
import { tensor, zeros } from "./tensors";

export interface DeviceSpeed {
  /** 10^9 floating point operations per second of products of two float32 matrices, by the clock. */
  readonly gflops: number;
  /** Seconds from one operation to the next, however small. */
  readonly startSeconds: number;
}

/** How many operations follow each other in one run, and how many runs are timed. */
const [products, additions, repeats] = [8, 128, 3];

/**
 * The fastest of a few runs, after one that compiles.
 *
 * @param size rows and columns of the products, a power of two so that their result is exact
 * @throws ResourceError `resource/device` when the device computes something else
 */
export async function deviceSpeed(device: Device, size = 1024): Promise<DeviceSpeed> {
  const memory = openTensorMemory(device);
  try {
    // Rows of halves times columns that add up to one: every element stays a half, exactly.
    const multiply = (b: GraphBuilder, x: Value, w: Value) => b.matMul(x, w);
    const product = await chainSeconds(device, memory, products, [size, 1 / size], multiply);
    const add = (b: GraphBuilder, x: Value, w: Value) => b.add(x, w);
    const addition = await chainSeconds(device, memory, additions, [32, 0], add);
    return { gflops: (2 * size ** 3) / product / 1e9, startSeconds: addition };
  } finally {
    await memory.dispose();
  }
}

/** Seconds of one of `count` operations, each on the result of the one before and a square matrix of `width` rows full of `value`. */
async function chainSeconds(
  device: Device,
  memory: TensorMemory,
  count: number,
  [width, value]: readonly [width: number, value: number],
  operation: (b: GraphBuilder, x: Value, w: Value) => Value,
): Promise<number> {
  const b = createBuilder("device_speed");
  const [x, w] = ["x", "w"].map((name) => b.input(name, "float32", [width, width])) as [Value, Value];
  let y = x;
  for (let i = 0; i < count; i++) y = operation(b, y, w);
  // What comes back is one number, which is there when all are done.
  b.output("mean", b.reduceMean(y, [0, 1]));
  // The sequence of a zero-copy graph lives on the CPU, which a session without fallback refuses.
  const session = await createSession(serialize(b.finish(), { zeroCopy: false }), {
    ...{ device, cpuFallback: false, name: "device_speed" },
  });
  const filled = (number: number) =>
    memory.place(tensor("float32", new Float32Array(width * width).fill(number), [width, width]));
  const feeds = { x: await filled(0.5), w: await filled(value) };
  const mean = zeros("float32", session.outputs[0]!.dims as number[]);
  try {
    let fastest = Number.POSITIVE_INFINITY;
    for (let repeat = 0; repeat <= repeats; repeat++) {
      const start = performance.now();
      await session.run(feeds, { mean });
      if (repeat > 0) fastest = Math.min(fastest, performance.now() - start);
    }
    if (mean.data[0] !== 0.5) {
      const message = `${device} computed ${mean.data[0]} where a chain of operations must give 0.5.`;
      throw wrongDevice(message);
    }
    return fastest / count / 1000;
  } finally {
    memory.release(feeds.x);
    memory.release(feeds.w);
    await session.dispose();
  }
}
