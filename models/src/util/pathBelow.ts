import { isAbsolute, relative, sep } from "node:path";

/**
 * The way from a folder to what lies in it, with "/" on every system; "" for the folder itself.
 *
 * @returns null for what lies elsewhere, on Windows on another drive for instance
 */
export function pathBelow(folder: string, path: string): string | null {
  const inside = relative(folder, path);
  const isOutside = inside === ".." || inside.startsWith(`..${sep}`) || isAbsolute(inside);
  return isOutside ? null : inside.split(sep).join("/");
}
