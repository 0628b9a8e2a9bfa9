/** The same picture twice: by bytes, by looks, across a split. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { differenceHash, findDuplicates, findLeaks } from "@iad-r1/server/data/duplicates";
import { encodePng } from "@iad-r1/server/data/png";
import type { InspectionSample } from "@iad-r1/server/data/samples";
import { generateSample } from "@iad-r1/server/data/synth/sample";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

let folder: string;
let samples: InspectionSample[];

/** A file of picture `index`, changed pixel by pixel. */
async function file(
  name: string,
  index: number,
  change: (value: number) => number = (value) => value,
): Promise<InspectionSample> {
  const { image } = generateSample({
    seed: "duplicates",
    index,
    size: 96,
    kinds: ["washer", "gear", "biscuit", "wood"],
  });
  const path = join(folder, `${name}.png`);
  await writeFile(path, encodePng({ ...image, data: image.data.map(change) }));
  return {
    id: name,
    image: path,
    references: [],
    category: "c",
    label: "normal",
    defectType: null,
    location: null,
    locations: [],
    mask: null,
  };
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "duplicates-"));
  samples = [
    await file("a", 0),
    await file("b", 1),
    await file("c", 2),
    await file("a-again", 0),
    await file("b-darker", 1, (value) => Math.floor(value * 0.8)),
  ];
});
afterAll(() => rm(folder, { recursive: true }));

const name = (pair: { a: InspectionSample; b: InspectionSample; kind: string }) =>
  `${pair.a.id} ${pair.kind} ${pair.b.id}`;

describe("findDuplicates", () => {
  it("finds equal files and pictures that only look alike, and nothing else", async () => {
    const { pairs, unreadable } = await findDuplicates(samples);
    expect(pairs.map(name).sort()).toEqual(["a same a-again", "b similar b-darker"]);
    expect(unreadable).toEqual([]);
  });

  it("does not call different synthetic pictures alike", async () => {
    const many = await Promise.all(Array.from({ length: 40 }, (_, k) => file(`many${k}`, 100 + k)));
    expect((await findDuplicates(many)).pairs).toEqual([]);
  });

  it("names pictures that cannot be read and goes on", async () => {
    const broken = join(folder, "broken.png");
    await writeFile(broken, "no picture");
    const { pairs, unreadable } = await findDuplicates([
      { ...samples[0]!, id: "x", image: broken },
      samples[0]!,
      samples[3]!,
    ]);
    expect(unreadable.map((one) => one.sample.id)).toEqual(["x"]);
    expect(pairs.map(name)).toEqual(["a same a-again"]);
  });

  it("stops when asked", async () => {
    await expect(findDuplicates(samples, { signal: AbortSignal.abort() })).rejects.toMatchObject({ code: "cancelled" });
  });
});

describe("findLeaks", () => {
  it("reports pairs across parts only, with their parts", async () => {
    const [a, b, c, again, darker] = samples as [
      InspectionSample,
      InspectionSample,
      InspectionSample,
      InspectionSample,
      InspectionSample,
    ];
    const { pairs } = await findLeaks({ train: [a, again, b], test: [c, darker] });
    expect(pairs.map((pair) => [name(pair), pair.parts])).toEqual([["b similar b-darker", ["train", "test"]]]);
  });
});

describe("differenceHash", () => {
  it("sets a bit where a field is brighter than its right neighbour", () => {
    const data = new Uint8Array(17 * 16 * 3).fill(10);
    data.fill(200, 3 * (17 * 2 + 4), 3 * (17 * 2 + 5));
    const bits = differenceHash({ width: 17, height: 16, data });
    expect([...bits]).toEqual([0, 0, 1 << 4, ...new Array<number>(13).fill(0)]);
  });
});
