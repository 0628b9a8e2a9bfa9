import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parseLlavaOnevisionConfig } from "@iad-r1/models/llavaOnevision/config";
import {
  createLlavaOnevisionProcessor,
  type LlavaOnevisionProcessor,
  loadLlavaOnevisionProcessor,
  readLlavaOnevisionSettings,
} from "@iad-r1/models/llavaOnevision/processor";
import { type ChatMessage, loadChatTemplate } from "@iad-r1/models/text/chatTemplate";
import { loadTokenizer } from "@iad-r1/models/text/tokenizer";
import { loadImage } from "@iad-r1/models/vision/decode";
import { readProcessorFiles } from "@iad-r1/models/vision/imageSettings";
import { describe, expect, test } from "vitest";
import { formulaPicture } from "../helpers/pictures";
import { readTensors } from "../helpers/readTensors";
import { fixturesFolder, readJsonLines, tokenizerFolder } from "../helpers/tokenizerFolders";

const fixture = join(fixturesFolder, "vlm/llava-onevision");

interface Case {
  images: string[];
  messages: ChatMessage[];
  completion: string;
}

describe("the recorded cases", async () => {
  const cases: Record<string, Case> = JSON.parse(readFileSync(join(fixture, "cases.json"), "utf8")).cases;
  const reference = JSON.parse(readFileSync(join(fixture, "reference.json"), "utf8"));
  const tensors = readTensors(join(fixture, "reference.safetensors"));
  const tokenizer = await loadTokenizer(join(fixture, "checkpoint"));

  /** `hub-layout` has only settings; the tokenizer is that of `checkpoint`. */
  async function load(layout: "checkpoint" | "hub-layout"): Promise<LlavaOnevisionProcessor> {
    const folder = join(fixture, layout);
    const model = parseLlavaOnevisionConfig(JSON.parse(readFileSync(join(folder, "config.json"), "utf8")));
    const settings = readLlavaOnevisionSettings(await readProcessorFiles(folder), tokenizer, { model });
    return createLlavaOnevisionProcessor(tokenizer, await loadChatTemplate(folder), settings);
  }

  async function prepare(processor: LlavaOnevisionProcessor, name: string) {
    const { images, messages } = cases[name]!;
    const pictures = await Promise.all(images.map((image) => loadImage(join(fixture, "images", image))));
    return processor.prepareInputs(messages, pictures);
  }

  test.each(["checkpoint", "hub-layout"] as const)("give the same ids, sizes and image tokens (%s)", async (layout) => {
    const processor = await load(layout);
    for (const name of ["a", "b", "c"]) {
      const inputs = await prepare(processor, name);
      const expectedIds = tensors.get(`${name}.input_ids`)!;
      const completion = [
        ...processor.tokenizer.encode(cases[name]!.completion),
        processor.tokenizer.tokenToId("<|im_end|>")!,
      ];
      expect([...inputs.inputIds, ...completion], name).toEqual([...expectedIds.data]);
      expect(inputs.promptText, name).toBe(reference.cases[name].prompt_text);
      expect(inputs.inputIds, name).toHaveLength(reference.cases[name].prompt_length);
      expect(
        inputs.imageSizes.flatMap(({ height, width }) => [height, width]),
        name,
      ).toEqual([...tensors.get(`${name}.image_sizes`)!.data]);
      const features = tensors.get(`${name}.image_features`)!;
      expect(inputs.pack.numRows, name).toBe(features.shape[0]);
      expect(inputs.imageTokenPositions, name).toHaveLength(features.shape[0]!);
      expect(inputs.imageTokenPositions.every((at) => inputs.inputIds[at] === processor.imageTokenId)).toBe(true);
    }
  });

  test("give pixel values within two grey levels of the torchvision backend, most of them equal", async () => {
    const processor = await load("checkpoint");
    for (const name of ["a", "b", "c"]) {
      const { pixelValues, pixelShape } = await prepare(processor, name);
      const expected = tensors.get(`${name}.pixel_values`)!;
      const [numImages, maxViews] = expected.shape as [number, number];
      expect(numImages * maxViews, name).toBe(pixelShape[0]);
      let different = 0;
      let largest = 0;
      for (let i = 0; i < pixelValues.length; i++) {
        const difference = Math.abs(pixelValues[i]! - Number(expected.data[i]));
        largest = Math.max(largest, difference);
        if (difference > 2e-6) different++;
      }
      expect(largest, name).toBeLessThanOrEqual(2 / 255 / 0.5 + 1e-6);
      const { pixel_values_max_abs_diff, fraction_differing } = reference.cases[name].pil_backend;
      if (pixel_values_max_abs_diff === 0) expect(different, name).toBe(0);
      expect(different / pixelValues.length, name).toBeCloseTo(fraction_differing, 3);
    }
  });

  test("two pictures cut as if each were alone give the older versions' ids, sizes and pixels", async () => {
    const processor = await loadLlavaOnevisionProcessor(join(fixture, "checkpoint"), { severalImages: "anyRes" });
    const inputs = await prepare(processor, "c");
    expect([...inputs.inputIds]).toEqual([...tensors.get("c_anyres.input_ids")!.data].slice(0, 264));
    expect(inputs.inputIds).toHaveLength(reference.two_pictures_with_crops.prompt_length);
    expect(inputs.pack.numRows).toBe(tensors.get("c_anyres.image_features")!.shape[0]);
    const a = await prepare(processor, "a");
    const b = await prepare(processor, "b");
    expect(inputs.pixelValues).toEqual(Float32Array.of(...a.pixelValues, ...b.pixelValues));
    expect(inputs.cropsPerImage).toEqual([...a.cropsPerImage, ...b.cropsPerImage]);
  });
});

