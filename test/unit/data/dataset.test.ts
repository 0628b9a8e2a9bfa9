/** Formats told apart and turned into one another; annotation and MVTec-style folders; the real samples. */
import { cp, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { detectFormat, readDataset, writeDataset } from "@iad-r1/server/data/dataset";
import { convertDataset } from "@iad-r1/server/data/importData";
import { parseAnnotations, readAnnotations } from "@iad-r1/server/data/formats/annotations";
import { checkAnswer, toldPlace, unknownPlace } from "@iad-r1/server/data/grammar";
import { locateMask } from "@iad-r1/server/data/locations";
import { loadMask } from "@iad-r1/server/data/pixels";
import { encodeMaskPng, encodePng } from "@iad-r1/server/data/png";
import { formatProblem, hasErrors, Problems } from "@iad-r1/server/data/problems";
import type { InspectionSample } from "@iad-r1/server/data/samples";
import { loadSource, loadSources, requireSound } from "@iad-r1/server/data/sources";
import { datasetStats } from "@iad-r1/server/data/stats";
import { writeSynthDataset } from "@iad-r1/server/data/synthDataset";
import { solutionOf, targetOf } from "@iad-r1/server/data/think";
import { validateDataset } from "@iad-r1/server/data/validate";
import { rewardColumns } from "@iad-r1/server/generate/examples";
import { strictRewards } from "@iad-r1/server/rewards/builtin/strict";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const real = join(import.meta.dirname, "../../../samples/real");

let folder: string;
let set: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "dataset-"));
  set = join(folder, "set");
  await writeSynthDataset(set, { seed: 9, count: 8, size: 40, shots: 1, kinds: ["washer", "leather"] });
});
afterAll(() => rm(folder, { recursive: true }));

describe("convertDataset", () => {
  it("carries label, place, type, mask and reasoning through every format that has them", async () => {
    const { value: truth } = await readAnnotations(set);
    const look = (sample: InspectionSample) => [sample.label, sample.defectType, sample.location, sample.category];
    for (const format of ["pa-sft", "sc-grpo", "folder", "mvtec", "test", "meta"] as const) {
      const path = join(folder, format, format === "folder" || format === "mvtec" ? "out" : "out.json");
      await convertDataset({ from: { path: set }, to: { path, format, shots: 1, copyImages: true } });
      expect(await detectFormat(path)).toBe(format);
      const { value, problems } = await readDataset(path);
      expect(problems.filter((problem) => problem.code !== "data/good-in-path")).toEqual([]);
      const kept = (list: InspectionSample[]) => list.map(look).map(String).sort();
      if (format === "test") expect(value.map((sample) => sample.label)).toEqual(truth.map((sample) => sample.label));
      else if (format === "meta") expect(value).toHaveLength(truth.length);
      else expect(kept(value)).toEqual(kept(truth));
      expect(value.every((sample) => sample.references.length === 1 || format === "meta")).toBe(true);
      if (format === "folder") expect(value.map((sample) => sample.think)).toEqual(truth.map((sample) => sample.think));
      if (format === "mvtec" || format === "meta" || format === "folder") {
        expect(value.filter((sample) => sample.mask !== null)).toHaveLength(
          truth.filter((sample) => sample.mask !== null).length,
        );
      }
    }
  });

  it("writes a PA-SFT file that is a fixed point of reading and writing", async () => {
    const one = join(set, "copy1.json");
    const two = join(set, "copy2.json");
    await convertDataset({ from: { path: join(set, "pa_sft.json") }, to: { path: one, format: "pa-sft", shots: 1 } });
    await convertDataset({ from: { path: one }, to: { path: two, format: "pa-sft", shots: 1 } });
    expect(await readFile(two, "utf8")).toBe(await readFile(one, "utf8"));
    expect(JSON.parse(await readFile(one, "utf8"))).toEqual(
      JSON.parse(await readFile(join(set, "pa_sft.json"), "utf8")),
    );
  });

  it("says what it expected when a format cannot be told", async () => {
    const path = join(folder, "what.json");
    for (const [text, why] of [
      ["[{}]", "neither messages nor a solution"],
      ["{}", "neither conversations nor lists"],
      ["[", "line 1"],
    ] as const) {
      await writeFile(path, text);
      await expect(detectFormat(path)).rejects.toThrow(why);
    }
    await mkdir(join(folder, "empty"));
    await expect(detectFormat(join(folder, "empty"))).rejects.toMatchObject({
      code: "data/unknown-format",
      hint: expect.stringContaining("NAME/test/DEFECT") as string,
    });
    await writeFile(path, "image,label\n");
    await expect(detectFormat(path)).rejects.toMatchObject({
      hint: expect.stringMatching(/^Give a JSON file/) as string,
    });
    await expect(detectFormat(join(folder, "missing"))).rejects.toMatchObject({ code: "data/missing-file" });
  });
});

