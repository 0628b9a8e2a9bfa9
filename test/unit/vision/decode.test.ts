import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { crc32, deflateSync } from "node:zlib";
import { DataError } from "@iad-r1/models/errors";
import { decodeImage, loadImage } from "@iad-r1/models/vision/decode";
import { describe, expect, test } from "vitest";
import { temporaryFolder } from "../../helpers/temporaryFolder";
import { fixturesFolder, readJsonLines } from "../../helpers/tokenizerFolders";

const pictures = join(fixturesFolder, "vision/pictures");

interface Golden {
  file: string;
  mode: string;
  size: [number, number];
  sha256?: string;
  refused?: true;
}

const records = readJsonLines<Golden>("vision/pictures.jsonl");

test.each(records.filter((record) => !record.refused))(
  "$file (Pillow mode $mode) gives Pillow's pixels",
  async (record) => {
    const image = await loadImage(join(pictures, record.file));
    expect([image.width, image.height]).toEqual(record.size);
    expect(createHash("sha256").update(image.data).digest("hex").slice(0, 16)).toBe(record.sha256);
  },
);

test.each(records.filter((record) => record.refused))(
  "$file (Pillow mode $mode) is refused by its kind",
  async (record) => {
    const path = join(pictures, record.file);
    await expect(loadImage(path)).rejects.toMatchObject({ code: "data/unsupported-image", where: path });
  },
);

test("the reference JPEG decodes to the pixels that Pillow recorded", async () => {
  const folder = join(fixturesFolder, "vlm/llava-onevision/images");
  const jpeg = await loadImage(join(folder, "image2.jpg"));
  expect(jpeg).toEqual(await loadImage(join(folder, "image2.decoded.png")));
});

/** A PNG with any header; `pixels` is what the compressed data holds. */
function png(width: number, height: number, depth = 8, colorType = 2, pixels = Buffer.alloc(0)): Buffer {
  const chunk = (type: string, data: Buffer) => {
    const body = Buffer.concat([Buffer.from(type, "latin1"), data]);
    const length = Buffer.alloc(4);
    length.writeUInt32BE(data.length);
    const check = Buffer.alloc(4);
    check.writeUInt32BE(crc32(body));
    return Buffer.concat([length, body, check]);
  };
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([depth, colorType, 0, 0, 0], 8);
  return Buffer.concat([
    Buffer.from("\x89PNG\r\n\x1a\n", "latin1"),
    chunk("IHDR", header),
    chunk("IDAT", deflateSync(pixels)),
    chunk("IEND", Buffer.alloc(0)),
  ]);
}

function bmp(edit: (header: DataView) => void): Buffer {
  const bytes = Buffer.from(readFileSync(join(pictures, "rgb.bmp")));
  edit(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  return bytes;
}

describe("hostile and damaged bytes end in one clear error", () => {
  const cases: [string, Buffer, string][] = [
    ["no bytes", Buffer.alloc(0), "data/empty-image"],
    ["text", Buffer.from("not a picture at all"), "data/not-an-image"],
    ["an SVG", Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'), "data/not-an-image"],
    ["a JPEG of three bytes", Buffer.from([0xff, 0xd8, 0xff]), "data/broken-image"],
    ["a PNG of no width", png(0, 4), "data/broken-image"],
    ["a PNG that claims 2 gigapixels", png(2 ** 16, 2 ** 15), "data/image-too-large"],
    ["a PNG that claims the largest sides", png(2 ** 31 - 1, 2 ** 31 - 1), "data/broken-image"],
    ["a PNG without pixels", png(4, 4), "data/broken-image"],
    ["a PNG of 16 bits", png(2, 1, 16, 0, Buffer.from([0, 1, 2, 3, 4])), "data/unsupported-image"],
    ["a TIFF header alone", Buffer.from("II*\0\x08\0\0\0", "latin1"), "data/broken-image"],
    ["a BMP header alone", Buffer.from("BM"), "data/broken-image"],
    ["a BMP of no height", bmp((header) => header.setInt32(22, 0, true)), "data/broken-image"],
    ["a BMP of negative width", bmp((header) => header.setInt32(18, -19, true)), "data/broken-image"],
    ["a BMP that claims gigapixels", bmp((header) => header.setInt32(18, 2 ** 31 - 1, true)), "data/image-too-large"],
    ["a BMP larger than its file", bmp((header) => header.setInt32(22, 14, true)), "data/broken-image"],
    ["a BMP whose pixels lie outside", bmp((header) => header.setUint32(10, 2 ** 32 - 1, true)), "data/broken-image"],
    ["a BMP with run-length coding", bmp((header) => header.setUint32(30, 1, true)), "data/unsupported-image"],
    ["a BMP with an absurd header size", bmp((header) => header.setUint32(14, 3, true)), "data/broken-image"],
  ];
  test.each(cases)("%s", async (name, bytes, code) => {
    const decoding = decodeImage(bytes, name);
    await expect(decoding).rejects.toBeInstanceOf(DataError);
    await expect(decoding).rejects.toMatchObject({ code, where: name });
  });

  test.each(["rgb.png", "p.png", "q30s0.jpg", "prog.jpg", "l.webp", "y.webp", "lzw.tif", "jpg.tif", "p.bmp"])(
    "%s cut off anywhere is either refused or, where only an end mark is missing, the same picture",
    async (file) => {
      const whole = readFileSync(join(pictures, file));
      const expected = await decodeImage(whole, file);
      for (let length = 0; length < whole.length; length += 7) {
        const got = await decodeImage(whole.subarray(0, length), file).catch((error: unknown) => error);
        if (!(got instanceof DataError)) expect(got).toEqual(expected);
      }
    },
  );

  test("the pixel limit can be lowered", async () => {
    await expect(loadImage(join(pictures, "rgb.png"), { maxPixels: 19 * 13 - 1 })).rejects.toMatchObject({
      code: "data/image-too-large",
    });
    await expect(loadImage(join(pictures, "rgb.png"), { maxPixels: 19 * 13 })).resolves.toMatchObject({ width: 19 });
  });
});

describe("paths", () => {
  test("a missing file, a folder and a device are refused by name", async () => {
    const folder = temporaryFolder();
    await expect(loadImage(join(folder, "none.png"))).rejects.toMatchObject({ code: "data/missing-image" });
    await expect(loadImage(folder)).rejects.toMatchObject({ code: "data/unreadable-image" });
    await expect(loadImage("/dev/null")).rejects.toBeInstanceOf(DataError);
  });

  test("the kind is told by content, not by name", async () => {
    const path = join(temporaryFolder(), "really-a-png.jpg");
    writeFileSync(path, readFileSync(join(pictures, "rgb.png")));
    expect((await loadImage(path)).width).toBe(19);
  });
});
