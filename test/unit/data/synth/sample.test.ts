/** The picture generator: the same bytes everywhere, masks that tell the truth, every defect to be seen, no bias. */
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { LOCATIONS } from "@iad-r1/protocol/locations";
import { locateMask } from "@iad-r1/server/data/locations";
import { DEFECT_TYPES } from "@iad-r1/server/data/synth/defectTypes";
import { KIND_IDS, KINDS } from "@iad-r1/server/data/synth/kinds";
import {
  generatePair,
  generateReference,
  generateSample,
  type SynthImage,
  type SynthOptions,
} from "@iad-r1/server/data/synth/sample";
import { describe, expect, it } from "vitest";

function sha(...parts: Uint8Array[]): string {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest("hex").slice(0, 16);
}

/** Mean difference of the three channels over the pixels of the mask, and the number of differing pixels outside. */
function contrast(a: SynthImage, b: SynthImage, mask: Uint8Array): { inside: number; outside: number } {
  let sum = 0;
  let area = 0;
  let outside = 0;
  for (let i = 0; i < mask.length; i++) {
    let difference = 0;
    for (let k = 0; k < 3; k++) difference += Math.abs(a.data[3 * i + k]! - b.data[3 * i + k]!) / 3;
    if (mask[i] !== 0) {
      sum += difference;
      area++;
    } else if (difference > 0) outside++;
  }
  return { inside: sum / area, outside };
}

/** A small picture of every kind with every defect that it can show. */
const everything: SynthOptions[] = KINDS.flatMap((kind) =>
  kind.defects.map((type, index) => ({
    seed: "everything",
    index,
    size: 64,
    kinds: [kind.id],
    defects: [type],
    anomalousShare: 1,
  })),
);

