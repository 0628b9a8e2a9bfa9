/** A hang in TypeScript is named by line, with the instrumenter of live values; recordings come back whole. */
import { instrumentTypeScript } from "@iad-r1/server/rewards/live/instrument";
import { discoverRewards } from "@iad-r1/server/rewards/user/discover";
import { startRunner } from "@iad-r1/server/rewards/user/runner";
import type { RolloutRow } from "@iad-r1/server/rollouts/row";
import { expect, onTestFinished, test } from "vitest";

const source = `/** @reward */
export function pattern({ completion }: { completion: string }): number {
  const slow = /^(a+)+$/;
  if (completion.length < 5) return 0;
  return slow.test(completion)
    ? 1
    : 0;
}
/** @reward */
export function loop({ completion }: { completion: string }): number {
  let n = 0;
  while (completion !== "") {
    n = Math.max(n, 1);
  }
  return n;
}
`;

function open() {
  const program = discoverRewards("/project/a.reward.ts", source);
  const runner = startRunner(program, { instrument: instrumentTypeScript });
  onTestFinished(() => runner.close());
  return runner;
}

function rows(...completions: string[]): RolloutRow[] {
  return completions.map((completion, index) => ({
    ...{ group: "g", index, prompt: null, completion, solution: null, columns: {} },
  }));
}

const hang = `${"a".repeat(40)}b`;

test.each([false, true])(
  "an endless pattern and an endless loop are named by their lines (instrumented: %s)",
  async (instrumented) => {
    const runner = open();
    await runner.score("pattern", rows("warm"), { instrumented });
    const started = performance.now();
    await expect(runner.score("pattern", rows("a", hang, "b"), { wallMs: 300, instrumented })).rejects.toMatchObject({
      code: "reward/timeout",
      data: { line: 5 },
      where: "/project/a.reward.ts:5",
    });
    await expect(runner.score("loop", rows("", "x"), { wallMs: 300, instrumented })).rejects.toMatchObject({
      code: "reward/timeout",
      data: { line: expect.toSatisfy((line: number) => line === 12 || line === 13) },
    });
    expect(performance.now() - started).toBeLessThan(20_000);
  },
);

test("instrumented scores are those of the plain code, with a recording", async () => {
  const runner = open();
  const given = rows("abc", "aaaaaa");
  const plain = await runner.score("pattern", given);
  const live = await runner.score("pattern", given, { instrumented: true, pinned: 1 });
  expect(live.outcomes).toEqual(plain.outcomes);
  const reached = live.recording!.sites.map(({ kind, start, end }, i) => [
    ...[kind, source.slice(start, end), live.recording!.records[i]!.reached],
  ]);
  expect(reached).toContainEqual(["condition", "completion.length < 5", 2]);
  expect(live.recording!.trace!.row).toBe(1);
  // A recording holds only its own call.
  const again = await runner.score("pattern", rows("abc"), { instrumented: true });
  expect(again.recording!.records[0]!.reached).toBe(1);
});
