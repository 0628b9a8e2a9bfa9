/** Pictures that are none, that are damaged, too large or of a kind that would be seen wrongly. */
import { copyFileSync, mkdirSync, readFileSync, symlinkSync, truncateSync } from "node:fs";
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { deflateSync } from "node:zlib";
import { loadImage } from "@iad-r1/models/vision/decode";
import {
  type HarmlessCase,
  type HostileCase,
  type HostileContext,
  png,
  pngChunk,
  put,
  soundPng,
} from "../helpers/hostileCase";
import { withoutRoot } from "./weightsCases";

const broken = "data/broken-image";
const tooLarge = "data/image-too-large";
const unsupported = "data/unsupported-image";
const unreadable = "data/unreadable-image";

/** A file of these bytes. */
function bytesCase(
  name: string,
  bytes: () => Buffer,
  code: string,
  says: HostileCase["says"],
  file = "part.png",
): HostileCase {
  return {
    name,
    make: (context) => put(context, file, bytes()),
    act: (_, path) => loadImage(path as string),
    code,
    says: ["part", ...says],
  };
}

/** A picture of the fixtures, changed where `change` is given. */
function pictureCase(
  name: string,
  picture: string,
  code: string,
  says: HostileCase["says"],
  change?: (bytes: Buffer) => Buffer,
): HostileCase {
  return {
    name,
    make: (context) =>
      put(
        context,
        `part-${picture}`,
        change === undefined ? fixture(context, picture) : change(fixture(context, picture)),
      ),
    act: (_, path) => loadImage(path as string),
    code,
    says: ["part", ...says],
  };
}

function fixture({ fixtures }: HostileContext, picture: string): Buffer {
  return readFileSync(join(fixtures, "vision/pictures", picture));
}

function pathCase(
  name: string,
  make: (path: string) => unknown,
  code: string,
  says: HostileCase["says"],
  file = "part.png",
): HostileCase {
  return {
    name,
    make: ({ folder }) => {
      const path = join(folder, file);
      make(path);
      return path;
    },
    act: (_, path) => loadImage(path as string),
    code,
    says,
  };
}

/** A JPEG that claims a size: only the frame header of a sound one is changed. */
function jpegOfSize(bytes: Buffer, width: number, height: number): Buffer {
  const frame = bytes.findIndex((byte, i) => byte === 0xff && [0xc0, 0xc1, 0xc2].includes(bytes[i + 1]!));
  bytes.writeUInt16BE(height, frame + 5);
  bytes.writeUInt16BE(width, frame + 7);
  return bytes;
}

const half = (bytes: Buffer) => bytes.subarray(0, bytes.length >> 1);

/** 12,000 x 12,000 zeros in a few kilobytes, cut off before their end. */
function cutBomb(): Buffer {
  const row = deflateSync(Buffer.alloc(2 ** 20));
  return Buffer.concat([png(12_000, 12_000).subarray(0, 33), pngChunk("IDAT", row)]);
}

function tiffHeader(width: number, height: number): Buffer {
  const entries = [
    [256, width],
    [257, height],
    [258, 8],
    [259, 1],
    [262, 1],
    [273, 8],
    [277, 1],
    [278, height],
    [279, 4_000_000_000],
  ] as const;
  const bytes = Buffer.alloc(8 + 2 + entries.length * 12 + 4);
  bytes.write("II*\0", 0, "latin1");
  bytes.writeUInt32LE(8, 4);
  bytes.writeUInt16LE(entries.length, 8);
  for (const [i, [tag, value]] of entries.entries()) {
    const at = 10 + 12 * i;
    bytes.writeUInt16LE(tag, at);
    bytes.writeUInt16LE(4, at + 2);
    bytes.writeUInt32LE(1, at + 4);
    bytes.writeUInt32LE(value, at + 8);
  }
  return bytes;
}

/** Writes a number into a header. */
function edit(write: (bytes: Buffer) => unknown): (bytes: Buffer) => Buffer {
  return (bytes) => {
    write(bytes);
    return bytes;
  };
}

function withWrongCheck(bytes: Buffer): Buffer {
  const at = bytes.indexOf("IDAT") + 6;
  bytes[at]! ^= 0xff;
  return bytes;
}

