/**
 * From messages and pictures to what Qwen2-VL and Qwen2.5-VL take: pictures resized to multiples of a merged patch, cut
 * into patches in the order in which the merger takes them, and three-axis positions. Pixels are those of Pillow. No
 * tensors, no graph, no batching.
 *
 * @see transformers 5.18 `Qwen2VLProcessor`, `Qwen2VLImageProcessorPil`, `Qwen2VLModel.get_rope_index`
 */
import { requireAgreement, requireVocabulary } from "../checkpoint/agreement";
import type { ConfigReader } from "../checkpoint/configReader";
import { DataError } from "../errors";
import type { AxisPositions } from "../nn/rope";
import type { PreparedImages, Processor } from "../processor";
import { type ChatMessage, type ChatTemplate, loadChatTemplate } from "../text/chatTemplate";
import { type PreparedText, prepareText, readImageToken } from "../text/placeholders";
import { loadTokenizer, type Tokenizer } from "../text/tokenizer";
import type { ImageSize, RgbImage } from "../vision/image";
import {
  type ProcessorFiles,
  readFilter,
  readPixelScaling,
  readProcessorFiles,
  requireProcessorType,
  requireSetting,
} from "../vision/imageSettings";
import type { PatchGrid } from "../vision/patchGrid";
import { joinValues, type PixelScaling, pixelTable } from "../vision/pixelValues";
import { type ResampleFilter, resizeImage } from "../vision/resample";

export interface Qwen2VlSettings {
  minPixels: number;
  maxPixels: number;
  /** Side of a patch in pixels. */
  patchSize: number;
  /** Equal frames that a still picture counts as. */
  temporalPatchSize: number;
  /** Patches along a side that the merger makes one row of. */
  mergeSize: number;
  filter: ResampleFilter;
  scaling: PixelScaling;
  imageToken: string;
}

export interface PreparedPatches extends PreparedImages {
  /** [P, 3 · temporalPatchSize · patchSize²], patches of all pictures one after another */
  pixelShape: [patches: number, values: number];
  imageGrids: PatchGrid[];
}

export interface Qwen2VlProcessor extends Processor {
  readonly settings: Qwen2VlSettings;
  prepareImages(images: readonly RgbImage[]): PreparedPatches;
  joinImages(images: readonly PreparedPatches[]): PreparedPatches;
  prepareInputs(
    messages: readonly ChatMessage[],
    images: readonly RgbImage[] | PreparedPatches,
    options?: { addGenerationPrompt?: boolean },
  ): PreparedPatches & PreparedText & { positions: AxisPositions };
}

/** What config.json says that the processor's files must agree with. */
export interface Qwen2VlModelFacts {
  patchSize: number;
  temporalPatchSize: number;
  mergeSize: number;
  imageTokenId: number;
  vocabSize: number;
}

/**
 * Loads tokenizer, template and settings of a checkpoint folder.
 *
 * @param model of the parsed config.json: checked against what the processor's files say
 */
export async function loadQwen2VlProcessor(folder: string, model?: Qwen2VlModelFacts): Promise<Qwen2VlProcessor> {
  const [tokenizer, files] = await Promise.all([loadTokenizer(folder), readProcessorFiles(folder)]);
  const chatTemplate = await loadChatTemplate(folder, tokenizer.namedTokens);
  const settings = readQwen2VlSettings(files, tokenizer);
  if (model !== undefined) checkAgainstModel(settings, model, files.image.where, tokenizer);
  return createQwen2VlProcessor(tokenizer, chatTemplate, settings);
}

/** Patches and token counts come from these settings, the tower from config.json: where they differ nothing can fit. */
function checkAgainstModel(
  settings: Qwen2VlSettings,
  model: Qwen2VlModelFacts,
  where: string,
  tokenizer: Tokenizer,
): void {
  const { imageToken } = settings;
  requireAgreement(
    [
      ["patch_size", model.patchSize, settings.patchSize],
      ["temporal_patch_size", model.temporalPatchSize, settings.temporalPatchSize],
      ["merge_size (spatial_merge_size)", model.mergeSize, settings.mergeSize],
      [`id of ${imageToken} (image_token_id)`, model.imageTokenId, tokenizer.tokenToId(imageToken)],
    ],
    where,
  );
  requireVocabulary(model.vocabSize, tokenizer.vocabSize);
}

