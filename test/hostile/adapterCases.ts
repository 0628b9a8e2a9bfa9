/** LoRA adapters that are damaged, hostile, or of another base. */
import { readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { loadModelDescription } from "@iad-r1/models/zoo";
import {
  copyAdapter,
  copyCheckpoint,
  editHeader,
  editJson,
  type HeaderEntry,
  type HostileCase,
  type LooseJson,
  openAdapter,
  renameKey,
  safetensors,
} from "../helpers/hostileCase";

const badValue = "model/config-value";
const badTensors = "adapter/tensors";
const badPattern = "adapter/bad-pattern";
const configFile = "adapter_config.json";
const weightsFile = "adapter_model.safetensors";

function fileCase(
  name: string,
  change: (folder: string) => unknown,
  code: string,
  says: HostileCase["says"],
): HostileCase {
  return { name, make: (context) => change(copyAdapter(context)), act: openAdapter, code, says };
}

function configCase(
  name: string,
  edit: (config: LooseJson) => unknown,
  code: string,
  ...says: HostileCase["says"]
): HostileCase {
  return fileCase(name, (folder) => editJson(join(folder, configFile), edit), code, says);
}

function keyCase(key: string, value: unknown, code: string, ...says: HostileCase["says"]): HostileCase {
  const name = `an adapter with ${key} = ${JSON.stringify(value).slice(0, 40)}`;
  return configCase(
    name,
    (config) => {
      config[key] = value;
    },
    code,
    key,
    ...says,
  );
}

function headerCase(
  name: string,
  edit: (header: Record<string, HeaderEntry>) => unknown,
  code: string,
  ...says: HostileCase["says"]
): HostileCase {
  return fileCase(name, (folder) => editHeader(join(folder, weightsFile), edit), code, says);
}

const slow = "([a-z_.0-9]+)+!";

export const adapterCases: HostileCase[] = [
  fileCase("an adapter without configuration", (folder) => rmSync(join(folder, configFile)), "adapter/missing-config", [
    configFile,
  ]),
  fileCase("an adapter without weights", (folder) => rmSync(join(folder, weightsFile)), "model/missing-weights", [
    weightsFile,
  ]),
  fileCase(
    "an adapter whose configuration is cut off",
    (folder) => truncateSync(join(folder, configFile), 100),
    "model/broken-json",
    [configFile],
  ),
  fileCase(
    "an adapter whose weights are cut off",
    (folder) => truncateSync(join(folder, weightsFile), 40_000),
    "model/truncated-weights",
    [weightsFile],
  ),
  fileCase(
    "an adapter whose weights are a text",
    (folder) =>
      writeFileSync(join(folder, weightsFile), "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n"),
    "model/weights-header",
    [weightsFile],
  ),
  keyCase("peft_type", "IA3", badValue, "LORA", "IA3"),
  keyCase("r", 0, badValue, "0"),
  keyCase("r", -8, badValue, "-8"),
  keyCase("r", 1e9, badValue, "1000000000"),
  keyCase("r", "8", badValue, '"8"'),
  keyCase("lora_alpha", "much", badValue, "much"),
  keyCase("lora_alpha", 1e300, badValue, "1e+300"),
  keyCase("use_dora", true, badValue, "Merge"),
  keyCase("bias", "all", badValue, "none"),
  keyCase("target_modules", {}, badValue, "list of strings"),
  keyCase("target_modules", [1, 2], badValue, "list of strings"),
  keyCase("target_modules", ["no_such_proj"], badValue, "match"),
  keyCase("target_modules", [], badValue, "match"),
  keyCase("rank_pattern", { q_proj: 1e9 }, badValue, "1000000000"),
  keyCase("rank_pattern", [3], badValue, "object"),
  configCase("an adapter without target modules", (config) => delete config.target_modules, badValue, "target_modules"),
  configCase(
    "an adapter whose target pattern does not compile",
    (config) => {
      config.target_modules = "([";
    },
    badPattern,
    "([",
  ),
  configCase(
    "an adapter whose target pattern backtracks for ever",
    (config) => {
      config.target_modules = slow;
    },
    badPattern,
    "ms",
  ),
  configCase(
    "an adapter whose rank pattern backtracks for ever",
    (config) => {
      config.rank_pattern = { [slow]: 4 };
    },
    badPattern,
    "ms",
  ),
  configCase(
    "an adapter with a thousand slow rank patterns",
    (config) => {
      config.rank_pattern = Object.fromEntries(
        Array.from({ length: 1000 }, (_, i) => [`(?:[a-z_.0-9]+){1,${(i % 3) + 3}}x${i}`, 4]),
      );
    },
    badPattern,
    "ms",
  ),
  configCase(
    "an adapter for layers the model does not have",
    (config) => {
      config.target_modules = ["q_proj"];
      config.layers_to_transform = [77];
    },
    badValue,
    "match",
  ),
  keyCase("r", 4, "model/tensor-shape", "8"),
  headerCase(
    "an adapter whose matrices have no low rank",
    (header) => {
      for (const entry of Object.values(header)) entry.shape?.reverse();
    },
    "model/tensor-shape",
    "shape",
  ),
  headerCase(
    "an adapter with a matrix nobody asked for",
    (header) => {
      header["base_model.model.ghost.lora_A.weight"] = { dtype: "F32", shape: [0], data_offsets: [0, 0] };
    },
    badTensors,
    "ghost",
  ),
  headerCase(
    "an adapter that lacks one matrix of a pair",
    (header) => {
      const name = Object.keys(header).find((key) => key.endsWith("lora_A.weight"))!;
      renameKey(header, name, name.replace("layers.0", "layers.9"));
    },
    badTensors,
    "layers.9",
  ),
  headerCase(
    "an adapter in whole numbers",
    (header) => {
      for (const entry of Object.values(header)) if (entry.dtype !== undefined) entry.dtype = "I32";
    },
    "model/tensor-type",
    "int32",
  ),
  {
    name: "an adapter of a base with other widths",
    make: (context) => {
      copyAdapter(context);
      const folder = copyCheckpoint(context);
      editJson(join(folder, "config.json"), (config) => {
        config.text_config.intermediate_size = 112;
      });
      widen(join(folder, "model.safetensors"));
    },
    act: ({ folder }) => loadModelDescription(join(folder, "model"), { adapter: join(folder, "adapter") }),
    code: "model/tensor-shape",
    says: ["mlp", "112", "96"],
  },
  headerCase(
    "an adapter of a base with more layers",
    (header) => {
      const deep = Object.keys(header).filter((key) => key.includes(".layers.0."));
      for (const key of deep)
        header[key.replace(".layers.0.", ".layers.7.")] = { dtype: "F32", shape: [0], data_offsets: [0, 0] };
    },
    badTensors,
    "layers.7",
  ),
  {
    name: "an adapter that saves the embedding of another vocabulary",
    make: (context) => {
      const folder = copyAdapter(context);
      editJson(join(folder, configFile), (config) => {
        config.modules_to_save = ["embed_tokens"];
      });
      const path = join(folder, weightsFile);
      const bytes = readFileSync(path);
      const size = Number(bytes.readBigUInt64LE(0));
      const header = JSON.parse(bytes.subarray(8, 8 + size).toString("utf8")) as Record<string, HeaderEntry>;
      const length = bytes.length - 8 - size;
      const extra = Buffer.alloc(4 * 10 * 48);
      header["base_model.model.model.language_model.embed_tokens.weight"] = {
        ...{ dtype: "F32", shape: [10, 48], data_offsets: [length, length + extra.length] },
      };
      writeFileSync(path, safetensors(header, Buffer.concat([bytes.subarray(8 + size), extra])));
    },
    act: openAdapter,
    code: "model/tensor-shape",
    says: ["embed_tokens", "10"],
  },
  {
    name: "a full checkpoint given as the adapter",
    make: copyCheckpoint,
    act: ({ folder, fixtures }) =>
      loadModelDescription(join(fixtures, "vlm/llava-onevision/checkpoint"), { adapter: join(folder, "model") }),
    code: "adapter/missing-config",
    says: [configFile],
  },
];

/** Gives the MLPs of a checkpoint 112 columns instead of 96, with zeros. */
function widen(path: string): void {
  const bytes = readFileSync(path);
  const size = Number(bytes.readBigUInt64LE(0));
  const header = JSON.parse(bytes.subarray(8, 8 + size).toString("utf8")) as Record<string, HeaderEntry>;
  let end = 0;
  for (const [name, entry] of Object.entries(header)) {
    if (name === "__metadata__") continue;
    if (name.includes("language_model")) entry.shape = entry.shape.map((extent) => (extent === 96 ? 112 : extent));
    const length = entry.shape.reduce((product, extent) => product * extent, 4);
    entry.data_offsets = [end, end + length];
    end += length;
  }
  writeFileSync(path, safetensors(header, new Uint8Array(end)));
}