export const imageCases: HostileCase[] = [
  pathCase("a picture that is not there", () => undefined, "data/missing-image", ["part.png", "no such file"]),
  pathCase("a folder in place of a picture", (path) => mkdirSync(path), unreadable, ["a file", "a folder"]),
  pathCase("a pipe in place of a picture", (path) => execFileSync("mkfifo", [path]), unreadable, ["a device"]),
  pathCase("an endless device in place of a picture", (path) => symlinkSync("/dev/zero", path), unreadable, [
    "a device",
  ]),
  pathCase("a symbolic link to itself in place of a picture", (path) => symlinkSync(path, path), unreadable, ["ELOOP"]),
  pathCase("a link to a picture that is gone", (path) => symlinkSync(`${path}.gone`, path), "data/missing-image", [
    "no such file",
  ]),
  {
    name: "a picture whose folder is a file",
    make: (context) => join(put(context, "folder", "a file"), "part.png"),
    act: (_, path) => loadImage(path as string),
    code: unreadable,
    says: ["part.png", "ENOTDIR"],
  },
  {
    name: "a picture that may not be read",
    make: (context) => {
      const path = put(context, "part.png", soundPng());
      execFileSync("chmod", ["000", path]);
      return path;
    },
    act: (_, path) => withoutRoot(() => loadImage(path as string)),
    code: unreadable,
    says: ["part.png", "EACCES"],
  },
  pathCase(
    "a missing picture with a line break and terminal commands in its name",
    () => undefined,
    "data/missing-image",
    ["no such file"],
    "a\nb\u001b[2J.png",
  ),
  pathCase(
    "a picture file of two gigabytes",
    (path) => {
      copyFileSync("/dev/null", path);
      truncateSync(path, 2 ** 31);
    },
    tooLarge,
    ["2147483648"],
  ),

  bytesCase("a picture of no bytes", () => Buffer.alloc(0), "data/empty-image", ["empty"]),
  bytesCase("a text that is called a picture", () => Buffer.from("Not a picture at all.\n"), "data/not-an-image", [
    "PNG",
  ]),
  bytesCase(
    "a web page that is called a picture",
    () => Buffer.from("<!DOCTYPE html><html><body>404</body></html>"),
    "data/not-an-image",
    ["PNG"],
  ),
  bytesCase(
    "an SVG drawing that reads files",
    () =>
      Buffer.from(
        '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><image href="file:///etc/passwd"/></svg>',
      ),
    "data/not-an-image",
    ["PNG"],
  ),
  bytesCase("zeros in place of a picture", () => Buffer.alloc(4096), "data/not-an-image", ["PNG"]),
  bytesCase(
    "a PDF that is called a picture",
    () => Buffer.from("%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", "latin1"),
    "data/not-an-image",
    ["PNG"],
  ),
  bytesCase("the signature of a PNG alone", () => soundPng().subarray(0, 8), broken, ["PNG"]),
  bytesCase("a PNG cut in its header", () => soundPng().subarray(0, 20), broken, ["PNG"]),
  bytesCase("a PNG cut in its pixels", () => half(soundPng(64, 64)), broken, ["PNG"]),
  bytesCase("a PNG with a wrong checksum", () => withWrongCheck(soundPng()), broken, ["PNG"]),
  bytesCase("a PNG of no width", () => png(0, 9), broken, ["PNG"]),
  bytesCase("a PNG of no height", () => png(9, 0), broken, ["PNG"]),
  bytesCase("a PNG without pixels", () => png(4, 4), broken, ["PNG"]),
  bytesCase(
    "a PNG with fewer pixels than its header says",
    () => png(400, 400, { pixels: Buffer.alloc(1201 * 3) }),
    broken,
    ["PNG"],
  ),
  bytesCase("a PNG header of 60,000 x 60,000 pixels", () => png(60_000, 60_000), tooLarge, ["178956970", "3600000000"]),
  bytesCase("a PNG header of the largest sides", () => png(2 ** 31 - 1, 2 ** 31 - 1), broken, ["PNG"]),
  bytesCase("a cut-off PNG that would unpack to 400 megabytes", cutBomb, broken, ["PNG"]),
  bytesCase(
    "a PNG whose text would unpack to gigabytes",
    () => {
      const text = Buffer.concat([Buffer.from("Comment\0\0"), deflateSync(Buffer.alloc(2 ** 27))]);
      return png(0, 1, { before: [pngChunk("zTXt", text)] });
    },
    broken,
    ["PNG"],
  ),
  bytesCase(
    "a PNG of a colour type that does not exist",
    () => png(4, 4, { colorType: 5, pixels: Buffer.alloc(64) }),
    broken,
    ["PNG"],
  ),
  bytesCase("a PNG of 16 bits a channel", () => png(2, 2, { depth: 16, pixels: Buffer.alloc(26) }), unsupported, [
    "16 bits",
    "8 bits",
  ]),
  pictureCase("a grey PNG of 16 bits", "i16.png", unsupported, ["16 bits"]),
  pictureCase("a TIFF of 16 bits", "i16.tif", unsupported, ["16 bits"]),
  pictureCase("a TIFF of floating point numbers", "f.tif", unsupported, ["float"]),
  pictureCase("a JPEG in CMYK", "cmyk.jpg", unsupported, ["CMYK", "RGB"]),
  pictureCase("a TIFF in CMYK", "cmyk.tif", unsupported, ["CMYK", "RGB"]),
  pictureCase("a GIF", "p.gif", unsupported, ["GIF", "PNG"]),
  bytesCase("an animated GIF cut off behind its name", () => Buffer.from("GIF89a"), unsupported, ["GIF"], "part.gif"),
  bytesCase("an AVIF", () => Buffer.from("\0\0\0\x1cftypavif\0\0\0\0avifmif1", "latin1"), unsupported, ["AVIF"]),
  bytesCase("the first three bytes of a JPEG", () => Buffer.from([0xff, 0xd8, 0xff]), broken, ["JPEG"]),
  pictureCase("a JPEG cut in the middle", "q95s0.jpg", broken, ["JPEG"], half),
  pictureCase("a progressive JPEG cut in the middle", "prog.jpg", broken, ["JPEG"], half),
  pictureCase("a JPEG that claims 65,000 x 65,000 pixels", "q95s0.jpg", tooLarge, ["65000"], (bytes) =>
    jpegOfSize(bytes, 65_000, 65_000),
  ),
  pictureCase("a JPEG of no height", "q95s0.jpg", broken, ["JPEG"], (bytes) => jpegOfSize(bytes, 16, 0)),
  pictureCase("a WebP cut in the middle", "l.webp", broken, ["WebP"], half),
  pictureCase("a TIFF cut in the middle", "lzw.tif", broken, ["TIFF"], half),
  bytesCase(
    "a TIFF whose directory lies outside the file",
    () => Buffer.from("II*\0\xff\xff\xff\x7f", "latin1"),
    broken,
    ["TIFF"],
  ),
  bytesCase("a TIFF that claims 50,000 x 50,000 pixels", () => tiffHeader(50_000, 50_000), tooLarge, ["2500000000"]),
  bytesCase("a TIFF whose strip is longer than the file", () => tiffHeader(4000, 4000), broken, ["TIFF"]),
  pictureCase(
    "a BMP whose pixels lie outside the file",
    "rgb.bmp",
    broken,
    ["BMP"],
    edit((bytes) => bytes.writeUInt32LE(2 ** 32 - 1, 10)),
  ),
  pictureCase(
    "a BMP that claims gigapixels",
    "rgb.bmp",
    tooLarge,
    ["2147483647"],
    edit((bytes) => bytes.writeInt32LE(2 ** 31 - 1, 18)),
  ),
  pictureCase(
    "a BMP with run-length coding",
    "rgb.bmp",
    unsupported,
    ["compression 1"],
    edit((bytes) => bytes.writeUInt32LE(1, 30)),
  ),
];

