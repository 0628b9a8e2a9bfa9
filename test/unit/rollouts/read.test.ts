import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parquetWriteBuffer } from "hyparquet-writer";
import { describe, expect, it } from "vitest";
import { readRollouts } from "@iad-r1/server/rollouts/read";
import { temporaryFolder } from "../../helpers/temporaryFolder";

function fileOf(name: string, lines: readonly unknown[]): string {
  const path = join(temporaryFolder(), name);
  writeFileSync(path, lines.map((line) => `${typeof line === "string" ? line : JSON.stringify(line)}\n`).join(""));
  return path;
}

describe("lines of completions", () => {
  it("keep what they say, and every other key as a column", async () => {
    const path = fileOf("a.jsonl", [
      { group: 1, prompt: "p", completion: "a", solution: "s", category: "nut", rewards: { r: 1 } },
      { group: 1, prompt: "p", completion: [{ role: "assistant", content: "b" }], solution: "s", category: "nut" },
    ]);
    const { rows, format, problems, rewardNames } = await readRollouts(path);
    expect({ format, problems, rewardNames }).toEqual({ format: "lines", problems: [], rewardNames: ["r"] });
    expect(rows).toEqual([
      {
        group: "1",
        index: 0,
        prompt: "p",
        completion: "a",
        solution: "s",
        columns: { category: "nut" },
        rewards: { r: 1 },
      },
      { group: "1", index: 1, prompt: "p", completion: "b", solution: "s", columns: { category: "nut" } },
    ]);
  });
});
