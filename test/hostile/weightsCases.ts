/** Damaged and hostile weight files: safetensors, shards and their index. */
import { execFileSync } from "node:child_process";
import {
  appendFileSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { openSafetensors } from "@iad-r1/models/checkpoint/safetensors";
import { LiveModel } from "@iad-r1/server/generate/liveModel";
import { PromptEncoder } from "@iad-r1/server/generate/promptEncoder";
import {
  copyCheckpoint,
  copySharded,
  editHeader,
  editJson,
  type HeaderEntry,
  type HostileCase,
  type HostileContext,
  nested,
  openModel,
  renameKey,
  safetensors,
} from "../helpers/hostileCase";

const truncated = "model/truncated-weights";
const badHeader = "model/weights-header";
const badTensor = "model/weights-tensor";
const file = "model.safetensors";

const embedding = "language_model.model.embed_tokens.weight";
const newline = "image_newline";

function weightsOf(context: HostileContext): string {
  return join(copyCheckpoint(context), file);
}

/** A case that changes the bytes of model.safetensors and opens the model. */
function bytesCase(
  name: string,
  change: (path: string, bytes: Buffer) => unknown,
  code: string,
  says: HostileCase["says"],
): HostileCase {
  return {
    name,
    make: (context) => {
      const path = weightsOf(context);
      change(path, readFileSync(path));
    },
    act: openModel,
    code,
    says: ["model", ...says],
  };
}

/** A case that changes one header entry. */
function headerCase(
  name: string,
  edit: (header: Record<string, HeaderEntry>) => unknown,
  code: string,
  says: HostileCase["says"],
): HostileCase {
  return bytesCase(name, (path) => editHeader(path, edit), code, says);
}

/** A header text in place of the whole file. */
function textCase(name: string, header: string | Buffer, code: string, says: HostileCase["says"]): HostileCase {
  return bytesCase(name, (path) => writeFileSync(path, safetensors(header, new Uint8Array(4))), code, says);
}

/** A case about a folder without model.safetensors that has shards. */
function shardCase(
  name: string,
  change: (folder: string) => unknown,
  code: string,
  says: HostileCase["says"],
): HostileCase {
  return {
    name,
    make: (context) => {
      const folder = copySharded(context);
      rmSync(join(folder, file));
      change(folder);
    },
    act: openModel,
    code,
    says,
  };
}

const index = "model.safetensors.index.json";
const firstShard = "model-00001-of-00002.safetensors";
const secondShard = "model-00002-of-00002.safetensors";

function mapTo(name: string): (folder: string) => void {
  return (folder) =>
    editJson(join(folder, index), (json) => {
      for (const tensor of Object.keys(json.weight_map)) json.weight_map[tensor] = name;
    });
}

export const weightsCases: HostileCase[] = [
  // Cut off in every region
  bytesCase("weights of no bytes", (path) => truncateSync(path, 0), truncated, ["cut off", "0 bytes"]),
  bytesCase("weights cut inside the header's length", (path) => truncateSync(path, 7), truncated, [
    "8 bytes",
    "7 bytes",
  ]),
  bytesCase("weights cut inside the header", (path) => truncateSync(path, 3000), truncated, ["2992 bytes"]),
  bytesCase(
    "weights cut right behind the header",
    (path, bytes) => truncateSync(path, 8 + Number(bytes.readBigUInt64LE())),
    truncated,
    ["0 bytes of data"],
  ),
  bytesCase(
    "weights cut in the middle of the data",
    (path, bytes) => truncateSync(path, bytes.length >> 1),
    truncated,
    ["cut off", /tensor "/],
  ),
  bytesCase("weights that lack the last byte", (path, bytes) => truncateSync(path, bytes.length - 1), truncated, [
    /tensor "/,
  ]),
  bytesCase("weights with a byte too many", (path) => appendFileSync(path, "x"), badHeader, [
    "1 bytes after the last tensor",
  ]),
  // Lying lengths of the header
  bytesCase(
    "a header length of 0",
    headerLength(() => 0n),
    badHeader,
    ["not valid JSON"],
  ),
  bytesCase(
    "a header length of -1",
    headerLength(() => -1n),
    badHeader,
    ["18446744073709551615"],
  ),
  bytesCase(
    "a header length of 2^63",
    headerLength(() => 2n ** 63n),
    badHeader,
    ["9223372036854775808"],
  ),
  bytesCase(
    "a header length beyond the file",
    headerLength(() => 99_999_999n),
    truncated,
    ["99999999 bytes"],
  ),
  bytesCase(
    "a header length that runs into the data",
    headerLength((right) => right + 64n),
    badHeader,
    ["header"],
  ),
  // Headers that are no headers
  textCase("a header that is not UTF-8", Buffer.from([0x7b, 0xff, 0xfe, 0x7d]), badHeader, ["not UTF-8"]),
  textCase("a header that is a list", "[1,2]", badHeader, ["JSON object"]),
  textCase("a header cut inside its JSON", '{"a":{"dtype":"F32","sha', badHeader, ["not valid JSON"]),
  textCase("a header nested 200,000 deep", `{"a":${nested(200_000)}}`, badHeader, ["nested"]),
  textCase(
    "a header with the same tensor twice",
    '{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}',
    badHeader,
    ['"a" twice'],
  ),
  textCase(
    "a header with the same key twice in an entry",
    '{"a":{"dtype":"F32","dtype":"I8","shape":[1],"data_offsets":[0,4]}}',
    badHeader,
    ['"dtype" twice'],
  ),
  textCase(
    "metadata that hold numbers",
    '{"__metadata__":{"a":1},"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}',
    badHeader,
    ["__metadata__"],
  ),
  textCase("a header with NaN in it", '{"a":{"dtype":"F32","shape":[NaN],"data_offsets":[0,4]}}', badHeader, [
    "not valid JSON",
  ]),
  // Entries that lie
  headerCase("an unknown element type", (header) => Object.assign(header[newline]!, { dtype: "F128" }), badTensor, [
    "F128",
    "BF16",
  ]),
  headerCase("an element type that is a number", (header) => Object.assign(header[newline]!, { dtype: 3 }), badTensor, [
    newline,
    "dtype",
  ]),
  headerCase(
    "an entry without a shape",
    (header) => delete (header[newline] as Partial<HeaderEntry>).shape,
    badTensor,
    [newline, "shape"],
  ),
  headerCase("a negative extent", (header) => Object.assign(header[newline]!, { shape: [-64] }), badTensor, [
    newline,
    "-64",
  ]),
  headerCase(
    "an extent that is no whole number",
    (header) => Object.assign(header[newline]!, { shape: [63.5] }),
    badTensor,
    ["63.5"],
  ),
  headerCase(
    "extents whose product overflows",
    (header) => Object.assign(header[newline]!, { shape: [2 ** 53 - 1, 2 ** 53 - 1] }),
    badTensor,
    [/\d{30,} bytes/],
  ),
  headerCase(
    "a tensor of 40 axes",
    (header) => Object.assign(header[newline]!, { shape: Array(40).fill(1) }),
    badTensor,
    ["at most 32"],
  ),
  headerCase(
    "a shape with more elements than bytes",
    (header) => Object.assign(header[newline]!, { shape: [65] }),
    badTensor,
    ["260 bytes", "256"],
  ),
  headerCase(
    "an element type too narrow for the bytes",
    (header) => Object.assign(header[newline]!, { dtype: "F16" }),
    badTensor,
    ["128 bytes", "256"],
  ),
  headerCase("offsets that run backwards", (header) => header[newline]!.data_offsets.reverse(), badTensor, [
    "[start, end]",
  ]),
  headerCase("negative offsets", (header) => Object.assign(header[newline]!, { data_offsets: [-256, 0] }), badTensor, [
    "-256",
  ]),
  headerCase(
    "offsets that are texts",
    (header) => Object.assign(header[newline]!, { data_offsets: ["0", "256"] }),
    badTensor,
    [newline, "[start, end]"],
  ),
  headerCase(
    "offsets outside the file",
    (header) => Object.assign(header[newline]!, { data_offsets: [2 ** 40, 2 ** 40 + 256] }),
    truncated,
    ["1099511627776"],
  ),
  headerCase("two tensors on the same bytes", overlap, badTensor, ["overlaps"]),
  headerCase("bytes that no tensor owns", (header) => delete header[firstName(header)], badTensor, ["unclaimed bytes"]),
  // Sound files that do not fit the configuration
  headerCase(
    "a tensor of the wrong name",
    (header) => renameKey(header, newline, "image_newline2"),
    "model/missing-tensor",
    ["model.image_newline"],
  ),
  headerCase(
    "a parameter under two spellings",
    (header) => {
      const name = Object.keys(header).find((key) => key.endsWith("post_layernorm.bias"))!;
      const end = Math.max(...Object.values(header).map((entry) => entry.data_offsets?.[1] ?? 0));
      const alias = name.startsWith("model.") ? name.slice("model.".length) : `model.${name}`;
      header[alias] = { dtype: "F32", shape: [0], data_offsets: [end, end] };
    },
    "model/duplicate-tensor",
    ["post_layernorm.bias"],
  ),
  headerCase("a transposed embedding", (header) => header[embedding]!.shape.reverse(), "model/tensor-shape", [
    "[360, 64]",
    "[64, 360]",
  ]),
  headerCase("a quantised tensor", (header) => Object.assign(header[newline]!, { dtype: "I32" }), "model/tensor-type", [
    "float32",
    "int32",
  ]),
  headerCase(
    "tensors of another model",
    (header) => {
      header["extra.weight"] = { dtype: "F32", shape: [0], data_offsets: [0, 0] };
    },
    "model/unexpected-tensor",
    ["extra.weight"],
  ),
  // Things that are no file
  bytesCase("a folder in place of the weights", replaceBy(mkdirSync), "model/unreadable-file", ["regular file"]),
  bytesCase(
    "a pipe in place of the weights",
    replaceBy((path) => execFileSync("mkfifo", [path])),
    "model/unreadable-file",
    ["regular file"],
  ),
  bytesCase(
    "an endless device in place of the weights",
    replaceBy((path) => symlinkSync("/dev/zero", path)),
    "model/unreadable-file",
    ["regular file"],
  ),
  bytesCase(
    "a symbolic link to itself in place of the weights",
    replaceBy((path) => symlinkSync(path, path)),
    "model/unreadable-file",
    ["ELOOP"],
  ),
  {
    name: "weights that may not be read",
    make: (context) => execFileSync("chmod", ["000", weightsOf(context)]),
    act: (context) => withoutRoot(() => openModel(context)),
    code: "model/unreadable-file",
    says: [file, "EACCES"],
  },
  bytesCase(
    "a sparse file of one terabyte",
    (path) => {
      const header = { [newline]: { dtype: "F32", shape: [2 ** 38], data_offsets: [0, 2 ** 40] } };
      writeFileSync(path, safetensors(header));
      truncateSync(path, readFileSync(path).length + 2 ** 40);
    },
    "model/tensor-shape",
    ["[64]", "274877906944"],
  ),
  {
    name: "a folder with pytorch_model.bin only",
    make: (context) => {
      const path = weightsOf(context);
      renameSync(path, path.replace(file, "pytorch_model.bin"));
    },
    act: openModel,
    code: "model/missing-weights",
    says: ["neither model.safetensors", "convert"],
  },
  {
    name: "a checkpoint folder that is not there",
    act: openModel,
    code: "model/missing-config",
    says: ["config.json", "model"],
  },
  // Shards and their index
  shardCase("an index that names a file outside the folder", mapTo("../secret.safetensors"), "model/weights-index", [
    "../secret",
    "same folder",
  ]),
  shardCase("an index that names an absolute path", mapTo("/etc/passwd"), "model/weights-index", ["/etc/passwd"]),
  shardCase("an index that names a path of another system", mapTo("C:\\weights.safetensors"), "model/weights-index", [
    "C:",
  ]),
  shardCase(
    "an index whose file names are numbers",
    (folder) =>
      editJson(join(folder, index), (json) => {
        json.weight_map[newline] = 7;
      }),
    "model/weights-index",
    [newline, "7"],
  ),
  shardCase(
    "an index without a map",
    (folder) => editJson(join(folder, index), (json) => delete json.weight_map),
    "model/weights-index",
    ["weight_map"],
  ),
  shardCase(
    "an index that is broken JSON",
    (folder) => writeFileSync(join(folder, index), '{"weight_map": {'),
    "model/weights-index",
    ["not valid JSON"],
  ),
  shardCase(
    "an index that names a tensor twice",
    (folder) => writeFileSync(join(folder, index), `{"weight_map": {"a": "${firstShard}", "a": "${firstShard}"}}`),
    "model/weights-index",
    ['"a" twice'],
  ),
  shardCase("an index whose shard is missing", (folder) => rmSync(join(folder, firstShard)), "model/weights-index", [
    firstShard,
    "missing",
  ]),
  shardCase(
    "an index that lists a tensor its shard does not hold",
    (folder) =>
      editJson(join(folder, index), (json) => {
        json.weight_map["ghost.weight"] = firstShard;
      }),
    "model/weights-index",
    ["ghost.weight"],
  ),
  shardCase(
    "an index that leaves tensors out",
    (folder) => editJson(join(folder, index), (json) => delete json.weight_map[newline]),
    "model/missing-tensor",
    ["image_newline"],
  ),
  shardCase("an index that names another file of the folder as a shard", mapTo("config.json"), "model/weights-index", [
    "config.json",
  ]),
  shardCase(
    "shards whose names are exchanged",
    (folder) => {
      renameSync(join(folder, firstShard), join(folder, "third"));
      renameSync(join(folder, secondShard), join(folder, firstShard));
      renameSync(join(folder, "third"), join(folder, secondShard));
    },
    "model/weights-index",
    [/model-0000[12]-of-00002/],
  ),
  shardCase(
    "an index nested 200,000 deep",
    (folder) => writeFileSync(join(folder, index), `{"weight_map": ${nested(200_000)}}`),
    "model/weights-index",
    ["nested"],
  ),
  shardCase(
    "a shard that repeats a tensor of the other one under another spelling",
    (folder) =>
      editHeader(join(folder, firstShard), (header) => {
        const name = Object.keys(header).find((key) => key.includes("layers.0.") && key.endsWith("weight"))!;
        renameKey(header, name, name.replace("layers.0.", "layers.1."));
        editJson(join(folder, index), (json) =>
          renameKey(json.weight_map, name, name.replace("layers.0.", "layers.1.")),
        );
      }),
    "model/weights-tensor",
    ["layers.1."],
  ),
  shardCase("a shard that is cut off", (folder) => truncateSync(join(folder, firstShard), 70_000), truncated, [
    firstShard,
  ]),
  // Files that change while they are in use
  {
    name: "weights replaced between opening and reading",
    make: weightsOf,
    act: async (_, made) => {
      const path = made as string;
      const checkpoint = await openSafetensors(path);
      utimesSync(path, 1, 1);
      return checkpoint.read(newline);
    },
    code: "model/file-changed",
    says: ["changed", file],
  },
  {
    name: "weights cut off between opening and computing",
    make: (context) => {
      weightsOf(context);
      return LiveModel.open({ base: join(context.folder, "model"), adapter: null }, { threads: 1 });
    },
    act: async (context, made) => {
      truncateSync(join(context.folder, "model", file), 20_000);
      return computeFeatures(made as LiveModel);
    },
    code: "model/external-data",
    says: ["vision_encoder", "weight file", "shorter"],
  },
];

/** Runs the vision tower on a small picture. */
async function computeFeatures(model: LiveModel): Promise<unknown> {
  const picture = { width: 30, height: 20, data: new Uint8Array(30 * 20 * 3) };
  const messages = [{ role: "user", content: [{ type: "image" as const }, { type: "text" as const, text: "Look." }] }];
  const load = () => Promise.resolve(picture);
  return new PromptEncoder(model).encode([{ messages, pictures: [{ id: "one", load }] }]);
}

/** Root may read everything, so its rights are put away for the while. */
export async function withoutRoot<T>(act: () => Promise<T>): Promise<T> {
  if (process.getuid?.() !== 0) return act();
  process.seteuid!(65534);
  try {
    return await act();
  } finally {
    process.seteuid!(0);
  }
}

function firstName(header: Record<string, HeaderEntry>): string {
  return Object.keys(header).find((name) => header[name]!.data_offsets?.[0] === 0)!;
}

/** Gives one tensor the bytes of another of the same length. */
function overlap(header: Record<string, HeaderEntry>): void {
  const [first, second] = Object.values(header).filter((entry) => entry.shape?.join() === "64");
  second!.data_offsets = first!.data_offsets;
}

/** Writes another length into the first 8 bytes. */
function headerLength(lie: (right: bigint) => bigint): (path: string, bytes: Buffer) => void {
  return (path, bytes) => {
    bytes.writeBigUInt64LE(BigInt.asUintN(64, lie(bytes.readBigUInt64LE())));
    writeFileSync(path, bytes);
  };
}

/** Puts something else in the place of a file. */
function replaceBy(make: (path: string) => unknown): (path: string) => void {
  return (path) => {
    rmSync(path);
    make(path);
  };
}