describe("readAnnotations", () => {
  const line = { id: "1", image: "a.png", category: "c", label: "anomalous", defect_type: "hole", location: "center" };

  it.each([
    ["broken JSON", '{"id": 1', "Expected"],
    ["a line that is no object", "[]", "Expected an object"],
    [
      "a label of another kind",
      JSON.stringify({ ...line, label: "bad" }),
      '"label" must be "normal" or "anomalous", got "bad".',
    ],
    ["no id", JSON.stringify({ ...line, id: undefined }), '"id" must be text, got nothing.'],
    [
      "a place that is none of nine",
      JSON.stringify({ ...line, location: "middle" }),
      '"location" must be one of top left',
    ],
    [
      "a normal line with a type",
      JSON.stringify({ ...line, label: "normal", location: null }),
      'The label is normal, but "defect_type" is "hole".',
    ],
    [
      "an image that is its own reference",
      JSON.stringify({ ...line, reference: "a.png" }),
      "An image cannot be its own reference.",
    ],
  ])("reports %s and reads the other lines", (_, broken, message) => {
    const problems = new Problems("annotations.jsonl");
    const drafts = parseAnnotations(
      `${JSON.stringify(line)}\n\n${broken}\n${JSON.stringify({ ...line, id: "2" })}\n`,
      "/root",
      problems,
    );
    expect(drafts.map((draft) => draft.sample.id)).toEqual(["1", "2"]);
    const [problem, ...more] = problems.list().map(formatProblem);
    expect(more).toEqual([]);
    expect(problem).toMatch(/^annotations\.jsonl:3:\d+: error: /);
    expect(problem).toContain(message);
  });

  it("finds an image that is not the one that was annotated", async () => {
    const copy = join(folder, "tampered");
    await cp(set, copy, { recursive: true });
    const { value } = await readAnnotations(copy);
    await writeFile(value[2]!.image, encodePng({ width: 1, height: 1, data: new Uint8Array(3) }));
    const checked = await readAnnotations(copy, { verifyHashes: true });
    expect(checked.value).toHaveLength(value.length - 1);
    expect(checked.problems).toMatchObject([{ code: "data/wrong-hash", line: 3 }]);
  });
});

