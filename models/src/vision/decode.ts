/**
 * Picture files to plain RGB, with the very pixels of Pillow's `Image.open(path).convert("RGB")`: no rotation by EXIF,
 * no colour management, transparency dropped. Kinds for which that would not hold or would mislead (16 bits, float,
 * CMYK, GIF, ...) are refused, never converted silently. Sizes are looked at before pixels are decoded.
 */
import { readFile, stat } from "node:fs/promises";
import sharp, { type Metadata, type OutputInfo } from "sharp";
import { DataError } from "../errors";
import { type BmpHeader, decodeBmp, readBmpHeader } from "./bmp";
import type { RgbImage } from "./image";

export interface DecodeOptions {
  /** Pictures of more pixels are refused before decoding; default 178,956,970, where Pillow refuses too. */
  maxPixels?: number;
}

const defaultMaxPixels = 178_956_970;
const maxFileBytes = 2 ** 30;

// Results by file name could be those of an older file.
sharp.cache(false);

/**
 * Reads and decodes a picture file.
 *
 * @throws DataError `data/missing-image`, `data/unreadable-image`, `data/empty-image`, `data/not-an-image`,
 *   `data/unsupported-image`, `data/image-too-large`, `data/broken-image`; each names the path
 */
export async function loadImage(path: string, options: DecodeOptions = {}): Promise<RgbImage> {
  return decodeImage(await readImageFile(path), path, options);
}

/** Bytes of a picture file; devices, folders and files above 1 GiB are refused. @throws DataError as `loadImage` */
export async function readImageFile(path: string): Promise<Uint8Array> {
  try {
    const info = await stat(path);
    if (!info.isFile()) {
      throw refuse(
        "data/unreadable-image",
        path,
        `expected a file, got ${info.isDirectory() ? "a folder" : "a device"}`,
        "Name a picture file.",
      );
    }
    if (info.size > maxFileBytes) {
      throw refuse(
        "data/image-too-large",
        path,
        `expected a file of at most ${maxFileBytes} bytes, got ${info.size}`,
        "Make the picture smaller.",
      );
    }
    return await readFile(path);
  } catch (error) {
    if (error instanceof DataError) throw error;
    const missing = (error as NodeJS.ErrnoException).code === "ENOENT";
    throw refuse(
      missing ? "data/missing-image" : "data/unreadable-image",
      path,
      missing ? "there is no such file" : `it cannot be read: ${(error as Error).message}`,
      missing ? "Check the path." : "Check that you may read it.",
      error,
    );
  }
}

/**
 * Decodes the bytes of a picture file.
 *
 * @param name path or name for errors
 * @throws DataError as `loadImage`
 */
export async function decodeImage(bytes: Uint8Array, name: string, options: DecodeOptions = {}): Promise<RgbImage> {
  const format = formatOf(bytes, name);
  if (format === "BMP") return decodeBitmap(bytes, name, options);
  // "error" lets pass what only earns a warning from the codec, as Pillow does; cut-off files are errors.
  const input = { failOn: "error", limitInputPixels: false, ignoreIcc: true } as const;
  let header: Metadata;
  try {
    header = await sharp(bytes, input).metadata();
  } catch (error) {
    throw broken(name, format, error);
  }
  checkSize(header.width, header.height, name, options);
  checkKind(header, format, name);
  let raw: { data: Buffer; info: OutputInfo };
  try {
    const picture = sharp(bytes, input);
    // Pillow turns TIFF, and only TIFF, by its orientation tag.
    if (format === "TIFF") picture.autoOrient();
    raw = await picture.removeAlpha().toColourspace("srgb").raw().toBuffer({ resolveWithObject: true });
  } catch (error) {
    throw broken(name, format, error);
  }
  const { data, info } = raw;
  if (info.channels !== 3) throw broken(name, format, new Error(`${info.channels} channels after decoding`));
  return { width: info.width, height: info.height, data: new Uint8Array(data.buffer, data.byteOffset, data.length) };
}

