/**
 * What a case of the bad-input suite is, and the small tools that damage files with. Cases run in a child process
 * (hostileHost.ts); nothing here imports the test runner.
 */
import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { crc32, deflateSync } from "node:zlib";
import { loadModelDescription, type ModelDescription } from "@iad-r1/models/zoo";

export interface HostileContext {
  /** An empty folder of this case's own; readable by every user. */
  folder: string;
  /** `test/fixtures` */
  fixtures: string;
}

export interface HostileCase {
  /** What is wrong; completes "…ends in one clear error". */
  name: string;
  /** Makes the bad input. Its memory and time are not counted. */
  make?: (context: HostileContext) => unknown;
  /** What a user does with it. Gets what `make` returned. */
  act: (context: HostileContext, made: unknown) => unknown;
  /** Code of the error. */
  code: string;
  /** What its printed form must say: which thing, what was expected, what was found. */
  says: (string | RegExp)[];
  /** The message is the cure already, so that no hint is asked for. */
  noHint?: true;
  /** It is about no file or place. */
  nowhere?: true;
}

/** A harmless oddity: it must be read, and rightly. */
export interface HarmlessCase {
  name: string;
  make?: (context: HostileContext) => unknown;
  /** Plain data that tells right from wrong. */
  act: (context: HostileContext, made: unknown) => unknown;
  gives: unknown;
}

/** Problems of a reader that collects instead of throwing; hostileHost.ts turns the first error into an outcome. */
export class CollectedProblems extends Error {
  constructor(readonly problems: readonly CollectedProblem[]) {
    super("problems");
  }
}

export interface CollectedProblem {
  severity?: "error" | "warning";
  code: string;
  message: string;
  hint?: string;
  file?: string;
  line: number;
  column: number;
}

/** How a case ended, as the parent process learns it. */
export type Outcome =
  | { kind: "nothing"; value: unknown }
  | { kind: "foreign"; error: string }
  | {
      kind: "refused";
      family: string;
      code: string;
      message: string;
      hint: string | null;
      where: string | null;
      printed: string;
    };

export interface CaseReport {
  outcome: Outcome;
  /** Time on processors. */
  ms: number;
  /** Growth of the resident memory's peak while the case acted. */
  growthMiB: number;
}

// Files

export function put(context: HostileContext, name: string, content: string | Uint8Array): string {
  const path = join(context.folder, name);
  writeFileSync(path, content);
  return path;
}

/** A parsed file that a case damages wherever it likes. */
// biome-ignore lint/suspicious/noExplicitAny: any place of any file can be damaged
export type LooseJson = any;

/** Changes a JSON file in place. */
export function editJson(path: string, edit: (json: LooseJson) => unknown): void {
  const json: unknown = JSON.parse(readFileSync(path, "utf8"));
  edit(json);
  writeFileSync(path, JSON.stringify(json));
}

/** A whole, sound checkpoint to be damaged. */
export function copyCheckpoint({ folder, fixtures }: HostileContext): string {
  const path = join(folder, "model");
  cpSync(join(fixtures, "vlm/llava-onevision/checkpoint"), path, { recursive: true });
  return path;
}

/** The same in two shards with an index, in bfloat16. */
export function copySharded(context: HostileContext): string {
  const path = copyCheckpoint(context);
  cpSync(join(context.fixtures, "vlm/llava-onevision/hub-layout"), path, { recursive: true });
  cpSync(join(context.fixtures, "vlm/llava-onevision/checkpoint/config.json"), join(path, "config.json"));
  return path;
}

/** The adapter that belongs to the checkpoint. */
export function copyAdapter({ folder, fixtures }: HostileContext): string {
  const path = join(folder, "adapter");
  for (const name of ["adapter_config.json", "adapter_model.safetensors"]) {
    cpSync(join(fixtures, "vlm/llava-onevision", name), join(path, name));
  }
  return path;
}

export function openModel({ folder }: HostileContext): Promise<ModelDescription> {
  return loadModelDescription(join(folder, "model"));
}

/** Opens tokenizer, template and image settings too, and prepares a prompt with a small picture. */
export async function prepareInputs(context: HostileContext): Promise<unknown> {
  const processor = await (await openModel(context)).loadProcessor();
  const content = [{ type: "image" as const }, { type: "text" as const, text: "Is there a defect in this picture?" }];
  const picture = { width: 30, height: 20, data: new Uint8Array(30 * 20 * 3).fill(100) };
  const { inputIds, pixelShape } = processor.prepareInputs([{ role: "user", content }], [picture]);
  return { tokens: inputIds.length, pixelShape };
}

/** Opens the sound fixture's model with the case's adapter. */
export function openAdapter({ folder, fixtures }: HostileContext): Promise<ModelDescription> {
  return loadModelDescription(join(fixtures, "vlm/llava-onevision/checkpoint"), { adapter: join(folder, "adapter") });
}

export function renameKey<T>(record: Record<string, T>, from: string, to: string): void {
  record[to] = record[from]!;
  delete record[from];
}

// Formats

/** A safetensors file: a header (text is written as it is), then data. `length` lies about the header's length. */
export function safetensors(header: unknown, data: Uint8Array = new Uint8Array(), length?: bigint): Buffer {
  const json = Buffer.isBuffer(header)
    ? header
    : Buffer.from(typeof header === "string" ? header : JSON.stringify(header));
  const prefix = Buffer.alloc(8);
  prefix.writeBigUInt64LE(length ?? BigInt(json.length));
  return Buffer.concat([prefix, json, data]);
}

export interface HeaderEntry {
  dtype: string;
  shape: number[];
  data_offsets: [number, number];
}

/** Changes the header of a safetensors file in place, the data stay. */
export function editHeader(path: string, edit: (header: Record<string, HeaderEntry>) => unknown): void {
  const bytes = readFileSync(path);
  const size = Number(bytes.readBigUInt64LE(0));
  const header = JSON.parse(bytes.subarray(8, 8 + size).toString("utf8")) as Record<string, HeaderEntry>;
  edit(header);
  writeFileSync(path, safetensors(header, bytes.subarray(8 + size)));
}

export function pngChunk(type: string, data: Uint8Array): Buffer {
  const body = Buffer.concat([Buffer.from(type, "latin1"), data]);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(data.length);
  const check = Buffer.alloc(4);
  check.writeUInt32BE(crc32(body));
  return Buffer.concat([length, body, check]);
}

/** A PNG whose header says anything; `pixels` is what its compressed data hold. */
export function png(
  width: number,
  height: number,
  options: { depth?: number; colorType?: number; pixels?: Uint8Array; before?: Buffer[] } = {},
): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([options.depth ?? 8, options.colorType ?? 2, 0, 0, 0], 8);
  return Buffer.concat([
    Buffer.from("\x89PNG\r\n\x1a\n", "latin1"),
    pngChunk("IHDR", header),
    ...(options.before ?? []),
    pngChunk("IDAT", deflateSync(options.pixels ?? Buffer.alloc(0))),
    pngChunk("IEND", Buffer.alloc(0)),
  ]);
}

/** A sound grey-blue PNG of 8-bit RGB. */
export function soundPng(width = 16, height = 12): Buffer {
  const pixels = Buffer.alloc((width * 3 + 1) * height, 90);
  for (let y = 0; y < height; y++) pixels[y * (width * 3 + 1)] = 0;
  return png(width, height, { pixels });
}

/** Lists or objects inside each other. */
export function nested(depth: number, open = "[", close = "]"): string {
  return open.repeat(depth) + close.repeat(depth);
}
