/** Settings of the image processor that cannot be, or that would cost gigabytes. */
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { copyCheckpoint, editJson, type HostileCase, prepareInputs } from "../helpers/hostileCase";

const badValue = "model/config-value";
const mismatch = "model/processor-mismatch";
const settings = "preprocessor_config.json";

function fileCase(
  name: string,
  change: (folder: string) => unknown,
  code: string,
  says: HostileCase["says"],
): HostileCase {
  return { name, make: (context) => change(copyCheckpoint(context)), act: prepareInputs, code, says };
}

function keyCase(key: string, value: unknown, code: string, ...says: HostileCase["says"]): HostileCase {
  return fileCase(
    `an image processor with ${key} = ${JSON.stringify(value).slice(0, 40)}`,
    (folder) => setEverywhere(folder, key, value),
    code,
    [key, ...says],
  );
}

/** Newer checkpoints repeat the settings inside processor_config.json, which then counts. */
function setEverywhere(folder: string, key: string, value: unknown): void {
  editJson(join(folder, settings), (json) => {
    json[key] = value;
  });
  editJson(join(folder, "processor_config.json"), (json) => {
    if (json.image_processor !== undefined) json.image_processor[key] = value;
  });
}

export const processorCases: HostileCase[] = [
  fileCase(
    "a checkpoint without image settings",
    (folder) => {
      rmSync(join(folder, settings));
      rmSync(join(folder, "processor_config.json"));
    },
    "model/missing-processor",
    [settings],
  ),
  fileCase(
    "broken image settings",
    (folder) => {
      rmSync(join(folder, "processor_config.json"));
      writeFileSync(join(folder, settings), '{"size": ');
    },
    "model/broken-json",
    [settings],
  ),
  keyCase("size", 0, badValue, "0"),
  keyCase("size", { height: -42, width: 42 }, badValue, "-42"),
  keyCase("size", { height: 1e9, width: 1e9 }, badValue, "1000000000"),
  keyCase("size", { height: 42, width: 84 }, badValue, "square"),
  fileCase(
    "views of another side than the resolutions'",
    (folder) => setEverywhere(folder, "size", { height: 84, width: 84 }),
    badValue,
    ["image_grid_pinpoints", "84"],
  ),
  keyCase("size", { height: 21, width: 21 }, mismatch, "42", "21"),
  keyCase("size", "large", badValue, "large"),
  keyCase("image_mean", [0.5, 0.5], badValue, "3 numbers"),
  keyCase("image_mean", ["a", "b", "c"], badValue, "3 numbers"),
  keyCase("image_std", [0, 0, 0], badValue, "3 numbers"),
  keyCase("rescale_factor", 0, badValue, "0"),
  keyCase("rescale_factor", "1/255", badValue, "1/255"),
  keyCase("resample", 99, badValue, "99"),
  keyCase("resample", "bicubic", badValue, "bicubic"),
  keyCase("do_resize", false, badValue, "true", "false"),
  keyCase("do_normalize", false, badValue, "true", "false"),
  keyCase("do_convert_rgb", "yes", badValue, "yes"),
  keyCase("image_grid_pinpoints", [], badValue, "a list of 0"),
  keyCase("image_grid_pinpoints", [[0, 42]], badValue, "42"),
  keyCase("image_grid_pinpoints", [[42]], badValue, "42"),
  keyCase("image_grid_pinpoints", [["42", "42"]], badValue, "42"),
  keyCase("image_grid_pinpoints", [[2 ** 40 * 42, 42]], badValue, "42"),
  keyCase("image_grid_pinpoints", [[16380, 16380]], badValue, "pixels"),
  keyCase("image_grid_pinpoints", [[42, 42]], mismatch, "[[42,42]"),
  keyCase("image_processor_type", "CLIPImageProcessor", badValue, "LlavaOnevisionImageProcessor", "CLIP"),
  fileCase(
    "as many image tokens as no view has",
    (folder) =>
      editJson(join(folder, "processor_config.json"), (json) => {
        json.num_image_tokens = 16;
      }),
    mismatch,
    ["num_image_tokens", "9", "16"],
  ),
  fileCase(
    "a number of image tokens that is no square",
    (folder) =>
      editJson(join(folder, "processor_config.json"), (json) => {
        json.num_image_tokens = 10;
      }),
    badValue,
    ["num_image_tokens", "square", "10"],
  ),
  fileCase(
    "another limit of views than the model's",
    (folder) =>
      editJson(join(folder, "processor_config.json"), (json) => {
        json.vision_aspect_ratio = "anyres_max_1";
      }),
    mismatch,
    ["anyres_max_9", "anyres_max_1"],
  ),
  fileCase(
    "an image token that the tokenizer does not have",
    (folder) =>
      editJson(join(folder, "processor_config.json"), (json) => {
        json.image_token = "<picture>";
      }),
    badValue,
    ["image_token", "<picture>"],
  ),
];

/** Both files give the very large but legal pinpoints, so that only the cost is wrong. */
processorCases.push(
  fileCase(
    "a resolution that needs gigabytes, in both files",
    (folder) => {
      const pinpoints = [[16380, 16380]];
      setEverywhere(folder, "image_grid_pinpoints", pinpoints);
      editJson(join(folder, "config.json"), (json) => {
        json.image_grid_pinpoints = pinpoints;
      });
    },
    badValue,
    ["image_grid_pinpoints", "pixels"],
  ),
);
