/** Settings of LLaVA's image processors that change a picture, or that are refused because nothing here would follow them. */
import { join } from "node:path";
import { ConfigReader } from "@iad-r1/models/checkpoint/configReader";
import { createLlavaProcessor, readLlavaSettings } from "@iad-r1/models/llava/processor";
import { readLlavaNextSettings } from "@iad-r1/models/llavaNext/processor";
import { readQwen2VlSettings } from "@iad-r1/models/qwen2Vl/processor";
import { createChatTemplate } from "@iad-r1/models/text/chatTemplate";
import { loadTokenizer } from "@iad-r1/models/text/tokenizer";
import { describe, expect, test } from "vitest";
import { fixturesFolder } from "../../helpers/tokenizerFolders";

const tokenizer = await loadTokenizer(join(fixturesFolder, "vlm/llava-1-5/checkpoint"));
const qwen = await loadTokenizer(join(fixturesFolder, "vlm/qwen2-vl/checkpoint"));
const files = (image: object) => ({
  image: new ConfigReader(image, "preprocessor_config.json"),
  processor: new ConfigReader({ patch_size: 2 }, "processor_config.json"),
});
const settingsOf = (image: object) => readLlavaSettings(files({ size: 4, crop_size: 4, ...image }), tokenizer);

describe("pictures are made square with the mean colour before they are resized", () => {
  const white = { width: 4, height: 2, data: new Uint8Array(24).fill(255) };
  /** First channel of the middle column, in bytes. */
  function column(image: object): number[] {
    const settings = settingsOf({ do_normalize: false, ...image });
    const processor = createLlavaProcessor(tokenizer, createChatTemplate("x"), settings);
    const { pixelValues } = processor.prepareImages([white]);
    return [1, 5, 9, 13].map((at) => Math.round(pixelValues[at]! * 255));
  }

  test("where LLaVA's own class is asked to", () => {
    expect(column({ image_processor_type: "LlavaImageProcessor", do_pad: true })).toEqual([122, 255, 255, 122]);
    expect(column({ do_pad: true, image_mean: [0.5, 0.5, 0.5] })).toEqual([127, 255, 255, 127]);
  });

  test("and not otherwise: CLIP's class pads behind its crop, where nothing is left to pad", () => {
    const resized = [255, 255, 255, 255];
    expect(column({ image_processor_type: "LlavaImageProcessor" })).toEqual(resized);
    expect(column({ image_processor_type: "CLIPImageProcessorFast", do_pad: true })).toEqual(resized);
  });
});

test("null turns a step off, as it does in Python", () => {
  expect(settingsOf({ do_rescale: null, do_normalize: null }).scaling).toEqual({
    rescaleFactor: 1,
    mean: [0, 0, 0],
    std: [1, 1, 1],
  });
  expect(() => settingsOf({ do_resize: null })).toThrow("do_resize: expected true, got null");
  expect(() => settingsOf({ do_center_crop: null })).toThrow("do_center_crop: expected true, got null");
});

test.each([
  ["a limit of the longer edge", { size: { shortest_edge: 4, longest_edge: 6 } }, "longest_edge"],
  ["a square in place of the size", { use_square_size: true }, "use_square_size"],
  ["another class", { image_processor_type: "SiglipImageProcessor" }, "image_processor_type"],
])("refuses %s", (_, image, key) => {
  expect(() => settingsOf(image)).toThrow(key);
});

test("other classes than their own are refused by LLaVA-1.6 and Qwen as well", () => {
  const other = { image_processor_type: "CLIPImageProcessor", size: 4 };
  expect(() => readLlavaNextSettings(files(other), tokenizer)).toThrow('expected "LlavaNextImageProcessor"');
  expect(() => readQwen2VlSettings(files(other), qwen)).toThrow('expected "Qwen2VLImageProcessor"');
  const first = { image_processor_type: "Qwen2_5_VLImageProcessor" };
  expect(readQwen2VlSettings(files(first), qwen).patchSize).toBe(14);
});
