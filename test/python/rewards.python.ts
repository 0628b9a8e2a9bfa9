/** Rewards across the two languages: TypeScript rewards inside TRL, Python rewards inside our engine, the same scores on both sides. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createRewardRegistry } from "@iad-r1/server/rewards/registry";
import { scoreCompletions } from "@iad-r1/server/rewards/evaluate";
import { scoreRewardFile } from "@iad-r1/server/rewards/scoreFile";
import { openRewards } from "@iad-r1/server/rewards/user/openRewards";
import { expect, test } from "vitest";
import { runPython } from "../helpers/python";
import { temporaryFolder } from "../helpers/temporaryFolder";

const script = "test/python/rewardsCheck.py";
const samples = join(import.meta.dirname, "../../samples/rewards");
const rollouts = join(samples, "rollouts.jsonl");

type Scores = Record<string, (number | null)[]>;

/** What our engine gives. */
async function ownScores(name: string, onlyFile = rollouts): Promise<(number | null)[]> {
  const opened = openRewards([name], { folder: samples, wallMs: 60_000 });
  const lines: string[] = [];
  try {
    // One line at a time: some published rewards give shorter lists for a batch.
    for (const line of readFileSync(onlyFile, "utf8").trim().split("\n")) {
      await scoreRewardFile([line], opened.rewards, (out) => void lines.push(out), { where: "rollouts" });
    }
  } finally {
    await opened.close();
  }
  return lines.map((line) => Object.values((JSON.parse(line) as { scores: Record<string, number | null> }).scores)[0]!);
}

test("TypeScript rewards give TRL the scores that they give our engine", async () => {
  const names = ["published.reward.ts#consistency_reward", "published.reward.ts#accuracy_reward", "iad-r1/accuracy"];
  const paths = names.map((name) => (name.startsWith("iad-r1") ? name : join(samples, name)));
  const scores = runPython<Scores>(script, ["parity"], [rollouts, paths]);
  expect(scores.consistency_reward).toEqual(await ownScores(names[0]!));
  expect(scores.accuracy_reward).toEqual(await ownScores(names[1]!));
  const inputs = readFileSync(rollouts, "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as { completion: string; solution: string })
    .map(({ completion, solution }) => ({ completion, solution, columns: {} }));
  const builtIn = scoreCompletions(createRewardRegistry().resolve(["iad-r1/accuracy"]), inputs);
  expect(scores["iad-r1/accuracy"]).toEqual(builtIn.map((row) => row.scores["iad-r1/accuracy"]));
  expect(new Set(scores["iad-r1/accuracy"]).size).toBeGreaterThan(2);
});

test("Python rewards give our engine the scores that they give TRL", async () => {
  const names = ["consistency_reward", "accuracy_reward"];
  const direct = runPython<Scores>(script, ["direct"], [rollouts, join(samples, "published.py"), names]);
  for (const name of names) {
    expect(await ownScores(`published.py#${name}`), name).toEqual(direct[name]);
    // And the two languages agree with each other.
    expect(await ownScores(`published.reward.ts#${name}`), name).toEqual(direct[name]);
  }
});

test("failures are None, 0 or an exception, as asked, and never silent", () => {
  const file = join(temporaryFolder(), "some.reward.ts");
  writeFileSync(
    file,
    `/** @reward */
export function some({ completion, skip, note }: any): any {
  if (completion === "throw") throw new Error("cannot read it");
  if (completion === "skip") return skip("not for me");
  note("size", completion.length);
  return 0.5;
}`,
  );
  const result = runPython<Record<string, unknown>>(script, ["failures"], [`${file}#some`]);
  const message = "some failed on 1 of 3 completions: Error: cannot read it (line 3)";
  expect(result).toMatchObject({
    ...{ skip: [0.5, null, null], skip_warned: [message], skip_extra: { "some/size": [4, null, null] } },
    ...{ zero: [0.5, 0, null], zero_warned: [message], raise: message },
    missing: expect.stringContaining("nowhere.reward.ts#f cannot be used"),
  });
});

test("TRL's GRPO trainer learns from a TypeScript reward beside a Python one", () => {
  const folder = temporaryFolder();
  const file = join(folder, "words.reward.ts");
  writeFileSync(
    file,
    `/** @reward */
export function words({ completion, columns, solution, prompt, length, step }: any) {
  if (typeof prompt !== "string" || columns.solution !== undefined || length < 1 || step !== 0) throw new Error("not as TRL gives it");
  return completion.split(" ").filter((word: string) => word !== solution).length;
}`,
  );
  const { typescript, python, mean } = runPython<{
    typescript: (number | null)[];
    python: { completions: string[]; keys: string[]; solution: string[] };
    mean: number;
  }>(script, ["trainer"], [`${file}#words`, folder]);
  expect(python.keys).toEqual(expect.arrayContaining(["completion_ids", "prompts", "trainer_state"]));
  const expected = python.completions.map(
    (text, i) => text.split(" ").filter((word) => word !== python.solution[i]).length,
  );
  expect(typescript).toEqual(expected);
  expect(mean).toBeCloseTo(expected.reduce((a, b) => a + b, 0) / expected.length, 6);
});
