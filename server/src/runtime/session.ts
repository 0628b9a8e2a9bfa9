/**
 * One compiled graph: create, run, dispose. The only place that calls ONNX Runtime. A run blocks the thread it is called
 * on until it is finished, so nothing that answers a person may share that thread (see workerClient.ts).
 */
import { GraphError, InternalError } from "@iad-r1/models/errors";
import { evaluateDim } from "@iad-r1/models/graph/dims";
import { parseRowsName } from "@iad-r1/models/graph/rows";
import { type OnnxModel, zeroCopyOutput } from "@iad-r1/models/graph/serialize";
import type { InferenceSession, Tensor as OrtTensor } from "onnxruntime-node";
import { type Device, executionProviders } from "./devices";
import { loadOrt } from "./ort";
import { fromOrtError } from "./ortErrors";
import {
  type AnyTensor,
  type DeviceTensor,
  describeTensor,
  fromOrt,
  isOnDevice,
  isTensorDType,
  onDevice,
  type Tensor,
  tensor,
  type TensorDType,
  toOrt,
} from "./tensors";
import { defaultThreads } from "./threads";
import { runWithoutCopy, zeroCopyWorks } from "./zeroCopy";

export interface SessionOptions {
  /** Default "cpu". */
  readonly device?: Device;
  /** Threads of one operator; default: as many as the machine lets this process use. */
  readonly threads?: number;
  /**
   * Keeps a second, repacked copy of constant matrix weights in memory: faster at batches of 2 to 16, no gain elsewhere.
   * Default false: the weights stay in the mapped file.
   */
  readonly prepack?: boolean;
  /** How far the runtime may rewrite the graph. Default "all"; "none" loads large training graphs faster. */
  readonly optimization?: "none" | "basic" | "extended" | "all";
  /** Whether the CPU may do what the device cannot. Default true. */
  readonly cpuFallback?: boolean;
  /** Leaves what `evaluate` gives on the device: see `evaluateOnDevice`. */
  readonly resultsOnDevice?: boolean;
  /** For messages. */
  readonly name?: string;
  /** Prefix of a file that gets the time of every operator; written by `endProfiling`. */
  readonly profilePrefix?: string;
}

/** An input or output: lengths that vary are strings, as in the graph. */
export interface TensorInfo {
  readonly name: string;
  readonly dtype: TensorDType;
  readonly dims: readonly (number | string)[];
}

export type Tensors = Readonly<Record<string, AnyTensor>>;

/**
 * Loads a written model. External weights are mapped, not read.
 *
 * @throws GraphError `graph/runtime` when the runtime refuses the graph
 * @throws ModelFileError `model/external-data` when the weight file does not fit
 * @throws ResourceError `resource/memory`, `resource/device`; `resource/device-failed` for anything on another device than the CPU
 */
export async function createSession(model: OnnxModel, options: SessionOptions = {}): Promise<Session> {
  const name = options.name ?? "graph";
  const device = options.device ?? "cpu";
  const session: Record<string, string> = {
    disable_prepacking: options.prepack === true ? "0" : "1",
    // Numbers below 1e-38 are rounding residue of softmax tails and moments, and many times slower to compute with.
    set_denormal_as_zero: "1",
  };
  if (options.cpuFallback === false && device !== "cpu") session.disable_cpu_ep_fallback = "1";
  if (model.externalFolder !== null) session.model_external_initializers_file_folder_path = model.externalFolder;
  const { InferenceSession } = await loadOrt();
  try {
    const native = await InferenceSession.create(model.bytes, {
      executionProviders: executionProviders(device),
      intraOpNumThreads: options.threads ?? defaultThreads(),
      interOpNumThreads: 1,
      graphOptimizationLevel: levels[options.optimization ?? "all"],
      // Failures are thrown; nothing may be printed beside them.
      logSeverityLevel: 4,
      // It would undo what emit.ts turns on purpose.
      extra: { session, optimization: { disable_specified_optimizers: "GemmTransposeFusion" } },
      ...(options.resultsOnDevice === true && { preferredOutputLocation: "gpu-buffer" }),
      ...(options.profilePrefix === undefined
        ? {}
        : { enableProfiling: true, profileFilePrefix: options.profilePrefix }),
    });
    return new Session(native, name, await zeroCopyWorks(), device);
  } catch (error) {
    throw fromOrtError(error, `Loading ${name}`, model.externalFolder, device);
  }
}

/** By convention an output of this name is the new value of the input without it. */
const updateSuffix = ".next";

const levels = { none: "disabled", basic: "basic", extended: "extended", all: "all" } as const;

