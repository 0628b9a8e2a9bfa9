/**
 * Reads the weights of a checkpoint: one safetensors file, or several with an index, as Hugging Face writes them. Opening
 * reads headers only; tensors are read when asked for. Writing is writeSafetensors.ts.
 */
import { type FileHandle, open, stat } from "node:fs/promises";
import { join } from "node:path";
import { InternalError, ModelFileError, ResourceError } from "../errors";
import { groupBy } from "../util/groupBy";
import { readTextFile } from "../util/jsonFile";
import { bfloat16ToFloat32, float16ToFloat32 } from "./halfFloats";
import {
  elementBytes,
  type Header,
  parseHeader,
  parseHeaderLength,
  prefixBytes,
  type StoredDType,
  type TensorEntry,
} from "./safetensorsHeader";
import { clip, parseStrictJson } from "../util/strictJson";

/** Elements as stored: halves are bits in a Uint16Array, bool is 0 or 1, 8-bit floats are bytes. */
export type StoredArray =
  | Float32Array
  | Float64Array
  | Uint16Array
  | Int16Array
  | BigInt64Array
  | BigUint64Array
  | Int32Array
  | Uint32Array
  | Int8Array
  | Uint8Array;

/**
 * Opens a checkpoint.
 *
 * @param path a `.safetensors` file, or a folder with `model.safetensors` or `model.safetensors.index.json`
 * @throws ModelFileError `model/missing-weights`, `model/unreadable-file`, `model/truncated-weights`,
 *   `model/weights-header`, `model/weights-tensor`, `model/weights-index`
 */
export async function openSafetensors(path: string): Promise<Checkpoint> {
  const info = await stat(path).catch((cause: unknown) => {
    throw missing(path, "there is nothing at this path", cause);
  });
  if (!info.isDirectory()) return new Checkpoint(path, [await openFile(path)]);
  const single = join(path, "model.safetensors");
  if (await isThere(single)) return new Checkpoint(path, [await openFile(single)]);
  const index = await readTextFile(path, indexName);
  if (index === undefined) throw missing(path, `it has neither model.safetensors nor ${indexName}`);
  return openSharded(path, index);
}

/** The tensors of a checkpoint by name. Holds no open file, so there is nothing to close. */
export class Checkpoint {
  readonly tensors: ReadonlyMap<string, TensorEntry>;
  /** Of all files together. */
  readonly metadata: Readonly<Record<string, string>>;
  private readonly versions = new Map<string, string>();

  /** @param source what was opened, for messages */
  constructor(
    readonly source: string,
    files: readonly OpenedFile[],
  ) {
    const tensors = new Map<string, TensorEntry>();
    for (const { header, file, version } of files) {
      this.versions.set(file, version);
      for (const entry of header.tensors) tensors.set(entry.name, entry);
    }
    this.tensors = tensors;
    this.metadata = Object.assign({}, ...files.map(({ header }) => header.metadata)) as Record<string, string>;
  }

  has(name: string): boolean {
    return this.tensors.has(name);
  }

  /** @throws ModelFileError `model/missing-tensor` */
  entry(name: string): TensorEntry {
    const entry = this.tensors.get(name);
    if (entry !== undefined) return entry;
    throw new ModelFileError("model/missing-tensor", `${this.source} has no tensor ${clip(name)}.`, {
      where: this.source,
      hint: "The checkpoint is incomplete or of another architecture.",
      data: { tensor: name },
    });
  }

  /** Elements as they are stored, in a buffer of their own. */
  async read(name: string): Promise<StoredArray> {
    const entry = this.entry(name);
    const bytes = new Uint8Array(allocate(entry, entry.length));
    await this.fill(entry, bytes);
    return new arrays[entry.dtype](bytes.buffer);
  }

