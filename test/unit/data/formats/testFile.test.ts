/** Test files and meta.json: labels, references, the "good" rule, conversion. */
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { convertMeta, metaDrafts, readMeta, writeMeta } from "@iad-r1/server/data/formats/metaJson";
import { draftsIn } from "@iad-r1/server/data/formats/records";
import { readTestFile, testFileDrafts, writeTestFile } from "@iad-r1/server/data/formats/testFile";
import { encodeMaskPng } from "@iad-r1/server/data/png";
import { formatProblem, Problems } from "@iad-r1/server/data/problems";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const question = {
  Question: "Are there any defects in the query image?",
  Answer: "A",
  Options: { A: "Yes.", B: "No." },
  type: "Anomaly Detection",
};

function entry(path: string, changes: Record<string, unknown> = {}, asked: Record<string, unknown> = {}) {
  return {
    image_path: path,
    conversation: [{ ...question, ...asked }],
    similar_templates: [],
    random_templates: [],
    ...changes,
  };
}

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "test-file-"));
  await mkdir(join(folder, "SET/bolt/test/good"), { recursive: true });
  await mkdir(join(folder, "SET/bolt/test/bent"), { recursive: true });
  for (const name of ["SET/bolt/test/good/1.png", "SET/bolt/test/bent/2.png", "ref.png"]) {
    await writeFile(join(folder, name), "");
  }
  const mask = new Uint8Array(9);
  mask[2] = 1;
  await writeFile(join(folder, "mask.png"), encodeMaskPng(mask, 3, 3));
});
afterAll(() => rm(folder, { recursive: true }));

describe("testFileDrafts", () => {
  it.each([
    [
      "an answer that is no option",
      entry("x/bad/1.png", {}, { Answer: "C" }),
      '"Answer" must be "A" (yes) or "B" (no), got "C".',
    ],
    ["no conversation", entry("x/bad/1.png", { conversation: [] }), '"conversation" must be a list with one question.'],
    ["a question that is no text", entry("x/bad/1.png", {}, { Question: null }), '"Question" must be text, got null.'],
    [
      "references that are no list",
      entry("x/bad/1.png", { similar_templates: "a.png" }),
      '"similar_templates" must be a list of paths.',
    ],
    [
      "a normal path with the answer yes",
      entry("x/good/1.png"),
      'count an image as normal exactly when its path contains "good"',
    ],
  ])("reports %s at its line", (_, broken, message) => {
    const problems = new Problems("test.json");
    const key = (broken as { image_path: string }).image_path;
    draftsIn(
      `{\n"a/bad/0.png": ${JSON.stringify(entry("a/bad/0.png"))},\n"${key}": ${JSON.stringify(broken)}\n}`,
      "/root",
      problems,
      testFileDrafts,
    );
    const [problem] = problems.list().map(formatProblem);
    expect(problem).toMatch(/^test\.json:3:/);
    expect(problem).toContain(message);
  });
});

describe("readTestFile", () => {
  it("reads back what was written, references included", async () => {
    const path = join(folder, "test_SET_format.json");
    const text = JSON.stringify({
      "SET/bolt/test/bent/2.png": entry("SET/bolt/test/bent/2.png", { similar_templates: ["ref.png"] }),
      "SET/bolt/test/good/1.png": entry("SET/bolt/test/good/1.png", {}, { Answer: "B" }),
    });
    await writeFile(path, text);
    const first = await readTestFile(path);
    expect(first.problems).toEqual([]);
    expect(first.value).toMatchObject([
      { id: "SET/bolt/test/bent/2.png", label: "anomalous", category: "bolt", references: [join(folder, "ref.png")] },
      { label: "normal", references: [] },
    ]);
    await writeTestFile(path, first.value, (image) => image.slice(folder.length + 1));
    expect(await readTestFile(path)).toEqual(first);
    expect(Object.values(JSON.parse(await readFile(path, "utf8")))[0]).toEqual({
      ...entry("SET/bolt/test/bent/2.png"),
      similar_templates: ["ref.png"],
      random_templates: ["ref.png"],
    });
  });
});

const meta = {
  bolt: [
    {
      img_path: "SET/bolt/test/bent/2.png",
      mask_path: "mask.png",
      cls_name: "bolt",
      specie_name: "bent_tip",
      anomaly: 1,
    },
    { img_path: "SET/bolt/test/good/1.png", mask_path: "", cls_name: "bolt", specie_name: "good", anomaly: 0 },
  ],
};

describe("meta.json", () => {
  it("is read, and written so that it reads the same", async () => {
    const path = join(folder, "meta.json");
    await writeFile(path, JSON.stringify(meta));
    const first = await readMeta(path);
    expect(first.problems).toEqual([]);
    expect(first.value).toMatchObject([
      { label: "anomalous", defectType: "bent tip", location: "top right", mask: join(folder, "mask.png") },
      { label: "normal", defectType: null, mask: null },
    ]);
    await writeMeta(path, first.value, (image) => image.slice(folder.length + 1));
    expect(JSON.parse(await readFile(path, "utf8"))).toEqual(meta);
  });

  it("becomes a test file with the fixed question, and with references where they are known", async () => {
    const path = join(folder, "meta.json");
    const target = join(folder, "test_OWN_format.json");
    await writeFile(path, JSON.stringify(meta));
    await convertMeta(path, target);
    const plain = JSON.parse(await readFile(target, "utf8"));
    expect(plain["SET/bolt/test/good/1.png"]).toEqual(entry("SET/bolt/test/good/1.png", {}, { Answer: "B" }));
    expect(plain["SET/bolt/test/bent/2.png"]).toEqual(entry("SET/bolt/test/bent/2.png"));
    await convertMeta(path, target, { references: { bolt: ["SET/bolt/test/good/1.png"] } });
    const shown = JSON.parse(await readFile(target, "utf8"));
    expect(shown["SET/bolt/test/bent/2.png"].similar_templates).toEqual(["SET/bolt/test/good/1.png"]);
    expect(shown["SET/bolt/test/good/1.png"].similar_templates).toEqual([]);
  });

  it("reports a label that contradicts the name of the defect", () => {
    const problems = new Problems("meta.json");
    const bad = { ...meta.bolt[1], anomaly: 1 };
    expect(
      draftsIn(
        `{"bolt": [\n${JSON.stringify(meta.bolt[0])},\n${JSON.stringify(bad)}\n]}`,
        "/root",
        problems,
        metaDrafts,
      ),
    ).toHaveLength(1);
    expect(problems.list()).toMatchObject([{ code: "data/contradiction", line: 3 }]);
  });
});
