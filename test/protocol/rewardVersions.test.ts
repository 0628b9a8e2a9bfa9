/** All rewards of a folder at once, and two versions of one on recorded rollouts, through the bundled server. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import {
  compareRewardVersions,
  didChangeRewardScope,
  listRuns,
  rewardTree,
  rewardVersions,
  setRewardScope,
  startLiveValues,
} from "@iad-r1/protocol/lsp";
import type { RewardVersionRef } from "@iad-r1/protocol/rewardDebugger";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { DidOpenTextDocumentNotification } from "vscode-languageserver/node";
import { failure, startServer, type TestServer } from "../helpers/languageClient";
import { locationPython, locationReward, locationRollouts } from "../helpers/rewardFixture";

vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 });

const fixed = locationReward.replace("<\\/location>/.exec(completion)", "<\\/location>/s.exec(completion)");
const runId = "20260101-000000-demo";
const copy = "rewards/0123456789ab-location.reward.ts";

let folder = "";
let server: TestServer;
let uri = "";

/** A run that has ended and used the faulty version. */
function writeRun(path: string): void {
  const run = join(folder, ".iadr1/runs", runId);
  mkdirSync(join(run, "rewards"), { recursive: true });
  mkdirSync(join(run, "rollouts"));
  writeFileSync(join(run, copy), locationReward);
  const reward = { name: "location", weight: 0.5, version: "0123456789ab", file: path, copy };
  writeFileSync(
    join(run, "run.json"),
    JSON.stringify({
      ...{ format: "iad-r1/run", version: 1, id: runId, kind: "sc-grpo", project: "demo", state: "completed" },
      ...{ attempt: 1, createdMs: 1, updatedMs: 1, configFile: null, plan: [], finishedStages: [], stageModels: {} },
      config: { stages: { scGrpo: { rewards: [{ name: "location", weight: 0.5 }] } } },
      hashes: { config: "", code: "", model: "", data: {}, rewards: {} },
      ...{ versions: {}, device: "cpu", threads: 1, lineage: null },
      rewardLineage: [{ stage: "sc-grpo", step: 0, rewards: [reward] }],
    }),
  );
  const lines = locationRollouts().map((row) => JSON.stringify(row));
  writeFileSync(join(run, "rollouts/step-000001.jsonl"), `${lines.join("\n")}\n`);
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "versions-"));
  mkdirSync(join(folder, "rewards"));
  writeFileSync(
    join(folder, "iadr1.yaml"),
    "model: { base: nano-base }\ndata: { train: { kind: synth, seed: 1, count: 8 } }\n",
  );
  const path = join(folder, "rewards/location.reward.ts");
  uri = pathToFileURL(path).href;
  writeFileSync(path, fixed);
  writeFileSync(join(folder, "rewards/places.reward.py"), locationPython);
  writeRun(path);
  server = await startServer({ folder });
  await vi.waitFor(async () => expect(await server.ask0(listRuns)).toHaveLength(1), { timeout: 60_000 });
  await server.ask(setRewardScope, { source: { kind: "run", run: runId } });
});
afterAll(async () => {
  await server.dispose();
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
});

it("tells nobody of the rollouts again because the list was asked for, as who shows the list asks for it at such news", async () => {
  let numTold = 0;
  const listening = server.connection.onNotification(didChangeRewardScope, () => void numTold++);
  await server.ask0(rewardTree);
  await server.ask0(rewardTree);
  expect(numTold).toBe(0);
  await server.ask(setRewardScope, { source: { kind: "run", run: runId } });
  await vi.waitFor(() => expect(numTold).toBe(1));
  listening.dispose();
});

it("lists the rewards of the folder with their weight in the run, their mean and what is wrong with them", async () => {
  const items = await server.ask0(rewardTree);
  expect(items.map(({ name, language, weight, freshness }) => [name, language, weight, freshness])).toEqual([
    ["location", "typescript", 0.5, "recorded"],
    ["location", "python", 0.5, "recorded"],
  ]);
  const [script, python] = items as [(typeof items)[0], (typeof items)[0]];
  expect(script.place).toEqual({ uri, line: 3, character: 13 });
  // As recorded: 16 of 24 groups with a right one (1) and another place (0.25), the rest with nothing.
  expect(script.mean).toBeCloseTo((16 * 1.25) / 96, 12);
  expect(script.counts).toEqual({ ok: 96, na: 0, error: 0 });
  expect(python.findings.map(({ id, line }) => [id, line])).toContainEqual(["RW112", 7]);
});

