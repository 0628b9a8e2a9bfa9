/** Rewards of a run by name: built-in ones and files of both languages together, and what a call that hangs costs. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { RewardInput } from "@iad-r1/server/rewards/contract";
import { scoreAll } from "@iad-r1/server/rewards/evaluate";
import { instrumentTypeScript } from "@iad-r1/server/rewards/live/instrument";
import { scoreRewardFile } from "@iad-r1/server/rewards/scoreFile";
import { openRewards } from "@iad-r1/server/rewards/user/openRewards";
import { describe, expect, onTestFinished, test } from "vitest";
import { temporaryFolder } from "../../../helpers/temporaryFolder";

const typescript = `import { defineReward } from "iad-r1/reward";
export const size = defineReward({
  weight: 0.5,
  score({ completion, columns }) {
    while (completion === "hang") {}
    return columns.category === "bolt" ? completion.length : null;
  },
});
export const peers = defineReward({ scope: "group", score: ({ peers }) => peers.length });
`;
const python = `def first(completions, category, **kwargs):
    assert set(kwargs) <= {"solution", "prompts", "completion_ids", "trainer_state", "log_extra", "log_metric"}, kwargs
    return [float(c[:1] == "a") for c in completions]
`;

function project(): string {
  const folder = temporaryFolder();
  mkdirSync(join(folder, "rewards"));
  writeFileSync(join(folder, "rewards/own.reward.ts"), typescript);
  writeFileSync(join(folder, "rewards/own.py"), python);
  return folder;
}

function open(names: Parameters<typeof openRewards>[0], wallMs = 20_000) {
  const opened = openRewards(names, { folder: project(), wallMs, instrument: instrumentTypeScript });
  onTestFinished(() => opened.close());
  return opened;
}

function inputs(...completions: string[]): RewardInput[] {
  return completions.map((completion) => ({
    ...{ completion, solution: "<answer>No</answer>", columns: { category: "bolt" } },
  }));
}

describe("names", () => {
  test("files, functions, presets and built-in rewards stand side by side; weights come from the file unless given", () => {
    const { rewards, programs } = open([
      "rewards/own.reward.ts",
      { name: "rewards/own.py#first", weight: 3 },
      "iad-r1/accuracy",
    ]);
    expect(rewards.map(({ reward: { name, scope }, weight }) => [name, scope, weight])).toEqual([
      ["size", "outside", 0.5],
      ["peers", "outside", 1],
      ["first", "outside", 3],
      ["iad-r1/accuracy", "sample", 1],
    ]);
    expect(programs).toHaveLength(2);
  });

  test.each([
    ["rewards/nowhere.py", "reward/unreadable"],
    ["rewards/own.py#second", "reward/unknown-name"],
    ["iad-r1/acuracy", "reward/unknown-name"],
  ])("%s is refused (%s)", (name, code) => {
    expect(() => open([name])).toThrow(expect.objectContaining({ code }));
  });

  test("one name twice is refused, also across files", () => {
    expect(() => open(["rewards/own.py", "rewards/own.py#first"])).toThrow(
      expect.objectContaining({ code: "reward/duplicate" }),
    );
  });
});

test("rows have the scores of all rewards, and a damaged completion fails alone", async () => {
  const { rewards } = open(["rewards/own.reward.ts#size", "rewards/own.py", "iad-r1/accuracy"]);
  const rows = await scoreAll(rewards, [
    ...inputs("abc", "<answer>No</answer>"),
    { completion: 7, solution: null, columns: { category: "bolt" } },
  ]);
  expect(rows.map(({ scores, total }) => [scores, total])).toEqual([
    [{ size: 3, first: 1, "iad-r1/accuracy": 0 }, 2.5],
    [{ size: 19, first: 0, "iad-r1/accuracy": 1 }, 10.5],
    [{ size: null, first: null, "iad-r1/accuracy": 0 }, null],
  ]);
  expect(rows[2]!.status.size).toBe("error");
});

test("a completion that hangs costs itself alone, and its line is named", async () => {
  const { rewards } = open(["rewards/own.reward.ts#size"], 300);
  const rows = await scoreAll(rewards, inputs("a", "hang", "bb", "ccc"));
  expect(rows.map(({ scores }) => scores.size)).toEqual([1, null, 2, 3]);
  expect(rows[1]!.notes.size!.error).toMatch(/did not end within .* line 5/);
});

test("a completion that hangs only when its neighbour is tried again costs both, not the run", async () => {
  const folder = temporaryFolder();
  const mark = JSON.stringify(join(folder, "seen"));
  writeFileSync(
    join(folder, "odd.reward.ts"),
    `import { existsSync, writeFileSync } from "node:fs";
/** @reward impure */
export function odd({ completion }) {
  const hangs = completion === "hang" || (completion === "second" && existsSync(${mark}));
  if (hangs) writeFileSync(${mark}, "");
  while (hangs) {}
  return 1;
}
`,
  );
  const opened = openRewards(["odd.reward.ts"], { folder, wallMs: 300 });
  onTestFinished(() => opened.close());
  const rows = await scoreAll(opened.rewards, inputs("first", "second", "hang", "last"));
  expect(rows.map(({ scores }) => scores.odd)).toEqual([1, null, null, 1]);
});

test("lines of a file are scored in their order, groups whole, record fields kept from the columns", async () => {
  const { rewards } = open(["rewards/own.reward.ts#peers", "rewards/own.py"]);
  const lines = ["x", "x", "y", "z", "z", "z"].map((group, index) =>
    JSON.stringify({ group, index, completion: "a", solution: "", category: "bolt", total: 1, notes: {}, length: 3 }),
  );
  const out: { scores: Record<string, number> }[] = [];
  const summary = await scoreRewardFile([lines.join("\n")], rewards, (line) => void out.push(JSON.parse(line)), {
    where: "lines",
  });
  expect(out.map(({ scores }) => scores.peers)).toEqual([2, 2, 1, 3, 3, 3]);
  expect(out.map(({ scores }) => scores.first)).toEqual([1, 1, 1, 1, 1, 1]);
  expect(summary.perReward.peers).toEqual({ ok: 6, notApplicable: 0, error: 0 });
});

test("a setting that cannot be read without running the code is told, and does not count as if it were not there", () => {
  const folder = project();
  const source = typescript.replace("weight: 0.5", "weight: half").replace("\n", "\nconst half = 0.5;\n");
  writeFileSync(join(folder, "rewards/own.reward.ts"), source);
  expect(() => openRewards(["rewards/own.reward.ts#size"], { folder, wallMs: 20_000 })).toThrow(
    expect.objectContaining({
      code: "reward/load",
      message: expect.stringContaining("weight wants a number, written out here") as string,
      where: `${join(folder, "rewards/own.reward.ts")}:4`,
    }),
  );
});