describe("readMvtec", () => {
  it("reads objects, splits, masks and references, and finds the place in the mask", async () => {
    const root = join(folder, "mvtec-made", "bolt");
    const image = encodePng({ width: 6, height: 6, data: new Uint8Array(108) });
    const mask = new Uint8Array(36);
    mask[5 * 6 + 5] = 255;
    const files: [string, Uint8Array][] = [
      ["train/good/000.png", image],
      ["train/good/001.png", image],
      ["test/good/000.png", image],
      ["test/bent_tip/000.png", image],
      ["test/bent_tip/001.png", image],
      ["test/bent_tip/002.png", image],
      ["ground_truth/bent_tip/000_mask.png", encodeMaskPng(mask, 6, 6)],
      ["ground_truth/bent_tip/002_mask.tif", encodeMaskPng(mask, 6, 6)],
    ];
    for (const [name, bytes] of files) {
      await mkdir(join(root, name, ".."), { recursive: true });
      await writeFile(join(root, name), bytes);
    }
    for (const path of [root, join(root, "..")]) {
      const { value, problems } = await readDataset(path);
      expect(value.map((sample) => [sample.category, sample.label, sample.defectType, sample.location])).toEqual([
        ["bolt", "anomalous", "bent tip", "bottom right"],
        ["bolt", "anomalous", "bent tip", null],
        ["bolt", "anomalous", "bent tip", "bottom right"],
        ["bolt", "normal", null, null],
      ]);
      expect(value.every((sample) => sample.references[0]!.includes(join("train", "good")))).toBe(true);
      expect(problems).toMatchObject([{ severity: "warning", code: "data/missing-mask" }]);
    }
    const train = await readDataset(root, { split: "train" });
    expect(train.value.map((sample) => sample.references[0])).toEqual([train.value[1]!.image, train.value[0]!.image]);
  });

  it("follows links to folders, of objects and of kinds of defects", async () => {
    const root = join(folder, "linked");
    const own = join(folder, "mvtec-own");
    const image = encodePng({ width: 6, height: 6, data: new Uint8Array(108) });
    for (const name of ["nut/train/good/0.png", "nut/test/good/0.png", "more/bent/0.png"]) {
      await mkdir(join(own, name, ".."), { recursive: true });
      await writeFile(join(own, name), image);
    }
    await symlink(join(own, "more/bent"), join(own, "nut/test/bent"), "junction");
    await mkdir(root);
    await symlink(join(own, "nut"), join(root, "nut"), "junction");
    const { value } = await readDataset(root);
    expect(value.map(({ category, defectType }) => [category, defectType])).toEqual([
      ["nut", "bent"],
      ["nut", null],
    ]);
  });

  it("says which folders it missed", async () => {
    await expect(readDataset(set, { format: "mvtec" })).rejects.toMatchObject({ code: "data/wrong-layout" });
    await expect(readDataset(join(folder, "missing"), { format: "mvtec" })).rejects.toMatchObject({
      code: "data/missing-folder",
    });
  });
});

describe("loadMask", () => {
  it("takes black and white, kinds of defects by number, and colours", async () => {
    const size = { width: 2, height: 1 };
    const black = [0, 0, 0];
    for (const [set, unset] of [
      [
        [255, 255, 255],
        [100, 100, 100],
      ],
      [[1, 1, 1], black],
      [[3, 3, 3], black],
      [[0, 128, 0], black],
      [[0, 0, 255], black],
    ] as const) {
      const path = join(folder, "mask.png");
      await writeFile(path, encodePng({ ...size, data: Uint8Array.from([...set, ...unset]) }));
      expect([...(await loadMask(path)).data]).toEqual([255, 0]);
    }
  });
});

describe("a data set with masks that says no places", () => {
  it("gets them from the masks", async () => {
    const path = join(folder, "meta-places.json");
    await convertDataset({ from: { path: set }, to: { path, format: "meta" } });
    const place = ({ location, locations }: InspectionSample) => [location, ...locations];
    const { value, problems } = await readDataset(path);
    const truth = await readDataset(set);
    expect(problems).toEqual([]);
    expect(value.map(place).map(String).sort()).toEqual(truth.value.map(place).map(String).sort());
  });

  it("says where a mask is named that cannot be read", async () => {
    const broken = join(folder, "broken");
    await mkdir(broken);
    const image = encodePng({ width: 6, height: 6, data: new Uint8Array(108) });
    await writeFile(join(broken, "a.png"), image);
    await writeFile(join(broken, "m.png"), image.slice(0, 40));
    await writeFile(join(broken, "table.csv"), "image,defect_type,mask\na.png,scratch,m.png\n");
    const path = join(broken, "out.json");
    const { value, problems } = await convertDataset({
      from: { path: join(broken, "table.csv") },
      to: { path, format: "sc-grpo" },
    });
    expect(value).toMatchObject([{ label: "anomalous", location: null, mask: null }]);
    expect(problems).toMatchObject([{ severity: "error", code: "data/broken-image", line: 2 }]);
  });
});