interface ProcessorRecord {
  id: string;
  processor: string;
  height: number;
  width: number;
  pixel_values_shape: number[];
  image_tokens: number;
  image_sizes: number[][];
  indices: number[];
  pil: { mean: number; std: number; values: number[] };
}

interface PromptRecord {
  id: string;
  processor: string;
  messages: ChatMessage[];
  image_height_width: [number, number][];
  add_generation_prompt: boolean;
  text: string;
  input_ids: (number | [number, number])[];
  length: number;
  pixel_values_shape: number[];
}

describe("the real settings and vocabulary", async () => {
  const processor = await loadLlavaOnevisionProcessor(tokenizerFolder("llava-onevision"));

  test.each(
    readJsonLines<ProcessorRecord>("vlm/processors.jsonl.gz").filter(
      (record) => record.processor === "llava-onevision",
    ),
  )("$id gives the pixels of the Pillow backend", (record) => {
    const images = processor.prepareImages([formulaPicture(record.height, record.width)]);
    expect([1, ...images.pixelShape]).toEqual(record.pixel_values_shape);
    expect(images.tokensPerImage).toEqual([record.image_tokens]);
    expect(images.imageSizes).toEqual([{ height: record.image_sizes[0]![0], width: record.image_sizes[0]![1] }]);
    record.indices.forEach((index, i) => {
      expect(Math.abs(images.pixelValues[index]! - record.pil.values[i]!)).toBeLessThanOrEqual(2e-6);
    });
    const { length } = images.pixelValues;
    const mean = images.pixelValues.reduce((sum, value) => sum + value, 0) / length;
    const variance = images.pixelValues.reduce((sum, value) => sum + (value - mean) ** 2, 0) / length;
    expect(mean).toBeCloseTo(record.pil.mean, 6);
    expect(Math.sqrt(variance)).toBeCloseTo(record.pil.std, 6);
  });

  test.each(
    readJsonLines<PromptRecord>("vlm/prompts.jsonl").filter((record) => record.processor === "llava-onevision"),
  )("$id gives the recorded text and ids", (record) => {
    const pictures = record.image_height_width.map(([height, width]) => formulaPicture(height, width));
    const inputs = processor.prepareInputs(record.messages, pictures, {
      addGenerationPrompt: record.add_generation_prompt,
    });
    expect(inputs.promptText).toBe(record.text);
    const ids = record.input_ids.flatMap((id) =>
      typeof id === "number" ? [id] : new Array<number>(id[1]).fill(id[0]),
    );
    expect([...inputs.inputIds]).toEqual(ids);
    expect(inputs.inputIds).toHaveLength(record.length);
    const [numImages, numViews] = record.pixel_values_shape as [number, number];
    expect(inputs.cropsPerImage).toEqual(new Array(numImages).fill(numViews));
  });
});
