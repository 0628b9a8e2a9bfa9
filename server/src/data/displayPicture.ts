/**
 * A picture as a PNG that every browser can show, for the formats that browsers cannot: with the very pixels that the model gets. The same
 * picture gives the same bytes, so that the file can be named by its contents.
 */
import { loadImage } from "@iad-r1/models/vision/decode";
import sharp from "sharp";

/** @throws DataError as `loadImage` */
export async function pictureAsPng(path: string, out: string): Promise<void> {
  const { data, width, height } = await loadImage(path);
  // Little compression: the file lives on this machine's disk and is read once.
  await sharp(data, { raw: { width, height, channels: 3 }, limitInputPixels: false })
    .png({ compressionLevel: 2 })
    .toFile(out);
}