function decodeBitmap(bytes: Uint8Array, name: string, options: DecodeOptions): RgbImage {
  const header: BmpHeader | undefined = readBmpHeader(bytes);
  if (header === undefined) throw broken(name, "BMP", new Error("the header is cut off"));
  checkSize(header.width, header.height, name, options);
  if (header.problem !== undefined) throw unsupported(name, `a BMP of ${header.problem}`);
  const image = decodeBmp(bytes, header);
  if (image === undefined) throw broken(name, "BMP", new Error("the file is cut off"));
  return image;
}

type Format = "JPEG" | "PNG" | "WebP" | "TIFF" | "BMP";

const readable = "JPEG, PNG, WebP, TIFF or BMP";

/** The kind by its first bytes; names of files are not trusted. */
function formatOf(bytes: Uint8Array, name: string): Format {
  if (bytes.length === 0) throw refuse("data/empty-image", name, "the file is empty", "Copy the picture again.");
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, 16)).toString("latin1");
  if (text.startsWith("\xff\xd8\xff")) return "JPEG";
  if (text.startsWith("\x89PNG\r\n\x1a\n")) return "PNG";
  if (text.startsWith("RIFF") && text.slice(8, 12) === "WEBP") return "WebP";
  if (/^(II[*+]\0|MM\0[*+])/.test(text)) return "TIFF";
  if (text.startsWith("BM")) return "BMP";
  const known = /^GIF8/.test(text) ? "GIF" : /^....ftyp(avi|hei|mif|hev)/s.test(text) ? "AVIF or HEIC" : undefined;
  if (known !== undefined) throw unsupported(name, known);
  throw refuse("data/not-an-image", name, `expected ${readable}, got something else`, "Name a picture file.");
}

function checkSize(width: number, height: number, name: string, options: DecodeOptions): void {
  const maxPixels = options.maxPixels ?? defaultMaxPixels;
  if (!(width >= 1 && height >= 1)) {
    throw refuse(
      "data/broken-image",
      name,
      `expected a size of at least 1 x 1, got ${width} x ${height}`,
      "Copy the picture again.",
    );
  }
  if (width * height > maxPixels) {
    throw refuse(
      "data/image-too-large",
      name,
      `expected at most ${maxPixels} pixels, got ${width} x ${height} = ${width * height}`,
      "Make the picture smaller or cut out the part to inspect.",
    );
  }
}

/** Refuses what Pillow would map to 8-bit RGB in a way that spoils the picture, or what decodes differently. */
function checkKind(header: Metadata, format: Format, name: string): void {
  const depth = String(header.depth);
  if (depth !== "uchar") {
    const bits = {
      ushort: "16 bits",
      short: "16 bits",
      uint: "32 bits",
      int: "32 bits",
      float: "32-bit float",
      double: "64-bit float",
    }[depth];
    throw unsupported(
      name,
      `a ${format} of ${bits ?? depth} a channel`,
      "Convert it to 8 bits a channel, with the grey levels scaled as you want them seen.",
    );
  }
  if (header.space !== "srgb" && header.space !== "b-w") {
    throw unsupported(name, `a ${format} in ${header.space.toUpperCase()}`, "Convert it to RGB.");
  }
  if (header.channels > 4) throw unsupported(name, `a ${format} of ${header.channels} channels`, "Convert it to RGB.");
}

function unsupported(name: string, got: string, hint = `Convert it to ${readable}.`): DataError {
  return refuse(
    "data/unsupported-image",
    name,
    `expected ${readable} of 8 bits a channel in RGB or grey, got ${got}`,
    hint,
  );
}

function broken(name: string, format: Format, error: unknown): DataError {
  const reason = (error as Error).message.split("\n")[0]!.trim();
  return refuse(
    "data/broken-image",
    name,
    `the ${format} is damaged: ${reason}`,
    "Copy or download the picture again.",
    error,
  );
}

function refuse(code: string, name: string, what: string, hint: string, cause?: unknown): DataError {
  return new DataError(code, `${name}: ${what}.`, { where: name, hint, cause });
}