describe("writeDataset", () => {
  it("keeps all references of a sample in a folder, and says which of them is missing", async () => {
    const { value } = await readDataset(set);
    const [one, ...others] = value;
    const references = others.slice(0, 3).map(({ image }) => image);
    const path = join(folder, "several");
    await writeDataset(path, "folder", [{ ...one!, references }]);
    const read = await readDataset(path);
    expect(read.problems).toEqual([]);
    const names = (paths: readonly string[]) => paths.map((name) => basename(name));
    expect(names(read.value[0]!.references)).toEqual(names(references));
    await rm(read.value[0]!.references[1]!);
    expect((await readDataset(path)).problems).toMatchObject([{ code: "data/missing-image", line: 1 }]);
  });

  it("writes places in other words as the cells that they name, so that the folder can be read again", async () => {
    const { value } = await readDataset(set);
    const anomalous = value.find(({ label }) => label === "anomalous")!;
    const said = ["Top Right", "upper right corner", "left edge of the bright rim", "on the rim"];
    const samples = said.map((location, k) => ({
      ...anomalous,
      id: `${k}`,
      mask: null,
      location,
      locations: [location],
    }));
    const path = join(folder, "said");
    await writeDataset(path, "folder", samples);
    const read = await readDataset(path);
    expect(read.problems).toEqual([]);
    expect(read.value.map(({ location, locations }) => [location, locations])).toEqual([
      ["top right", ["top right"]],
      ["top right", ["top right"]],
      ["center left", ["center left"]],
      [null, []],
    ]);
  });

  it.each(["folder", "mvtec"] as const)(
    "replaces a folder that is there only when it is told to: %s",
    async (format) => {
      const path = join(folder, "taken", format);
      await mkdir(path, { recursive: true });
      const to = { path, format };
      await convertDataset({ from: { path: set }, to });
      await writeFile(join(path, "notes.txt"), "mine");
      const before = await readdir(path);
      await expect(convertDataset({ from: { path: set }, to })).rejects.toMatchObject({
        code: "data/folder-exists",
        hint: expect.stringContaining("--overwrite"),
      });
      expect(await readdir(path)).toEqual(before);
      const { ino } = await stat(path);
      await convertDataset({ from: { path: set }, to: { ...to, overwrite: true } });
      expect(await readdir(path)).toEqual(before.filter((name) => name !== "notes.txt"));
      // The same folder: a shell that stands in it, or a volume that is mounted there, still sees it.
      expect((await stat(path)).ino).toBe(ino);
    },
  );

  it("never replaces a folder that the caller works in", async () => {
    const to = { path: process.cwd(), format: "folder" as const, overwrite: true };
    await expect(convertDataset({ from: { path: set }, to })).rejects.toMatchObject({ code: "data/folder-exists" });
  });

  it("refuses samples that have no file", async () => {
    const { value } = await loadSource(
      { kind: "synth", seed: 1, count: 2, size: 40, anomalousShare: 0.5, difficulty: 0.5 },
      { folder },
    );
    await expect(writeDataset(join(folder, "no.json"), "meta", value)).rejects.toMatchObject({ code: "data/no-files" });
  });
});

