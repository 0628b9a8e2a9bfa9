/** The corrected set on the same rollouts: none of the hazards of the published pair. */
import { fileURLToPath } from "node:url";
import { examineProgram } from "@iad-r1/server/rewards/analysis/examine";
import { strictPreset } from "@iad-r1/server/rewards/builtin/strict";
import type { RewardProgram } from "@iad-r1/server/rewards/user/program";
import type { RewardRunner } from "@iad-r1/server/rewards/user/runner";
import { readRollouts } from "@iad-r1/server/rollouts/read";
import { expect, test } from "vitest";

test("nothing is found in iad-r1-strict that was found in the published pair", async () => {
  const { rows } = await readRollouts(
    fileURLToPath(new URL("../../../../samples/rewards/rollouts.jsonl", import.meta.url)),
  );
  const program: RewardProgram = {
    ...{ file: "/strict.reward.ts", language: "typescript", source: "strict", hash: "", problems: [] },
    functions: strictPreset.map(({ reward, weight }) => ({
      ...{
        name: reward.name,
        language: "typescript",
        file: "/strict.reward.ts",
        shape: "contract",
        scope: "sample",
        weight,
      },
      ...{
        range: reward.range,
        impure: false,
        isAsync: false,
        nameSpan: [0, 6],
        bodySpan: [0, 6],
        columns: [],
        takesKwargs: true,
        exportName: "x",
      },
    })),
  };
  const runner: RewardRunner = {
    async score(name, asked) {
      const { reward } = strictPreset.find((part) => part.reward.name === name)!;
      if (reward.scope !== "sample") throw new Error("a sample reward is expected here");
      const outcomes = asked.map(({ completion, solution, columns }) =>
        reward.score({ completion, solution, columns }),
      );
      return { outcomes, rawLength: null, callMs: asked.map(() => 0.1), recording: null, output: "" };
    },
    async close() {},
  };
  const { findings } = await examineProgram(program, rows, runner);
  // The truth "Uncertain" is a fault of the data, and every reward that needs a verdict says so.
  expect(findings.map(({ id, function: name }) => `${id} ${name}`).sort()).toEqual(
    ["answer", "location", "type"].map((name) => `RW117 iad-r1-strict/${name}`),
  );
});