describe("generateSample", () => {
  it("gives the bytes that every other machine gives", () => {
    const hashes = [0, 1, 2, 3].map((index) => {
      const { image, mask } = generateSample({ seed: 7, index, size: 112 });
      return sha(image.data, mask ?? new Uint8Array(0));
    });
    expect(hashes).toEqual(HASHES);
    const all = KIND_IDS.map((kind) =>
      generateSample({ seed: 1, index: 0, size: 64, kinds: [kind], anomalousShare: 1 }),
    );
    expect(sha(...all.map((sample) => sample.image.data))).toBe(HASH_OF_KINDS);
    expect(sha(generateReference({ seed: 7, index: 1, size: { width: 120, height: 70 } }).data)).toBe(
      HASH_OF_REFERENCE,
    );
  });

  it("uses no function of the maths library that may differ between machines", () => {
    const root = join(import.meta.dirname, "../../../../server/src/data/synth");
    const files = readdirSync(root, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".ts"));
    expect(files.length).toBeGreaterThan(10);
    for (const file of files) {
      const used = readFileSync(join(root, file), "utf8").match(/Math\.\w+|\*\*/g) ?? [];
      const exact = new Set(
        ["sqrt", "floor", "ceil", "round", "abs", "min", "max", "imul", "PI"]
          .map((name) => `Math.${name}`)
          .concat("**"),
      );
      // "**" also opens a comment; a power has a space before it.
      expect(used.filter((name) => !exact.has(name))).toEqual([]);
      expect(readFileSync(join(root, file), "utf8")).not.toMatch(/\w \*\* \w/);
    }
  });

  it("makes sample i from the seed and i alone, whatever was made before", () => {
    const options = { seed: "alone", index: 11, size: 80 };
    const first = generateSample(options);
    for (let index = 0; index < 5; index++) generateSample({ seed: "other", index, size: 96 });
    generateSample({ seed: "alone", index: 12, size: 80 });
    expect(generateSample(options)).toEqual(first);
    expect(generateSample({ ...options, index: 12 }).image.data).not.toEqual(first.image.data);
  });

  it("changes nothing outside the mask, and what is inside can be seen, for every defect on every kind", () => {
    expect(everything.length).toBeGreaterThan(200);
    for (const options of everything) {
      const { sample, sound } = generatePair(options);
      expect(sample.defectType).toBe(options.defects![0]);
      const { inside, outside } = contrast(sample.image, sound, sample.mask!);
      expect({ ...options, outside }).toEqual({ ...options, outside: 0 });
      expect(inside, `${sample.kind} ${sample.defectType}`).toBeGreaterThan(10);
    }
  });

  it("names the place, the box and the area that the mask has", () => {
    for (let index = 0; index < 60; index++) {
      const sample = generateSample({ seed: "place", index, size: { width: 130, height: 90 }, anomalousShare: 1 });
      const place = locateMask(sample.mask!, 130, 90)!;
      expect(sample).toMatchObject({
        location: place.location,
        locations: place.locations,
        locationShare: place.share,
        box: place.box,
      });
      expect(sample.areaShare).toBe(place.area / (130 * 90));
      expect([...new Set(sample.mask!)].sort()).toEqual([0, 255]);
    }
  });

  it("says nothing about a defect on normal pictures", () => {
    const sample = generateSample({ seed: 1, index: 1, size: 64, anomalousShare: 0 });
    expect(sample).toMatchObject({
      label: "normal",
      mask: null,
      box: null,
      defectType: null,
      location: null,
      locations: [],
      areaShare: 0,
    });
  });

  it("draws labels, kinds, types and places evenly, and nine places in ten are clear", () => {
    const samples = Array.from({ length: 900 }, (_, index) => generateSample({ seed: "even", index, size: 40 }));
    const anomalous = samples.filter((sample) => sample.label === "anomalous");
    expect(anomalous.length / samples.length).toBeGreaterThan(0.45);
    expect(anomalous.length / samples.length).toBeLessThan(0.55);
    const share = (test: (sample: (typeof samples)[number]) => boolean) =>
      anomalous.filter(test).length / anomalous.length;
    for (const cell of LOCATIONS) {
      expect(share((sample) => sample.location === cell)).toBeGreaterThan(0.07);
      expect(share((sample) => sample.location === cell)).toBeLessThan(0.16);
    }
    for (const type of DEFECT_TYPES) expect(share((sample) => sample.defectType === type)).toBeGreaterThan(0.03);
    for (const kind of KIND_IDS) expect(samples.filter((sample) => sample.kind === kind).length).toBeGreaterThan(10);
    expect(share((sample) => sample.locationShare! >= 0.6)).toBeGreaterThan(0.9);
  });

  it("makes defects smaller and fainter with difficulty", () => {
    const measure = (difficulty: number) => {
      let area = 0;
      let strength = 0;
      for (let index = 0; index < 60; index++) {
        const options = {
          seed: "hard",
          index,
          size: 96,
          difficulty,
          anomalousShare: 1,
          kinds: ["painted_panel", "leather"],
        };
        const { sample, sound } = generatePair(options);
        area += sample.areaShare;
        strength += contrast(sample.image, sound, sample.mask!).inside;
      }
      return { area, strength };
    };
    const easy = measure(0);
    const hard = measure(1);
    expect(hard.area).toBeLessThan(easy.area / 3);
    expect(hard.strength).toBeLessThan(easy.strength * 0.9);
  });

  it("shows the same scene whether or not there is a defect", () => {
    const options = { seed: "scene", index: 5, size: 72 };
    const normal = generateSample({ ...options, anomalousShare: 0 });
    const { sound } = generatePair({ ...options, anomalousShare: 1 });
    expect(sound.data).toEqual(normal.image.data);
  });

  it("photographs a reference of the same design from elsewhere", () => {
    const options = { seed: "reference", index: 3, size: 64, kinds: ["washer"], anomalousShare: 0 };
    const { image } = generateSample(options);
    const reference = generateReference(options);
    expect(reference.data).toHaveLength(image.data.length);
    expect(reference.data).not.toEqual(image.data);
  });

  it("refuses options that make no sense, naming what is possible", () => {
    const make = (options: Partial<SynthOptions>) => () => generateSample({ seed: 1, index: 0, size: 64, ...options });
    expect(make({ size: 31 })).toThrow("32 to 1024");
    expect(make({ size: { width: 64, height: 4096 } })).toThrow("got 4096");
    expect(make({ size: Number.NaN })).toThrow("got NaN");
    expect(make({ index: -1 })).toThrow("got -1");
    expect(make({ kinds: ["spaceship"] })).toThrow('There is no kind "spaceship"');
    expect(make({ kinds: ["dot_plate"], defects: ["pitting"] })).toThrow("None of the chosen kinds");
    expect(make({ defects: ["rust" as "wear"] })).toThrow('There is no defect type "rust"');
    expect(make({ anomalousShare: 1.5 })).toThrow("got 1.5");
    expect(make({ difficulty: [0.8, 0.2] })).toThrow("0.8 to 0.2");
  });
});

// Recorded once. A change here changes every data set made so far: say so in the change log.
const HASHES = ["09bb34445ce4ffbf", "aa366ca98f5a953e", "78e9751672a0752c", "a414c3cdb49bc938"];
const HASH_OF_KINDS = "d836547d2e1f72a3";
const HASH_OF_REFERENCE = "ee1e77012154dadc";
