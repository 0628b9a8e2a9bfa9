/** Findings of runs at the row of their reward, built-in ones too. */
import { toldFindings } from "@iad-r1/client/views/toldFindings";
import type { RewardTreeItem } from "@iad-r1/protocol/rewardDebugger";
import type { RunListing, RunState } from "@iad-r1/protocol/runs";
import { expect, test } from "vitest";

const item = (name: string, place: RewardTreeItem["place"], ids: string[] = []) =>
  ({
    ...{ name, place },
    findings: ids.map((id) => ({ id, severity: "warning", message: "of the file", line: 1 })),
  }) as unknown as RewardTreeItem;
const run = (state: RunState, reward: string, file: string | null, id = "RW105") =>
  ({ state, findings: [{ id, severity: "warning", reward, file, message: "always 0" }] }) as unknown as RunListing;

const told = { id: "RW105", severity: "warning", message: "always 0", line: 0 };

test("a finding stands at its own reward, with or without a file", () => {
  const runs = [run("running", "iad-r1/accuracy", null), run("paused", "place", "/r/place.reward.ts")];
  const builtIn = (file: string | null) => file === null;
  const isFile = (file: string | null) => file === "/r/place.reward.ts";
  expect(toldFindings(item("iad-r1/accuracy", null), runs, builtIn)).toEqual([told]);
  expect(toldFindings(item("iad-r1/type", null), runs, builtIn)).toEqual([]);
  const place = { uri: "file:///r/place.reward.ts", line: 7, character: 0 };
  expect(toldFindings(item("place", place), runs, isFile)).toEqual([{ ...told, line: 7 }]);
  // A file may have a reward with the name of a built-in one.
  expect(toldFindings(item("iad-r1/accuracy", place), runs, isFile)).toEqual([]);
});

test("what the examined file says itself is not said twice, and runs that are over say nothing", () => {
  const place = { uri: "file:///r/place.reward.ts", line: 7, character: 0 };
  const isFile = (file: string | null) => file !== null;
  expect(toldFindings(item("place", place, ["RW105"]), [run("running", "place", "/p")], isFile)).toEqual([]);
  expect(toldFindings(item("place", place), [run("completed", "place", "/p")], isFile)).toEqual([]);
});
