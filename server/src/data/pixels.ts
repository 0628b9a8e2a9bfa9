/** The pixels of a sample: decoded from its files or generated on the spot. */

import { DataError } from "@iad-r1/models/errors";
import { loadImage } from "@iad-r1/models/vision/decode";
import type { RgbImage } from "@iad-r1/models/vision/image";
import { locateMask } from "./locations";
import type { InspectionSample } from "./samples";
import { generateReference, generateSample } from "./synth/sample";

export interface MaskImage {
  width: number;
  height: number;
  /** (height, width), 255 on the defect, 0 elsewhere. */
  data: Uint8Array;
}

/** @throws DataError when the file is missing, damaged or of a kind that is not supported */
export async function sampleImage(sample: InspectionSample): Promise<RgbImage> {
  return sample.synth === undefined ? loadImage(sample.image) : generateSample(sample.synth).image;
}

/** The first `count` reference pictures; fewer when fewer are known. */
export async function sampleReferences(sample: InspectionSample, count = 1): Promise<RgbImage[]> {
  if (sample.synth !== undefined) return count > 0 ? [generateReference(sample.synth)] : [];
  return Promise.all(sample.references.slice(0, count).map((path) => loadImage(path)));
}

/** The mask, or null when there is none. Any picture is one, see `loadMask`. */
export async function sampleMask(sample: InspectionSample): Promise<MaskImage | null> {
  if (sample.synth !== undefined) {
    const { image, mask } = generateSample(sample.synth);
    return mask === null ? null : { width: image.width, height: image.height, data: mask };
  }
  return sample.mask === null ? null : loadMask(sample.mask);
}

/** Masks are black and white with what is brighter than half as the defect, or number kinds of defects from 1 on (VisA), in any colour. */
export async function loadMask(path: string): Promise<MaskImage> {
  const { width, height, data } = await loadImage(path);
  const mask = new Uint8Array(width * height);
  for (let i = 0; i < mask.length; i++) mask[i] = Math.max(data[3 * i]!, data[3 * i + 1]!, data[3 * i + 2]!);
  const brightest = mask.reduce((most, value) => Math.max(most, value), 0);
  const level = brightest > 127 ? 127 : 0;
  for (let i = 0; i < mask.length; i++) mask[i] = mask[i]! > level ? 255 : 0;
  return { width, height, data: mask };
}

/**
 * Says of a sample where its mask lies.
 *
 * @returns false for an empty mask, which lies nowhere
 * @throws DataError when the mask cannot be read
 */
export async function locateByMask(sample: InspectionSample, mask: string): Promise<boolean> {
  const { data, width, height } = await loadMask(mask);
  const place = locateMask(data, width, height);
  if (place === null) return false;
  sample.location = place.location;
  sample.locations = place.locations;
  sample.locationShare = place.share;
  return true;
}

/** Width and height must agree before a mask is laid over its picture. */
export function checkMaskSize(image: RgbImage, mask: MaskImage, path: string): void {
  if (image.width === mask.width && image.height === mask.height) return;
  throw new DataError(
    "data/mask-size",
    `The mask is ${mask.width}x${mask.height} pixels, its image ${image.width}x${image.height}.`,
    { where: path, hint: "Save the mask in the size of the image." },
  );
}
