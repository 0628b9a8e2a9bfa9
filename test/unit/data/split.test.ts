/** Splits: proportions inside every category and label, groups whole, the same for a seed. */
import type { InspectionSample } from "@iad-r1/server/data/samples";
import { splitDataset, splitSide } from "@iad-r1/server/data/split";
import fc from "fast-check";
import { describe, expect, it } from "vitest";

function sample(id: string, category: string, label: "normal" | "anomalous", group?: string): InspectionSample {
  const one: InspectionSample = {
    id,
    image: id,
    references: [],
    category,
    label,
    defectType: null,
    location: null,
    locations: [],
    mask: null,
  };
  return group === undefined ? one : { ...one, group };
}

function make(counts: Record<string, [number, number]>): InspectionSample[] {
  return Object.entries(counts).flatMap(([category, [normal, anomalous]]) => [
    ...Array.from({ length: normal }, (_, k) => sample(`${category}-n${k}`, category, "normal")),
    ...Array.from({ length: anomalous }, (_, k) => sample(`${category}-a${k}`, category, "anomalous")),
  ]);
}

const ids = (samples: InspectionSample[]) => samples.map((one) => one.id);

describe("splitDataset", () => {
  it("gives every part its share of every category and label, to within one sample", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(30), fc.nat(30)), { minLength: 1, maxLength: 4 }),
        fc.integer({ min: 0, max: 99 }),
        (counts, seed) => {
          const samples = make(Object.fromEntries(counts.map((count, k) => [`c${k}`, count])));
          const shares = { train: 0.6, val: 0.15, test: 0.25 };
          const parts = splitDataset(samples, shares, seed);
          for (const [k, [normal, anomalous]] of counts.entries()) {
            for (const [label, total] of [
              ["normal", normal],
              ["anomalous", anomalous],
            ] as const) {
              for (const name of ["train", "val", "test"] as const) {
                const got = parts[name].filter((one) => one.category === `c${k}` && one.label === label).length;
                expect(Math.abs(got - total * shares[name])).toBeLessThanOrEqual(1.01);
              }
            }
          }
          expect([...parts.train, ...parts.val, ...parts.test].map((one) => one.id).sort()).toEqual(
            ids(samples).sort(),
          );
        },
      ),
      { numRuns: 50 },
    );
  });

  it("keeps the samples of a group together, and those of equal group names in other categories apart", () => {
    const samples = Array.from({ length: 60 }, (_, k) =>
      sample(`${k}`, k % 2 === 0 ? "a" : "b", k % 3 === 0 ? "anomalous" : "normal", `g${k % 10}`),
    );
    const { first, rest } = splitDataset(samples, { first: 0.5, rest: 0.5 }, 4);
    const keys = (part: InspectionSample[]) => new Set(part.map((one) => `${one.category}/${one.group}`));
    for (const key of keys(first)) expect(keys(rest).has(key)).toBe(false);
    expect(Math.abs(first.length - rest.length)).toBeLessThanOrEqual(12);
  });

  it("keeps records about one picture together", () => {
    const samples = make({ a: [20, 20] }).flatMap((one) => [one, { ...one, id: `${one.id} again` }]);
    const { first, rest } = splitDataset(samples, { first: 0.5, rest: 0.5 }, 4);
    const shown = new Set(first.map(({ image }) => image));
    expect(rest.filter(({ image }) => shown.has(image))).toEqual([]);
    expect(first).toHaveLength(40);
  });

  it("depends on the seed alone and keeps the order of the input", () => {
    const samples = make({ a: [20, 20] });
    const one = splitDataset(samples, { first: 0.5, rest: 0.5 }, 1);
    expect(splitDataset(samples, { first: 0.5, rest: 0.5 }, 1)).toEqual(one);
    expect(ids(splitDataset(samples, { first: 0.5, rest: 0.5 }, 2).first)).not.toEqual(ids(one.first));
    expect(ids(one.first)).toEqual(ids(samples).filter((id) => ids(one.first).includes(id)));
  });

  it("leaves out what no part asks for", () => {
    const { some } = splitDataset(make({ a: [20, 20] }), { some: 0.1 }, 3);
    expect(some).toHaveLength(4);
  });

  it("refuses shares that cannot be", () => {
    expect(() => splitDataset([], { a: 0.8, b: 0.3 }, 0)).toThrow("at most 1");
    expect(() => splitDataset([], { a: 0 }, 0)).toThrow("positive");
    expect(() => splitDataset([], { a: Number.NaN }, 0)).toThrow("positive");
  });
});

describe("splitSide", () => {
  it("gives two sides that make the whole, also at the ends", () => {
    const samples = make({ a: [7, 9], b: [3, 5] });
    for (const share of [0, 0.3, 0.5, 1]) {
      const first = splitSide(samples, { seed: 5, share, side: "first" });
      const rest = splitSide(samples, { seed: 5, share, side: "rest" });
      expect([...ids(first), ...ids(rest)].sort()).toEqual(ids(samples).sort());
      expect(first.length).toBeGreaterThanOrEqual(Math.floor(samples.length * share) - 4);
    }
  });
});
