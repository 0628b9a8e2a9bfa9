/** What the debugger finds in the published rewards, in both languages, on rollouts of the embedded model: reference section 15, items 1 to 7. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Finding } from "@iad-r1/server/rewards/analysis/finding";
import { judgeSavedProbe, parseProbeFile, probeRow } from "@iad-r1/server/rewards/analysis/probeFile";
import { checkProgram, readRewardProgram } from "@iad-r1/server/rewards/check/checkFile";
import { discoverRewards } from "@iad-r1/server/rewards/user/discover";
import { startRunner } from "@iad-r1/server/rewards/user/runner";
import { readRollouts } from "@iad-r1/server/rollouts/read";
import { expect, onTestFinished, test } from "vitest";

const folder = fileURLToPath(new URL("../../../../samples/rewards/", import.meta.url));

async function check(file: string): Promise<(reward: string, id: string) => Finding> {
  const program = await readRewardProgram(`${folder}${file}`);
  const { rows } = await readRollouts(`${folder}rollouts.jsonl`);
  const findings = await checkProgram(program, rows);
  return (reward, id) => {
    const finding = findings.find((one) => one.id === id && one.function === reward);
    expect(
      finding,
      `${id} of ${reward} among ${findings.map((one) => `${one.id} ${one.function}`).join(", ")}`,
    ).toBeDefined();
    return finding!;
  };
}

test.each(["published.py", "published.reward.ts"])(
  "%s: every hazard of the pair is found",
  { timeout: 600_000 },
  async (file) => {
    const find = await check(file);
    // 1: nothing is appended for a truth other than yes and no.
    if (file.endsWith(".py"))
      expect(find("consistency_reward", "RW101").evidence.numbers).toMatchObject({ failing: 8 });
    else expect(find("consistency_reward", "RW102").evidence.numbers).toMatchObject({ failing: 8 });
    // 2: structure is paid even if the answer contradicts it.
    expect(find("consistency_reward", "RW119").message).toContain("the opposite verdict earns 1 (the true answer 1)");
    // 3, 4, 6: parts paid beside a wrong verdict; punctuation as a type; places by substring, none is the centre.
    const nonsense = find("accuracy_reward", "RW119").evidence.text!;
    for (const probe of ["swapped-answer", "punctuation-type", "hidden-place", "no-place"])
      expect(nonsense).toContain(probe);
    // 5: common words for a defect are unknown.
    expect(find("accuracy_reward", "RW118").message).toContain("the type in other words");
    // Section 7.2: any exception becomes 0.
    expect(find("accuracy_reward", "RW104").message).toMatch(/exception|catch|except/i);
    // Section 6.3: ceilings of 1 and 2.
    expect(find("accuracy_reward", "RW123").evidence.numbers).toMatchObject({ yes: 2, no: 1 });
  },
);

test("verdict.reward.ts: its one fault is found, and the quick fix is the cure", { timeout: 600_000 }, async () => {
  const file = `${folder}verdict.reward.ts`;
  const { rows } = await readRollouts(`${folder}rollouts.jsonl`);
  const program = await readRewardProgram(file);
  const findings = await checkProgram(program, rows);
  expect(findings.map(({ id }) => id).sort()).toEqual(["RW105", "RW111"]);
  const fault = findings.find(({ id }) => id === "RW111")!;
  expect(fault.message).toContain("matched 0 of 152 texts");
  const [fix] = fault.fixes;
  expect(fix!.title).toBe("Ignore case");
  let corrected = program.source;
  for (const { start, end, text } of [...fix!.edits].reverse())
    corrected = corrected.slice(0, start) + text + corrected.slice(end);
  const again = await checkProgram(discoverRewards(file, corrected), rows);
  // What remains is about a data row.
  expect(again.map(({ id }) => id)).toEqual(["RW117"]);
});

test("ablations.py: a missing tag wipes out the answer's point (7)", { timeout: 600_000 }, async () => {
  const find = await check("ablations.py");
  expect(find("accuracy_reward_cot_wo_type", "RW118").message).toContain("without a place earns 0");
  expect(find("accuracy_reward_cot_wo_location", "RW118").message).toContain("without a type earns 0");
});

test.each(["published.py", "published.reward.ts"])(
  "the saved probes hold for %s",
  { timeout: 120_000 },
  async (file) => {
    const program = await readRewardProgram(`${folder}${file}`);
    const probes = parseProbeFile(readFileSync(`${folder}published.probes.json`, "utf8"), "published.probes.json");
    const runner = startRunner(program);
    onTestFinished(() => runner.close());
    const outcomes = await Promise.all(
      program.functions.map(
        async ({ name }) => [name, (await runner.score(name, probes.map(probeRow))).outcomes] as const,
      ),
    );
    const weights = new Map(program.functions.map(({ name, weight }) => [name, weight]));
    const verdicts = probes.flatMap((probe, i) =>
      judgeSavedProbe(probe, new Map(outcomes.map(([name, list]) => [name, list[i]!])), weights),
    );
    expect(verdicts.filter(({ ok }) => !ok)).toEqual([]);
    expect(verdicts.length).toBe(7);
  },
);
