/**
 * The header of a safetensors file: its length, then JSON that says where each tensor lies. Everything in it is checked
 * against the size of the file before anybody reads or allocates by it. Pure: it gets bytes and gives entries.
 *
 * @see https://github.com/huggingface/safetensors#format; like that reader this one refuses overlaps and unclaimed bytes
 */
import { ModelFileError } from "../errors";
import type { DType } from "../graph/types";
import { clip, parseStrictJson } from "../util/strictJson";

/** Element types of files; the ones the graph does not have can be listed and copied, not computed with. */
export type StoredDType =
  | Exclude<DType, "int4" | "uint4">
  | "int16"
  | "uint16"
  | "uint32"
  | "uint64"
  | "float8_e4m3fn"
  | "float8_e5m2";

export interface TensorEntry {
  readonly name: string;
  readonly dtype: StoredDType;
  readonly shape: readonly number[];
  /** Path of the file that holds it. */
  readonly file: string;
  /** Of the first byte in the file, counted from its start. */
  readonly offset: number;
  /** In bytes. */
  readonly length: number;
}

export interface Header {
  /** In the order of their bytes. */
  readonly tensors: readonly TensorEntry[];
  readonly metadata: Readonly<Record<string, string>>;
}

/** The length field of the header. */
export const prefixBytes = 8;
/** The limit of the reference reader. */
const maxHeaderBytes = 100_000_000;
const maxRank = 32;

/** Format name, our name, bytes per element. */
const dtypes: readonly (readonly [string, StoredDType, number])[] = [
  ["F64", "float64", 8],
  ["F32", "float32", 4],
  ["F16", "float16", 2],
  ["BF16", "bfloat16", 2],
  ["F8_E4M3", "float8_e4m3fn", 1],
  ["F8_E5M2", "float8_e5m2", 1],
  ["I64", "int64", 8],
  ["I32", "int32", 4],
  ["I16", "int16", 2],
  ["I8", "int8", 1],
  ["U64", "uint64", 8],
  ["U32", "uint32", 4],
  ["U16", "uint16", 2],
  ["U8", "uint8", 1],
  ["BOOL", "bool", 1],
];
const byFormatName = new Map(dtypes.map(([format, dtype, size]) => [format, { dtype, size }]));
const byDType = new Map(dtypes.map(([format, dtype, size]) => [dtype, { format, size }]));

/** How the format spells an element type. */
export function formatName(dtype: StoredDType): string {
  return byDType.get(dtype)!.format;
}

export function elementBytes(dtype: StoredDType): number {
  return byDType.get(dtype)!.size;
}

/**
 * @param prefix the first 8 bytes of the file
 * @returns the length of the JSON that follows
 */
export function parseHeaderLength(prefix: Uint8Array, fileBytes: number, file: string): number {
  if (prefix.byteLength < prefixBytes)
    throw truncated(file, `${prefixBytes} bytes of header length`, `${fileBytes} bytes`);
  const length = new DataView(prefix.buffer, prefix.byteOffset).getBigUint64(0, true);
  if (length > BigInt(maxHeaderBytes)) {
    throw headerError(file, `says it is ${length} bytes long, expected at most ${maxHeaderBytes}`);
  }
  if (Number(length) > fileBytes - prefixBytes) {
    throw truncated(file, `a header of ${length} bytes`, `${fileBytes - prefixBytes} bytes after its length`);
  }
  return Number(length);
}

/**
 * @param json the bytes after the length field, exactly as many as it says
 * @throws ModelFileError `model/weights-header`, `model/weights-tensor`, `model/truncated-weights`
 */
export function parseHeader(json: Uint8Array, fileBytes: number, file: string): Header {
  const value = parseStrictJson(decode(json, file), "model/weights-header", `${file}: the header`, file);
  if (!isObject(value)) throw headerError(file, "must be a JSON object");
  const dataStart = prefixBytes + json.byteLength;
  const tensors: TensorEntry[] = [];
  let metadata: Record<string, string> = {};
  for (const [name, entry] of Object.entries(value)) {
    if (name === "__metadata__") metadata = parseMetadata(entry, file);
    else tensors.push(parseTensor(name, entry, dataStart, fileBytes, file));
  }
  tensors.sort((a, b) => a.offset - b.offset || a.length - b.length);
  checkCoverage(tensors, dataStart, fileBytes, file);
  return { tensors, metadata };
}