describe("samples/real", () => {
  it("is complete: every image, mask and reference is there and is the one that was annotated", async () => {
    const { value, problems } = await readAnnotations(real, { verifyHashes: true });
    expect(problems).toEqual([]);
    const { normal, anomalous, categories } = datasetStats(value);
    expect([value.length, normal, anomalous]).toEqual([157, 70, 87]);
    expect(categories.ball_screw).toEqual({ normal: 14, anomalous: 25, types: { pitting: 25 } });
    expect(Object.keys(JSON.parse(await readFile(join(real, "sources.json"), "utf8"))).sort()).toEqual([
      "aws-cookie",
      "bsdata",
      "pv-vision",
      "sap-lgp",
    ]);
  });

  it("has masks that lie where the annotation says", async () => {
    const { value } = await readAnnotations(real);
    const masked = value.filter((sample) => sample.mask !== null).slice(0, 30);
    for (const sample of masked) {
      const mask = await loadMask(sample.mask!);
      expect(sample.locations).toContain(locateMask(mask.data, mask.width, mask.height)!.location);
    }
  });

  it("gets training targets in the grammar, the same each time and true to the annotation", async () => {
    const { value } = await readAnnotations(real);
    for (const sample of value) {
      const target = targetOf(sample, false);
      expect(checkAnswer(target, true)).toMatchObject({
        issues: [],
        label: sample.label,
        location: sample.location,
        type: sample.defectType,
      });
      expect(targetOf({ ...sample }, false)).toBe(target);
      expect(target.endsWith(solutionOf(sample))).toBe(true);
      if (sample.label === "anomalous") expect(target.split("</think>")[0]).toContain(sample.defectType);
    }
    expect(new Set(value.map((sample) => targetOf(sample, true))).size).toBeGreaterThan(100);
  });
});

describe("a defect whose place nobody knows", () => {
  const sample: InspectionSample = {
    ...{ id: "casting-7", image: "casting-7.png", references: [], category: "casting", label: "anomalous", mask: null },
    ...{ defectType: "blow hole", location: null, locations: [] },
  };

  it("is taught as unknown, never as one of the nine places", () => {
    for (const id of ["a", "b", "c", "d", "e", "f"]) {
      const target = targetOf({ ...sample, id }, false);
      const answer = checkAnswer(target, true);
      expect(answer).toMatchObject({ issues: [], label: "anomalous", location: unknownPlace, type: "blow hole" });
      expect(toldPlace(answer)).toEqual({ location: null, locations: [] });
      for (const word of ["center", "left", "right", "top", "bottom", "null"]) expect(answer.think).not.toContain(word);
    }
  });

  it("is neither paid nor punished for the place that a model names", () => {
    const location = strictRewards.find(({ name }) => name === "iad-r1-strict/location")!;
    const solution = solutionOf(sample);
    const outcomeOf = (place: string) =>
      location.score({
        completion: `<think>There.</think><location>${place}</location><type>blow hole</type><answer>Yes</answer>`,
        ...{ solution, columns: rewardColumns(sample) },
      });
    for (const place of ["center", "top left", unknownPlace])
      expect(outcomeOf(place)).toMatchObject({ status: "not-applicable" });
  });
});

describe("loadSource", () => {
  it("takes categories, a side of a split and a limit", async () => {
    const source = { kind: "folder", path: real, categories: ["cookie", "solar_cell"] } as const;
    const all = await loadSource({ ...source, categories: [...source.categories] }, { folder });
    expect(all.value).toHaveLength(78);
    const part = (side: "first" | "rest") =>
      loadSource({ ...source, categories: ["cookie"], part: { seed: 1, share: 0.5, side } }, { folder });
    const [first, rest] = [await part("first"), await part("rest")];
    expect(first.value.length + rest.value.length).toBe(32);
    expect(first.value.filter((sample) => sample.label === "normal")).toHaveLength(8);
    const limited = await loadSource({ ...source, categories: ["cookie"], limit: 5 }, { folder });
    expect(limited.value).toHaveLength(5);
  });

  it("names the categories when one is unknown, and the first problem when nothing is left", async () => {
    await expect(loadSource({ kind: "folder", path: real, categories: ["car"] }, { folder })).rejects.toMatchObject({
      hint: "Categories: ball_screw, cookie, light_guide_plate, solar_cell.",
    });
    const path = join(folder, "gone.json");
    await writeFile(
      path,
      JSON.stringify([{ id: "1", image: "gone.png", problem: "?", solution: "<answer>No</answer>" }]),
    );
    await expect(loadSources([{ kind: "sc-grpo", path: "gone.json" }], { folder })).rejects.toMatchObject({
      code: "data/no-samples",
      hint: expect.stringContaining("gone.json:1:"),
    });
    expect(() =>
      requireSound({
        value: [],
        problems: [{ severity: "error", code: "x", message: "m", file: "f", line: 2, column: 1 }],
      }),
    ).toThrow("1 error");
  });
});

