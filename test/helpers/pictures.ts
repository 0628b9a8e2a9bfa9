/** The picture of `test/fixtures/vlm/README.md`: integers only, so that every language makes the same bytes. */
import type { RgbImage } from "@iad-r1/models/vision/image";

export function formulaPicture(height: number, width: number): RgbImage {
  const data = new Uint8Array(width * height * 3);
  const triangle = (n: number) => ((n & 511) < 256 ? n & 255 : 511 - (n & 511));
  let at = 0;
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      data[at++] = triangle(3 * x + 5 * y);
      data[at++] = triangle((x * y) >> 4);
      data[at++] = ((Math.imul(x + 1, 73856093) ^ Math.imul(y + 1, 19349663)) >>> 8) & 255;
    }
  }
  return { width, height, data };
}
