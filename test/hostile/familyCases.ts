/** Checkpoints of the other model classes, and small checkpoints, that are damaged or hostile. */
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { quantizeCheckpoint } from "@iad-r1/models/quantizeCheckpoint";
import { loadModelDescription } from "@iad-r1/models/zoo";
import { mergeAdapter } from "@iad-r1/server/modelStore/merge";
import { smallModel } from "@iad-r1/server/modelStore/quantized";
import {
  editHeader,
  editJson,
  type HeaderEntry,
  type HostileCase,
  type HostileContext,
  type LooseJson,
  openModel,
  prepareInputs,
  renameKey,
} from "../helpers/hostileCase";

type Family = "llava-1-5" | "llava-1-6-mistral" | "qwen2-vl" | "qwen2-5-vl";

const badValue = "model/config-value";
const mismatch = "model/processor-mismatch";
const badPacked = "model/packed-weight";
const weights = "model.safetensors";

/** A whole, sound checkpoint of a class; some fixtures store their weights compressed. */
function copyFamily({ folder, fixtures }: HostileContext, family: Family): string {
  const path = join(folder, "model");
  const source = join(fixtures, "vlm", family, "checkpoint");
  mkdirSync(path, { recursive: true });
  for (const name of readdirSync(source)) {
    if (name.endsWith(".gz"))
      writeFileSync(join(path, name.slice(0, -3)), gunzipSync(readFileSync(join(source, name))));
    else if (statSync(join(source, name)).isFile()) cpSync(join(source, name), join(path, name));
  }
  return path;
}

/** One key of config.json, by its path, set to a value that is refused at that key. */
function keyCase(family: Family, path: string, value: unknown, ...says: HostileCase["says"]): HostileCase {
  const keys = path.split(".");
  const last = keys.at(-1)!;
  return {
    name: `${family} with ${path} = ${JSON.stringify(value).slice(0, 40)}`,
    make: (context) =>
      editJson(join(copyFamily(context, family), "config.json"), (config) => {
        const parent = keys.slice(0, -1).reduce((object: LooseJson, key) => object[key] as LooseJson, config);
        parent[last] = value;
      }),
    act: openModel,
    code: badValue,
    says: ["config.json", last, ...says],
  };
}

/** The header of the weights changed, then opened. */
function headerCase(
  family: Family,
  name: string,
  edit: (header: Record<string, HeaderEntry>) => unknown,
  code: string,
  ...says: HostileCase["says"]
): HostileCase {
  return {
    name: `${family} with ${name}`,
    make: (context) => editHeader(join(copyFamily(context, family), weights), edit),
    act: openModel,
    code,
    says,
  };
}

/** Settings beside the weights changed, then a prompt prepared. */
function settingCase(
  family: Family,
  key: string,
  value: unknown,
  code: string,
  ...says: HostileCase["says"]
): HostileCase {
  return {
    name: `${family} prepared with ${key} = ${JSON.stringify(value).slice(0, 40)}`,
    make: (context) => {
      const folder = copyFamily(context, family);
      for (const file of ["preprocessor_config.json", "processor_config.json"]) {
        editJson(join(folder, file), (json) => {
          const place = json.image_processor?.[key] !== undefined ? json.image_processor : json;
          if (place[key] !== undefined || file === "processor_config.json") place[key] = value;
        });
      }
    },
    act: prepareInputs,
    code,
    says,
  };
}

/** The fixture's small form with its header changed. */
function packedCase(
  name: string,
  edit: (header: Record<string, HeaderEntry>) => unknown,
  code: string,
  ...says: HostileCase["says"]
): HostileCase {
  return {
    name: `a small checkpoint with ${name}`,
    make: async (context) => {
      const { folder, fixtures } = context;
      const source = await loadModelDescription(join(fixtures, "vlm/llava-onevision/checkpoint"));
      await quantizeCheckpoint(source, join(folder, "model"), { bits: 4, blockSize: 32 });
      editHeader(join(folder, "model", weights), edit);
    },
    act: openModel,
    code,
    says,
  };
}

const projection = "language_model.model.layers.0.self_attn.q_proj.weight";