describe("pictures that are copied beside a file", () => {
  it("go over no picture of the set, and over none whose name differs in case alone", async () => {
    const root = join(folder, "copied");
    const [sample] = (await readAnnotations(set)).value as [InspectionSample];
    const at = async (path: string, text: string) => {
      await mkdir(join(root, path, ".."), { recursive: true });
      await writeFile(join(root, path), text);
      return { ...sample, id: path, category: "bolt", image: join(root, path), references: [], mask: null };
    };
    const samples = [
      await at("new/1.png", "new"),
      await at("images/bolt/1.png", "old"),
      await at("more/1.PNG", "more"),
    ];
    await writeDataset(join(root, "set.json"), "sc-grpo", samples, { copyImages: true });
    expect(await readFile(join(root, "images/bolt/1.png"), "utf8")).toBe("old");
    const names = await readdir(join(root, "images/bolt"));
    expect(new Set(names.map((name) => name.toLowerCase())).size).toBe(3);
  });
});

describe("validateDataset", () => {
  it("finds nothing wrong with a set that was just written", async () => {
    const seen: number[] = [];
    const report = await validateDataset(set, {
      duplicates: true,
      onProgress: (done) => seen.push(done),
    });
    expect(report).toMatchObject({ ok: true, format: "folder", problems: [], duplicates: [] });
    expect(report.stats.samples).toBe(8);
    expect(seen.at(-1)).toBe(8);
  });

  it("finds images that cannot be read, masks of another size, and places that the mask contradicts", async () => {
    const copy = join(folder, "damaged");
    await writeSynthDataset(copy, { seed: 9, count: 4, size: 40, anomalousShare: 1 });
    const { value } = await readAnnotations(copy);
    const [first, second, third] = value as [InspectionSample, InspectionSample, InspectionSample];
    await writeFile(first.image, "no picture");
    await writeFile(second.mask!, encodeMaskPng(new Uint8Array(9).fill(255), 3, 3));
    const far = new Uint8Array(1600);
    far[third.location === "top left" ? 1599 : 0] = 255;
    await writeFile(third.mask!, encodeMaskPng(far, 40, 40));
    const report = await validateDataset(copy);
    expect(report.ok).toBe(false);
    expect(
      report.problems.map((problem) => [problem.severity, problem.code, problem.message.includes(first.id)]),
    ).toEqual([
      ["error", "data/not-an-image", true],
      ["error", "data/mask-size", false],
      ["warning", "data/wrong-place", false],
    ]);
  });
});

describe("problems", () => {
  it("stay errors when there are more than are listed", () => {
    const problems = new Problems("set.json");
    for (let line = 1; line <= 1000; line++) problems.warning({ line, column: 1 }, "data/odd", "Odd.");
    problems.error({ line: 1001, column: 1 }, "data/broken", "Broken.");
    expect(hasErrors(problems.list())).toBe(true);
  });
});

describe("datasetStats", () => {
  it("counts labels, types, places and reasoning", async () => {
    const { value } = await readAnnotations(real);
    const stats = datasetStats(value);
    expect(stats).toMatchObject({
      types: { crack: 32, pitting: 25, scratch: 16, "dark area": 7, spot: 6, "cross crack": 1 },
      locations: { center: 38, "center right": 10, "bottom left": 9 },
      unclearPlaces: 10,
      withReference: 157,
      withThink: 0,
      thinkWords: null,
    });
    expect(datasetStats([])).toMatchObject({ samples: 0, categories: {} });
  });
});