/** A loaded graph. Owned by the thread that created it; dispose it there. */
export class Session {
  readonly inputs: readonly TensorInfo[];
  readonly outputs: readonly TensorInfo[];
  /** Whether `run` writes into the caller's memory directly. */
  readonly zeroCopy: boolean;
  private readonly nativeInputs: readonly NativeTensor[];
  private readonly nativeOutputs: readonly NativeTensor[];
  private native: InferenceSession | null;

  constructor(
    native: InferenceSession,
    readonly name: string,
    zeroCopy: boolean,
    readonly device: Device,
  ) {
    this.native = native;
    this.nativeInputs = nativeTensors(native.inputMetadata);
    this.nativeOutputs = nativeTensors(native.outputMetadata);
    this.inputs = wholes(this.nativeInputs);
    this.outputs = wholes(this.nativeOutputs);
    this.zeroCopy = zeroCopy && native.outputNames[0] === zeroCopyOutput;
  }

  /**
   * Computes every output into memory of the caller. An output may be the same memory as an input when the graph reads
   * that input before it writes (optimiser state behind a barrier, key/value caches); it is then updated in place.
   * An output named "X.next" that is not given is the memory of the input X.
   *
   * @throws GraphError `graph/feed` when a tensor is missing, unknown or of the wrong type or shape
   * @throws GraphError `graph/runtime`, ResourceError `resource/memory`, `resource/device-failed` from the run itself
   */
  async run(feeds: Tensors, given: Tensors): Promise<void> {
    const native = this.alive();
    const lengths = this.checkFeeds(feeds);
    const outputs = this.withUpdates(feeds, given);
    this.checkOutputs(outputs, lengths);
    const inputs = toOrtAll(this.nativeInputs, feeds);
    if (this.zeroCopy) {
      const fetches = { [zeroCopyOutput]: null, ...toOrtAll(this.nativeOutputs, outputs) };
      await runWithoutCopy(native, inputs, fetches, this.name, this.device);
      return;
    }
    const results = await this.fetch(native, inputs, outputs);
    for (const part of this.nativeOutputs) {
      const target = partOf(part, outputs);
      if (!isOnDevice(target)) copyInto(fromOrt(results[part.name]!), target, `${this.name}: output ${part.name}`);
    }
  }

  /** Computes every output into new memory: simpler, and slower by one copy of each. Matrices in parts stay so. */
  async evaluate(feeds: Tensors): Promise<Record<string, Tensor>> {
    const native = this.alive();
    this.checkFeeds(feeds);
    return mapValues(await this.fetch(native, toOrtAll(this.nativeInputs, feeds)), fromOrt);
  }

  /** Computes every output into new memory of the device; only for a session made with `resultsOnDevice`. */
  async evaluateOnDevice(feeds: Tensors): Promise<Record<string, DeviceTensor>> {
    const native = this.alive();
    this.checkFeeds(feeds);
    return mapValues(await this.fetch(native, toOrtAll(this.nativeInputs, feeds)), onDevice);
  }

  /** Writes the profile asked for with `profilePrefix`. */
  endProfiling(): void {
    this.alive().endProfiling();
  }

  /** Gives everything back; a second call does nothing. */
  async dispose(): Promise<void> {
    const native = this.native;
    this.native = null;
    await native?.release();
  }

  private alive(): InferenceSession {
    if (this.native === null) throw new InternalError("internal/disposed", `The session ${this.name} was disposed.`);
    return this.native;
  }

  /** @param given what is on the device is written in place, the rest is new */
  private async fetch(
    native: InferenceSession,
    feeds: InferenceSession.OnnxValueMapType,
    given: Tensors = {},
  ): Promise<Record<string, OrtTensor>> {
    const fetches = this.nativeOutputs.map(({ name, whole }) => {
      const target = given[whole];
      return [name, target !== undefined && isOnDevice(target) ? toOrt(target) : null];
    });
    try {
      return (await native.run(feeds, Object.fromEntries(fetches))) as Record<string, OrtTensor>;
    } catch (error) {
      throw fromOrtError(error, `Running ${this.name}`, null, this.device);
    }
  }

  /** @returns the lengths that the feeds give to the names in the declared shapes */
  private checkFeeds(feeds: Tensors): Record<string, number> {
    const lengths: Record<string, number> = {};
    for (const info of this.inputs) this.checkTensor("input", info, feeds[info.name], lengths);
    this.checkNames("input", this.inputs, feeds);
    return lengths;
  }

  private withUpdates(feeds: Tensors, given: Tensors): Tensors {
    const outputs: Record<string, AnyTensor> = { ...given };
    for (const { name } of this.outputs) {
      if (outputs[name] === undefined && name.endsWith(updateSuffix)) {
        const state = feeds[name.slice(0, -updateSuffix.length)];
        if (state !== undefined) outputs[name] = state;
      }
    }
    return outputs;
  }

