/** SC-GRPO files: every shape of `image` as the published code takes it or fails on it, and the round trip. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { draftsIn } from "@iad-r1/server/data/formats/records";
import { readScGrpo, scGrpoDrafts, writeScGrpo } from "@iad-r1/server/data/formats/scGrpo";
import { formatProblem, Problems } from "@iad-r1/server/data/problems";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const row = {
  id: "7",
  image: "a.png",
  problem: "Are there any defects in the query image?",
  solution: "<answer>No</answer>",
};

function parse(rows: unknown[], singleImg?: 0 | 1) {
  const problems = new Problems("rows.json");
  const text = `[\n${rows.map((one) => JSON.stringify(one)).join(",\n")}\n]`;
  const drafts = draftsIn(text, "/root", problems, (...given) => scGrpoDrafts(...given, singleImg));
  return { drafts, problems: problems.list().map(formatProblem) };
}

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "sc-grpo-"));
  for (const name of ["a.png", "b.png"]) await writeFile(join(folder, name), "");
});
afterAll(() => rm(folder, { recursive: true }));

describe("scGrpoDrafts", () => {
  it("joins paths with the root, keeps their order and lets an absolute path win", () => {
    const { drafts, problems } = parse([row, { ...row, image: ["a.png", { path: "/abs/b.png" }] }]);
    expect(problems).toEqual([]);
    expect(drafts.map((draft) => draft.files.map((file) => [file.what, file.candidates[0]]))).toEqual([
      [["image", "/root/a.png"]],
      [
        ["reference image", "/root/a.png"],
        ["image", "/abs/b.png"],
      ],
    ]);
  });

  it.each([
    ["no image", { image: undefined }, "The row has no image and would get no prompt."],
    ["an empty text", { image: "" }, "The row has no image and would get no prompt."],
    ["an empty list", { image: [] }, "The row has no image and would get no prompt."],
    ["a single object", { image: { path: "a.png" } }, 'A single {"path"} object crashes the published code.'],
    ["a number", { image: 3 }, 'An image must be a path or {"path": …}, got 3.'],
    ["a list with a number", { image: ["a.png", 3] }, 'An image must be a path or {"path": …}, got 3.'],
    ["no solution", { solution: undefined }, '"solution" must be text, got nothing.'],
    ["a solution without tags", { solution: "No" }, "There is no <answer>."],
    [
      "a contradicting solution",
      { solution: "<answer>Yes</answer>" },
      "The answer is Yes, but the location or the type is missing.",
    ],
  ])("reports %s at the line of the row", (_, changes, message) => {
    const { drafts, problems } = parse([row, { ...row, ...changes }]);
    expect(drafts).toHaveLength(1);
    expect(problems.join("\n")).toMatch(/^rows\.json:3:\d+: error: /);
    expect(problems.join("\n")).toContain(message);
  });

  it("warns when the number of images does not fit the prompt", () => {
    const two = { ...row, image: ["a.png", "b.png"] };
    expect(parse([row, two], 1).problems).toEqual([expect.stringMatching(/^rows\.json:3:.*single_img 1 .* has 2\./)]);
    expect(parse([row, two], 0).problems).toEqual([expect.stringMatching(/^rows\.json:2:.*single_img 0 .* has 1\./)]);
  });
});

describe("readScGrpo", () => {
  it("keeps further columns for the rewards and writes them back", async () => {
    const path = join(folder, "rows.json");
    const solution = "<location>top right</location><type>stain</type><answer>Yes</answer>";
    const rows = [
      { ...row, image: ["b.png", "a.png"], solution, difficulty: 3, tags: ["x"] },
      { ...row, id: "8" },
    ];
    await writeFile(path, JSON.stringify(rows));
    const first = await readScGrpo(path);
    expect(first.problems).toEqual([]);
    expect(first.value[0]).toMatchObject({
      id: "7",
      label: "anomalous",
      location: "top right",
      extra: { difficulty: 3, tags: ["x"] },
    });
    await writeScGrpo(path, first.value, 1, (image) => image.slice(folder.length + 1));
    expect(await readScGrpo(path)).toEqual(first);
  });

  it("warns of a file name that the published code would not read", async () => {
    const path = join(folder, "rows.data");
    await writeFile(path, JSON.stringify([row]));
    expect((await readScGrpo(path)).problems).toMatchObject([{ severity: "warning", code: "data/file-name" }]);
  });
});