/** A sound picture as plain data: its size and the average of each channel. */
async function look(path: string): Promise<unknown> {
  const { width, height, data } = await loadImage(path);
  const sums = [0, 0, 0];
  for (let i = 0; i < data.length; i++) sums[i % 3]! += data[i]!;
  return { width, height, mean: sums.map((sum) => Math.round(sum / (width * height))) };
}

/** Two frames: red, then green. Pillow, and so the reference, opens the first. */
function animatedPng(): Buffer {
  const frame = (color: number[]) => {
    const pixels = Buffer.concat([0, 1].map(() => Buffer.from([0, ...color, ...color])));
    return deflateSync(pixels);
  };
  const control = Buffer.alloc(26);
  control.writeUInt32BE(2, 4);
  control.writeUInt32BE(2, 8);
  const next = Buffer.from(control);
  next.writeUInt32BE(1, 0);
  const header = png(2, 2).subarray(0, 33);
  const count = Buffer.from([0, 0, 0, 2, 0, 0, 0, 0]);
  const later = Buffer.concat([Buffer.from([0, 0, 0, 2]), frame([0, 255, 0])]);
  return Buffer.concat([
    header,
    pngChunk("acTL", count),
    pngChunk("fcTL", control),
    pngChunk("IDAT", frame([255, 0, 0])),
    pngChunk("fcTL", next),
    pngChunk("fdAT", later),
    pngChunk("IEND", Buffer.alloc(0)),
  ]);
}

export const oddImages: HarmlessCase[] = [
  {
    name: "an animated PNG, of which the first picture counts",
    make: (context) => put(context, "part.png", animatedPng()),
    act: (_, path) => look(path as string),
    gives: { width: 2, height: 2, mean: [255, 0, 0] },
  },
  {
    name: "a PNG with the name of a JPEG, a blank and a line break",
    make: (context) => put(context, "a part\n.jpg", soundPng()),
    act: (_, path) => look(path as string),
    gives: { width: 16, height: 12, mean: [90, 90, 90] },
  },
  {
    name: "a PNG with alpha, whose colours count as they are stored",
    make: (context) =>
      put(context, "part.png", png(2, 1, { colorType: 6, pixels: Buffer.from([0, 200, 100, 50, 0, 200, 100, 50, 0]) })),
    act: (_, path) => look(path as string),
    gives: { width: 2, height: 1, mean: [200, 100, 50] },
  },
  {
    name: "a PNG with text behind its end",
    make: (context) => put(context, "part.png", Buffer.concat([soundPng(), Buffer.from("trailing")])),
    act: (_, path) => look(path as string),
    gives: { width: 16, height: 12, mean: [90, 90, 90] },
  },
  {
    name: "a palette picture of one bit",
    make: ({ fixtures }) => join(fixtures, "vision/pictures/p1.png"),
    act: async (_, path) => Object.keys((await look(path as string)) as object),
    gives: ["width", "height", "mean"],
  },
];
