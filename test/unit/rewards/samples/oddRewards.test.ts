/**
 * Sound reward files in odd ways of writing, as they are and with a byte order mark and the line ends of Windows: right scores, the same when
 * watched, no false alarm from the text, every hover there and on its place. Half-typed files: a problem with a place, and nothing breaks.
 */
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { placedFindings, rewardFindings } from "@iad-r1/server/features/rewards/findings";
import { rewardHover } from "@iad-r1/server/features/rewards/hovers";
import { rewardHints } from "@iad-r1/server/features/rewards/inlayHints";
import { rewardLenses } from "@iad-r1/server/features/rewards/lenses";
import { RewardView } from "@iad-r1/server/features/rewards/view";
import { analyze } from "@iad-r1/server/rewards/debug/analyze";
import { instrumentTypeScript } from "@iad-r1/server/rewards/live/instrument";
import { staticFindings } from "@iad-r1/server/rewards/static/staticFindings";
import { discoverRewards } from "@iad-r1/server/rewards/user/discover";
import { startRunner } from "@iad-r1/server/rewards/user/runner";
import { readRollouts } from "@iad-r1/server/rollouts/read";
import { describe, expect, test } from "vitest";

const folder = fileURLToPath(new URL("../../../fixtures/oddRewards/", import.meta.url));

interface Expected {
  scores: Record<string, (number | null)[]>;
  findings: string[];
}

const expected = JSON.parse(readFileSync(`${folder}expected.json`, "utf8")) as Record<string, Expected>;
const guises = {
  "as it is": (text: string) => text,
  // A line for a shell is none behind a mark.
  "with a mark and carriage returns": (text: string) =>
    `${text.startsWith("#!") ? "" : "\ufeff"}${text.replaceAll("\n", "\r\n")}`,
};

describe.each(Object.entries(guises))("%s", { concurrent: true }, (_, dress) => {
  test.each(Object.keys(expected))("%s", { timeout: 600_000 }, async (file) => {
    const { scores, findings } = expected[file]!;
    const text = dress(readFileSync(`${folder}${file}`, "utf8"));
    const program = discoverRewards(`${folder}${file}`, text);
    expect(program.problems).toEqual([]);
    expect(program.functions.map(({ name }) => name).sort()).toEqual(Object.keys(scores).sort());
    for (const { nameSpan, exportName } of program.functions) {
      if (exportName !== "default" && exportName !== "quoted name") expect(text.slice(...nameSpan)).toBe(exportName);
    }
    const told = await staticFindings(program, { columns: ["solution"] });
    expect(told.map(({ id, function: name }) => `${id} ${name}`)).toEqual(findings);

    const { rows } = await readRollouts(`${folder}rows.jsonl`);
    const runner = startRunner(program, { instrument: instrumentTypeScript });
    const places = rows.map((__, line) => ({ path: "rows.jsonl", line }));
    const source = { kind: "file" as const, path: "rows.jsonl" };
    const { report, outcomes } = await analyze({
      ...{ program, runner, wallMs: 20_000, pinned: null, first: new Map() },
      rollouts: { source, label: "rows.jsonl", rows, places, weights: {}, steps: [], problem: null },
    }).finally(() => runner.close());
    // A difference between the watched and the plain run would be a problem.
    expect(report.problem).toBeNull();
    for (const [name, values] of Object.entries(scores)) {
      const given = outcomes.get(name)!.map((outcome) => (outcome.status === "ok" ? outcome.score : null));
      const close = given.map((score, i) => score === values[i] || Math.abs((score ?? 0) - (values[i] ?? 9)) < 1e-12);
      expect(close, `${name} gave ${JSON.stringify(given)}, expected ${JSON.stringify(values)}`).not.toContain(false);
    }

    const facts = { text, functions: program.functions, problems: [], findings: told };
    const view = new RewardView({ uri: "file:///x", text, facts, report, examined: null, isUpdating: false });
    const shown = placedFindings(view);
    expect(report.sites.length).toBeGreaterThan(0);
    for (const { kind, start, end } of report.sites) {
      // `continue` is counted, for the bars beside lines, and says nothing.
      if (kind === "statement") continue;
      const hover = rewardHover(view, start, shown);
      expect(hover, text.slice(start, end)).not.toBeNull();
      const { line } = view.lines.position(start);
      expect(hover!.range.start.line).toBeLessThanOrEqual(line - 1);
      expect(text.slice(start, end).trim()).toBe(text.slice(start, end));
    }
    for (const { line } of report.reach) expect(text.split("\n")[line]!.trim()).not.toBe("");
    expect(rewardLenses(view).length).toBeGreaterThan(0);
    rewardHints(view, "all", 0, text.split("\n").length);
    rewardFindings(view, shown, () => null);
  });
});

test.each([
  ["empty.py", 0, null],
  ["comments.py", 0, null],
  ["empty.reward.ts", 0, null],
  ["typing1.reward.ts", 0, 3],
  ["typing2.reward.ts", 0, 4],
  ["badregex.reward.ts", 1, 3],
])("%s: %d rewards, and a problem in line %s", async (file, rewards, line) => {
  const text = readFileSync(`${folder}${file}`, "utf8");
  const program = discoverRewards(`${folder}${file}`, text);
  expect(program.functions).toHaveLength(rewards);
  const lines = program.problems.map(({ start }) => text.slice(0, start).split("\n").length);
  expect(lines).toEqual(line === null ? [] : [line]);
  await staticFindings(program);
});

test.each([
  ["typing1.py", 2],
  ["typing2.py", 1],
  ["typing3.py", 2],
  ["typing4.py", 4],
])("%s cannot be loaded, and line %d says why", async (file, line) => {
  const program = discoverRewards(`${folder}${file}`, readFileSync(`${folder}${file}`, "utf8"));
  expect(await staticFindings(program)).toEqual([]);
  const { rows } = await readRollouts(`${folder}rows.jsonl`);
  const runner = startRunner(program);
  const failed = runner.score("half", rows).finally(() => runner.close());
  await expect(failed).rejects.toMatchObject({ code: "reward/load", where: `${folder}${file}:${line}` });
});

test("every prefix of a reward file can be read: nobody types a file at once", { timeout: 600_000 }, () => {
  for (const file of readdirSync(folder).filter((name) => /\.(py|reward\.m?[jt]s)$/.test(name))) {
    const text = readFileSync(`${folder}${file}`, "utf8");
    for (let end = 0; end < text.length; end += 23) {
      const { functions, problems } = discoverRewards(`${folder}${file}`, text.slice(0, end));
      for (const { nameSpan, bodySpan } of functions)
        expect(Math.max(...nameSpan, ...bodySpan)).toBeLessThanOrEqual(end);
      for (const { start, end: to } of problems) expect(to).toBeGreaterThan(start);
    }
  }
});
