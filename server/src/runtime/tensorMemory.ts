/**
 * Where tensors stay between runs: in memory of this process, or of the device that computes. Whoever trains or generates asks a
 * memory for its weights, moments and caches and hands them to sessions; only here is known where they are. Tensors of one memory
 * may be fed to every session on the same device.
 *
 * Only WebGPU keeps tensors: the runtime's JavaScript interface has no handle for memory of other devices, whose state therefore
 * travels with every run.
 */
import { serialize } from "@iad-r1/models/graph/serialize";
import type { Graph } from "@iad-r1/models/graph/types";
import { createBuilder } from "@iad-r1/models/ops/createBuilder";
import type { Device } from "./devices";
import { createSession, type Session, type Tensors } from "./session";
import { type DeviceTensor, giveBack, type StateTensor, type Tensor, tensor, zeros } from "./tensors";

export interface TensorMemory<T extends StateTensor = StateTensor> {
  /** Whether tensors are in memory of this process, where their `data` may be read and written directly. */
  readonly isHost: boolean;
  zeros(dims: readonly number[]): Promise<T>;
  /** Values as a tensor of this memory; on the host the same one. */
  place(values: Tensor<"float32">): Promise<T>;
  /** The values; on the host the live ones, else a copy. */
  read(source: T): Promise<Float32Array>;
  write(target: T, values: Float32Array): Promise<void>;
  copy(source: T): Promise<T>;
  /**
   * New tensors of which row i is row `picks[i]` of the sources, one source after the other; all have the same lengths but the first.
   */
  gatherRows(sources: readonly T[], picks: readonly number[]): Promise<T>;
  /** Gives a tensor back. It cannot be used afterwards. */
  release(given: T): void;
  dispose(): Promise<void>;
}

/** Memory of a device; of this process where the device cannot keep tensors. */
export function openTensorMemory(device: Device): TensorMemory {
  return device === "webgpu" ? new DeviceMemory(device) : hostMemory;
}

export const hostMemory: TensorMemory<Tensor<"float32">> = {
  isHost: true,
  zeros: (dims) => Promise.resolve(zeros("float32", dims)),
  place: (values) => Promise.resolve(values),
  read: ({ data }) => Promise.resolve(data),
  write: ({ data }, values) => {
    data.set(values);
    return Promise.resolve();
  },
  copy: ({ dims, data }) => Promise.resolve(tensor("float32", data.slice(), dims)),
  gatherRows: (sources, picks) => {
    const rows = sources.flatMap(({ dims, data }) => {
      const length = data.length / dims[0]!;
      return Array.from({ length: dims[0]! }, (_, row) => data.subarray(row * length, (row + 1) * length));
    });
    const result = zeros("float32", [picks.length, ...sources[0]!.dims.slice(1)]);
    for (const [i, pick] of picks.entries()) result.data.set(rows[pick]!, i * rows[pick]!.length);
    return Promise.resolve(result);
  },
  release: () => undefined,
  dispose: () => Promise.resolve(),
};

/** Small programs do what memory does, as the interface itself can neither allocate nor read on the device. */
class DeviceMemory implements TensorMemory<DeviceTensor> {
  readonly isHost = false;
  private readonly programs = new Map<string, Promise<Session>>();

  constructor(private readonly device: Device) {}

  zeros(dims: readonly number[]): Promise<DeviceTensor> {
    return this.place(zeros("float32", dims));
  }

  async place(values: Tensor<"float32">): Promise<DeviceTensor> {
    return this.newTensor(await this.program("new", values.dims.length, 1), { x0: values });
  }

  async read(source: DeviceTensor): Promise<Float32Array> {
    const target = zeros("float32", source.dims);
    await this.move(source, target);
    return target.data;
  }

  write(target: DeviceTensor, values: Float32Array): Promise<void> {
    return this.move(tensor("float32", values, target.dims), target);
  }

  async copy(source: DeviceTensor): Promise<DeviceTensor> {
    return this.newTensor(await this.program("new", source.dims.length, 1), { x0: source });
  }

  async gatherRows(sources: readonly DeviceTensor[], picks: readonly number[]): Promise<DeviceTensor> {
    const program = await this.program("rows", sources[0]!.dims.length, sources.length);
    const feeds = Object.fromEntries(sources.map((source, i) => [`x${i}`, source]));
    const rows = tensor("int64", BigInt64Array.from(picks, BigInt), [picks.length]);
    return this.newTensor(program, { ...feeds, rows });
  }

  release(given: DeviceTensor): void {
    giveBack(given);
  }

  async dispose(): Promise<void> {
    const all = [...this.programs.values()];
    this.programs.clear();
    for (const one of all) await one.then((session) => session.dispose()).catch(() => undefined);
  }

  private async move(from: StateTensor, to: StateTensor): Promise<void> {
    const program = await this.program("copy", from.dims.length, 1);
    await program.run({ x0: from }, { y: to });
  }

  private async newTensor(program: Session, feeds: Tensors): Promise<DeviceTensor> {
    return (await program.evaluateOnDevice(feeds)).y!;
  }

  private program(kind: Kind, rank: number, sources: number): Promise<Session> {
    const key = `${kind}.${rank}.${sources}`;
    let program = this.programs.get(key);
    if (program === undefined) {
      const isNew = kind !== "copy";
      program = createSession(serialize(build(kind, rank, sources), { zeroCopy: !isNew }), {
        ...{ device: this.device, threads: 1, name: `memory_${key}`, resultsOnDevice: isNew },
      });
      this.programs.set(key, program);
      program.catch(() => this.programs.delete(key));
    }
    return program;
  }
}

/**
 * - "new": a copy in new memory of the device, wherever the source is.
 * - "copy": into memory that is there, in either direction.
 * - "rows": chosen rows of several tensors in new memory.
 */
type Kind = "new" | "copy" | "rows";

function build(kind: Kind, rank: number, sources: number): Graph {
  const b = createBuilder(kind);
  const dims = Array.from({ length: rank }, (_, axis) => `L${axis}`);
  if (kind === "rows") {
    const inputs = Array.from({ length: sources }, (_, i) => b.input(`x${i}`, "float32", [`R${i}`, ...dims.slice(1)]));
    b.output("y", b.gather(b.concat(inputs, 0), b.input("rows", "int64", ["P"])));
  } else b.output("y", b.identity(b.input("x0", "float32", dims)));
  return b.finish();
}