export const familyCases: HostileCase[] = [
  keyCase("llava-1-5", "text_config.model_type", "gpt2", '"llama", "mistral"', "gpt2"),
  keyCase("llava-1-5", "text_config.attention_bias", true, "false"),
  keyCase("llava-1-5", "text_config.hidden_size", 1e12, "1000000000000"),
  keyCase("llava-1-5", "text_config.num_attention_heads", 1e9, "1000000000"),
  keyCase("llava-1-5", "text_config.num_key_value_heads", 3, "a divisor"),
  keyCase("llava-1-5", "text_config.hidden_act", "gelu", "silu"),
  keyCase("llava-1-5", "text_config.rope_parameters", { rope_type: "llama3", factor: 8 }, "default"),
  keyCase("llava-1-5", "vision_config.model_type", "siglip_vision_model", "clip_vision_model"),
  keyCase("llava-1-5", "vision_config.hidden_act", "gelu", "quick_gelu"),
  keyCase("llava-1-5", "vision_config.patch_size", 57, "at most image_size = 56"),
  keyCase("llava-1-5", "vision_config.num_attention_heads", 7, "multiple of num_attention_heads = 7"),
  keyCase("llava-1-5", "vision_config.num_hidden_layers", -3, "-3"),
  keyCase("llava-1-5", "vision_feature_layer", -9, "-9"),
  keyCase("llava-1-5", "vision_feature_layer", "last", "last"),
  keyCase("llava-1-5", "vision_feature_select_strategy", "cls", '"default", "full"'),
  keyCase("llava-1-5", "projector_hidden_act", "relu", "gelu"),
  keyCase("llava-1-5", "image_token_index", 4000, "below vocab_size = 401"),
  keyCase("llava-1-6-mistral", "image_grid_pinpoints", [[42, 43]], "multiples of image_size = 42"),
  keyCase("llava-1-6-mistral", "image_grid_pinpoints", [[42 * 1e6, 42]], "views"),
  keyCase("llava-1-6-mistral", "image_grid_pinpoints", Array(2000).fill([42, 42]), "1 to 1024 pairs"),
  keyCase("llava-1-6-mistral", "vision_feature_select_strategy", "full", '"default"'),
  keyCase("llava-1-6-mistral", "text_config.sliding_window", -1, "-1"),
  keyCase("qwen2-vl", "vision_config.num_heads", 5, "divisor"),
  keyCase("qwen2-vl", "vision_config.spatial_merge_size", 0, "0"),
  keyCase("qwen2-vl", "text_config.rope_parameters", { rope_type: "default", mrope_section: [1, 1, 1] }, "1 + 1 + 1"),
  keyCase("qwen2-5-vl", "vision_config.depth", 1e9, "1000000000"),
  keyCase("qwen2-5-vl", "vision_config.window_size", "wide", "wide"),

  headerCase(
    "llava-1-5",
    "no class token",
    (header) => delete header["vision_tower.embeddings.class_embedding"],
    "model/weights-tensor",
    "model.safetensors",
  ),
  headerCase(
    "llava-1-5",
    "its class token under another name",
    (header) => renameKey(header, "vision_tower.embeddings.class_embedding", "vision_tower.embeddings.klass_embedding"),
    "model/missing-tensor",
    "class_embedding",
  ),
  headerCase(
    "llava-1-5",
    "positions for one patch less",
    (header) => {
      header["vision_tower.embeddings.position_embedding.weight"]!.shape = [40, 17];
    },
    "model/tensor-shape",
    "[17, 40]",
    "[40, 17]",
  ),
  headerCase(
    "llava-1-6-mistral",
    "a newline under another name",
    (header) => renameKey(header, "image_newline", "image_new_line"),
    "model/missing-tensor",
    "image_newline",
  ),

  settingCase("llava-1-5", "crop_size", { height: 28, width: 28 }, mismatch, "56 x 56", "28 x 28"),
  settingCase("llava-1-5", "crop_size", { height: 1e9, width: 1e9 }, badValue, "crop_size"),
  settingCase("llava-1-5", "patch_size", 7, mismatch, "16", "64"),
  settingCase("llava-1-5", "num_additional_image_tokens", -1, badValue, "-1"),
  settingCase("llava-1-5", "do_center_crop", false, badValue, "do_center_crop"),
  settingCase("llava-1-6-mistral", "image_grid_pinpoints", [[42, 42]], mismatch, "image_grid_pinpoints"),
  settingCase("llava-1-6-mistral", "patch_size", 21, mismatch, "patches along a side"),

  packedCase(
    "no scales of one matrix",
    (header) => renameKey(header, `${projection}.scales`, `${projection}.scale`),
    "model/missing-tensor",
    `${projection}.scales`,
  ),
  packedCase(
    "half the values of one matrix",
    (header) => {
      const values = header[`${projection}.values`]!;
      values.shape = [values.shape[1]!, values.shape[0]!];
    },
    badPacked,
    projection,
    "its values must be uint8",
  ),
  packedCase(
    "blocks of five weights",
    (header) => {
      const scales = header[`${projection}.scales`]!;
      scales.shape = [scales.shape[1]!, scales.shape[0]!];
    },
    badPacked,
    "a power of two from 16 on",
  ),
  packedCase(
    "zero points of another size",
    (header) => {
      const zeroPoints = header[`${projection}.zero_points`]!;
      zeroPoints.shape = [...zeroPoints.shape].reverse();
    },
    badPacked,
    "its zero points must be",
  ),
  packedCase(
    "a norm in 4 bits",
    (header) => {
      const norm = "language_model.model.norm.weight";
      renameKey(header, `${projection}.values`, `${norm}.values`);
      renameKey(header, `${projection}.scales`, `${norm}.scales`);
      renameKey(header, `${projection}.zero_points`, `${norm}.zero_points`);
      delete header[norm];
    },
    "model/weights-tensor",
    "model.safetensors",
  ),

  {
    name: "a checkpoint with NaN to be made small",
    make: (context) => {
      const path = join(copyFamily(context, "qwen2-vl"), weights);
      const bytes = readFileSync(path);
      bytes.fill(0xff, Number(bytes.readBigUInt64LE(0)) + 8);
      writeFileSync(path, bytes);
    },
    act: ({ folder }) =>
      smallModel(join(folder, "model"), { bits: 4, blockSize: 32 }, { target: join(folder, "small") }),
    code: "quantize/not-finite",
    says: ["NaN"],
  },
  {
    name: "an adapter merged into a small checkpoint",
    make: async ({ folder, fixtures }) => {
      const source = await loadModelDescription(join(fixtures, "vlm/llava-onevision/checkpoint"));
      await quantizeCheckpoint(source, join(folder, "model"), { bits: 8, blockSize: 32 });
    },
    act: ({ folder, fixtures }) =>
      mergeAdapter(join(folder, "model"), join(fixtures, "vlm/llava-onevision"), join(folder, "merged")),
    code: "models/packed",
    says: ["rounded"],
  },
  {
    name: "an adapter merged over a checkpoint that is there",
    make: (context) => copyFamily(context, "llava-1-5"),
    act: ({ folder, fixtures }) =>
      mergeAdapter(
        join(fixtures, "vlm/llava-onevision/checkpoint"),
        join(fixtures, "vlm/llava-onevision"),
        join(folder, "model"),
      ),
    code: "models/exists",
    says: ["holds a checkpoint already"],
  },
  {
    name: "a checkpoint made small in its own place",
    make: (context) => copyFamily(context, "qwen2-vl"),
    act: ({ folder }) =>
      smallModel(join(folder, "model"), { bits: 4, blockSize: 32 }, { target: join(folder, "model") }),
    code: "models/exists",
    says: ["holds a checkpoint already"],
  },
  {
    name: "an adapter of LLaVA-OneVision on LLaVA-1.5",
    make: (context) => copyFamily(context, "llava-1-5"),
    act: ({ folder, fixtures }) =>
      loadModelDescription(join(folder, "model"), { adapter: join(fixtures, "vlm/llava-onevision") }),
    code: "model/tensor-shape",
    says: ["k_proj"],
  },
  {
    name: "a shard of a sharded LLaVA-1.5 that is another model's",
    make: (context) => {
      const path = copyFamily(context, "llava-1-5");
      const hub = join(context.fixtures, "vlm/llava-1-6-mistral/hub-layout");
      rmSync(join(path, weights));
      for (const name of readdirSync(hub).filter((one) => one.includes("safetensors"))) {
        const bytes = readFileSync(join(hub, name));
        writeFileSync(join(path, name.replace(/\.gz$/, "")), name.endsWith(".gz") ? gunzipSync(bytes) : bytes);
      }
    },
    act: openModel,
    code: "model/tensor-shape",
    says: ["must have shape"],
  },
];
