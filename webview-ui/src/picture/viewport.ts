/**
 * Which part of a picture is seen, and how large. Positions are shares of the picture (0 to 1), so that two pictures of different
 * size can be looked at through one viewport. Pure functions.
 */

export interface Viewport {
  /** Point of the picture in the middle of the view, as shares of width and height. */
  centerX: number;
  centerY: number;
  /** Screen pixels (CSS) for a pixel of the picture; null: as large as fits. */
  scale: number | null;
}

export interface Size {
  width: number;
  height: number;
}

export const fitted: Viewport = { centerX: 0.5, centerY: 0.5, scale: null };

const maxScale = 64;
/** Part of the view that stays empty around a fitted picture. */
const margin = 0.02;

export function fitScale(picture: Size, view: Size): number {
  const fit = Math.min(view.width / picture.width, view.height / picture.height) * (1 - margin);
  // A small picture is not blown up into mush, but a thumbnail-sized one is shown at a readable size.
  return Math.max(fit > 8 ? 8 : fit, 1e-6);
}

export function scaleOf(viewport: Viewport, picture: Size, view: Size): number {
  return viewport.scale ?? fitScale(picture, view);
}

/** Keeps `screen` (pixels of the view) over the same point of the picture. */
export function zoomAt(
  viewport: Viewport,
  factor: number,
  screen: { x: number; y: number },
  picture: Size,
  view: Size,
): Viewport {
  const old = scaleOf(viewport, picture, view);
  const min = Math.min(fitScale(picture, view), 1) / 4;
  const scale = Math.min(maxScale, Math.max(min, old * factor));
  const point = toPicture(viewport, screen, picture, view);
  return clamp({
    centerX: (point.x - (screen.x - view.width / 2) / scale) / picture.width,
    centerY: (point.y - (screen.y - view.height / 2) / scale) / picture.height,
    scale,
  });
}

/** Moves the picture by pixels of the view. */
export function panBy(viewport: Viewport, dx: number, dy: number, picture: Size, view: Size): Viewport {
  const scale = scaleOf(viewport, picture, view);
  return clamp({
    centerX: viewport.centerX - dx / scale / picture.width,
    centerY: viewport.centerY - dy / scale / picture.height,
    scale,
  });
}

/** Shows a box of the picture (pixels) with some room around it. */
export function fitBox(
  [x0, y0, x1, y1]: readonly [number, number, number, number],
  picture: Size,
  view: Size,
): Viewport {
  const scale = Math.min(view.width / Math.max(1, x1 - x0), view.height / Math.max(1, y1 - y0)) * 0.5;
  return {
    centerX: (x0 + x1) / 2 / picture.width,
    centerY: (y0 + y1) / 2 / picture.height,
    scale: Math.min(maxScale, Math.max(scale, fitScale(picture, view))),
  };
}

/** Pixel of the picture (with fraction) under a pixel of the view. */
export function toPicture(
  viewport: Viewport,
  screen: { x: number; y: number },
  picture: Size,
  view: Size,
): { x: number; y: number } {
  const scale = scaleOf(viewport, picture, view);
  return {
    x: viewport.centerX * picture.width + (screen.x - view.width / 2) / scale,
    y: viewport.centerY * picture.height + (screen.y - view.height / 2) / scale,
  };
}

/** Where the top left corner of the picture lies in the view. */
export function originOf(viewport: Viewport, picture: Size, view: Size): { x: number; y: number } {
  const scale = scaleOf(viewport, picture, view);
  return {
    x: view.width / 2 - viewport.centerX * picture.width * scale,
    y: view.height / 2 - viewport.centerY * picture.height * scale,
  };
}

/** The middle of the view never leaves the picture. */
function clamp(viewport: Viewport): Viewport {
  const inside = (share: number) => Math.min(1, Math.max(0, share));
  return { ...viewport, centerX: inside(viewport.centerX), centerY: inside(viewport.centerY) };
}
