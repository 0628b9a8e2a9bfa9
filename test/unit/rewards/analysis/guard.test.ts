import { type GuardFinding, guardRollouts, shouldPause } from "@iad-r1/server/rewards/analysis/guard";
import type { RolloutRow } from "@iad-r1/server/rollouts/row";
import { expect, it } from "vitest";

const rewards = [{ name: "a", weight: 1 }];

/** Eight steps of four groups of four; `score` null is a failure. */
function steps(
  score: (step: number, group: number, index: number) => number | null,
  finish: RolloutRow["finish"] = "eos",
): RolloutRow[] {
  return Array.from({ length: 128 }, (_, i): RolloutRow => {
    const [step, group, index] = [Math.floor(i / 16), Math.floor(i / 4) % 4, i % 4];
    const value = score(step, group, index);
    return {
      ...{
        group: `${group}`,
        index,
        step,
        prompt: null,
        completion: "x",
        solution: null,
        columns: { errors: { a: "no such tag" } },
        finish,
      },
      ...{ rewards: { a: value }, status: { a: value === null ? ("error" as const) : ("ok" as const) }, total: value },
    };
  });
}
const ids = (findings: readonly GuardFinding[]) => findings.map(({ id }) => id);

it("says nothing about a run that learns", () => {
  expect(
    guardRollouts(
      steps((_, __, index) => index % 2),
      { rewards },
    ),
  ).toEqual([]);
  expect(guardRollouts([], { rewards })).toEqual([]);
});

it("counts failures, names the first, and may pause for them when the settings say so", () => {
  const findings = guardRollouts(
    steps((_, group, index) => (group === 0 && index === 0 ? null : index % 2)),
    { rewards },
  );
  expect(ids(findings)).toEqual(["RW104"]);
  expect(findings[0]).toMatchObject({ reward: "a", numbers: { failed: 32 / 4, share: 1 / 16 } });
  expect(findings[0]!.message).toContain("no such tag");
  expect(shouldPause(findings, { pauseOn: [] })).toBeNull();
  expect(shouldPause(findings, { pauseOn: ["RW104"] })).toBe(findings[0]);
});

it("may pause for a reward that always gives its least, and not for one that always gives its greatest", () => {
  const known = [{ name: "a", weight: 1, least: 0 }];
  const [least, greatest] = [0, 1].map((score) =>
    guardRollouts(
      steps(() => score),
      { rewards: known },
    ).filter(({ id }) => id === "RW105"),
  );
  expect([ids(least!), ids(greatest!)]).toEqual([["RW105"], ["RW105"]]);
  expect(shouldPause(least!, { pauseOn: ["RW105"] })).toBe(least![0]);
  expect(shouldPause(greatest!, { pauseOn: ["RW105"] })).toBeNull();
  const unknown = guardRollouts(
    steps(() => 0),
    { rewards },
  );
  expect(shouldPause(unknown, { pauseOn: ["RW105"] })).toBeNull();
});

it("five failures in a hundred are no finding", () => {
  const findings = guardRollouts(
    steps((step, group, index) => (step < 6 && group === 0 && index === 0 ? null : index % 2)),
    { rewards },
  );
  expect(ids(findings)).toEqual([]);
});

it("pauses for flat groups only when nearly all were flat in each of eight steps", () => {
  const constant = guardRollouts(
    steps((_, group) => group),
    { rewards },
  );
  expect(ids(constant)).toEqual(["RW106"]);
  expect(shouldPause(constant, { pauseOn: ["RW106"] })).not.toBeNull();
  const oneGoodStep = guardRollouts(
    steps((step, group, index) => (step === 7 ? index % 2 : group)),
    { rewards },
  );
  expect(ids(oneGoodStep)).toEqual(["RW106"]);
  expect(shouldPause(oneGoodStep, { pauseOn: ["RW106"] })).toBeNull();
});

it("a constant reward and cut-off failures are told", () => {
  expect(
    ids(
      guardRollouts(
        steps(() => 1),
        { rewards },
      ),
    ),
  ).toEqual(["RW105", "RW106"]);
  expect(
    ids(
      guardRollouts(
        steps((_, __, index) => index % 2, "length"),
        { rewards },
      ),
    ),
  ).toEqual(["RW122"]);
});