  /**
   * Elements of any floating point type as float32.
   *
   * @param into memory for them, exactly as many; a buffer of their own when left out
   * @throws ModelFileError `model/tensor-dtype` when they are no floating point numbers
   */
  async readFloat32(name: string, into?: Float32Array): Promise<Float32Array> {
    const entry = this.entry(name);
    const widen = wideners[entry.dtype];
    if (entry.dtype !== "float32" && widen === undefined) {
      const message = `${entry.file}: tensor ${clip(name)} is ${entry.dtype}, expected floating point numbers.`;
      throw new ModelFileError("model/tensor-dtype", message, { where: entry.file, data: { tensor: name } });
    }
    const size = elementBytes(entry.dtype);
    const count = entry.length / size;
    const result = into ?? new Float32Array(allocate(entry, 4 * count));
    if (result.length !== count) {
      throw new InternalError("internal/tensor", `${clip(name)} has ${count} elements, got room for ${result.length}.`);
    }
    if (widen === undefined) {
      await this.fill(entry, new Uint8Array(result.buffer, result.byteOffset, result.byteLength));
      return result;
    }
    let done = 0;
    // Pieces that the processor's cache holds while they are widened.
    for await (const chunk of this.chunks(name, 2 ** 19)) {
      const part = chunk.byteLength / size;
      widen(chunk, result.subarray(done, done + part));
      done += part;
    }
    return result;
  }

  private async fill(entry: TensorEntry, bytes: Uint8Array): Promise<void> {
    const handle = await this.open(entry);
    try {
      await fill(handle, bytes, entry.offset, entry);
    } finally {
      await handle.close();
    }
  }

  /**
   * Raw bytes in order, at most `chunkBytes` (a multiple of 8) at a time. The same memory is used for every chunk, so a
   * caller that keeps one copies it.
   */
  async *chunks(name: string, chunkBytes = 8 * 2 ** 20): AsyncGenerator<Uint8Array> {
    const entry = this.entry(name);
    const memory = new Uint8Array(Math.min(chunkBytes, entry.length));
    const handle = await this.open(entry);
    try {
      for (let done = 0; done < entry.length; done += memory.byteLength) {
        const chunk = memory.subarray(0, Math.min(memory.byteLength, entry.length - done));
        await fill(handle, chunk, entry.offset + done, entry);
        yield chunk;
      }
    } finally {
      await handle.close();
    }
  }

  /** Offsets are valid only for the file that was opened first, so a file that was replaced since is refused. */
  private async open(entry: TensorEntry): Promise<FileHandle> {
    const handle = await open(entry.file, "r").catch((cause: unknown) => {
      throw unreadable(entry.file, cause);
    });
    if (versionOf(await handle.stat({ bigint: true })) === this.versions.get(entry.file)) return handle;
    await handle.close();
    throw new ModelFileError("model/file-changed", `${entry.file} changed while the checkpoint was in use.`, {
      where: entry.file,
      hint: "Open the checkpoint again, and do not write over one that is in use.",
    });
  }
}

const indexName = "model.safetensors.index.json";

interface OpenedFile {
  file: string;
  header: Header;
  /** Tells whether the file is still the one whose header was read. */
  version: string;
}

async function openFile(path: string): Promise<OpenedFile> {
  // A pipe or device would make open() or read() wait for ever.
  const info = await stat(path).catch((cause: unknown) => {
    throw unreadable(path, cause);
  });
  if (!info.isFile()) throw unreadable(path, new Error("it is not a regular file"));
  const handle = await open(path, "r").catch((cause: unknown) => {
    throw unreadable(path, cause);
  });
  try {
    const state = await handle.stat({ bigint: true });
    const fileBytes = Number(state.size);
    const whole = { name: "header", file: path };
    const prefix = new Uint8Array(Math.min(prefixBytes, fileBytes));
    await fill(handle, prefix, 0, whole);
    const json = new Uint8Array(parseHeaderLength(prefix, fileBytes, path));
    await fill(handle, json, prefixBytes, whole);
    return { file: path, header: parseHeader(json, fileBytes, path), version: versionOf(state) };
  } finally {
    await handle.close();
  }
}

/** Reads the index, which says which file holds which tensor; what the index does not list is not part of the model. */
async function openSharded(folder: string, indexText: string): Promise<Checkpoint> {
  const where = join(folder, indexName);
  const fail = (message: string) =>
    new ModelFileError("model/weights-index", `${where}: ${message}.`, {
      where,
      hint: "The checkpoint is damaged or incomplete; copy or download it again.",
    });
  const index = parseStrictJson(indexText, "model/weights-index", where, where);
  const weightMap = (index as { weight_map?: unknown } | null)?.weight_map;
  if (typeof weightMap !== "object" || weightMap === null || Array.isArray(weightMap)) {
    throw fail("expected an object weight_map from tensor names to file names");
  }
  const entries = Object.entries(weightMap as Record<string, unknown>);
  for (const [tensor, file] of entries) {
    if (typeof file === "string" && shardName.test(file)) continue;
    throw fail(`${clip(tensor)} must lie in a .safetensors file of the same folder, got ${clip(String(file))}`);
  }
  const files: OpenedFile[] = [];
  for (const [file, listedHere] of groupBy(entries, ([, name]) => String(name))) {
    const path = join(folder, file);
    if (!(await isThere(path))) throw fail(`the file ${file} is missing`);
    const opened = await openFile(path);
    const listed = new Set(listedHere.map(([tensor]) => tensor));
    const tensors = opened.header.tensors.filter(({ name }) => listed.delete(name));
    const [lost] = listed;
    if (lost !== undefined) throw fail(`${file} should hold ${clip(lost)}, but does not`);
    files.push({ ...opened, header: { ...opened.header, tensors } });
  }
  return new Checkpoint(folder, files);
}

