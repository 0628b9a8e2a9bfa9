import { cpSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DataError, ModelFileError } from "@iad-r1/models/errors";
import { parseLlavaOnevisionConfig } from "@iad-r1/models/llavaOnevision/config";
import { loadLlavaOnevisionProcessor } from "@iad-r1/models/llavaOnevision/processor";
import { describe, expect, test } from "vitest";
import { formulaPicture } from "../../helpers/pictures";
import { temporaryFolder } from "../../helpers/temporaryFolder";
import { fixturesFolder } from "../../helpers/tokenizerFolders";

const checkpoint = join(fixturesFolder, "vlm/llava-onevision/checkpoint");
const hub = join(fixturesFolder, "vlm/llava-onevision/hub-layout");
const model = parseLlavaOnevisionConfig(JSON.parse(readFileSync(join(checkpoint, "config.json"), "utf8")));
const user = (...content: ({ type: "image" } | { type: "text"; text: string })[]) => [{ role: "user", content }];
const image = { type: "image" } as const;
const text = (value: string) => ({ type: "text", text: value }) as const;

describe("prompts", async () => {
  const processor = await loadLlavaOnevisionProcessor(checkpoint, { model });

  test("without a picture have no views and no image tokens", () => {
    const inputs = processor.prepareInputs(user(text("hi")), []);
    expect(inputs.pixelShape).toEqual([0, 3, 42, 42]);
    expect(inputs.pixelValues).toHaveLength(0);
    expect(inputs.imageTokenPositions).toHaveLength(0);
    expect(processor.tokenizer.decode(inputs.inputIds)).toBe("<|im_start|>user \nhi<|im_end|><|im_start|>assistant\n");
  });

  test("share prepared pictures", () => {
    const images = processor.prepareImages([formulaPicture(50, 40)]);
    const fresh = processor.prepareInputs(user(image, text("hi")), [formulaPicture(50, 40)]);
    const shared = processor.prepareInputs(user(image, text("hi")), images);
    expect(shared).toEqual(fresh);
    expect(shared.pixelValues).toBe(images.pixelValues);
  });

  test("with another number of pictures than image parts are refused", () => {
    const picture = formulaPicture(10, 10);
    expect(() => processor.prepareInputs(user(image), [])).toThrow(DataError);
    expect(() => processor.prepareInputs(user(text("hi")), [picture])).toThrow(DataError);
    expect(() => processor.prepareInputs(user(image, text("and <image>")), [picture])).toThrow(
      /2 placeholders <image> for 1 picture/,
    );
  });

  test("with a picture of one line keep its squashed view", () => {
    const inputs = processor.prepareInputs(user(image), [formulaPicture(1, 3000)]);
    expect(inputs.tokensPerImage[0]).toBeGreaterThanOrEqual(9);
    expect(inputs.pixelValues.every(Number.isFinite)).toBe(true);
  });
});

