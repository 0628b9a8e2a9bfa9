import { RewardError } from "@iad-r1/models/errors";
import {
  failed,
  type GroupReward,
  notApplicable,
  type RewardInput,
  type RewardOutcome,
  type SampleReward,
  scored,
} from "@iad-r1/server/rewards/contract";
import { combineOutcomes, rolloutStatus, scoreCompletions } from "@iad-r1/server/rewards/evaluate";
import { describe, expect, it } from "vitest";

function sample(name: string, score: (input: RewardInput) => RewardOutcome): SampleReward {
  return { name, range: { min: 0, max: 1 }, scope: "sample", description: name, score };
}

const one = sample("one", () => scored(1));
const half = sample("half", () => scored(0.5, { why: "always" }));
const silent = sample("silent", () => notApplicable("no opinion"));
const broken = sample("broken", () => {
  throw new TypeError("no such column");
});

function score(rewards: [SampleReward | GroupReward, number][], completions: string[], options = {}) {
  return scoreCompletions(
    rewards.map(([reward, weight]) => ({ reward, weight })),
    completions.map((completion) => ({ completion, solution: "", columns: {} })),
    options,
  );
}

describe("scoreCompletions", () => {
  it("adds weighted scores and keeps notes", () => {
    expect(
      score(
        [
          [one, 1],
          [half, -2],
        ],
        ["a"],
      ),
    ).toEqual([
      {
        scores: { one: 1, half: 0.5 },
        status: { one: "ok", half: "ok" },
        notes: { half: { why: "always" } },
        total: 0,
      },
    ]);
  });

  it("leaves out a reward that does not apply; without any there is no total", () => {
    expect(
      score(
        [
          [one, 1],
          [silent, 5],
        ],
        ["a"],
      )[0],
    ).toMatchObject({
      scores: { one: 1, silent: null },
      status: { silent: "not-applicable" },
      notes: { silent: { reason: "no opinion" } },
      total: 1,
    });
    expect(score([[silent, 1]], ["a"])[0]!.total).toBeNull();
  });

  it("a failing reward leaves the total open, counts 0, or ends everything, as asked", () => {
    const rewards: [SampleReward, number][] = [
      [one, 1],
      [broken, 1],
    ];
    expect(score(rewards, ["a"])[0]).toMatchObject({
      scores: { one: 1, broken: null },
      status: { one: "ok", broken: "error" },
      notes: { broken: { error: "no such column" } },
      total: null,
    });
    expect(score(rewards, ["a"], { onError: "zero" })[0]!.total).toBe(1);
    expect(score([[broken, 1]], ["a"], { onError: "zero" })[0]!.total).toBe(0);
    expect(() => score(rewards, ["a"], { onError: "stop" })).toThrow(RewardError);
  });

  it.each([
    ["NaN", scored(Number.NaN)],
    ["an infinity", scored(Number.POSITIVE_INFINITY)],
    ["text", { status: "ok", score: "1" } as unknown as RewardOutcome],
    ["a number beyond the declared range", scored(1.5)],
    ["a bare number", 1 as unknown as RewardOutcome],
    ["nothing", undefined as unknown as RewardOutcome],
  ])("%s in place of a score is a failure", (_, outcome) => {
    const [row] = score([[sample("odd", () => outcome), 1]], ["a"]);
    expect(row).toMatchObject({ scores: { odd: null }, status: { odd: "error" }, total: null });
  });

  it("one failing input does not touch the others", () => {
    const picky = sample("picky", ({ completion }) => (completion === "b" ? failed("not b") : scored(1)));
    expect(score([[picky, 1]], ["a", "b", "c"]).map((row) => row.total)).toEqual([1, null, 1]);
  });

  it("group rewards see their group and answer for each member", () => {
    const shortest: GroupReward = {
      name: "shortest",
      range: { min: 0, max: 1 },
      scope: "group",
      description: "The shortest of the group.",
      score: (inputs) => {
        const lengths = inputs.map(({ completion }) => String(completion).length);
        return lengths.map((length) => scored(Number(length === Math.min(...lengths))));
      },
    };
    const rows = score(
      [
        [shortest, 1],
        [half, 1],
      ],
      ["aaa", "a", "aaaa", "aaaaa"],
      { groupSize: 2 },
    );
    expect(rows.map((row) => row.scores.shortest)).toEqual([0, 1, 1, 0]);
    expect(() => score([[shortest, 1]], ["a", "b", "c"], { groupSize: 2 })).toThrow(/multiple of the group size/);
    expect(() => score([[shortest, 1]], ["a"])).toThrow(RewardError);
    const forgetful = { ...shortest, score: () => [scored(1)] };
    expect(score([[forgetful, 1]], ["a", "b"], { groupSize: 2 }).map((row) => row.status.shortest)).toEqual([
      "error",
      "error",
    ]);
  });
});

describe("combineOutcomes", () => {
  it("makes the same row of outcomes that come from elsewhere", () => {
    const rewards = [one, half].map((reward) => ({ reward, weight: 1 }));
    const [row] = score(
      [
        [one, 1],
        [half, 1],
      ],
      ["a"],
    );
    expect(combineOutcomes(rewards, [scored(1), scored(0.5, { why: "always" })])).toEqual(row);
  });
});

it("rollout records call what does not apply na", () => {
  expect((["ok", "not-applicable", "error"] as const).map(rolloutStatus)).toEqual(["ok", "na", "error"]);
});