/** A plain name: no folders, no drive, no hidden file. */
const shardName = /^[A-Za-z0-9_][A-Za-z0-9_.-]*\.safetensors$/;

function versionOf(state: { dev: bigint; ino: bigint; size: bigint; mtimeNs: bigint }): string {
  return `${state.dev}:${state.ino}:${state.size}:${state.mtimeNs}`;
}

/** Reads exactly as many bytes as `target` has. */
async function fill(
  handle: FileHandle,
  target: Uint8Array,
  position: number,
  what: { name: string; file: string },
): Promise<void> {
  // One call reads less than 2 GiB.
  const largest = 2 ** 30;
  let done = 0;
  while (done < target.byteLength) {
    const length = Math.min(largest, target.byteLength - done);
    const { bytesRead } = await handle.read(target, done, length, position + done).catch((cause: unknown) => {
      throw unreadable(what.file, cause);
    });
    if (bytesRead === 0) {
      const message = `${what.file} ended while ${clip(what.name)} was read: got ${done} of ${target.byteLength} bytes.`;
      throw new ModelFileError("model/truncated-weights", message, { where: what.file });
    }
    done += bytesRead;
  }
}

const arrays: { readonly [D in StoredDType]: new (buffer: ArrayBuffer) => StoredArray } = {
  float32: Float32Array,
  float64: Float64Array,
  float16: Uint16Array,
  bfloat16: Uint16Array,
  float8_e4m3fn: Uint8Array,
  float8_e5m2: Uint8Array,
  int64: BigInt64Array,
  int32: Int32Array,
  int16: Int16Array,
  int8: Int8Array,
  uint64: BigUint64Array,
  uint32: Uint32Array,
  uint16: Uint16Array,
  uint8: Uint8Array,
  bool: Uint8Array,
};

const wideners: { readonly [D in StoredDType]?: (bytes: Uint8Array, out: Float32Array) => void } = {
  float16: (bytes, out) => void float16ToFloat32(new Uint16Array(bytes.buffer, 0, bytes.byteLength / 2), out),
  bfloat16: (bytes, out) => void bfloat16ToFloat32(new Uint16Array(bytes.buffer, 0, bytes.byteLength / 2), out),
  float64: (bytes, out) => out.set(new Float64Array(bytes.buffer, 0, bytes.byteLength / 8)),
};

function allocate(entry: TensorEntry, sizeBytes: number): ArrayBuffer {
  try {
    return new ArrayBuffer(sizeBytes);
  } catch (cause) {
    const message = `Not enough memory for tensor ${clip(entry.name)}: ${(sizeBytes / 2 ** 20).toFixed(0)} MiB.`;
    throw new ResourceError("resource/memory", message, {
      where: entry.file,
      hint: "Use a smaller model, or close other programs.",
      data: { sizeBytes },
      cause,
    });
  }
}

/** A file that is there but cannot be looked at (a link to itself, a closed folder) is there: opening it says what is wrong. */
async function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    (error: NodeJS.ErrnoException) => error.code !== "ENOENT",
  );
}

function missing(path: string, reason: string, cause?: unknown): ModelFileError {
  return new ModelFileError("model/missing-weights", `No weights in ${path}: ${reason}.`, {
    where: path,
    hint: "Point at the folder of a checkpoint in safetensors format; convert pytorch_model.bin files first.",
    cause,
  });
}

function unreadable(path: string, cause: unknown): ModelFileError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new ModelFileError("model/unreadable-file", `${path} cannot be read: ${reason}.`, {
    where: path,
    hint: "Check that the file exists and that you may read it.",
    cause,
  });
}