/** Reads the settings of either generation of files. @throws ModelFileError `model/config-value` */
export function readQwen2VlSettings({ image, processor }: ProcessorFiles, tokenizer: Tokenizer): Qwen2VlSettings {
  // The second name stood in the first files of Qwen2.5-VL.
  requireProcessorType(image, ["Qwen2VLImageProcessor", "Qwen2_5_VLImageProcessor"]);
  requireSetting(image, "do_resize", true);
  requireSetting(image, "do_convert_rgb", true);
  const size = image.object("size", true);
  const small = { min: 1, max: 256 };
  const minPixels = readPixels([image, "min_pixels"], [size, "shortest_edge"], [size, "min_pixels"]) ?? 56 * 56;
  const maxPixels = readPixels([image, "max_pixels"], [size, "longest_edge"], [size, "max_pixels"]) ?? 28 * 28 * 1280;
  if (maxPixels < minPixels) image.fail("max_pixels", `at least min_pixels = ${minPixels}`, maxPixels);
  return {
    minPixels,
    maxPixels,
    patchSize: image.integer("patch_size", small, 14),
    temporalPatchSize: image.integer("temporal_patch_size", small, 2),
    mergeSize: image.integer("merge_size", small, 2),
    filter: readFilter(image),
    scaling: readPixelScaling(image),
    imageToken: readImageToken(processor, tokenizer, "<|image_pad|>"),
  };
}

/** The first of several keys that is present. */
function readPixels(...keys: [ConfigReader, string][]): number | undefined {
  const [reader, key] = keys.find(([reader, key]) => reader.has(key)) ?? [];
  return reader?.integer(key!, { min: 1, max: 2 ** 28 });
}

/**
 * Size of a picture in multiples of `factor` with its proportions kept as far as they can be and its pixels within bounds.
 *
 * @throws DataError `data/image-size` for a picture more than 200 times as long as wide
 */
export function smartResize(
  { height, width }: ImageSize,
  factor: number,
  minPixels: number,
  maxPixels: number,
): ImageSize {
  const aspect = Math.max(height, width) / Math.min(height, width);
  if (aspect > 200) {
    throw new DataError(
      "data/image-size",
      `Picture of ${width} x ${height}: expected at most 200 times as long as wide, got ${aspect.toFixed(1)}.`,
      {
        hint: "Cut out the part to inspect.",
      },
    );
  }
  let newHeight = roundHalfToEven(height / factor) * factor;
  let newWidth = roundHalfToEven(width / factor) * factor;
  if (newHeight * newWidth > maxPixels) {
    const shrink = Math.sqrt((height * width) / maxPixels);
    newHeight = Math.max(factor, Math.floor(height / shrink / factor) * factor);
    newWidth = Math.max(factor, Math.floor(width / shrink / factor) * factor);
  } else if (newHeight * newWidth < minPixels) {
    const grow = Math.sqrt(minPixels / (height * width));
    newHeight = Math.ceil((height * grow) / factor) * factor;
    newWidth = Math.ceil((width * grow) / factor) * factor;
  }
  return { height: newHeight, width: newWidth };
}

/** Python's `round`: 2.5 is 2. */
function roundHalfToEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  if (rest !== 0.5) return Math.round(value);
  return floor % 2 === 0 ? floor : floor + 1;
}

/**
 * Positions of a sequence on the three axes: text goes on by one on all; the rows of a picture stand at the same time
 * and at their line and column; after a picture text goes on at its longer side.
 *
 * @param grids of the sequence's pictures, in order
 */
export function ropePositions(
  inputIds: Int32Array,
  imageTokenId: number,
  grids: readonly PatchGrid[],
  mergeSize: number,
): AxisPositions {
  const length = inputIds.length;
  const axes = new Int32Array(3 * length);
  let next = 0;
  let picture = 0;
  for (let at = 0; at < length; ) {
    const grid = grids[picture];
    if (inputIds[at] !== imageTokenId || grid === undefined) {
      for (let axis = 0; axis < 3; axis++) axes[axis * length + at] = next;
      next++;
      at++;
      continue;
    }
    const [time, height, width] = [grid[0], grid[1] / mergeSize, grid[2] / mergeSize];
    for (let row = 0; row < time * height * width; row++, at++) {
      axes[at] = next + Math.floor(row / (height * width));
      axes[length + at] = next + (Math.floor(row / width) % height);
      axes[2 * length + at] = next + (row % width);
    }
    next += Math.max(height, width);
    picture++;
  }
  return { axes, delta: next - length };
}

