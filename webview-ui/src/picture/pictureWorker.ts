/**
 * Decodes and cuts pictures away from the thread that draws: a picture of a hundred megapixels takes seconds to decode, and nothing
 * may freeze meanwhile. It keeps the decoded picture with its halved copies and gives out tiles. Nothing here knows messages of the host.
 */
import { withoutOrientation } from "./orientation";
import { type PictureAnswer, type PictureAnswers, type PictureRequest, tileSize } from "./messages";

interface WorkerScope {
  onmessage: ((event: MessageEvent<{ id: number; request: PictureRequest }>) => void) | null;
  postMessage(message: PictureAnswer, transfer: Transferable[]): void;
}

const scope = self as unknown as WorkerScope;
const pictures = new Map<number, ImageBitmap[]>();
/** Colours as they are in the file: a read-out must not show what a colour profile made of them. */
const exact: ImageBitmapOptions = { colorSpaceConversion: "none" };
const maxTint = 4096;

scope.onmessage = ({ data: { id, request } }) => {
  answer(request).then(
    ({ value, transfer = [] }) => scope.postMessage({ id, answer: value }, transfer),
    (error: unknown) => scope.postMessage({ id, error: error instanceof Error ? error.message : String(error) }, []),
  );
};

type Answered = { value: PictureAnswers[PictureRequest["type"]]; transfer?: Transferable[] };

async function answer(request: PictureRequest): Promise<Answered> {
  switch (request.type) {
    case "open": {
      const levels = await decode(request.blob);
      pictures.set(request.picture, levels);
      return { value: { levels: levels.map(({ width, height }) => ({ width, height })) } };
    }
    case "tile": {
      const { level, column, row } = request;
      const source = levelsOf(request.picture)[level]!;
      const left = column * tileSize;
      const top = row * tileSize;
      const width = Math.min(tileSize, source.width - left);
      const height = Math.min(tileSize, source.height - top);
      const bitmap = await createImageBitmap(source, left, top, width, height);
      return { value: { bitmap }, transfer: [bitmap] };
    }
    case "pixel": {
      const canvas = new OffscreenCanvas(1, 1);
      const context = canvas.getContext("2d", { willReadFrequently: true })!;
      context.drawImage(levelsOf(request.picture)[0]!, request.x, request.y, 1, 1, 0, 0, 1, 1);
      const [r, g, b, a] = context.getImageData(0, 0, 1, 1).data;
      return { value: { rgba: [r!, g!, b!, a!] } };
    }
    case "tint": {
      const bitmap = await tint(request.blob, request.color);
      return { value: { bitmap }, transfer: [bitmap] };
    }
    case "close":
      for (const bitmap of pictures.get(request.picture) ?? []) bitmap.close();
      pictures.delete(request.picture);
      return { value: null };
  }
}

function levelsOf(picture: number): ImageBitmap[] {
  const levels = pictures.get(picture);
  if (levels === undefined) throw new Error("the picture was closed");
  return levels;
}

async function decode(blob: Blob): Promise<ImageBitmap[]> {
  const levels = [await createImageBitmap(await withoutOrientation(blob), exact)];
  for (let last = levels[0]!; last.width > tileSize || last.height > tileSize; last = levels.at(-1)!) {
    levels.push(
      await createImageBitmap(last, {
        resizeWidth: Math.max(1, Math.ceil(last.width / 2)),
        resizeHeight: Math.max(1, Math.ceil(last.height / 2)),
        resizeQuality: "medium",
      }),
    );
  }
  return levels;
}

async function tint(blob: Blob, [r, g, b]: [number, number, number]): Promise<ImageBitmap> {
  const whole = await createImageBitmap(await withoutOrientation(blob), exact);
  const share = Math.min(1, maxTint / Math.max(whole.width, whole.height));
  const canvas = new OffscreenCanvas(
    Math.max(1, Math.round(whole.width * share)),
    Math.max(1, Math.round(whole.height * share)),
  );
  const context = canvas.getContext("2d", { willReadFrequently: true })!;
  context.drawImage(whole, 0, 0, canvas.width, canvas.height);
  whole.close();
  const pixels = context.getImageData(0, 0, canvas.width, canvas.height);
  for (let i = 0; i < pixels.data.length; i += 4) {
    const isSet = pixels.data[i]! > 127;
    pixels.data.set([r, g, b, isSet ? 255 : 0], i);
  }
  context.putImageData(pixels, 0, 0);
  return canvas.transferToImageBitmap();
}
