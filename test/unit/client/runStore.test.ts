import { overallState, RunStore, type RunChange } from "@iad-r1/client/runs/runStore";
import type { RunListing } from "@iad-r1/protocol/runs";
import { expect, test } from "vitest";

const run = (id: string, changes: Partial<RunListing> = {}): RunListing => ({
  ...{ id, kind: "pa-sft", project: "p", state: "running", reason: null, attempt: 1, createdMs: 1, updatedMs: 1 },
  ...{
    plan: [],
    finishedStages: [],
    lastStage: null,
    lastStep: 0,
    last: {},
    progress: null,
    folder: "",
    lineage: null,
    findings: [],
  },
  ...changes,
});

function watched() {
  const store = new RunStore();
  const heard: string[] = [];
  store.onDidChange((changes: RunChange[]) => {
    heard.push(changes.map(({ before, after }) => `${before?.state ?? "-"}>${after?.state ?? "-"}`).join(" "));
  });
  return { store, heard };
}

test("is heard of once when the first list comes, also when it is empty", () => {
  const { store, heard } = watched();
  store.replace([]);
  store.replace([]);
  expect([heard, store.isKnown]).toEqual([[""], true]);
});

test("tells what is new, changed and gone, and nothing twice", () => {
  const { store, heard } = watched();
  store.replace([run("a"), run("b", { createdMs: 2 })]);
  store.change({ run: run("a", { state: "completed" }) });
  store.change({ type: "changed", run: run("a", { state: "completed" }) });
  store.change({ type: "removed", id: "b" });
  store.change({ removed: "b" });
  expect(heard).toEqual(["->running ->running", "running>completed", "running>-"]);
  expect(store.all.map(({ id }) => id)).toEqual(["a"]);
});

test("lists the newest first, and which are not over", () => {
  const { store } = watched();
  store.replace([run("old", { state: "paused" }), run("new", { createdMs: 5 }), run("done", { state: "failed" })]);
  expect(store.all[0]!.id).toBe("new");
  expect(store.active.map(({ id }) => id)).toEqual(["new", "old"]);
  expect([overallState([]), overallState(store.all), overallState([run("x", { state: "stopped" })])]).toEqual([
    ...["none", "running", "idle"],
  ]);
});
