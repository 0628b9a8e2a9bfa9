/**
 * Recorded pictures as this engine's processors would have prepared them: one function per kind of tower, since each records its
 * pixels in a shape of its own. Pixels that equal those of earlier cases are recorded once; then they are looked up by file name.
 */
import { DataError } from "@iad-r1/models/errors";
import { type LlavaConfig, rowsPerImage } from "@iad-r1/models/llava/config";
import type { LlavaNextConfig } from "@iad-r1/models/llavaNext/config";
import { nextGeometry } from "@iad-r1/models/llavaNext/processor";
import type { LlavaOnevisionConfig } from "@iad-r1/models/llavaOnevision/config";
import { packImages, type PackPlan, packWholeImages } from "@iad-r1/models/llavaOnevision/packing";
import type { PreparedViews } from "@iad-r1/models/llavaOnevision/processor";
import { patchesPerSide } from "@iad-r1/models/nn/visionTransformer";
import type { PreparedImages } from "@iad-r1/models/processor";
import type { Qwen2VlConfig } from "@iad-r1/models/qwen2Vl/config";
import type { PreparedPatches } from "@iad-r1/models/qwen2Vl/processor";
import type { PatchGrid } from "@iad-r1/models/vision/patchGrid";
import type { ArchitectureName, ModelDescription } from "@iad-r1/models/zoo";
import type { RecordedModel } from "./recordedCases";
import type { RecordedTensors } from "./referenceFiles";

/** One picture as recorded. */
export interface RecordedImage {
  file: string;
  /** How it was prepared, where there are several ways; one file can be recorded in more than one. */
  form: string;
  /** This picture alone. */
  prepared: PreparedImages;
}

/** Patches of all pictures in one list, cut by their grids. */
const patchLists: RecordedForm = {
  forms: (_, __, count) => Promise.resolve(Array<string>(count).fill("")),
  async read(model, tensors, name) {
    const { mergeSize } = (model.config as Qwen2VlConfig).vision;
    const [, values] = tensors.shape(`${name}.pixel_values`) as [number, number];
    const pixels = await tensors.floats(`${name}.pixel_values`);
    let from = 0;
    return (await tensors.rows(`${name}.image_grid_thw`)).map((grid): PreparedPatches => {
      const [time, height, width] = grid as PatchGrid;
      const patches = time * height * width;
      const own = pixels.subarray(from, from + patches * values);
      from += own.length;
      return {
        pixelValues: own,
        pixelShape: [patches, values],
        imageGrids: [[time, height, width]],
        // Of the resized picture; the record does not hold the original one.
        imageSizes: [{ height, width }],
        tokensPerImage: [patches / mergeSize ** 2],
      };
    });
  },
};

/** How one architecture records its pictures. */
interface RecordedForm {
  /** Of each of the case's pictures. */
  forms(tensors: RecordedTensors, name: string, count: number): Promise<string[]>;
  /** From the tensors that the case itself has. */
  read(model: ModelDescription, tensors: RecordedTensors, name: string): Promise<PreparedImages[]>;
}

/** Views of pictures as they are recorded, put together by a plan for each picture. */
async function readViews(
  tensors: RecordedTensors,
  name: string,
  imageSize: number,
  planOf: (size: { height: number; width: number }, i: number) => PackPlan,
  sizes: readonly number[][],
): Promise<PreparedViews[]> {
  const pixels = await perPicture(tensors, name);
  return sizes.map(([height, width], i): PreparedViews => {
    const size = { height: height!, width: width! };
    const pack = planOf(size, i);
    const length = pack.numViews * 3 * imageSize * imageSize;
    // Padding crops may stand behind the real ones.
    if (pixels[i]!.length < length) {
      const recorded = (pixels[i]!.length * pack.numViews) / length;
      const message = `Picture ${i} of case ${name} has ${recorded} recorded crops, its size asks for ${pack.numViews}.`;
      throw new DataError("verify/reference", message);
    }
    return {
      pixelValues: pixels[i]!.subarray(0, length),
      pixelShape: [pack.numViews, 3, imageSize, imageSize],
      imageSizes: [size],
      cropsPerImage: pack.viewsPerImage,
      tokensPerImage: pack.rowsPerImage,
      pack,
    };
  });
}

