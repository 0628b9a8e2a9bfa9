import sharp from "sharp";
import { expect, test } from "vitest";
import { orientationAt, withoutOrientation } from "@iad-r1/webview-ui/picture/orientation";

const picture = sharp({ create: { width: 40, height: 20, channels: 3, background: "red" } });

async function orientationOf(file: Blob): Promise<number | undefined> {
  return (await sharp(Buffer.from(await file.arrayBuffer())).metadata()).orientation;
}

test("the orientation of a JPEG goes, and all else stays", async () => {
  const bytes = await picture.clone().withMetadata({ orientation: 6 }).jpeg().toBuffer();
  const file = new Blob([bytes], { type: "image/jpeg" });
  expect(await orientationOf(file)).toBe(6);
  const stored = await withoutOrientation(file);
  expect(await orientationOf(stored)).toBe(1);
  expect(stored.type).toBe("image/jpeg");
  const changed = new Uint8Array(await stored.arrayBuffer());
  expect([...changed.keys()].filter((i) => changed[i] !== bytes[i])).toHaveLength(1);
});

test("pictures without it are left alone", async () => {
  for (const bytes of [await picture.clone().jpeg().toBuffer(), await picture.clone().png().toBuffer(), Buffer.of()]) {
    const file = new Blob([bytes]);
    expect(await withoutOrientation(file)).toBe(file);
  }
});

test("files that are cut off or lie about their lengths have none", async () => {
  const whole = await picture.clone().withMetadata({ orientation: 3 }).jpeg().toBuffer();
  const at = orientationAt(whole)!;
  for (let length = 0; length < at + 4; length++) expect(orientationAt(whole.subarray(0, length))).toBeNull();
  const empty = Uint8Array.of(0xff, 0xd8, 0xff, 0xe0, 0, 0, 0xff, 0xe0, 0, 0, 0xff, 0xe0, 0, 0, 0, 0);
  expect(orientationAt(empty)).toBeNull();
});
