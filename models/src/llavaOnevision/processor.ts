/**
 * From messages and pictures to what LLaVA-OneVision takes: token ids with the image tokens in place, pixel values of
 * all views, and the map that puts their features together. Pixels are those of Pillow, which the checkpoints were
 * trained with. No tensors, no graph, no batching.
 *
 * @see transformers 5.18 `LlavaOnevisionProcessor`, `LlavaOnevisionImageProcessorPil`
 */
import { requireAgreement, requireVocabulary } from "../checkpoint/agreement";
import type { ConfigReader } from "../checkpoint/configReader";
import type { PreparedImages, Processor } from "../processor";
import { type ChatMessage, type ChatTemplate, loadChatTemplate } from "../text/chatTemplate";
import { type PreparedText, prepareText, readImageToken } from "../text/placeholders";
import { loadTokenizer, type Tokenizer } from "../text/tokenizer";
import { cutViews, meanColor, padToSquare, type Resolution } from "../vision/anyRes";
import type { ImageSize, RgbImage } from "../vision/image";
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
import { joinValues, type PixelScaling, pixelTable, stackPlanes } from "../vision/pixelValues";
import { type ResampleFilter, resizeImage } from "../vision/resample";
import type { LlavaOnevisionConfig } from "./config";
import { mergePackPlans, type PackGeometry, type PackPlan, packImages } from "./packing";

/**
 * What happens to the pictures of a prompt with two or more: "padSquare" (transformers 5) pads each to a square with the
 * mean colour and takes it as one view; "anyRes" (up to mid-2025, the reference's 4.51.3) cuts each as if it were alone.
 */
export type SeveralImages = "padSquare" | "anyRes";

export interface LlavaOnevisionSettings {
  /** Side of a view in pixels; the tower takes squares. */
  viewSide: number;
  gridPinpoints: readonly Resolution[];
  filter: ResampleFilter;
  scaling: PixelScaling;
  imageToken: string;
  /** Rows of one view. */
  numImageTokens: number;
  /** The 9 of "anyres_max_9". */
  maxViews: number;
  severalImages: SeveralImages;
}

export interface PreparedViews extends PreparedImages {
  /** [S, 3, H, W], views of all pictures one after another */
  pixelShape: [views: number, channels: 3, height: number, width: number];
  /** Views of each picture. */
  cropsPerImage: number[];
  pack: PackPlan;
}

