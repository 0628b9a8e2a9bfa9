/** config.json and generation_config.json with values that cannot be. */
import { mkdirSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { copyCheckpoint, editJson, type HostileCase, type LooseJson, nested, openModel } from "../helpers/hostileCase";

const badValue = "model/config-value";
const badJson = "model/broken-json";

/** A case that replaces the bytes of a file of the checkpoint. */
function fileCase(
  name: string,
  write: (path: string) => unknown,
  code: string,
  says: HostileCase["says"],
  file = "config.json",
): HostileCase {
  return {
    name,
    make: (context) => write(join(copyCheckpoint(context), file)),
    act: openModel,
    code,
    says: [file, ...says],
  };
}

function valueCase(
  name: string,
  edit: (config: LooseJson) => unknown,
  says: HostileCase["says"],
  code = badValue,
  blamed = "config.json",
): HostileCase {
  return { ...fileCase(name, (path) => editJson(path, edit), code, says), says: [blamed, ...says] };
}

/** One key of config.json, by its path, set to a value that is refused at that key. */
function keyCase(path: string, value: unknown, ...says: HostileCase["says"]): HostileCase {
  const keys = path.split(".");
  const last = keys.at(-1)!;
  return valueCase(
    `config.json with ${path} = ${JSON.stringify(value)?.slice(0, 40)}`,
    (config) => {
      const parent = keys.slice(0, -1).reduce((object, key) => object[key], config);
      parent[last] = value;
    },
    [last, ...says],
  );
}

export const configCases: HostileCase[] = [
  fileCase("a checkpoint without config.json", (path) => rmSync(path), "model/missing-config", []),
  fileCase("an empty config.json", (path) => writeFileSync(path, ""), badJson, ["not valid JSON"]),
  fileCase("a config.json cut in the middle", (path) => truncateSync(path, 300), badJson, ["not valid JSON"]),
  fileCase("a config.json that is a list", (path) => writeFileSync(path, "[]"), badJson, ["a list of 0"]),
  fileCase("a config.json with NaN in it", (path) => writeFileSync(path, '{"model_type": NaN}'), badJson, [
    "not valid JSON",
  ]),
  fileCase(
    "a config.json in UTF-16",
    (path) => writeFileSync(path, Buffer.from('{"model_type": "llava_onevision"}', "utf16le")),
    badJson,
    ["not valid JSON"],
  ),
  fileCase(
    "a config.json with bytes that are no UTF-8",
    (path) => writeFileSync(path, Buffer.from('{"model_type": "llava_onevisi\xf6n"}', "latin1")),
    "model/not-text",
    ["UTF-8"],
  ),
  fileCase(
    "a config.json that gives a key twice",
    (path) => writeFileSync(path, '{"model_type": "llava_onevision", "model_type": "llava"}'),
    badJson,
    ['"model_type" twice'],
  ),
  fileCase(
    "a config.json nested 200,000 deep",
    (path) => writeFileSync(path, `{"text_config": ${nested(200_000)}}`),
    badJson,
    ["nested"],
  ),
  fileCase("a config.json of 300 MB", (path) => truncateSync(path, 300 * 2 ** 20), "model/file-too-large", [
    "314572800",
  ]),
  fileCase("a folder in place of config.json", replaceBy(mkdirSync), "model/unreadable-file", ["a file"]),

  valueCase(
    "a checkpoint of another architecture",
    (config) => {
      config.model_type = "mllama";
    },
    ["mllama", "llava_onevision"],
    "model/architecture",
  ),
  valueCase(
    "a model type that is a number",
    (config) => {
      config.model_type = 5;
    },
    ["model_type", "5"],
  ),
  valueCase(
    "a model type that is a name of JavaScript's own",
    (config) => {
      config.model_type = "constructor";
    },
    ["constructor"],
    "model/architecture",
  ),
  valueCase("no model type", (config) => delete config.model_type, ["model_type", "nothing"]),
  keyCase("quantization_config", { quant_method: "awq", bits: 4 }, "not rounded", "awq"),
  keyCase("quantization_config", {}, "quant_method", "nothing"),
  keyCase("text_config", [], "object"),
  keyCase("text_config.model_type", "llama", "qwen2", "llama"),
  keyCase("text_config.hidden_size", 0, "0"),
  keyCase("text_config.hidden_size", -64, "-64"),
  keyCase("text_config.hidden_size", 1e9, "1000000000"),
  keyCase("text_config.hidden_size", "64", '"64"'),
  keyCase("text_config.hidden_size", 64.5, "64.5"),
  keyCase("text_config.hidden_size", 66, "num_attention_heads = 4", "66"),
  keyCase("text_config.num_key_value_heads", 3, "4", "3"),
  keyCase("text_config.num_key_value_heads", 8, "from 1 to 4", "8"),
  keyCase("text_config.num_attention_heads", 0, "0"),
  keyCase("text_config.num_hidden_layers", 1e9, "1000000000"),
  keyCase("text_config.num_hidden_layers", 0, "0"),
  keyCase("text_config.vocab_size", 1e12, "1000000000000"),
  keyCase("text_config.rms_norm_eps", -1, "-1"),
  keyCase("text_config.rms_norm_eps", "tiny", "tiny"),
  keyCase("text_config.rope_parameters", { rope_type: "yarn", rope_theta: 1e6 }, "yarn"),
  keyCase("text_config.rope_parameters.rope_theta", 0, "0"),
  keyCase("text_config.hidden_act", "relu", "silu", "relu"),
  keyCase("text_config.layer_types", ["sliding_attention", "full_attention"], "full attention"),
  keyCase("text_config.max_position_embeddings", 0, "0"),
  keyCase("text_config.tie_word_embeddings", "yes", "true or false", "yes"),
  keyCase("vision_config.model_type", "clip_vision_model", "siglip_vision_model", "clip"),
  keyCase("vision_config.image_size", 1e9, "1000000000"),
  keyCase("vision_config.image_size", [42, 56], "square"),
  keyCase("vision_config.patch_size", 50, "42", "50"),
  keyCase("vision_config.num_attention_heads", 7, "7"),
  keyCase("vision_config.num_channels", 1, "3", "1"),
  keyCase("vision_feature_layer", 99, "99"),
  keyCase("vision_feature_layer", -99, "-99"),
  keyCase("vision_feature_layer", "last", "last"),
  keyCase("vision_feature_layer", Array(65).fill(-1), "at most 64"),
  keyCase("vision_feature_select_strategy", "default", "full", "default"),
  keyCase("vision_aspect_ratio", "pad", "anyres_max_N", "pad"),
  keyCase("vision_aspect_ratio", "anyres_max_0", "anyres_max_0"),
  keyCase("image_grid_pinpoints", [], "a list of 0"),
  keyCase("image_grid_pinpoints", [[0, 0]], "image_size = 42"),
  keyCase("image_grid_pinpoints", [[42, 43]], "image_size = 42"),
  keyCase("image_grid_pinpoints", [[4.2e9, 4.2e9]], "image_size = 42"),
  keyCase("image_grid_pinpoints", [[16380, 16380]], "pixels"),
  keyCase("image_grid_pinpoints", Array(2000).fill([42, 42]), "1024"),
  keyCase("image_token_index", 360, "vocab_size = 360", "360"),
  keyCase("image_token_index", -1, "-1"),
  keyCase("projector_hidden_act", "relu", "gelu", "relu"),
  valueCase(
    "more layers than the weights have",
    (config) => {
      config.text_config.num_hidden_layers = 3;
      config.text_config.layer_types = null;
    },
    ["layers.2."],
    "model/missing-tensor",
    "",
  ),
  valueCase(
    "fewer layers than the weights have",
    (config) => {
      config.text_config.num_hidden_layers = 1;
      config.text_config.layer_types = null;
    },
    ["another model"],
    "model/unexpected-tensor",
    "",
  ),
  valueCase(
    "a vocabulary larger than the weights'",
    (config) => {
      config.text_config.vocab_size = 151936;
    },
    ["[151936, 64]", "[360, 64]"],
    "model/tensor-shape",
    "model.safetensors",
  ),

  ...[
    ["eos_token_id", "end", "end"],
    ["eos_token_id", [-5], "integers"],
    ["temperature", -1, "-1"],
    ["temperature", "hot", "hot"],
    ["top_p", 1.5, "1.5"],
    ["top_k", 0.5, "0.5"],
    ["repetition_penalty", 0, "0"],
    ["pad_token_id", 1e20, "100000000000000000000"],
  ].map(([key, value, says]) =>
    fileCase(
      `generation_config.json with ${String(key)} = ${JSON.stringify(value)}`,
      (path) =>
        editJson(path, (config) => {
          config[String(key)] = value;
        }),
      badValue,
      [String(key), String(says)],
      "generation_config.json",
    ),
  ),
  fileCase(
    "an end token beyond the vocabulary",
    (path) =>
      editJson(path, (config) => {
        config.eos_token_id = 360;
      }),
    badValue,
    ["eos_token_id", "360"],
    "generation_config.json",
  ),
  fileCase(
    "a broken generation_config.json",
    (path) => writeFileSync(path, "{,}"),
    badJson,
    [],
    "generation_config.json",
  ),
];

/** Puts something else in the place of a file. */
function replaceBy(make: (path: string) => unknown): (path: string) => void {
  return (path) => {
    rmSync(path);
    make(path);
  };
}
