import { configDifferences, flattenConfig, groupBy } from "@iad-r1/webview-ui/state/configDiff";
import { expect, it } from "vitest";

it("names the keys that differ, and those that only one has", () => {
  const a = { grpo: { beta: 0.04, groupSize: 8 }, rewards: ["a", "b"] };
  const b = { grpo: { beta: 0, groupSize: 8 }, rewards: ["a", "b"], seed: 3 };
  expect(configDifferences([a, b])).toEqual([
    { key: "grpo.beta", values: ["0.04", "0"] },
    { key: "seed", values: [null, "3"] },
  ]);
  expect([...flattenConfig({ x: { y: "text", z: null } })]).toEqual([
    ["x.y", "text"],
    ["x.z", "null"],
  ]);
});

it("puts runs with the same value together", () => {
  const runs = [{ config: { beta: 1 } }, { config: { beta: 2 } }, { config: { beta: 1 } }, { config: {} }];
  expect([...groupBy(runs, "beta")].map(([value, members]) => [value, members.length])).toEqual([
    ["1", 2],
    ["2", 1],
    ["–", 1],
  ]);
});
