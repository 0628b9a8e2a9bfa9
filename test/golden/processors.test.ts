import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ConfigReader } from "@iad-r1/models/checkpoint/configReader";
import { createLlavaProcessor, readLlavaSettings } from "@iad-r1/models/llava/processor";
import { createLlavaNextProcessor, readLlavaNextSettings } from "@iad-r1/models/llavaNext/processor";
import { createQwen2VlProcessor, loadQwen2VlProcessor } from "@iad-r1/models/qwen2Vl/processor";
import { type ChatMessage, createChatTemplate } from "@iad-r1/models/text/chatTemplate";
import { loadTokenizer } from "@iad-r1/models/text/tokenizer";
import type { RgbImage } from "@iad-r1/models/vision/image";
import { describe, expect, test } from "vitest";
import { formulaPicture } from "../helpers/pictures";
import { fixturesFolder, readJsonLines, tokenizerFolder } from "../helpers/tokenizerFolders";

interface ProcessorRecord {
  id: string;
  processor: string;
  height: number;
  width: number;
  pixel_values_shape: number[];
  image_tokens: number;
  image_sizes?: number[][];
  image_grid_thw?: number[][];
  indices: number[];
  pil: { mean: number; std: number; values: number[] };
}

const records = readJsonLines<ProcessorRecord>("vlm/processors.jsonl.gz");
const recordsOf = (processor: string) => records.filter((record) => record.processor === processor);

function expectPixels(pixelValues: Float32Array, record: ProcessorRecord): void {
  record.indices.forEach((index, i) => {
    expect(Math.abs(pixelValues[index]! - record.pil.values[i]!)).toBeLessThanOrEqual(2e-6);
  });
  const mean = pixelValues.reduce((sum, value) => sum + value, 0) / pixelValues.length;
  const variance = pixelValues.reduce((sum, value) => sum + (value - mean) ** 2, 0) / pixelValues.length;
  expect(mean).toBeCloseTo(record.pil.mean, 6);
  expect(Math.sqrt(variance)).toBeCloseTo(record.pil.std, 6);
}

test("the formula's picture has the recorded check values", () => {
  const { width, data } = formulaPicture(202, 336);
  const pixel = (x: number, y: number) => [...data.subarray((y * width + x) * 3, (y * width + x) * 3 + 3)];
  expect([pixel(0, 0), pixel(1, 0), pixel(0, 1), pixel(100, 37), pixel(335, 201)]).toEqual([
    [0, 0, 180],
    [3, 0, 168],
    [5, 0, 117],
    [26, 231, 255],
    [37, 112, 71],
  ]);
});

describe.each(["qwen2-vl", "qwen2.5-vl"] as const)("%s", async (family) => {
  const loaded = await loadQwen2VlProcessor(tokenizerFolder(family));
  const name = family.replace(".", "-");

  test.each(recordsOf(name))("$id gives the pixels of the Pillow backend", (record) => {
    const settings = { ...loaded.settings, maxPixels: 480000 };
    const processor = createQwen2VlProcessor(loaded.tokenizer, loaded.chatTemplate, settings);
    const images = processor.prepareImages([formulaPicture(record.height, record.width)]);
    expect(images.pixelShape).toEqual(record.pixel_values_shape);
    expect(images.imageGrids).toEqual(record.image_grid_thw);
    expect(images.tokensPerImage).toEqual([record.image_tokens]);
    expectPixels(images.pixelValues, record);
  });

  interface PromptRecord {
    id: string;
    processor: string;
    messages: ChatMessage[];
    image_height_width: [number, number][];
    add_generation_prompt: boolean;
    text: string;
    input_ids: (number | [number, number])[];
    length: number;
    image_grid_thw: number[][];
    position_ids_last: number[];
    position_ids_sum: number[];
    rope_delta: number;
  }

  test.each(readJsonLines<PromptRecord>("vlm/prompts.jsonl").filter((record) => record.processor === name))(
    "$id gives the recorded text, ids and positions",
    (record) => {
      const pictures = record.image_height_width.map(([height, width]) => formulaPicture(height, width));
      const options = { addGenerationPrompt: record.add_generation_prompt };
      const inputs = loaded.prepareInputs(record.messages, pictures, options);
      expect(inputs.promptText).toBe(record.text);
      const ids = record.input_ids.flatMap((id) =>
        typeof id === "number" ? [id] : new Array<number>(id[1]).fill(id[0]),
      );
      expect([...inputs.inputIds]).toEqual(ids);
      expect(inputs.imageGrids).toEqual(record.image_grid_thw);
      const axes = [0, 1, 2].map((axis) =>
        inputs.positions.axes.subarray(axis * record.length, (axis + 1) * record.length),
      );
      expect(axes.map((axis) => axis.at(-1))).toEqual(record.position_ids_last);
      expect(axes.map((axis) => axis.reduce((sum, value) => sum + value, 0))).toEqual(record.position_ids_sum);
      expect(inputs.positions.delta).toBe(record.rope_delta);
    },
  );

  test("a picture more than 200 times as long as wide is refused", () => {
    expect(() => loaded.prepareImages([formulaPicture(4, 804)])).toThrow(/at most 200 times/);
  });
});