export interface LlavaOnevisionProcessor extends Processor {
  readonly settings: LlavaOnevisionSettings;
  readonly imageTokenId: number;
  prepareImages(images: readonly RgbImage[], numImages?: number): PreparedViews;
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
 * @param options.model         the parsed config.json: fills in and checks what both files say
 * @param options.severalImages default "padSquare", as transformers 5 does
 */
export async function loadLlavaOnevisionProcessor(
  folder: string,
  options: { model?: LlavaOnevisionConfig; severalImages?: SeveralImages } = {},
): Promise<LlavaOnevisionProcessor> {
  const [tokenizer, files] = await Promise.all([loadTokenizer(folder), readProcessorFiles(folder)]);
  const chatTemplate = await loadChatTemplate(folder, tokenizer.namedTokens);
  const settings = readLlavaOnevisionSettings(files, tokenizer, options);
  return createLlavaOnevisionProcessor(tokenizer, chatTemplate, settings);
}

const defaultPinpoints: readonly Resolution[] = [1, 2, 3, 4, 5, 6].flatMap((rows) =>
  [1, 2, 3, 4, 5, 6].map((columns): Resolution => [rows * 384, columns * 384]),
);

/** Reads the settings of either generation of files. @throws ModelFileError `model/config-value` */
export function readLlavaOnevisionSettings(
  { image, processor }: ProcessorFiles,
  tokenizer: Tokenizer,
  options: { model?: LlavaOnevisionConfig; severalImages?: SeveralImages } = {},
): LlavaOnevisionSettings {
  const { model } = options;
  requireProcessorType(image, ["LlavaOnevisionImageProcessor"]);
  requireSetting(image, "do_resize", true);
  requireSetting(image, "do_convert_rgb", true);
  requireSetting(image, "do_center_crop", false);
  requireSetting(image, "do_normalize", true);
  const viewSide = readViewSide(image, 384);
  const settings: LlavaOnevisionSettings = {
    viewSide,
    gridPinpoints: readPinpoints(image, viewSide, defaultPinpoints),
    filter: readFilter(image),
    scaling: readPixelScaling(image),
    imageToken: readImageToken(processor, tokenizer, "<image>"),
    numImageTokens: readNumImageTokens(processor, model),
    maxViews: readMaxViews(processor, model),
    severalImages: options.severalImages ?? "padSquare",
  };
  // A class token to leave out does not exist in SigLIP.
  processor.choice("vision_feature_select_strategy", ["full"], "full");
  if (model !== undefined) checkAgainstModel(settings, model, image, tokenizer);
  return settings;
}

function readNumImageTokens(processor: ConfigReader, model: LlavaOnevisionConfig | undefined): number {
  const fromModel = model && Math.floor(model.vision.imageSize / model.vision.patchSize) ** 2;
  const count = processor.integer("num_image_tokens", { min: 1, max: 1 << 16 }, fromModel);
  if (!Number.isInteger(Math.sqrt(count))) processor.fail("num_image_tokens", "a square number", count);
  return count;
}

function readMaxViews(processor: ConfigReader, model: LlavaOnevisionConfig | undefined): number {
  const fallback = `anyres_max_${model?.maxViews ?? 9}`;
  const text = processor.string("vision_aspect_ratio", fallback);
  const views = /^anyres_max_([1-9]\d{0,2})$/.exec(text)?.[1];
  return views === undefined ? processor.fail("vision_aspect_ratio", '"anyres_max_N"', text) : Number(views);
}

/** Token counts come from these settings, features from config.json: where they differ nothing can fit. */
function checkAgainstModel(
  settings: LlavaOnevisionSettings,
  model: LlavaOnevisionConfig,
  image: ConfigReader,
  tokenizer: Tokenizer,
): void {
  const { imageSize, patchSize } = model.vision;
  requireAgreement(
    [
      ["size (vision_config.image_size)", imageSize, settings.viewSide],
      ["num_image_tokens (patches of a view)", Math.floor(imageSize / patchSize) ** 2, settings.numImageTokens],
      ["image_grid_pinpoints", JSON.stringify(model.gridPinpoints), JSON.stringify(settings.gridPinpoints)],
      ["vision_aspect_ratio", `anyres_max_${model.maxViews}`, `anyres_max_${settings.maxViews}`],
      [`id of ${settings.imageToken} (image_token_id)`, model.imageTokenId, tokenizer.tokenToId(settings.imageToken)],
    ],
    image.where,
  );
  requireVocabulary(model.text.vocabSize, tokenizer.vocabSize);
}

export function createLlavaOnevisionProcessor(
  tokenizer: Tokenizer,
  chatTemplate: ChatTemplate,
  settings: LlavaOnevisionSettings,
): LlavaOnevisionProcessor {
  const { viewSide, filter, scaling } = settings;
  const text = { tokenizer, chatTemplate, imageToken: settings.imageToken };
  const table = pixelTable(scaling);
  const geometry: PackGeometry = {
    gridPinpoints: settings.gridPinpoints,
    viewSize: viewSide,
    patchesPerSide: Math.sqrt(settings.numImageTokens),
    maxViews: settings.maxViews,
  };
  const paddingColor = meanColor(scaling.mean);

  function prepareImages(images: readonly RgbImage[], numImages = images.length): PreparedViews {
    const cut = numImages === 1 || settings.severalImages === "anyRes";
    const views = images.flatMap((image) =>
      cut
        ? cutViews(image, settings.gridPinpoints, viewSide, filter)
        : [resizeImage(padToSquare(image, paddingColor), { width: viewSide, height: viewSide }, filter)],
    );
    const imageSizes = images.map(({ height, width }) => ({ height, width }));
    const pack = packImages(
      imageSizes.map((size) => ({ size, cut })),
      geometry,
    );
    return preparedViews(imageSizes, views, { width: viewSide, height: viewSide }, table, pack);
  }

  return {
    tokenizer,
    chatTemplate,
    settings,
    imageTokenId: tokenizer.tokenToId(settings.imageToken)!,
    severalDiffer: settings.severalImages === "padSquare",
    prepareImages,
    joinImages: (images) => joinViews(images, settings.numImageTokens),
    prepareInputs(messages, images, options = {}) {
      const prepared = "pack" in images ? images : prepareImages(images);
      return { ...prepared, ...prepareText(text, messages, prepared.tokensPerImage, options) };
    },
  };
}

/** Pictures as the tower takes them. `views`: all of the size `view`; `table`: pixel values by channel and byte. */
export function preparedViews(
  imageSizes: ImageSize[],
  views: readonly RgbImage[],
  { height, width }: ImageSize,
  table: Float32Array,
  pack: PackPlan,
): PreparedViews {
  return {
    pixelValues: stackPlanes(views, table),
    pixelShape: [views.length, 3, height, width],
    imageSizes,
    cropsPerImage: pack.viewsPerImage,
    tokensPerImage: pack.rowsPerImage,
    pack,
  };
}

/** Views of pictures one after another, at least one. `patches`: rows of a view. */
export function joinViews(images: readonly PreparedViews[], patches: number): PreparedViews {
  const [, ...viewShape] = images[0]!.pixelShape;
  const pack = mergePackPlans(
    images.map((one) => one.pack),
    patches,
  );
  return {
    pixelValues: joinValues(images.map(({ pixelValues }) => pixelValues)),
    pixelShape: [pack.numViews, ...viewShape],
    imageSizes: images.flatMap(({ imageSizes }) => imageSizes),
    cropsPerImage: pack.viewsPerImage,
    tokensPerImage: pack.rowsPerImage,
    pack,
  };
}