  private checkOutputs(outputs: Tensors, lengths: Record<string, number>): void {
    for (const info of this.outputs) this.checkTensor("output", info, outputs[info.name], lengths);
    this.checkNames("output", this.outputs, outputs);
  }

  private checkNames(role: string, infos: readonly TensorInfo[], tensors: Tensors): void {
    const names = Object.keys(tensors);
    if (names.length === infos.length) return;
    const unknown = names.find((name) => !infos.some((info) => info.name === name));
    throw this.feedError(`there is no ${role} "${unknown}"; ${role}s: ${infos.map(({ name }) => name).join(", ")}`);
  }

  private checkTensor(
    role: "input" | "output",
    info: TensorInfo,
    given: AnyTensor | undefined,
    lengths: Record<string, number>,
  ): void {
    const expected = `${role} "${info.name}" must be ${info.dtype}[${info.dims.join(",")}]`;
    if (given === undefined) throw this.feedError(`${expected}, got nothing`);
    if (given.dtype !== info.dtype || given.dims.length !== info.dims.length) {
      throw this.feedError(`${expected}, got ${describeTensor(given)}`);
    }
    for (const [axis, dim] of info.dims.entries()) {
      const got = given.dims[axis]!;
      const wanted = typeof dim === "number" ? dim : knownLength(dim, lengths);
      if (wanted === undefined) lengths[dim] = got;
      else if (wanted !== got) {
        const reason = typeof dim === "number" ? "" : ` where ${dim} = ${wanted}`;
        throw this.feedError(`${expected}${reason}, got ${describeTensor(given)}`);
      }
    }
  }

  private feedError(message: string): GraphError {
    return new GraphError("graph/feed", `${this.name}: ${message}.`, { where: this.name });
  }
}

/** An input or output as the runtime knows it: all of what the caller gives, or some rows of it (models/src/graph/rows.ts). */
interface NativeTensor {
  readonly name: string;
  readonly dtype: TensorDType;
  readonly dims: TensorInfo["dims"];
  /** What the caller calls it. */
  readonly whole: string;
  readonly rows: { from: number; to: number } | null;
}

function nativeTensors(metadata: readonly InferenceSession.ValueMetadata[]): NativeTensor[] {
  const infos = metadata.map(tensorInfo).filter((info) => info !== null);
  return infos.map((info) => {
    const part = parseRowsName(info.name);
    return { ...info, whole: part?.whole ?? info.name, rows: part };
  });
}

function wholes(tensors: readonly NativeTensor[]): TensorInfo[] {
  const result = new Map<string, TensorInfo>();
  for (const { whole, dtype, dims, rows } of tensors) {
    // Parts come in the order of their rows.
    result.set(whole, { name: whole, dtype, dims: rows === null ? dims : [rows.to, ...dims.slice(1)] });
  }
  return [...result.values()];
}

/** What the runtime is given of the caller's tensors. */
function partOf({ whole, rows }: NativeTensor, tensors: Tensors): AnyTensor {
  const given = tensors[whole]!;
  if (rows === null || isOnDevice(given)) return given;
  const width = given.data.length / given.dims[0]!;
  const data = given.data.subarray(rows.from * width, rows.to * width);
  return tensor(given.dtype, data, [rows.to - rows.from, ...given.dims.slice(1)]);
}

function toOrtAll(natives: readonly NativeTensor[], tensors: Tensors): Record<string, OrtTensor> {
  const result: Record<string, OrtTensor> = {};
  for (const native of natives) result[native.name] = toOrt(partOf(native, tensors));
  return result;
}

function mapValues<A, B>(values: Readonly<Record<string, A>>, change: (value: A) => B): Record<string, B> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, change(value)]));
}

function tensorInfo(meta: InferenceSession.ValueMetadata): TensorInfo | null {
  if (!meta.isTensor) return null;
  if (!isTensorDType(meta.type)) {
    throw new GraphError("graph/feed", `${meta.name}: ${meta.type} tensors cannot enter or leave a session.`);
  }
  return { name: meta.name, dtype: meta.type, dims: meta.shape };
}

/** The value of a length such as "T" or "B*T", or undefined when a name in it has none yet. */
function knownLength(dim: string, lengths: Record<string, number>): number | undefined {
  const known = lengths[dim];
  if (known !== undefined || plainName.test(dim)) return known;
  try {
    return evaluateDim(dim, lengths);
  } catch {
    return undefined;
  }
}

const plainName = /^\w+$/;

function copyInto(source: Tensor, target: Tensor, what: string): void {
  if (source.data.length !== target.data.length) {
    const message = `${what} is ${describeTensor(source)}, but memory for ${describeTensor(target)} was given.`;
    throw new GraphError("graph/feed", message);
  }
  (target.data as Float32Array).set(source.data as Float32Array);
}
