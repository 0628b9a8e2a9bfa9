/** Runs a graph on plain arrays through ONNX Runtime, for tests of graphs; the product's own sessions are in server/src/runtime. */
import { numbersToArray } from "@iad-r1/models/graph/builder";
import { type EmitTarget, emit } from "@iad-r1/models/graph/emit";
import { serialize } from "@iad-r1/models/graph/serialize";
import type { DType, Graph } from "@iad-r1/models/graph/types";
import { verify } from "@iad-r1/models/graph/verify";
import { InferenceSession, Tensor } from "onnxruntime-node";

export interface HostTensor {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly data: readonly number[];
}

export interface RunOptions {
  readonly target?: EmitTarget;
  readonly optimization?: "disabled" | "all";
  /** Default 1. */
  readonly threads?: number;
}

/** Lowers, checks, writes and runs `graph`; numbers in, numbers out. */
export async function runGraph(
  graph: Graph,
  feeds: Readonly<Record<string, HostTensor>>,
  options: RunOptions = {},
): Promise<Record<string, HostTensor>> {
  const compiled = await compileGraph(graph, options);
  try {
    return await compiled.run(feeds);
  } finally {
    await compiled.dispose();
  }
}

export interface CompiledGraph {
  run(feeds: Readonly<Record<string, HostTensor>>): Promise<Record<string, HostTensor>>;
  dispose(): Promise<void>;
}

export async function compileGraph(
  graph: Graph,
  { target = "fused", optimization = "disabled", threads = 1 }: RunOptions = {},
): Promise<CompiledGraph> {
  verify(graph);
  const emitted = emit(graph, { target });
  verify(emitted);
  const { bytes } = serialize(emitted, { zeroCopy: false });
  const session = await InferenceSession.create(bytes, {
    graphOptimizationLevel: optimization,
    intraOpNumThreads: threads,
    logSeverityLevel: 3,
  });
  return {
    async run(feeds) {
      const tensors: Record<string, Tensor> = {};
      for (const { name } of emitted.inputs) tensors[name] = toTensor(feeds[name]!);
      const results: Record<string, HostTensor> = {};
      for (const [name, tensor] of Object.entries(await session.run(tensors))) results[name] = toHost(tensor as Tensor);
      return results;
    },
    dispose: () => session.release(),
  };
}

function toTensor({ dtype, shape, data }: HostTensor): Tensor {
  return new Tensor(dtype as Tensor.Type, numbersToArray(dtype, data) as Float32Array, shape);
}

function toHost(tensor: Tensor): HostTensor {
  const data = Array.from(tensor.data as ArrayLike<number | bigint>, Number);
  return { dtype: tensor.type as DType, shape: tensor.dims, data };
}