/** Writes a header whose data starts at a multiple of 64 bytes, so that vector loads of mapped weights stay aligned. */
export function formatHeader(
  tensors: readonly Pick<TensorEntry, "name" | "dtype" | "shape" | "length">[],
  metadata: Readonly<Record<string, string>>,
): Uint8Array {
  const entries: [string, unknown][] = Object.keys(metadata).length === 0 ? [] : [["__metadata__", metadata]];
  let offset = 0;
  for (const { name, dtype, shape, length } of tensors) {
    entries.push([name, { dtype: formatName(dtype), shape, data_offsets: [offset, offset + length] }]);
    offset += length;
  }
  // Pairs, not an object: an object would move names such as "0" to the front.
  const members = entries.map(([name, entry]) => `${JSON.stringify(name)}:${JSON.stringify(entry)}`);
  const json = Buffer.from(`{${members.join(",")}}`);
  const total = Math.ceil((prefixBytes + json.byteLength) / 64) * 64;
  const header = Buffer.alloc(total, " ");
  header.writeBigUInt64LE(BigInt(total - prefixBytes), 0);
  json.copy(header, prefixBytes);
  return header;
}

function decode(json: Uint8Array, file: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(json);
  } catch (cause) {
    throw headerError(file, "is not UTF-8 text", cause);
  }
}

function parseMetadata(value: unknown, file: string): Record<string, string> {
  if (isObject(value) && Object.values(value).every((text) => typeof text === "string")) {
    return value as Record<string, string>;
  }
  throw headerError(file, "has a __metadata__ that is no map from text to text");
}

function parseTensor(name: string, value: unknown, dataStart: number, fileBytes: number, file: string): TensorEntry {
  const fail = (message: string) => tensorError(file, name, message);
  if (!isObject(value)) throw fail("must be an object with dtype, shape and data_offsets");
  const { dtype: format, shape, data_offsets: offsets } = value;
  const kind = typeof format === "string" ? byFormatName.get(format) : undefined;
  if (kind === undefined) {
    throw fail(`has the unknown dtype ${clip(String(format))}, expected one of ${[...byFormatName.keys()].join(", ")}`);
  }
  if (!isNaturals(shape) || shape.length > maxRank) {
    throw fail(
      `must have a shape of at most ${maxRank} whole numbers, got ${clip(JSON.stringify(shape) ?? "nothing")}`,
    );
  }
  if (!isNaturals(offsets) || offsets.length !== 2 || offsets[0]! > offsets[1]!) {
    throw fail(`must have data_offsets [start, end], got ${clip(JSON.stringify(offsets) ?? "nothing")}`);
  }
  const [start, end] = offsets as [number, number];
  // As BigInt: a product of huge extents is not exact as a number.
  const expected = shape.reduce((product, dim) => product * BigInt(dim), BigInt(kind.size));
  if (expected !== BigInt(end - start)) {
    throw fail(`is ${format}[${shape.join(",")}] = ${expected} bytes, but data_offsets give it ${end - start}`);
  }
  const available = fileBytes - dataStart;
  if (end > available) {
    throw truncated(file, `tensor ${clip(name)} at bytes ${start} to ${end} of the data`, `${available} bytes of data`);
  }
  return { name, dtype: kind.dtype, shape, file, offset: dataStart + start, length: end - start };
}

/** Sorted entries must follow each other without gap or overlap from the start of the data to the end of the file. */
function checkCoverage(tensors: readonly TensorEntry[], dataStart: number, fileBytes: number, file: string): void {
  let end = dataStart;
  let previous = "the header";
  for (const { name, offset, length } of tensors) {
    if (offset < end) throw tensorError(file, name, `overlaps ${previous}`);
    if (offset > end) throw tensorError(file, name, `leaves ${offset - end} unclaimed bytes after ${previous}`);
    end = offset + length;
    previous = `tensor ${clip(name)}`;
  }
  if (end === fileBytes) return;
  throw new ModelFileError(
    "model/weights-header",
    `${file}: ${fileBytes - end} bytes after the last tensor belong to none.`,
    {
      where: file,
      hint,
    },
  );
}

const hint = "The file is damaged; copy or download it again.";

function headerError(file: string, message: string, cause?: unknown): ModelFileError {
  return new ModelFileError("model/weights-header", `${file}: the header ${message}.`, { where: file, hint, cause });
}

function tensorError(file: string, name: string, message: string): ModelFileError {
  return new ModelFileError("model/weights-tensor", `${file}: tensor ${clip(name)} ${message}.`, {
    where: file,
    hint,
    data: { tensor: name },
  });
}

function truncated(file: string, expected: string, got: string): ModelFileError {
  return new ModelFileError("model/truncated-weights", `${file} is cut off: expected ${expected}, got ${got}.`, {
    where: file,
    hint: "The copy or download did not finish; get the file again.",
  });
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isNaturals(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((item) => Number.isSafeInteger(item) && item >= 0);
}
