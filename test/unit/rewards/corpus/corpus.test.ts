/** Recall and precision of all findings, from text and rollouts, on reward files as people write them. */
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { findingTitles } from "@iad-r1/server/rewards/analysis/finding";
import { translateMessage, translateTitle } from "@iad-r1/server/features/localise/rewards";
import { checkProgram, readRewardProgram } from "@iad-r1/server/rewards/check/checkFile";
import { readRollouts } from "@iad-r1/server/rollouts/read";
import { describe, expect, test } from "vitest";

interface Expected {
  rollouts: string;
  planted: string[];
  follows?: string[];
}

const folder = fileURLToPath(new URL("../../../fixtures/rewardCorpus/", import.meta.url));
const { files } = JSON.parse(readFileSync(`${folder}expected.json`, "utf8")) as { files: Record<string, Expected> };
const found = new Map<string, string[]>();

// Two at a time: mostly processes are waited for.
describe("every planted fault is found", { concurrent: true }, () => {
  test.each(Object.entries(files))("%s", { timeout: 600_000 }, async (file, { rollouts, planted }) => {
    const program = await readRewardProgram(`${folder}rewards/${file}`);
    const { rows, problems } = await readRollouts(`${folder}rollouts/${rollouts}.jsonl`);
    expect(problems).toEqual([]);
    const findings = await checkProgram(program, rows);
    const ids = [...new Set(findings.map(({ id, function: name }) => `${id} ${name}`))];
    found.set(file, ids);
    expect(ids).toEqual(expect.arrayContaining(planted));
    for (const { start, end, message, evidence, fixes } of findings) {
      expect(start).toBeGreaterThanOrEqual(0);
      expect(end).toBeGreaterThan(start);
      expect(end).toBeLessThanOrEqual(program.source.length);
      expect(message).toMatch(/[.]$/);
      // Said in Chinese too, with its fixes.
      for (const text of [translateMessage(message), ...fixes.map(({ title }) => translateTitle(title))]) {
        expect(text).toMatch(/\p{Script=Han}/u);
      }
      expect(evidence.rows.every((row) => row >= 0 && row < rows.length)).toBe(true);
      for (const { edits } of fixes)
        for (const edit of edits) expect(edit.end).toBeLessThanOrEqual(program.source.length);
    }
  });
});

test("at least 19 of 20 findings are true", () => {
  const reported = [...found].flatMap(([file, ids]) => ids.map((id) => ({ file, id })));
  const isTrue = ({ file, id }: { file: string; id: string }) =>
    [...files[file]!.planted, ...(files[file]!.follows ?? [])].includes(id);
  const wrong = reported.filter((entry) => !isTrue(entry));
  expect(found.size).toBe(Object.keys(files).length);
  expect({ precision: 1 - wrong.length / reported.length, wrong }).toSatisfy(
    ({ precision }: { precision: number }) => precision >= 0.95,
    JSON.stringify(wrong),
  );
});

test("the corpus has at least 40 files, and each id both where it must be found and where it must not", () => {
  expect(Object.keys(files).sort()).toEqual(
    readdirSync(`${folder}rewards`)
      .filter((name) => !name.startsWith("__"))
      .sort(),
  );
  expect(Object.keys(files).length).toBeGreaterThanOrEqual(40);
  const planted = new Set(Object.values(files).flatMap((entry) => entry.planted.map((line) => line.split(" ")[0]!)));
  expect([...planted].sort()).toEqual(Object.keys(findingTitles).sort());
  for (const id of planted) {
    const clean = Object.values(files).filter(
      (entry) => ![...entry.planted, ...(entry.follows ?? [])].some((line) => line.startsWith(id)),
    );
    expect(clean.length).toBeGreaterThan(0);
  }
});
