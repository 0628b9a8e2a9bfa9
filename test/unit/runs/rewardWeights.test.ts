import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { readScope } from "@iad-r1/server/rewards/debug/readScope";
import { rewardWeights } from "@iad-r1/server/runs/rewardWeights";
import { expect, test } from "vitest";
import { temporaryFolder } from "../../helpers/temporaryFolder";

function run(config: object): string {
  const folder = temporaryFolder();
  writeFileSync(join(folder, "run.json"), JSON.stringify({ config }));
  mkdirSync(join(folder, "rollouts"));
  return folder;
}

const strict = {
  ...{ "iad-r1-strict/format": 1, "iad-r1-strict/answer": 1 },
  ...{ "iad-r1-strict/location": 0.5, "iad-r1-strict/type": 0.5 },
};

test.each([
  ["of the preset, where no rewards are listed", { preset: "iad-r1-strict", stages: { scGrpo: {} } }, strict],
  [
    "of a listed preset, each part by its own and the list's weight",
    { stages: { scGrpo: { rewards: [{ name: "iad-r1-strict", weight: 2 }] } } },
    Object.fromEntries(Object.entries(strict).map(([name, weight]) => [name, 2 * weight])),
  ],
  [
    "of a person's own rewards",
    { stages: { scGrpo: { rewards: [{ name: "own.reward.ts#place", weight: 3 }, { name: "iad-r1/accuracy" }] } } },
    { "own.reward.ts#place": 3, "iad-r1/accuracy": 1 },
  ],
  ["of nothing, where the manifest says nothing", {}, {}],
])("weights %s", async (_, config, expected) => {
  const folder = run(config);
  expect(await rewardWeights(folder)).toEqual(expected);
});

test("the reward debugger weighs what a run recorded as the run did", async () => {
  const folder = run({ preset: "iad-r1-strict" });
  const row = { group: 1, index: 0, completion: "x", solution: "y", rewards: { "iad-r1-strict/type": 1 }, total: 0.5 };
  writeFileSync(join(folder, "rollouts/step-000001.jsonl"), `${JSON.stringify(row)}\n`);
  const source = { kind: "run" as const, run: "r" };
  const scope = { source, steps: "all" as const, split: "all" as const, pinned: null };
  const { weights, rows } = await readScope(scope as never, {
    sources: [{ source, path: folder, name: "r" }],
    maxRollouts: 10,
  });
  expect(rows).toHaveLength(1);
  expect(weights).toEqual(strict);
});