it("puts first what an experiment of the folder trains with, with the weight that it gives", async () => {
  const file = join(folder, "second.iadr1.yaml");
  const text = readFileSync(join(folder, "iadr1.yaml"), "utf8");
  writeFileSync(join(folder, "rewards/all.reward.ts"), fixed.replaceAll("location", "another"));
  writeFileSync(file, `${text}stages: { scGrpo: { rewards: [{ name: rewards/places.reward.py, weight: 0.25 }] } }\n`);
  await server.ask(setRewardScope, { source: { kind: "file", path: join(folder, "nothing.jsonl") } });
  const items = await server.ask0(rewardTree);
  expect(items.map(({ name, language, weight }) => [name, language, weight])).toEqual([
    ["location", "python", 0.25],
    ["another", "typescript", 1],
    ["location", "typescript", 1],
  ]);
  rmSync(file);
  rmSync(join(folder, "rewards/all.reward.ts"));
  await server.ask(setRewardScope, { source: { kind: "run", run: runId } });
});

it("offers what is on the disk, what the run kept, and the same function in the other language", async () => {
  const choices = await server.ask(rewardVersions, { uri });
  expect(choices.map(({ version, step }) => [version, step])).toEqual([
    [{ kind: "disk" }, null],
    [{ kind: "run", run: runId, copy }, 0],
    [{ kind: "file", path: join(folder, "rewards/places.reward.py") }, null],
  ]);
});

it("runs nothing before a person started live values", async () => {
  const error = await failure(
    server.ask(compareRewardVersions, { uri, before: { kind: "run", run: runId, copy }, after: { kind: "disk" } }),
  );
  expect(error.code).toBe("reward/not-live");
});

it("says what the correction changes: scores, groups, advantages, and which rollouts", async () => {
  await server.ask(startLiveValues, { timeLimitMs: 60_000 });
  const before: RewardVersionRef = { kind: "run", run: runId, copy };
  const found = await server.ask(compareRewardVersions, { uri, before, after: { kind: "disk" } });
  expect(found).toMatchObject({ numRollouts: 96, numGroups: 24, source: { kind: "run", run: runId } });
  // A newline in the tag: one in each of 16 groups, all four in each of 8.
  expect(found.functions).toMatchObject([{ name: "location", flips: 48, compared: 96 }]);
  const [{ before: old, after: now }] = found.functions as [(typeof found.functions)[0]];
  expect(old!.mean).toBeCloseTo(20 / 96, 12);
  expect(now!.mean).toBeCloseTo((20 + 16 + 8 * 2.5) / 96, 12);
  expect(found.totals).toMatchObject({ flips: 48, flatBefore: 8, flatAfter: 0, regainedGroups: 8, lostGroups: 0 });
  // The weight of the run counts.
  expect(found.totals.meanAfter! - found.totals.meanBefore!).toBeCloseTo((0.5 * 36) / 96, 12);
  expect(found.advantages.map(({ method }) => method)).toEqual(["grpo", "dr-grpo", "batch-std", "gdpo"]);
  expect(found.advantages.every(({ signChanges }) => signChanges > 0)).toBe(true);
  expect(found.changes).toHaveLength(48);
  expect(found.changes[0]).toMatchObject({ before: 0, after: 0.5 });
});

it("compares what is on screen, and a version in the other language", async () => {
  const text = fixed.replace("0.25", "0.5");
  const textDocument = { uri, languageId: "typescript", version: 1, text };
  await server.connection.sendNotification(DidOpenTextDocumentNotification.type, { textDocument });
  const [first] = await server.ask(rewardVersions, { uri });
  expect(first?.version).toEqual({ kind: "screen" });
  const edited = await server.ask(compareRewardVersions, { uri, before: { kind: "disk" }, after: { kind: "screen" } });
  expect(edited.functions[0]).toMatchObject({ flips: 32 });
  const path = join(folder, "rewards/places.reward.py");
  const other = await server.ask(compareRewardVersions, {
    ...{ uri, before: { kind: "run", run: runId, copy }, after: { kind: "file", path } },
  });
  // Both have the fault.
  expect(other.functions).toMatchObject([{ name: "location", flips: 0, compared: 96 }]);
  expect(other.changes).toEqual([]);
});

it("reads no file that the run does not keep", async () => {
  const version = { kind: "run" as const, run: runId, copy: "rewards/other.ts" };
  const error = await failure(server.ask(compareRewardVersions, { uri, before: version, after: { kind: "disk" } }));
  expect(error.code).toBe("reward/no-version");
});
