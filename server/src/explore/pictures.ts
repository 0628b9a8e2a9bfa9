/** The picture of a recorded rollout, as the model saw it, and its ground truth mask: bytes that every browser shows. */
import { readImageFile, loadImage } from "@iad-r1/models/vision/decode";
import type { RgbImage } from "@iad-r1/models/vision/image";
import { resizeImage } from "@iad-r1/models/vision/resample";
import { turnPicture } from "../data/augment";
import { loadMask } from "../data/pixels";
import { encodePng } from "../data/png";
import { generateSample, type SynthOptions } from "../data/synth/sample";
import { pictureOf } from "../rollouts/row";

/** What is known of a picture: see `RolloutSample`. */
export interface PictureReference {
  /** As recorded: a path, or the name of a generated picture; a turned one ends in `~` and a digit. */
  id: string;
  mask: string | null;
  synth: unknown;
}

export type PictureKind = "picture" | "mask" | "thumbnail";

const thumbnailSize = 72;

/**
 * @returns null when there is no such picture or mask
 * @throws DataError when a file is missing or damaged
 */
export async function rolloutPicture(
  { id, mask, synth }: PictureReference,
  kind: PictureKind,
): Promise<{ mime: string; data: Uint8Array } | null> {
  const { path, turn, isFile } = pictureOf(id);
  if (kind === "mask") {
    const found =
      typeof synth === "object" && synth !== null
        ? maskOf(synth as SynthOptions)
        : mask === null
          ? null
          : greyOf(await loadMask(mask));
    return found === null ? null : png(turnPicture(found, turn));
  }
  if (!isFile) {
    if (typeof synth !== "object" || synth === null) return null;
    return shown(turnPicture(generateSample(synth as SynthOptions).image, turn), kind);
  }
  const mime = mimeOf(path);
  if (kind === "picture" && turn === 0 && mime !== null) return { mime, data: await readImageFile(path) };
  return shown(turnPicture(await loadImage(path), turn), kind);
}

function shown(image: RgbImage, kind: PictureKind) {
  const { width, height } = image;
  const scale = Math.min(1, thumbnailSize / Math.max(width, height));
  if (kind !== "thumbnail" || scale === 1) return png(image);
  const size = { width: Math.max(1, Math.round(width * scale)), height: Math.max(1, Math.round(height * scale)) };
  return png(resizeImage(image, size, "bilinear"));
}

function png(image: RgbImage) {
  return { mime: "image/png", data: encodePng(image) };
}

function maskOf(synth: SynthOptions): RgbImage | null {
  const { image, mask } = generateSample(synth);
  return mask === null ? null : greyOf({ width: image.width, height: image.height, data: mask });
}

function greyOf({ width, height, data }: { width: number; height: number; data: Uint8Array }): RgbImage {
  const pixels = new Uint8Array(width * height * 3);
  for (let i = 0; i < data.length; i++) pixels.fill(data[i]! > 0 ? 255 : 0, 3 * i, 3 * i + 3);
  return { width, height, data: pixels };
}

/** Kinds that browsers decode themselves. */
function mimeOf(path: string): string | null {
  const extension = path.slice(path.lastIndexOf(".") + 1).toLowerCase();
  if (extension === "png" || extension === "webp") return `image/${extension}`;
  return extension === "jpg" || extension === "jpeg" ? "image/jpeg" : null;
}
