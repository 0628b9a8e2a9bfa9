/** What a view and its picture worker say to each other. Plain data and transferred bitmaps. */

/** Width and height of a tile in pixels of its level. */
export const tileSize = 1024;

export interface Level {
  width: number;
  height: number;
}

export type PictureRequest =
  | { type: "open"; picture: number; blob: Blob }
  | { type: "tile"; picture: number; level: number; column: number; row: number }
  | { type: "pixel"; picture: number; x: number; y: number }
  /** A mask as a bitmap in one colour, transparent where the mask is black. */
  | { type: "tint"; blob: Blob; color: [number, number, number] }
  | { type: "close"; picture: number };

export interface PictureAnswers {
  /** Level 0 is the picture itself; every next one has half the width and height. */
  open: { levels: Level[] };
  tile: { bitmap: ImageBitmap };
  pixel: { rgba: [number, number, number, number] };
  tint: { bitmap: ImageBitmap };
  close: null;
}

export type PictureAnswer =
  | { id: number; answer: PictureAnswers[PictureRequest["type"]] }
  | { id: number; error: string };