describe("LLaVA", async () => {
  // Any vocabulary with <image> serves: these records are about pixels and counts.
  const tokenizer = await loadTokenizer(join(fixturesFolder, "vlm/llava-onevision/checkpoint"));
  const template = createChatTemplate(
    "{% for m in messages %}{% for c in m['content'] %}{{ '<image>' if c['type'] == 'image' else c['text'] }}{% endfor %}{% endfor %}",
  );
  const one = (picture: RgbImage) => [[{ role: "user", content: [{ type: "image" as const }] }], [picture]] as const;

  describe("1.5", () => {
    const clip = {
      crop_size: { height: 336, width: 336 },
      size: { shortest_edge: 336 },
      resample: 3,
      do_center_crop: true,
    };
    const around = { patch_size: 14, num_additional_image_tokens: 1, vision_feature_select_strategy: "default" };
    const files = {
      image: new ConfigReader(clip, "preprocessor_config.json"),
      processor: new ConfigReader(around, "processor_config.json"),
    };
    const processor = createLlavaProcessor(tokenizer, template, readLlavaSettings(files, tokenizer));

    test.each(recordsOf("llava-1-5"))("$id gives the pixels of the Pillow backend", (record) => {
      const inputs = processor.prepareInputs(...one(formulaPicture(record.height, record.width)));
      expect(inputs.pixelShape).toEqual(record.pixel_values_shape);
      expect(inputs.imageTokenPositions).toHaveLength(record.image_tokens);
      expectPixels(inputs.pixelValues, record);
    });
  });

  describe("1.6", () => {
    const json = readFileSync(join(fixturesFolder, "tokenizers/llava-1.6-mistral/preprocessor_config.json"), "utf8");
    const files = {
      image: new ConfigReader(JSON.parse(json), "preprocessor_config.json"),
      processor: new ConfigReader({}, "processor_config.json"),
    };
    const processor = createLlavaNextProcessor(tokenizer, template, readLlavaNextSettings(files, tokenizer));

    test.each(recordsOf("llava-1-6-mistral"))("$id gives the pixels of the Pillow backend", (record) => {
      const inputs = processor.prepareInputs(...one(formulaPicture(record.height, record.width)));
      expect([1, ...inputs.pixelShape]).toEqual(record.pixel_values_shape);
      expect(inputs.imageTokenPositions).toHaveLength(record.image_tokens);
      expect(inputs.imageSizes).toEqual([{ height: record.image_sizes![0]![0], width: record.image_sizes![0]![1] }]);
      expectPixels(inputs.pixelValues, record);
    });

    test("a published example has its number of image tokens", () => {
      expect(processor.prepareImages([formulaPicture(808, 1100)]).tokensPerImage).toEqual([2340]);
    });
  });
});
