/**
 * From messages and pictures to what LLaVA-1.5 takes: CLIP's shortest-edge resize and centre crop, one view a picture.
 * Pixels are those of Pillow. No tensors, no graph, no batching.
 *
 * @see transformers 5.18 `LlavaProcessor`, `CLIPImageProcessorPil`
 */
import { requireAgreement, requireVocabulary } from "../checkpoint/agreement";
import { packWholeImages } from "../llavaOnevision/packing";
import { joinViews, type PreparedViews, preparedViews } from "../llavaOnevision/processor";
import type { Processor } from "../processor";
import type { ChatMessage, ChatTemplate } from "../text/chatTemplate";
import { loadChatTemplate } from "../text/chatTemplate";
import { type PreparedText, prepareText, readImageToken } from "../text/placeholders";
import { loadTokenizer, type Tokenizer } from "../text/tokenizer";
import { meanColor, padToSquare } from "../vision/anyRes";
import { centerCrop, type ImageSize, type RgbImage } from "../vision/image";
import {
  type ProcessorFiles,
  readFilter,
  readMean,
  readPixelScaling,
  readProcessorFiles,
  readSize,
  readSwitch,
  requireProcessorType,
  requireSetting,
  type SizeSetting,
} from "../vision/imageSettings";
import { type PixelScaling, pixelTable } from "../vision/pixelValues";
import { type ResampleFilter, resizeImage } from "../vision/resample";
import { type LlavaConfig, rowsPerImage } from "./config";

export interface LlavaSettings {
  /** Colour in which pictures are made square before they are resized; null when they are not. */
  padColor: readonly [number, number, number] | null;
  /** Target of the resize: an exact size, or a shortest edge with the proportions kept. */
  size: SizeSetting;
  cropSize: ImageSize;
  filter: ResampleFilter;
  scaling: PixelScaling;
  imageToken: string;
  /** Image tokens of every picture. */
  tokensPerImage: number;
}

export interface LlavaProcessor extends Processor {
  readonly settings: LlavaSettings;
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
export async function loadLlavaProcessor(folder: string, model?: LlavaConfig): Promise<LlavaProcessor> {
  const [tokenizer, files] = await Promise.all([loadTokenizer(folder), readProcessorFiles(folder)]);
  const chatTemplate = await loadChatTemplate(folder, tokenizer.namedTokens);
  return createLlavaProcessor(tokenizer, chatTemplate, readLlavaSettings(files, tokenizer, model));
}

/** Reads the settings of either generation of files. @throws ModelFileError `model/config-value` */
export function readLlavaSettings(
  { image, processor }: ProcessorFiles,
  tokenizer: Tokenizer,
  model?: LlavaConfig,
): LlavaSettings {
  const type = requireProcessorType(image, ["LlavaImageProcessor", "CLIPImageProcessor"]);
  // CLIP's class pads pictures of a batch to one size, which its crop has given them already.
  const pads = type === "LlavaImageProcessor" && readSwitch(image, "do_pad", false);
  requireSetting(image, "use_square_size", false);
  requireSetting(image, "do_resize", true);
  requireSetting(image, "do_center_crop", true);
  requireSetting(image, "do_convert_rgb", true);
  const cropSize = readSize(image, "crop_size")?.exact ?? { height: 224, width: 224 };
  const patchSize = processor.integer("patch_size", { min: 1, max: 1024 }, model?.vision.patchSize ?? 14);
  const strategy = processor.choice(
    "vision_feature_select_strategy",
    ["default", "full"],
    model?.dropClassToken === false ? "full" : "default",
  );
  // Files from before these keys existed belong to CLIP towers, which have one class token.
  const extra = processor.integer("num_additional_image_tokens", { min: 0, max: 16 }, 1);
  const patches = Math.floor(cropSize.height / patchSize) * Math.floor(cropSize.width / patchSize);
  const tokensPerImage = patches + extra - (strategy === "default" ? 1 : 0);
  if (tokensPerImage < 1) processor.fail("patch_size", "at least one patch in a picture", patchSize);
  const settings: LlavaSettings = {
    padColor: pads ? meanColor(readMean(image)) : null,
    size: readSize(image, "size") ?? { shortestEdge: 224 },
    cropSize,
    filter: readFilter(image),
    scaling: readPixelScaling(image),
    imageToken: readImageToken(processor, tokenizer, "<image>"),
    tokensPerImage,
  };
  if (model !== undefined) checkAgainstModel(settings, model, image.where, tokenizer);
  return settings;
}

function checkAgainstModel(settings: LlavaSettings, model: LlavaConfig, where: string, tokenizer: Tokenizer): void {
  const { imageSize } = model.vision;
  const { cropSize, imageToken } = settings;
  requireAgreement(
    [
      ["crop_size (vision_config.image_size)", `${imageSize} x ${imageSize}`, `${cropSize.height} x ${cropSize.width}`],
      ["image tokens of a picture", rowsPerImage(model), settings.tokensPerImage],
      [`id of ${imageToken} (image_token_index)`, model.imageTokenId, tokenizer.tokenToId(imageToken)],
    ],
    where,
  );
  requireVocabulary(model.text.vocabSize, tokenizer.vocabSize);
}

/** Size with the short side at `edge` and the proportions kept, the long side rounded down. */
export function withShortestEdge({ height, width }: ImageSize, edge: number): ImageSize {
  const long = Math.trunc((edge * Math.max(height, width)) / Math.min(height, width));
  return width <= height ? { width: edge, height: long } : { width: long, height: edge };
}

export function createLlavaProcessor(
  tokenizer: Tokenizer,
  chatTemplate: ChatTemplate,
  settings: LlavaSettings,
): LlavaProcessor {
  const { padColor, size, cropSize, filter } = settings;
  const table = pixelTable(settings.scaling);
  const text = { tokenizer, chatTemplate, imageToken: settings.imageToken };

  function prepareImages(images: readonly RgbImage[]): PreparedViews {
    const views = images.map((given) => {
      const image = padColor === null ? given : padToSquare(given, padColor);
      const resized = resizeImage(image, size.exact ?? withShortestEdge(image, size.shortestEdge!), filter);
      return centerCrop(resized, cropSize);
    });
    const imageSizes = images.map(({ height, width }) => ({ height, width }));
    const pack = packWholeImages(views.length, settings.tokensPerImage);
    return preparedViews(imageSizes, views, cropSize, table, pack);
  }

  return {
    tokenizer,
    chatTemplate,
    settings,
    severalDiffer: false,
    prepareImages,
    joinImages: (images) => joinViews(images, settings.tokensPerImage),
    prepareInputs(messages, images, options) {
      const prepared = "pack" in images ? images : prepareImages(images);
      return { ...prepared, ...prepareText(text, messages, prepared.tokensPerImage, options) };
    },
  };
}
