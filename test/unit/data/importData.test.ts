/** Data sets of other layouts, copied into a project. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { readDataset } from "@iad-r1/server/data/dataset";
import { csvDrafts, csvRows } from "@iad-r1/server/data/formats/csvTable";
import { Problems } from "@iad-r1/server/data/problems";
import { datasetInfoEntry } from "@iad-r1/server/data/formats/paSft";
import { convertDataset, importData } from "@iad-r1/server/data/importData";
import { encode } from "fast-png";
import { describe, expect, it } from "vitest";
import { temporaryFolder } from "../../helpers/temporaryFolder";

function picture(path: string, shade: number): string {
  mkdirSync(join(path, ".."), { recursive: true });
  const data = new Uint8Array(12 * 12 * 3).fill(shade);
  writeFileSync(path, encode({ width: 12, height: 12, data, channels: 3 }));
  return path;
}

describe("a CSV table", () => {
  it("becomes a data set with labels, types, places and references", async () => {
    const folder = temporaryFolder();
    for (const [k, name] of ["a", "b", "c", "good"].entries()) picture(join(folder, "pics", `${name}.png`), 40 * k);
    writeFileSync(
      join(folder, "list.csv"),
      [
        "\uFEFFPath;Label;Defect Type;Location;Category;Reference",
        'pics/a.png;ng;"deep; long scratch";top left;screw;pics/good.png',
        "pics/b.png;OK;;;screw;",
        "pics/c.png;defect;dent;;nut;",
      ].join("\r\n"),
    );
    const out = join(folder, "data", "mine");
    const result = await importData({ path: join(folder, "list.csv"), folder: out });
    expect(result).toEqual({ folder: out, numSamples: 3, problems: [], numProblems: 0 });
    const { value, problems } = await readDataset(out);
    expect(problems).toEqual([]);
    expect(value.map(({ category, label, defectType, location }) => [category, label, defectType, location])).toEqual([
      ["screw", "anomalous", "deep; long scratch", "top left"],
      ["screw", "normal", null, null],
      ["nut", "anomalous", "dent", null],
    ]);
    // The copy does not depend on the original.
    expect(value.every(({ image }) => image.startsWith(out))).toBe(true);
    expect(readFileSync(value[0]!.references[0]!)).toEqual(readFileSync(join(folder, "pics", "good.png")));
  });

  it("keeps columns that it does not know, and says when a type contradicts its label", async () => {
    const folder = temporaryFolder();
    picture(join(folder, "a.png"), 9);
    const rows = ["image,label,type,line,shift", "a.png,0,none,4,", "a.png,0,dent,5,late"];
    writeFileSync(join(folder, "list.csv"), rows.join("\n"));
    const problems = new Problems("list.csv");
    const samples = csvDrafts(rows.join("\n"), folder, problems).map(({ sample }) => sample);
    expect(samples).toMatchObject([
      { label: "normal", defectType: null, extra: { line: "4" } },
      { label: "normal", defectType: null, extra: { line: "5", shift: "late" } },
    ]);
    expect(problems.list()).toMatchObject([{ severity: "warning", code: "data/contradiction", line: 3 }]);
    // Without a label the type decides.
    const [sound] = csvDrafts("image,type\na.png,None", folder, problems);
    expect(sound!.sample).toMatchObject({ label: "normal", defectType: null });
  });

  it("names the rows that cannot be read, and takes the others", async () => {
    const folder = temporaryFolder();
    picture(join(folder, "a.png"), 9);
    const rows = ["image,label", "a.png,good", "missing.png,good", "a.png,maybe", "a.png", ",good"];
    writeFileSync(join(folder, "list.csv"), rows.join("\n"));
    const result = await importData({ path: join(folder, "list.csv"), folder: join(folder, "out") });
    expect(result.numSamples).toBe(1);
    expect(result.problems.map(({ code, line }) => [code, line])).toEqual([
      ["data/missing-image", 3],
      ["data/bad-label", 4],
      ["data/wrong-shape", 5],
      ["data/missing-field", 6],
    ]);
  });

  it("without a column of pictures says which names it knows", async () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, "list.csv"), "picture,label\na.png,good\n");
    await expect(importData({ path: join(folder, "list.csv"), folder: join(folder, "out") })).rejects.toMatchObject({
      code: "data/no-samples",
      hint: expect.stringContaining("Call the column with the pictures image") as string,
    });
    expect(existsSync(join(folder, "out"))).toBe(false);
  });

  it("may hold line breaks and quotes inside quotes", () => {
    expect(csvRows('a,b\n"x\n""y""",2\n\n3,4')).toEqual([
      { fields: ["a", "b"], line: 1 },
      { fields: ['x\n"y"', "2"], line: 2 },
      { fields: ["3", "4"], line: 5 },
    ]);
  });
});

describe("LLaMA-Factory's list of data sets", () => {
  const chat = (answer: string) => ({
    messages: [
      { role: "user", content: "<image>Is there a defect?" },
      { role: "assistant", content: answer },
    ],
    images: ["a.png"],
  });
  function listed(entries: Record<string, unknown>) {
    const folder = temporaryFolder();
    picture(join(folder, "a.png"), 80);
    const answer = "<think>The part is whole.</think><answer>No</answer>";
    writeFileSync(join(folder, "chats.json"), JSON.stringify([chat(answer)]));
    writeFileSync(join(folder, "dataset_info.json"), JSON.stringify(entries));
    return { path: join(folder, "dataset_info.json"), folder: join(folder, "out") };
  }

  it("leads to its only data set, or to the one that is named", async () => {
    const one = listed({ mine: datasetInfoEntry("chats.json") });
    expect(await importData(one)).toMatchObject({ numSamples: 1, numProblems: 0 });
    const two = listed({
      mine: datasetInfoEntry("chats.json"),
      hub: { hf_hub_url: "x/y" },
      other: datasetInfoEntry("no.json"),
    });
    expect(await importData({ ...two, name: "mine" })).toMatchObject({ numSamples: 1 });
  });

  it("that leaves a choice, or has not what is asked for, says what it has", async () => {
    const two = listed({ mine: datasetInfoEntry("chats.json"), other: datasetInfoEntry("no.json") });
    await expect(importData(two)).rejects.toMatchObject({ code: "data/unknown-name", hint: "Say which: mine, other." });
    await expect(importData({ ...two, name: "theirs" })).rejects.toMatchObject({ hint: "Take one of mine, other." });
  });
});

it("never writes over what is there", async () => {
  const folder = temporaryFolder();
  await expect(importData({ path: folder, folder })).rejects.toMatchObject({ code: "data/exists" });
});

it("converting reads a table as well: the command line can do what the editor does", async () => {
  const folder = temporaryFolder();
  picture(join(folder, "a.png"), 9);
  writeFileSync(join(folder, "list.csv"), "image,label\na.png,good\n");
  const to = { path: join(folder, "meta.json"), format: "meta" } as const;
  const { value } = await convertDataset({ from: { path: join(folder, "list.csv") }, to });
  expect(value.map(({ label }) => label)).toEqual(["normal"]);
  expect((await readDataset(to.path)).value).toHaveLength(1);
});
