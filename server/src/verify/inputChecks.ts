/** The processor against the record: prompt text, token ids, picture geometry and pixel values. */
import { existsSync } from "node:fs";
import { basename, join } from "node:path";
import { ModelFileError } from "@iad-r1/models/errors";
import type { SeveralImages } from "@iad-r1/models/llavaOnevision/processor";
import type { PreparedInputs, Processor } from "@iad-r1/models/processor";
import type { ChatMessage } from "@iad-r1/models/text/chatTemplate";
import { loadImage } from "@iad-r1/models/vision/decode";
import type { RgbImage } from "@iad-r1/models/vision/image";
import type { ModelDescription } from "@iad-r1/models/zoo";
import { Comparison, tolerances, type VerifyCheck } from "./compare";
import { imagesOfCase, type RecordedImage } from "./recordedImages";
import type { Reference } from "./referenceFiles";

/** Every case, prepared from its messages and pictures; nothing when there is no cases.json, or no tokenizer to prepare with. */
export async function inputChecks(model: ModelDescription, reference: Reference): Promise<VerifyCheck[]> {
  if (reference.cases === null) return [];
  const processor = await processorOf(model, "padSquare");
  if (processor === null) return [];
  const checks: VerifyCheck[] = [];
  for (const name of Object.keys(reference.json.cases)) {
    checks.push(...(await caseInputChecks(model, processor, reference, name, name)));
  }
  // The same prompt with several pictures, each cut into crops as older versions did.
  const cropped = reference.json.two_pictures_with_crops?.name;
  if (cropped !== undefined) {
    const older = (await processorOf(model, "anyRes"))!;
    checks.push(...(await caseInputChecks(model, older, reference, cropped, cropped.replace(/_.*$/, ""))));
  }
  return checks;
}

async function processorOf(model: ModelDescription, severalImages: SeveralImages): Promise<Processor | null> {
  try {
    return await model.loadProcessor({ severalImages });
  } catch (error) {
    if (ModelFileError.is(error, "model/missing-tokenizer")) return null;
    throw error;
  }
}

/**
 * @param name  of the recorded tensors
 * @param given of the messages in cases.json
 */
async function caseInputChecks(
  model: ModelDescription,
  processor: Processor,
  reference: Reference,
  name: string,
  givenName: string,
): Promise<VerifyCheck[]> {
  const given = reference.cases?.cases[givenName];
  const recorded = reference.json.cases[givenName];
  if (given === undefined || recorded === undefined) return [];
  const images: RgbImage[] = [];
  for (const file of given.images) images.push(await openImage(reference.folder, file));
  const prepared = processor.prepareInputs(given.messages as ChatMessage[], images);
  const { tensors } = reference;
  const [row] = await tensors.rows(`${name}.input_ids`);
  const completion = processor.tokenizer.encode(given.completion, { addSpecialTokens: false });
  const eos = reference.json.special_ids.eos;
  const ids = [...prepared.inputIds, ...completion, ...(eos === null ? [] : [eos])];
  const exact = (quantity: string) => new Comparison(quantity, name, tolerances.exact);
  const checks = [
    exact("prompt_text").addExact([prepared.promptText], [recorded.prompt_text]).check(),
    exact("input_ids").addExact(ids, row!).check(),
  ];
  if (tensors.has(`${name}.image_sizes`)) {
    const sizes = prepared.imageSizes.flatMap(({ height, width }) => [height, width]);
    checks.push(
      exact("image_sizes")
        .addExact(sizes, await tensors.integers(`${name}.image_sizes`))
        .check(),
    );
  }
  if (tensors.has(`${name}.image_grid_thw`)) {
    const grids = "imageGrids" in prepared ? (prepared.imageGrids as number[][]).flat() : [];
    checks.push(
      exact("image_grid_thw")
        .addExact(grids, await tensors.integers(`${name}.image_grid_thw`))
        .check(),
    );
  }
  if (given.images.length > 0) {
    checks.push(pixelCheck(processor, name, prepared, await imagesOfCase({ model, reference }, name)));
  }
  return checks;
}

/**
 * Recorded pixels come from torchvision's resampler, ours from Pillow's, which may differ by two grey levels.
 */
function pixelCheck(
  processor: Processor,
  name: string,
  prepared: PreparedInputs,
  recorded: readonly RecordedImage[],
): VerifyCheck {
  const std = Math.min(...processor.settings.scaling.std);
  const comparison = new Comparison("pixel_values", name, { abs: 2 / 255 / std + tolerances.pixelValues.abs, rel: 0 });
  if (prepared.imageSizes.length !== recorded.length) {
    return comparison.fail(`${prepared.imageSizes.length} pictures instead of ${recorded.length}`).check();
  }
  let offset = 0;
  for (const [i, { prepared: theirs }] of recorded.entries()) {
    const { length } = theirs.pixelValues;
    comparison.add(prepared.pixelValues.subarray(offset, offset + length), theirs.pixelValues, `picture ${i}`);
    offset += length;
  }
  if (offset !== prepared.pixelValues.length) {
    comparison.fail(`${prepared.pixelValues.length} values instead of ${offset}`);
  }
  return comparison.check();
}

/** A JPEG's pixels depend on its decoder, so its recorded decoding is taken where there is one. */
async function openImage(folder: string, file: string): Promise<RgbImage> {
  const name = basename(file);
  const decoded = join(folder, "images", name.replace(/\.[^.]+$/, ".decoded.png"));
  return loadImage(existsSync(decoded) ? decoded : join(folder, "images", name));
}