export function createQwen2VlProcessor(
  tokenizer: Tokenizer,
  chatTemplate: ChatTemplate,
  settings: Qwen2VlSettings,
): Qwen2VlProcessor {
  const { patchSize, temporalPatchSize, mergeSize } = settings;
  const table = pixelTable(settings.scaling);
  const text = { tokenizer, chatTemplate, imageToken: settings.imageToken };
  const imageTokenId = tokenizer.tokenToId(settings.imageToken)!;
  const valuesPerPatch = 3 * temporalPatchSize * patchSize ** 2;

  function prepareImages(images: readonly RgbImage[]): PreparedPatches {
    const factor = patchSize * mergeSize;
    const resized = images.map((image) => {
      const size = smartResize(image, factor, settings.minPixels, settings.maxPixels);
      return resizeImage(image, size, settings.filter);
    });
    const imageGrids = resized.map(({ height, width }): PatchGrid => [1, height / patchSize, width / patchSize]);
    const patchesPerImage = imageGrids.map(([, height, width]) => height * width);
    const numPatches = patchesPerImage.reduce((sum, patches) => sum + patches, 0);
    const pixelValues = new Float32Array(numPatches * valuesPerPatch);
    let offset = 0;
    for (const image of resized) offset = writePatches(image, settings, table, pixelValues, offset);
    return {
      pixelValues,
      pixelShape: [numPatches, valuesPerPatch],
      imageGrids,
      imageSizes: images.map(({ height, width }) => ({ height, width })),
      tokensPerImage: patchesPerImage.map((patches) => patches / mergeSize ** 2),
    };
  }

  return {
    tokenizer,
    chatTemplate,
    settings,
    severalDiffer: false,
    prepareImages,
    joinImages: joinPatches,
    prepareInputs(messages, images, options) {
      const prepared = "imageGrids" in images ? images : prepareImages(images);
      const written = prepareText(text, messages, prepared.tokensPerImage, options);
      const positions = ropePositions(written.inputIds, imageTokenId, prepared.imageGrids, mergeSize);
      return { ...prepared, ...written, positions };
    },
  };
}

/** Patches of pictures one after another. */
function joinPatches(images: readonly PreparedPatches[]): PreparedPatches {
  const [, valuesPerPatch] = images[0]!.pixelShape;
  return {
    pixelValues: joinValues(images.map(({ pixelValues }) => pixelValues)),
    pixelShape: [images.reduce((sum, { pixelShape }) => sum + pixelShape[0], 0), valuesPerPatch],
    imageGrids: images.flatMap(({ imageGrids }) => imageGrids),
    imageSizes: images.flatMap(({ imageSizes }) => imageSizes),
    tokensPerImage: images.flatMap(({ tokensPerImage }) => tokensPerImage),
  };
}

/** Patches of one picture, the mergeSize² of a merged row together, each as [3, time, patchSize, patchSize]. */
function writePatches(
  { width, height, data }: RgbImage,
  { patchSize, temporalPatchSize, mergeSize }: Qwen2VlSettings,
  table: Float32Array,
  out: Float32Array,
  offset: number,
): number {
  const block = patchSize * mergeSize;
  const area = patchSize ** 2;
  let at = offset;
  for (let top = 0; top < height; top += block) {
    for (let left = 0; left < width; left += block) {
      for (let patch = 0; patch < mergeSize ** 2; patch++) {
        const y0 = top + Math.floor(patch / mergeSize) * patchSize;
        const x0 = left + (patch % mergeSize) * patchSize;
        for (let channel = 0; channel < 3; channel++) {
          for (let y = 0; y < patchSize; y++) {
            let from = ((y0 + y) * width + x0) * 3 + channel;
            for (let x = 0; x < patchSize; x++, from += 3)
              out[at + y * patchSize + x] = table[channel * 256 + data[from]!]!;
          }
          for (let frame = 1; frame < temporalPatchSize; frame++) out.copyWithin(at + frame * area, at, at + area);
          at += temporalPatchSize * area;
        }
      }
    }
  }
  return at;
}
