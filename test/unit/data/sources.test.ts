/** Samples of all data sources of an experiment. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { loadSources } from "@iad-r1/server/data/sources";
import { expect, test } from "vitest";
import { temporaryFolder } from "../../helpers/temporaryFolder";

test("a data set with more samples than a call takes arguments", async () => {
  const folder = temporaryFolder();
  writeFileSync(join(folder, "a.png"), "");
  const path = join(folder, "rows.json");
  const row = { image: "a.png", problem: "?", solution: "<answer>No</answer>" };
  const lines = Array.from({ length: 150_000 }, (_, i) => JSON.stringify({ id: `${i}`, ...row }));
  writeFileSync(path, `[\n${lines.join(",\n")}\n]`);
  const { value } = await loadSources([{ kind: "sc-grpo", path }] as never, { folder });
  expect(value).toHaveLength(150_000);
});
