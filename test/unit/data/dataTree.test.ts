/** The data of an experiment by set, class and split, and pictures that leak between splits. */
import { cpSync, rmSync } from "node:fs";
import { join } from "node:path";
import { makeExperiment } from "@iad-r1/server/config/parseExperiment";
import { findDataLeaks, readDataTree } from "@iad-r1/server/data/dataTree";
import { writeSynthDataset } from "@iad-r1/server/data/synthDataset";
import { describe, expect, it } from "vitest";
import { temporaryFolder } from "../../helpers/temporaryFolder";

const part = (side: "first" | "rest") => ({ seed: 1, share: 0.5, side });
const model = { base: "m" };

async function dataset(folder: string, name: string, count = 24) {
  return writeSynthDataset(join(folder, name), { seed: 5, count, size: 48 });
}

describe("readDataTree", () => {
  it("joins the two sides of a split into one set and counts both by class", async () => {
    const folder = temporaryFolder();
    const samples = await dataset(folder, "parts");
    const source = { kind: "folder" as const, path: "parts" };
    const data = { train: { ...source, part: part("first") }, heldOut: { ...source, part: part("rest") } };
    const { sets, shared } = await readDataTree(makeExperiment({ model, data }, folder), { folder });
    expect(shared).toEqual([]);
    expect(sets).toMatchObject([
      {
        name: "parts",
        kind: "folder",
        path: join(folder, "parts"),
        splits: ["train", "heldOut"],
        missingFiles: 0,
        failure: null,
      },
    ]);
    const [set] = sets;
    expect(set!.normal + set!.anomalous).toBe(24);
    for (const { name, normal, anomalous, splits, types } of set!.classes) {
      const members = samples.filter(({ category }) => category === name);
      expect(normal + anomalous).toBe(members.length);
      expect(splits.reduce((sum, counts) => sum + counts.normal + counts.anomalous, 0)).toBe(members.length);
      expect(Object.values(types).reduce((sum, count) => sum + count, 0)).toBe(anomalous);
    }
  });

  it("counts files that are gone, and says why a set cannot be read", async () => {
    const folder = temporaryFolder();
    const samples = await dataset(folder, "parts", 6);
    rmSync(samples[0]!.image);
    const data = {
      train: [
        { kind: "folder" as const, path: "parts" },
        { kind: "pa-sft" as const, path: "none.json" },
      ],
    };
    const { sets } = await readDataTree(makeExperiment({ model, data }, folder), { folder });
    expect(sets[0]).toMatchObject({ missingFiles: 1, failure: null });
    expect(sets[0]!.problems[0]!.code).toBe("data/missing-image");
    expect(sets[1]).toMatchObject({
      name: "none.json",
      normal: 0,
      failure: expect.stringContaining("no such file") as string,
    });
  });

  it("finds pictures that are trained on and tested with", async () => {
    const folder = temporaryFolder();
    await dataset(folder, "parts", 6);
    const data = {
      train: [{ kind: "folder" as const, path: "parts" }],
      heldOut: [{ kind: "folder" as const, path: "parts", limit: 2 }],
    };
    const stages = { paSft: { data: { kind: "folder" as const, path: "parts", limit: 3 } } };
    const { shared } = await readDataTree(makeExperiment({ model, data, stages }, folder), { folder });
    expect(shared).toHaveLength(2);
    expect(shared[0]!.splits).toContain("heldOut");
  });

  it("does not call generated pictures of other settings the same", async () => {
    const folder = temporaryFolder();
    const data = {
      train: { kind: "synth" as const, seed: 3, count: 4, size: 48 },
      heldOut: { kind: "synth" as const, seed: 4, count: 4, size: 48 },
    };
    const { sets, shared } = await readDataTree(makeExperiment({ model, data }, folder), { folder });
    expect(sets.map(({ name, path }) => [name, path])).toEqual([
      ["synth 3", null],
      ["synth 4", null],
    ]);
    expect(shared).toEqual([]);
  });
});

describe("findDataLeaks", () => {
  it("finds a copied picture in another folder, and duplicates inside a split", async () => {
    const folder = temporaryFolder();
    const samples = await dataset(folder, "train", 5);
    await writeSynthDataset(join(folder, "test"), { seed: 9, count: 5, size: 48 });
    const other = await writeSynthDataset(join(folder, "more"), { seed: 11, count: 3, size: 48 });
    cpSync(samples[2]!.image, other[1]!.image);
    const data = {
      train: [{ kind: "folder" as const, path: "train" }],
      heldOut: [
        { kind: "folder" as const, path: "test" },
        { kind: "folder" as const, path: "more" },
      ],
    };
    const seen: number[] = [];
    const { leaks, duplicates, unreadable } = await findDataLeaks(makeExperiment({ model, data }, folder), {
      folder,
      onProgress: (done, total) => seen.push(done / total),
    });
    expect(leaks.map(({ a, b, kind, parts }) => [a.image, b.image, kind, parts])).toEqual([
      [samples[2]!.image, other[1]!.image, "same", ["train", "heldOut"]],
    ]);
    expect(duplicates).toEqual([]);
    expect(unreadable).toEqual([]);
    expect(seen.at(-1)).toBe(1);
    expect(seen).toEqual([...seen].sort((a, b) => a - b));
  });
});
