/** What a dashboard shows again after its window was closed, with the texts of both languages. */
import { readFileSync } from "node:fs";
import { maxShownRuns, restoredRuns } from "@iad-r1/client/panels/restoredRuns";
import { expect, test } from "vitest";

const read = (path: string) => readFileSync(new URL(`../../../client/${path}`, import.meta.url), "utf8");
const english = /dashboardTitle = .*\bt\("([^"]+)", run\)/.exec(read("src/messages.ts"))![1]!;
const chinese = (JSON.parse(read("l10n/bundle.l10n.zh-cn.json")) as Record<string, string>)[english]!;
const titleOf = {
  english: (run: string) => english.replace("{0}", run),
  chinese: (run: string) => chinese.replace("{0}", run),
};

test.each(Object.entries(titleOf))("takes the runs that its page kept, whatever the title is (%s)", (_, title) => {
  expect(restoredRuns({ runs: ["b", "a"], zoom: 2 }, title("c"), title)).toEqual(["b", "a"]);
  // It was empty when it was closed, and comes back empty.
  expect(restoredRuns({ runs: [] }, title("c"), title)).toEqual([]);
  // A state comes from the disk: nobody promises what is in it.
  expect(restoredRuns({ runs: ["a", 7, null, { id: "b" }] }, title("c"), title)).toEqual(["a"]);
  const many = Array.from({ length: maxShownRuns + 5 }, (_, index) => `run-${index}`);
  expect(restoredRuns({ runs: many }, title("c"), title)).toEqual(many.slice(0, maxShownRuns));
});

test.each(Object.entries(titleOf))("that kept no state takes the run of its title (%s)", (_, title) => {
  const run = "20261127-091042-first-steps-3fa1";
  for (const state of [undefined, null, "runs", 3, {}, { runs: "a" }, { zoom: 2 }]) {
    expect(restoredRuns(state, title(run), title), JSON.stringify(state)).toEqual([run]);
  }
});

test.each(Object.entries(titleOf))("takes no run from a title that is not its own (%s)", (_, title) => {
  for (const text of ["", " ", title(""), "run.json", `${title("a")} (closed)`, "Another run-a"]) {
    expect(restoredRuns(undefined, text, title), text).toEqual([]);
  }
});
