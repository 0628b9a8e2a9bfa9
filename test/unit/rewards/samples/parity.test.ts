/** The rewards of samples/rewards, in Python and in TypeScript, against the recorded outputs of the published ones. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { discoverRewards } from "@iad-r1/server/rewards/user/discover";
import { startRunner } from "@iad-r1/server/rewards/user/runner";
import type { RolloutRow } from "@iad-r1/server/rollouts/row";
import { describe, expect, onTestFinished, test } from "vitest";
import { type Golden, readGoldens } from "../../../helpers/goldens";

interface PairGolden extends Golden {
  kind: string;
  completion: unknown;
  solution: unknown;
  out: Record<string, number[] | { raises: string }>;
}

/** Records that a rollout can hold: the completion is a text, the truth a text or missing. */
const records = readGoldens<PairGolden>("rewards").filter(
  ({ kind, completion, solution }) =>
    kind === "pair" && typeof completion === "string" && (typeof solution === "string" || solution === null),
);
const rows = records.map(
  ({ completion, solution }, index): RolloutRow => ({
    ...{ group: `${index}`, index: 0, prompt: null, completion: completion as string },
    ...{ solution: solution as string | null, columns: {} },
  }),
);

const files = ["published.py", "ablations.py", "published.reward.ts", "ablations.reward.ts"];

describe.each(files)("%s", (name) => {
  const file = fileURLToPath(new URL(`../../../../samples/rewards/${name}`, import.meta.url));
  const program = discoverRewards(file, readFileSync(file, "utf8"));

  test.each(program.functions.map((declaration) => declaration.name))(
    "%s agrees with every recorded pair",
    { timeout: 300_000 },
    async (reward) => {
      const runner = startRunner(program);
      onTestFinished(() => runner.close());
      const { outcomes } = await runner.score(reward, rows, { batchSize: 1, wallMs: 60_000 });
      const differing = records.flatMap(({ id, out }, i) => {
        const expected = out[reward];
        const outcome = outcomes[i]!;
        const isSame = Array.isArray(expected)
          ? expected.length === 0
            ? outcome.status === "error" && outcome.cause === (name.endsWith(".py") ? "count" : "value")
            : outcome.status === "ok" && Math.abs(outcome.score - expected[0]!) <= 1e-9
          : expected !== undefined && outcome.status === "error" && outcome.cause === "raised";
        return isSame ? [] : [{ id, expected, outcome }];
      });
      expect(differing).toEqual([]);
      expect(outcomes.length).toBeGreaterThan(2_000);
    },
  );
});

test("every published reward that returns a list has a sample in both languages", () => {
  const names = (list: string[]) =>
    list
      .flatMap((name) => {
        const file = fileURLToPath(new URL(`../../../../samples/rewards/${name}`, import.meta.url));
        return discoverRewards(file, readFileSync(file, "utf8")).functions.map((declaration) => declaration.name);
      })
      .sort();
  // The second consistency variant behaves as the first (reference section 11).
  const published = Object.keys(records[0]!.out).filter(
    (name) => !["format_consistency_reward_cot", "location_reward", "type_reward", "type_category"].includes(name),
  );
  expect(names(files.slice(0, 2))).toEqual(published.sort());
  expect(names(files.slice(2))).toEqual(published.sort());
});