const oneForm = (_tensors: RecordedTensors, _name: string, count: number) =>
  Promise.resolve(Array<string>(count).fill(""));

const recordedForms: Readonly<Record<ArchitectureName, RecordedForm>> = {
  llava: {
    forms: oneForm,
    async read(model, tensors, name) {
      const config = model.config as LlavaConfig;
      const side = config.vision.imageSize;
      // The sizes before the crop are not recorded, and decide nothing behind it.
      const [count] = tensors.shape(`${name}.pixel_values`) as [number];
      const sizes = Array<number[]>(count).fill([side, side]);
      return readViews(tensors, name, side, () => packWholeImages(1, rowsPerImage(config)), sizes);
    },
  },
  "llava-next": {
    forms: oneForm,
    async read(model, tensors, name) {
      const { vision, gridPinpoints } = model.config as LlavaNextConfig;
      const geometry = nextGeometry(gridPinpoints, vision.imageSize, patchesPerSide(vision));
      const plan = (size: { height: number; width: number }) => packImages([{ size, cut: true }], geometry);
      return readViews(tensors, name, vision.imageSize, plan, await tensors.rows(`${name}.image_sizes`));
    },
  },
  "llava-onevision": {
    // A picture that is alone in its prompt is cut into crops, others are one view; without the counts all are cut.
    async forms(tensors, name, count) {
      if (!tensors.has(`${name}.batch_num_images`)) return Array<string>(count).fill("cut");
      const counts = await tensors.integers(`${name}.batch_num_images`);
      return counts.flatMap((images) => Array<string>(images).fill(images === 1 ? "cut" : "whole"));
    },
    async read(model, tensors, name) {
      const config = model.config as LlavaOnevisionConfig;
      const geometry = { ...config, viewSize: config.vision.imageSize, patchesPerSide: patchesPerSide(config.vision) };
      const sizes = await tensors.rows(`${name}.image_sizes`);
      const forms = await this.forms(tensors, name, sizes.length);
      const plan = (size: { height: number; width: number }, i: number) =>
        packImages([{ size, cut: forms[i] === "cut" }], geometry);
      return readViews(tensors, name, config.vision.imageSize, plan, sizes);
    },
  },
  "qwen2-vl": patchLists,
  "qwen2.5-vl": patchLists,
};

/** The pictures of a case by its name in reference.safetensors, in order. */
export async function imagesOfCase({ model, reference }: RecordedModel, name: string): Promise<RecordedImage[]> {
  const { tensors, json } = reference;
  const form = recordedForms[model.architecture];
  // A second recording of a case is named after it: "c_anyres" shows the pictures of "c".
  const files = (json.cases[name] ?? json.cases[name.replace(/_.*$/, "")])?.images ?? [];
  const forms = await form.forms(tensors, name, files.length);
  if (tensors.has(`${name}.pixel_values`)) {
    const prepared = await form.read(model, tensors, name);
    return prepared.map((one, i) => ({ file: files[i] ?? "", form: forms[i] ?? "", prepared: one }));
  }
  const earlier: RecordedImage[] = [];
  for (const other of Object.keys(json.cases)) {
    if (files.length > 0 && other !== name && tensors.has(`${other}.pixel_values`)) {
      earlier.push(...(await imagesOfCase({ model, reference }, other)));
    }
  }
  return files.map((file, i) => {
    const image = earlier.find((other) => other.file === file && other.form === forms[i]);
    if (image !== undefined) return image;
    throw new DataError("verify/reference", `Case ${name}: no pixels are recorded for its picture ${file}.`, {
      where: reference.folder,
    });
  });
}

/** `<name>.pixel_values` cut along its first axis, one piece a picture. */
async function perPicture(tensors: RecordedTensors, name: string): Promise<Float32Array[]> {
  const pixels = await tensors.floats(`${name}.pixel_values`);
  const [count] = tensors.shape(`${name}.pixel_values`) as [number];
  const size = pixels.length / count;
  return Array.from({ length: count }, (_, i) => pixels.subarray(i * size, (i + 1) * size));
}
