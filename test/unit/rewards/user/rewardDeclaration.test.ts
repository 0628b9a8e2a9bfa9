/** The types that people's projects get fit the module that rewards really import, and the rewards that we ship. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import * as rewardApi from "@iad-r1/server/rewards/host/rewardApi";
import { rewardDeclaration, writeRewardTypes } from "@iad-r1/server/rewards/user/rewardDeclaration";
import { discoverRewards } from "@iad-r1/server/rewards/user/discover";
import { startRunner } from "@iad-r1/server/rewards/user/runner";
import ts from "typescript";
import { expect, onTestFinished, test } from "vitest";
import { temporaryFolder } from "../../../helpers/temporaryFolder";

const samples = join(import.meta.dirname, "../../../../samples/rewards");

/** What TypeScript says about files, with the settings that a project gets. */
async function problemsOf(files: Record<string, string>): Promise<string[]> {
  const folder = temporaryFolder();
  await writeRewardTypes(folder);
  const { config } = ts.readConfigFile(join(folder, "tsconfig.json"), ts.sys.readFile) as { config: unknown };
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, folder);
  for (const [name, text] of Object.entries(files)) ts.sys.writeFile(join(folder, name), text);
  const names = [...Object.keys(files), "iad-r1-reward.d.ts"].map((name) => join(folder, name));
  const program = ts.createProgram(names, options);
  return ts.getPreEmitDiagnostics(program).map(({ messageText, file, start }) => {
    const line = file === undefined ? 0 : file.getLineAndCharacterOfPosition(start ?? 0).line + 1;
    return `${file?.fileName.split("/").at(-1)}:${line} ${ts.flattenDiagnosticMessageText(messageText, " ")}`;
  });
}

test("the shipped sample rewards check without a word", async () => {
  const files = readdirSync(samples).filter((name) => name.endsWith(".ts") && !name.endsWith(".d.ts"));
  const texts = Object.fromEntries(files.map((name) => [name, readFileSync(join(samples, name), "utf8")]));
  expect(Object.keys(texts).length).toBeGreaterThan(3);
  expect(await problemsOf(texts)).toEqual([]);
});

test("a reward gets its types without writing any, and mistakes are told", async () => {
  const source = `import { defineReward } from "iad-r1/reward";
export const good = defineReward({ score: ({ tags, skip }) => (tags.answer === null ? skip("no answer") : 1) });
export const bad = defineReward({ score: ({ completion }) => completion });
export const worse = defineReward({ scope: "batch", score: ({ complition }) => 1 });`;
  const problems = await problemsOf({ "a.reward.ts": source });
  expect(problems.map((problem) => problem.slice(0, 13))).toEqual(["a.reward.ts:3", "a.reward.ts:4", "a.reward.ts:4"]);
});

test("every function that the types name is there and runs, and none is missing in the types", async () => {
  const named = [...rewardDeclaration.matchAll(/export function (\w+)/g)].map((match) => match[1]!).sort();
  const there = Object.keys(rewardApi)
    .filter((name) => name !== "isSkipped")
    .sort();
  expect(named).toEqual(there);
  const source = `import * as api from "iad-r1/reward";
export const f = api.defineReward({
  score: (context: any) => {
    const { parseTags, placeCell, publishedCell, defectTypeScore, publishedTypeScore, similarity } = api;
    context.note("values", JSON.stringify([
      parseTags("<answer>yes</answer>").answer, placeCell("top left"), placeCell("bright"), publishedCell("bright spot"),
      defectTypeScore("scratch", "scratch"), publishedTypeScore("stain", "scratch mark"), similarity("abcd", "bcde"),
    ]));
    const known = ["completion", "tags", "prompt", "solution", "truth", "columns", "images", "group", "index", "step", "length", "finish"];
    return known.filter((key) => key in context).length;
  },
});`;
  const runner = startRunner(discoverRewards("/project/a.reward.ts", source));
  onTestFinished(() => runner.close());
  const row = { group: "0", index: 0, prompt: null, completion: "", solution: null, columns: {} };
  const { outcomes } = await runner.score("f", [row]);
  expect(outcomes).toEqual([
    { status: "ok", score: 12, notes: { values: JSON.stringify(["yes", 1, null, 6, 1, 0.3, 0.75]) } },
  ]);
});
