/**
 * From messages and pictures to what LLaVA-1.6 takes: any-resolution views like LLaVA-OneVision's, every picture cut,
 * never shrunk. Pixels are those of Pillow. No tensors, no graph, no batching.
 *
 * @see transformers 5.18 `LlavaNextProcessor`, `LlavaNextImageProcessorPil`
 */
import { requireAgreement, requireVocabulary } from "../checkpoint/agreement";
import { type PackGeometry, packImages } from "../llavaOnevision/packing";
import { joinViews, type PreparedViews, preparedViews } from "../llavaOnevision/processor";
import type { Processor } from "../processor";
import { patchesPerSide } from "../nn/visionTransformer";
import type { ChatMessage, ChatTemplate } from "../text/chatTemplate";
import { loadChatTemplate } from "../text/chatTemplate";
import { type PreparedText, prepareText, readImageToken } from "../text/placeholders";
import { loadTokenizer, type Tokenizer } from "../text/tokenizer";
import { cutViews, type Resolution } from "../vision/anyRes";
import type { RgbImage } from "../vision/image";
import {
  type ProcessorFiles,
  readFilter,
  readPinpoints,
  readPixelScaling,
  readProcessorFiles,
  readViewSide,
  requireProcessorType,
  requireSetting,
} from "../vision/imageSettings";
import { type PixelScaling, pixelTable } from "../vision/pixelValues";
import type { ResampleFilter } from "../vision/resample";
import { defaultPinpoints, type LlavaNextConfig } from "./config";

export interface LlavaNextSettings {
  /** Side of a view in pixels. */
  viewSide: number;
  gridPinpoints: readonly Resolution[];
  filter: ResampleFilter;
  scaling: PixelScaling;
  imageToken: string;
  patchesPerSide: number;
}

export interface LlavaNextProcessor extends Processor {
  readonly settings: LlavaNextSettings;
  prepareImages(images: readonly RgbImage[]): PreparedViews;
  joinImages(images: readonly PreparedViews[]): PreparedViews;
  prepareInputs(
    messages: readonly ChatMessage[],
    images: readonly RgbImage[] | PreparedViews,
    options?: { addGenerationPrompt?: boolean },
  ): PreparedViews & PreparedText;
}

/**
 * Loads tokenizer, template and settings of a checkpoint folder.
 *
 * @param model the parsed config.json: fills in and checks what both files say
 */
export async function loadLlavaNextProcessor(folder: string, model?: LlavaNextConfig): Promise<LlavaNextProcessor> {
  const [tokenizer, files] = await Promise.all([loadTokenizer(folder), readProcessorFiles(folder)]);
  const chatTemplate = await loadChatTemplate(folder, tokenizer.namedTokens);
  return createLlavaNextProcessor(tokenizer, chatTemplate, readLlavaNextSettings(files, tokenizer, model));
}

/** Reads the settings of either generation of files. @throws ModelFileError `model/config-value` */
export function readLlavaNextSettings(
  { image, processor }: ProcessorFiles,
  tokenizer: Tokenizer,
  model?: LlavaNextConfig,
): LlavaNextSettings {
  requireProcessorType(image, ["LlavaNextImageProcessor"]);
  requireSetting(image, "do_resize", true);
  requireSetting(image, "do_convert_rgb", true);
  const viewSide = readViewSide(image, 224);
  const patchSize = processor.integer(
    "patch_size",
    { min: 1, max: viewSide },
    model?.vision.patchSize ?? Math.min(14, viewSide),
  );
  // The tower's class token is counted by the file and taken off again: no row is left for it.
  processor.choice("vision_feature_select_strategy", ["default"], "default");
  processor.integer("num_additional_image_tokens", { min: 1, max: 1 }, 1);
  const settings: LlavaNextSettings = {
    viewSide,
    gridPinpoints: readPinpoints(image, viewSide, defaultPinpoints),
    filter: readFilter(image),
    scaling: readPixelScaling(image),
    imageToken: readImageToken(processor, tokenizer, "<image>"),
    patchesPerSide: Math.floor(viewSide / patchSize),
  };
  if (model !== undefined) checkAgainstModel(settings, model, image.where, tokenizer);
  return settings;
}

function checkAgainstModel(
  settings: LlavaNextSettings,
  model: LlavaNextConfig,
  where: string,
  tokenizer: Tokenizer,
): void {
  const { viewSide, imageToken } = settings;
  requireAgreement(
    [
      ["size (vision_config.image_size)", model.vision.imageSize, viewSide],
      ["patches along a side of a view", patchesPerSide(model.vision), settings.patchesPerSide],
      ["image_grid_pinpoints", JSON.stringify(model.gridPinpoints), JSON.stringify(settings.gridPinpoints)],
      [`id of ${imageToken} (image_token_index)`, model.imageTokenId, tokenizer.tokenToId(imageToken)],
    ],
    where,
  );
  requireVocabulary(model.text.vocabSize, tokenizer.vocabSize);
}

/** A mosaic of any size goes into the prompt unshrunk. */
export function nextGeometry(
  gridPinpoints: readonly Resolution[],
  viewSize: number,
  patchesPerSide: number,
): PackGeometry {
  return { gridPinpoints, viewSize, patchesPerSide, maxViews: Number.POSITIVE_INFINITY };
}

export function createLlavaNextProcessor(
  tokenizer: Tokenizer,
  chatTemplate: ChatTemplate,
  settings: LlavaNextSettings,
): LlavaNextProcessor {
  const { viewSide, gridPinpoints, filter, patchesPerSide } = settings;
  const table = pixelTable(settings.scaling);
  const text = { tokenizer, chatTemplate, imageToken: settings.imageToken };
  const geometry = nextGeometry(gridPinpoints, viewSide, patchesPerSide);

  function prepareImages(images: readonly RgbImage[]): PreparedViews {
    const views = images.flatMap((image) => cutViews(image, gridPinpoints, viewSide, filter));
    const imageSizes = images.map(({ height, width }) => ({ height, width }));
    const pack = packImages(
      imageSizes.map((size) => ({ size, cut: true })),
      geometry,
    );
    return preparedViews(imageSizes, views, { width: viewSide, height: viewSide }, table, pack);
  }

  return {
    tokenizer,
    chatTemplate,
    settings,
    severalDiffer: false,
    prepareImages,
    joinImages: (images) => joinViews(images, patchesPerSide ** 2),
    prepareInputs(messages, images, options) {
      const prepared = "pack" in images ? images : prepareImages(images);
      return { ...prepared, ...prepareText(text, messages, prepared.tokensPerImage, options) };
    },
  };
}