describe("settings", () => {
  function folderWith(edits: Record<string, ((json: Record<string, unknown>) => void) | string | null>): string {
    const folder = temporaryFolder();
    for (const name of ["tokenizer.json", "tokenizer_config.json", "chat_template.jinja"])
      cpSync(join(checkpoint, name), join(folder, name));
    cpSync(join(hub, "preprocessor_config.json"), join(folder, "preprocessor_config.json"));
    writeFileSync(join(folder, "processor_config.json"), '{"num_image_tokens": 9, "image_token": "<image>"}');
    for (const [name, edit] of Object.entries(edits)) {
      if (edit === null) rmSync(join(folder, name));
      else if (typeof edit === "string") writeFileSync(join(folder, name), edit);
      else {
        const json = JSON.parse(readFileSync(join(folder, name), "utf8"));
        edit(json);
        writeFileSync(join(folder, name), JSON.stringify(json));
      }
    }
    return folder;
  }
  const set = (values: object) => (json: Record<string, unknown>) => void Object.assign(json, values);

  test("of both generations of files are the same", async () => {
    const old = await loadLlavaOnevisionProcessor(folderWith({}));
    const recent = await loadLlavaOnevisionProcessor(checkpoint);
    expect(old.settings).toEqual(recent.settings);
  });

  test("that a file leaves out are those of the class, and of the model", async () => {
    const bare = folderWith({
      "preprocessor_config.json": '{"size": {"height": 42, "width": 42}, "image_grid_pinpoints": [[42, 84]]}',
      "processor_config.json": null,
    });
    const config = { ...model, gridPinpoints: [[42, 84]] as [number, number][] };
    const { settings } = await loadLlavaOnevisionProcessor(bare, { model: config });
    expect(settings.filter).toBe("bicubic");
    expect(settings.scaling.mean).toEqual([0.48145466, 0.4578275, 0.40821073]);
    expect(settings.numImageTokens).toBe(9);
    await expect(loadLlavaOnevisionProcessor(bare)).rejects.toThrow(/num_image_tokens/);
  });

  const image = "preprocessor_config.json";
  const around = "processor_config.json";
  const wrong: [string, Parameters<typeof folderWith>[0], string][] = [
    ["no files", { [image]: null }, "model/missing-processor"],
    ["broken JSON", { [image]: "{" }, "model/broken-json"],
    ["another class", { [image]: set({ image_processor_type: "CLIPImageProcessor" }) }, "model/config-value"],
    ["a size of 0", { [image]: set({ size: { height: 0, width: 0 } }) }, "model/config-value"],
    ["an oblong size", { [image]: set({ size: { height: 42, width: 84 } }) }, "model/config-value"],
    ["a gigantic size", { [image]: set({ size: 1e9 }) }, "model/config-value"],
    ["an empty size", { [image]: set({ size: {} }) }, "model/config-value"],
    ["a crop of another size", { [image]: set({ crop_size: 41 }) }, "model/config-value"],
    ["an unknown filter", { [image]: set({ resample: 9 }) }, "model/config-value"],
    ["two means", { [image]: set({ image_mean: [0.5, 0.5] }) }, "model/config-value"],
    ["a std of zero", { [image]: set({ image_std: [0, 1, 1] }) }, "model/config-value"],
    ["a text as mean", { [image]: set({ image_mean: "0.5" }) }, "model/config-value"],
    ["no rescaling factor", { [image]: set({ rescale_factor: 0 }) }, "model/config-value"],
    ["no resizing", { [image]: set({ do_resize: false }) }, "model/config-value"],
    ["centre crops", { [image]: set({ do_center_crop: true }) }, "model/config-value"],
    ["no pinpoints", { [image]: set({ image_grid_pinpoints: [] }) }, "model/config-value"],
    ["pinpoints that views do not tile", { [image]: set({ image_grid_pinpoints: [[42, 50]] }) }, "model/config-value"],
    ["pinpoints of a wrong shape", { [image]: set({ image_grid_pinpoints: [[42]] }) }, "model/config-value"],
    ["an uneven number of image tokens", { [around]: set({ num_image_tokens: 10 }) }, "model/config-value"],
    ["an unknown image token", { [around]: set({ image_token: "<picture>" }) }, "model/config-value"],
    ["a class token to drop", { [around]: set({ vision_feature_select_strategy: "default" }) }, "model/config-value"],
    ["an unknown aspect ratio", { [around]: set({ vision_aspect_ratio: "square" }) }, "model/config-value"],
    [
      "more image tokens than the model has patches",
      { [around]: set({ num_image_tokens: 16 }) },
      "model/processor-mismatch",
    ],
    [
      "other pinpoints than the model's",
      { [image]: set({ image_grid_pinpoints: [[42, 84]] }) },
      "model/processor-mismatch",
    ],
    [
      "another limit of views than the model's",
      { [around]: set({ vision_aspect_ratio: "anyres_max_4" }) },
      "model/processor-mismatch",
    ],
    ["another image token than the model's", { [around]: set({ image_token: "<video>" }) }, "model/processor-mismatch"],
  ];
  test.each(wrong)("with %s end in a model file error", async (_, edits, code) => {
    const loading = loadLlavaOnevisionProcessor(folderWith(edits), { model });
    await expect(loading).rejects.toBeInstanceOf(ModelFileError);
    await expect(loading).rejects.toMatchObject({ code });
  });
});
