/**
 * The parts that all image processors' settings share, read from `preprocessor_config.json` or from the
 * `image_processor` part of the newer `processor_config.json`. What they mean together is the processor's matter.
 */
import { ConfigReader } from "../checkpoint/configReader";
import { ModelFileError } from "../errors";
import { readJsonFile } from "../util/jsonFile";
import { describeResolutions, isResolution } from "./anyRes";
import type { ImageSize } from "./image";
import type { PixelScaling } from "./pixelValues";
import { type ResampleFilter, resampleFilters } from "./resample";

export interface ProcessorFiles {
  /** Settings of the image processor. */
  image: ConfigReader;
  /** Settings of the processor around it; empty when the checkpoint has none. */
  processor: ConfigReader;
}

/** Reads both files. @throws ModelFileError `model/missing-processor` when neither has image settings */
export async function readProcessorFiles(folder: string): Promise<ProcessorFiles> {
  const [preprocessor, processor] = await Promise.all([
    readJsonFile(folder, "preprocessor_config.json"),
    readJsonFile(folder, "processor_config.json"),
  ]);
  const around = new ConfigReader(processor ?? {}, "processor_config.json");
  if (around.has("image_processor")) return { image: around.object("image_processor"), processor: around };
  if (preprocessor !== undefined) {
    return { image: new ConfigReader(preprocessor, "preprocessor_config.json"), processor: around };
  }
  throw new ModelFileError(
    "model/missing-processor",
    "The checkpoint has no image settings (preprocessor_config.json, or image_processor in processor_config.json).",
    { where: folder, hint: "Copy preprocessor_config.json of the same model into the folder." },
  );
}

const sides = { min: 1, max: 1 << 14 };

/** Mean and std that CLIP and most others use; the class default in transformers. */
export const clipMean: PixelScaling["mean"] = [0.48145466, 0.4578275, 0.40821073];
export const clipStd: PixelScaling["std"] = [0.26862954, 0.26130258, 0.27577711];

/** `do_rescale`, `rescale_factor`, `do_normalize`, `image_mean`, `image_std`. */
export function readPixelScaling(reader: ConfigReader): PixelScaling {
  const normalize = readSwitch(reader, "do_normalize", true);
  return {
    rescaleFactor: readSwitch(reader, "do_rescale", true)
      ? reader.number("rescale_factor", { min: 1e-6, max: 1 }, 1 / 255)
      : 1,
    mean: normalize ? readMean(reader) : [0, 0, 0],
    std: normalize ? perChannel(reader, "image_std", clipStd, 1e-6) : [1, 1, 1],
  };
}

/** The mean colour, which pictures may be padded with as well. */
export function readMean(reader: ConfigReader): PixelScaling["mean"] {
  return perChannel(reader, "image_mean", clipMean, -255);
}

function perChannel(
  reader: ConfigReader,
  key: string,
  fallback: readonly [number, number, number],
  min: number,
): readonly [number, number, number] {
  const value = reader.raw(key) ?? fallback;
  const list: readonly unknown[] = Array.isArray(value) ? value : [value, value, value];
  const valid = list.length === 3 && list.every((item) => typeof item === "number" && item >= min && item <= 255);
  return valid ? (list as [number, number, number]) : reader.fail(key, `3 numbers from ${min} to 255`, value);
}

/** `resample`, as a number of PIL.Image.Resampling. */
export function readFilter(reader: ConfigReader): ResampleFilter {
  return resampleFilters[reader.integer("resample", { min: 0, max: resampleFilters.length - 1 }, 3)]!;
}

/** A size in any of the forms in use. A bare number is a shortest edge for `size` and a square for `crop_size`. */
export interface SizeSetting {
  exact?: ImageSize;
  shortestEdge?: number;
}

/** `size` or `crop_size`; undefined when missing. */
export function readSize(reader: ConfigReader, key: "size" | "crop_size"): SizeSetting | undefined {
  const value = reader.raw(key);
  if (value === undefined) return undefined;
  if (typeof value === "number") {
    const side = reader.integer(key, sides);
    return key === "size" ? { shortestEdge: side } : { exact: { height: side, width: side } };
  }
  const size = reader.object(key);
  if (size.has("height") && size.has("width")) {
    return { exact: { height: size.integer("height", sides), width: size.integer("width", sides) } };
  }
  if (size.has("longest_edge")) {
    size.fail("longest_edge", "no limit of the other edge", size.raw("longest_edge"), "Remove the setting.");
  }
  if (size.has("shortest_edge")) return { shortestEdge: size.integer("shortest_edge", sides) };
  return reader.fail(key, "height and width, or shortest_edge", value);
}

/** Side of the square views of any-resolution processors: `size` and, where given, the same `crop_size`. */
export function readViewSide(reader: ConfigReader, fallback: number): number {
  const { exact, shortestEdge } = readSize(reader, "size") ?? { shortestEdge: fallback };
  const side = shortestEdge ?? exact!.height;
  if (exact !== undefined && exact.width !== side) reader.fail("size", "a square", reader.raw("size"));
  const crop = readSize(reader, "crop_size")?.exact;
  if (crop !== undefined && (crop.height !== side || crop.width !== side)) {
    reader.fail("crop_size", `${side} x ${side} as size`, reader.raw("crop_size"));
  }
  return side;
}

/** `image_grid_pinpoints`: pairs [height, width] of multiples of `side`. */
export function readPinpoints(
  reader: ConfigReader,
  side: number,
  fallback: readonly (readonly [number, number])[],
): readonly (readonly [number, number])[] {
  const value = reader.raw("image_grid_pinpoints") ?? fallback;
  if (!Array.isArray(value) || value.length === 0 || value.length > 1024) {
    return reader.fail("image_grid_pinpoints", describeResolutions(`${side}`), value);
  }
  const wrong: unknown = value.find((item) => !isResolution(item, side));
  if (wrong !== undefined) reader.fail("image_grid_pinpoints", describeResolutions(`${side}`), JSON.stringify(wrong));
  return value;
}

/** Something that is done or not. The processors only ask whether it is true, so that null turns it off. */
export function readSwitch(reader: ConfigReader, key: string, fallback: boolean): boolean {
  return reader.rawOrNull(key) === null ? false : reader.boolean(key, fallback);
}

/** Refuses settings that would need another way through the processor. `expected` is the only value known. */
export function requireSetting(reader: ConfigReader, key: string, expected: boolean): void {
  if (readSwitch(reader, key, expected) !== expected) {
    reader.fail(key, String(expected), reader.rawOrNull(key), "Remove the setting.");
  }
}

/**
 * `image_processor_type`: another class goes another way, with other defaults. A name may tell its backend by an ending.
 *
 * @param known the first is what a file without the key means
 */
export function requireProcessorType(reader: ConfigReader, known: readonly string[]): string {
  const type = reader.string("image_processor_type", known[0]).replace(/(?:Fast|Pil)$/, "");
  if (known.includes(type)) return type;
  return reader.fail("image_processor_type", known.map((name) => `"${name}"`).join(" or "), type);
}
