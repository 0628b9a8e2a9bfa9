/** What the machine can do at best: the speed of one large matrix product, against which benchmarks and devices are held. */
import { serialize } from "@iad-r1/models/graph/serialize";
import { createBuilder } from "@iad-r1/models/ops/createBuilder";
import { wrongDevice } from "./deviceFailure";
import { median } from "./median";
import { createSession, type SessionOptions } from "./session";
import { zeros } from "./tensors";

export interface GemmPeak {
  /** Median over the repeats, from outside: what a person waits. */
  readonly wallMs: number;
  /**
   * Processor time of all threads, fastest repeat: what stays the same beside a busy neighbour, and beside V8's collection of garbage, whose
   * threads count as well.
   */
  readonly cpuMs: number;
  /** 10^9 floating point operations per second of wall time, fastest repeat. */
  readonly gflops: number;
  /** The same per second of processor time. */
  readonly gflopsPerCpuSecond: number;
}

/** No power of two: rows 4 KiB apart share a few sets of the cache, which on AMD EPYC takes a fifth of the speed (135 GFLOP/s for 170). */
const usualSize = 1152;

/**
 * Times MatMul of two float32 matrices of `size` x `size`, after one run to warm up.
 *
 * @throws ResourceError `resource/device` when the device computes something else than a matrix product
 */
export async function gemmPeak(
  options: SessionOptions & { readonly size?: number; readonly repeats?: number } = {},
): Promise<GemmPeak> {
  const size = options.size ?? usualSize;
  const builder = createBuilder("gemm_peak");
  const a = builder.input("a", "float32", [size, size]);
  const b = builder.input("b", "float32", [size, size]);
  builder.output("c", builder.matMul(a, b));
  const onDevice = options.device !== undefined && options.device !== "cpu";
  // The sequence of a zero-copy graph lives on the CPU, which a session without fallback refuses.
  const model = serialize(builder.finish(), { zeroCopy: !onDevice });
  const session = await createSession(model, { ...options, name: "gemm_peak" });
  try {
    const tensors = { a: zeros("float32", [size, size]), b: zeros("float32", [size, size]) };
    const c = zeros("float32", [size, size]);
    tensors.a.data.fill(0.5);
    tensors.b.data.fill(2);
    await session.run(tensors, { c });
    checkProduct(c.data, size, options.device ?? "cpu");
    const wall: number[] = [];
    const cpu: number[] = [];
    for (let repeat = 0; repeat < (options.repeats ?? 10); repeat++) {
      const cpuStart = process.cpuUsage();
      const start = performance.now();
      await session.run(tensors, { c });
      wall.push(performance.now() - start);
      const used = process.cpuUsage(cpuStart);
      cpu.push((used.user + used.system) / 1000);
    }
    const gigaOperations = (2 * size ** 3) / 1e9;
    const cpuMs = Math.min(...cpu);
    return {
      wallMs: median(wall),
      cpuMs,
      gflops: gigaOperations / (Math.min(...wall) / 1000),
      gflopsPerCpuSecond: gigaOperations / (cpuMs / 1000),
    };
  } finally {
    await session.dispose();
  }
}

function checkProduct(c: Float32Array, size: number, device: string): void {
  // Rows of 0.5 times columns of 2: every element is the number of products, exactly.
  const wrong = c.find((value) => value !== size);
  if (wrong === undefined) return;
  const message = `${device} computed ${wrong} where a matrix product must give ${size}.`;
  throw wrongDevice(message);
}
