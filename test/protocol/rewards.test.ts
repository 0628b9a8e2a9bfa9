/** The reward debugger through the bundled server: recorded values, live values, hovers from what is there, problems, fixes, tests, debugging. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import {
  configureRewards,
  debugReward,
  didChangeReach,
  endRewardDebug,
  keepRewardProbe,
  listRewards,
  probeReward,
  rescoreReward,
  rewardReport,
  rewardScope,
  rewardScopeChoices,
  rewardTests,
  runRewardTests,
  setRewardScope,
  startLiveValues,
  stopLiveValues,
  traceReward,
} from "@iad-r1/protocol/lsp";
import type { RewardReach } from "@iad-r1/protocol/rewardDebugger";
import { TextLines } from "@iad-r1/models/util/textLines";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import {
  type CodeAction,
  CodeActionRequest,
  CodeLensRequest,
  type Diagnostic,
  DidChangeTextDocumentNotification,
  DidCloseTextDocumentNotification,
  DidOpenTextDocumentNotification,
  HoverRequest,
  InlayHintRequest,
  type MarkupContent,
  type TextDocumentEdit,
  type TextEdit,
} from "vscode-languageserver/node";
import { failure, startServer, type TestServer } from "../helpers/languageClient";
import { locationPython, locationReward, locationRollouts } from "../helpers/rewardFixture";

vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 });

const hasPython = spawnSync("python3", ["--version"]).status === 0;

let folder = "";
let server: TestServer;
const reaches: RewardReach[] = [];
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "rewards-"));
  mkdirSync(join(folder, ".iadr1/rollouts"), { recursive: true });
  mkdirSync(join(folder, "rewards"));
  mkdirSync(join(folder, "probes"));
  const lines = locationRollouts().map((row) => JSON.stringify(row));
  writeFileSync(join(folder, ".iadr1/rollouts/first.jsonl"), `${lines.join("\n")}\n`);
  writeFileSync(join(folder, "rewards/location.reward.ts"), locationReward);
  writeFileSync(
    join(folder, "probes/location.yaml"),
    `reward: ../rewards/location.reward.ts
cases:
  - name: the right place
    completion: <location>top left</location>
    solution: <location>top left</location>
    expect: ">= 1"
  - name: a newline changes nothing
    completion: "<location>\\ntop left</location>"
    solution: <location>top left</location>
    expect: 1
`,
  );
  const saved = { name: "another place is worth a quarter", completion: "<location>center</location>" };
  const expectation = { solution: "<location>top left</location>", expect: { score: "=0.5" } };
  writeFileSync(
    join(folder, "rewards/location.probes.json"),
    JSON.stringify({ format: "iad-r1/probes", version: 1, probes: [{ ...saved, ...expectation }] }, null, 1),
  );
  server = await startServer({ folder });
  server.connection.onNotification(didChangeReach, (reach) => void reaches.push(reach));
});
afterAll(async () => {
  await server.dispose();
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
});

const uriOf = (name: string) => pathToFileURL(join(folder, name)).href;

async function open(name: string, languageId: string, text: string): Promise<string> {
  const uri = uriOf(name);
  const textDocument = { uri, languageId, version: 1, text };
  await server.connection.sendNotification(DidOpenTextDocumentNotification.type, { textDocument });
  return uri;
}

async function change(uri: string, version: number, text: string): Promise<void> {
  await server.connection.sendNotification(DidChangeTextDocumentNotification.type, {
    ...{ textDocument: { uri, version }, contentChanges: [{ text }] },
  });
}

async function close(uri: string): Promise<void> {
  await server.connection.sendNotification(DidCloseTextDocumentNotification.type, { textDocument: { uri } });
}

/** Resolves when the surfaces of a version have reached a state. */
async function reach(uri: string, version: number, state: RewardReach["state"]): Promise<RewardReach> {
  for (;;) {
    const found = reaches.findLast((one) => one.uri === uri);
    if (found !== undefined && found.version === version && found.state === state) return found;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** The hover on the first place of a word. */
async function hover(uri: string, text: string, word: string): Promise<string> {
  const before = text.slice(0, text.indexOf(word)).split("\n");
  const position = { line: before.length - 1, character: before.at(-1)!.length + 1 };
  const found = await server.connection.sendRequest(HoverRequest.type, { textDocument: { uri }, position });
  return (found?.contents as MarkupContent | undefined)?.value ?? "";
}

/** The problems of a version once they hold what is asked for. */
async function problemsOf(
  uri: string,
  version: number,
  isEnough: (codes: unknown[]) => boolean,
): Promise<Diagnostic[]> {
  for (;;) {
    const found = server.diagnostics.findLast((one) => one.uri === uri && one.version === version);
    if (found !== undefined && isEnough(found.diagnostics.map(({ code }) => code))) return found.diagnostics;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

function applied(text: string, edits: readonly TextEdit[]): string {
  const lines = new TextLines(text);
  const offset = ({ line, character }: TextEdit["range"]["start"]) => lines.offset(line + 1, character + 1);
  return [...edits]
    .sort((a, b) => offset(b.range.start) - offset(a.range.start))
    .reduce(
      (done, { range, newText }) => done.slice(0, offset(range.start)) + newText + done.slice(offset(range.end)),
      text,
    );
}

const visibleLines = (markdown: string) => markdown.split("\n").filter((line) => line.trim() !== "");

it("takes the newest rollouts of the folder as its scope and offers the others", async () => {
  const state = await server.ask0(rewardScope);
  expect(state).toMatchObject({ label: "first.jsonl, steps 0 to 7", numRollouts: 96, numGroups: 24, isLive: false });
  const { sources } = await server.ask0(rewardScopeChoices);
  expect(sources).toMatchObject([{ label: "first.jsonl", source: { kind: "file" } }]);
  expect(await server.ask0(listRewards)).toMatchObject([{ name: "location", language: "typescript", line: 3 }]);
});

it("looks for rewards in the folders that a person names", async () => {
  mkdirSync(join(folder, "scoring/deep"), { recursive: true });
  writeFileSync(
    join(folder, "scoring/place.py"),
    "def place(completions, **kwargs):\n    return [1.0 for _ in completions]\n",
  );
  const surfaces = { inlayHints: "returns", codeLens: true, findings: {} } as const;
  const names = async () => (await server.ask0(listRewards)).map(({ name }) => name).sort();
  await server.ask(configureRewards, { ...surfaces, folders: ["rewards", "scoring"] });
  expect(await names()).toEqual(["location", "place"]);
  // A file that says by its name what it is needs no folder.
  await server.ask(configureRewards, { ...surfaces, folders: ["scoring"] });
  expect(await names()).toEqual(["location", "place"]);
  await server.ask(configureRewards, surfaces);
  expect(await names()).toEqual(["location"]);
});

describe("a TypeScript reward", () => {
  let uri = "";
  const fixed = locationReward.replaceAll("/.exec", "/s.exec");

  it("shows recorded scores before any code has run, and runs none", async () => {
    uri = await open("rewards/location.reward.ts", "typescript", locationReward);
    await reach(uri, 1, "idle");
    const text = await hover(uri, locationReward, "location = ");
    expect(text).toContain("96 rollouts · recorded");
    expect(text).toContain("command:iadr1.startLiveValues");
    expect(text).not.toContain("flips");
    expect(visibleLines(text).length).toBeLessThanOrEqual(12);
    // Nothing was watched, so expressions have nothing to say.
    expect(await hover(uri, locationReward, "found === null")).toBe("");
    expect(await failure(server.ask(probeReward, { uri, function: "location" }))).toMatchObject({
      code: "reward/not-live",
    });
  });

  it("has its lenses from the first paint", async () => {
    const lenses = await server.connection.sendRequest(CodeLensRequest.type, { textDocument: { uri } });
    expect(lenses?.map(({ command }) => command?.title)).toEqual([
      expect.stringMatching(/0\.208 ± 0\.368 · 33 % equal groups/),
      "Explore",
      "Probe",
      "Score with…",
    ]);
    expect(new Set(lenses?.map(({ range }) => range.start.line))).toEqual(new Set([3]));
  });

  it("re-scores with the code on screen once live values were started", async () => {
    expect(await server.ask(startLiveValues, {})).toMatchObject({ isLive: true, numRollouts: 96 });
    const { lines } = await reach(uri, 1, "live");
    // Line 9 (from 0) holds `return 0`; 16 of 24 groups reach it twice, 8 four times.
    expect(lines.find(({ line }) => line === 9)).toEqual({ line: 9, rows: 64, total: 96 });
    const text = await hover(uri, locationReward, "location = ");
    expect(text).toContain("re-scored with the code on screen");
    expect(text).toContain("This code gives the same 96 scores as the run");
    expect(text).toMatch(/data:image\/svg\+xml;base64,[\w+/=]+\)/);
    expect(/base64,([\w+/=]+)\)/.exec(text)![1]!.length).toBeLessThanOrEqual(4096);
    expect(visibleLines(text).length).toBeLessThanOrEqual(12);
  });

  it("says which branch pays and how often a place was reached", async () => {
    const condition = await hover(uri, locationReward, "found === null");
    // On a part of a condition: its values, and what the condition decides.
    expect(condition).toContain("`found === null`: true 64× (mean total 0), false 32× (mean total 0.625)");
    const whole = await hover(uri, locationReward, "if (found");
    expect(whole).toContain("- true 64× (67 %), mean total 0");
    expect(whole).toContain("- false 32× (33 %), mean total 0.625");
    const returned = await hover(uri, locationReward, "? 1 : 0.25");
    expect(returned).toContain("reached in 32 of 96 rollouts");
    const pattern = await hover(uri, locationReward, "/<location>(.*?)");
    expect(pattern).toContain("Matches 32 of 96 texts (33 %)");
    expect(pattern).toMatch(/let \. match line breaks.*: matches 80 of 96 \(83 %\)/);
    expect(visibleLines(pattern).length).toBeLessThanOrEqual(12);
    expect(returned).toContain("line 9 was true 64×");
  });

  it("writes what was returned at the end of the line, and nothing when that is not wanted", async () => {
    const range = { start: { line: 0, character: 0 }, end: { line: 30, character: 0 } };
    const ask = () => server.connection.sendRequest(InlayHintRequest.type, { textDocument: { uri }, range });
    const hints = (await ask())!;
    expect(hints.map(({ position, label }) => [position.line, label])).toEqual([
      [9, "0 · 64×"],
      [12, "mean 0.625 · 32×"],
    ]);
    for (const { label } of hints) expect(String(label).length).toBeLessThanOrEqual(32);
    await server.ask(configureRewards, { inlayHints: "off", codeLens: true, findings: {} });
    expect(await ask()).toEqual([]);
    await server.ask(configureRewards, { inlayHints: "all", codeLens: true, findings: {} });
    expect((await ask())!.length).toBeGreaterThan(2);
    await server.ask(configureRewards, { inlayHints: "returns", codeLens: true, findings: {} });
  });

  it("tells what an edit changes before anything is saved, and goes back at once", async () => {
    await change(uri, 2, fixed);
    await reach(uri, 2, "live");
    const text = await hover(uri, fixed, "location = ");
    // The newline no longer hides the tag: 16 completions in mixed groups, 32 in groups of nothing else.
    expect(text).toContain("This edit flips 48 of 96 scores");
    expect(text).toContain("8 groups regain variance");
    const answer = await server.ask(rewardReport, { uri, function: "location" });
    expect(answer.function.change).toMatchObject({ against: "recorded", flips: 48, compared: 96, regainedGroups: 8 });
    expect(answer.markdown).not.toMatch(/command:|data:/);
    await change(uri, 3, locationReward);
    await reach(uri, 3, "live");
    expect(await hover(uri, locationReward, "location = ")).toContain("same 96 scores");
  });

  it("keeps lenses and old numbers while a text is half typed", async () => {
    const half = locationReward.replace("return 0;", "return (");
    await change(uri, 4, half);
    const lenses = await server.connection.sendRequest(CodeLensRequest.type, { textDocument: { uri } });
    expect(lenses).toHaveLength(4);
    expect(await hover(uri, half, "location = ")).toContain("updating");
    await change(uri, 5, locationReward);
    await reach(uri, 5, "live");
  });

  it("marks the pattern, explains it, and flips the scores with the quick fix", async () => {
    const problems = await problemsOf(uri, 5, (codes) => codes.includes("RW112"));
    expect(problems.length).toBeLessThanOrEqual(20);
    const problem = problems.find(({ code }) => code === "RW112")!;
    expect(problem).toMatchObject({
      source: "IAD-R1",
      codeDescription: { href: expect.stringMatching(/reward-debugger\.md#L\d+$/) },
    });
    expect(problem.range.start.line).toBe(7);
    const actions = (await server.connection.sendRequest(CodeActionRequest.type, {
      ...{ textDocument: { uri }, range: problem.range, context: { diagnostics: [problem] } },
    })) as CodeAction[];
    const fix = actions.find(({ title }) => !title.startsWith("Ignore"))!;
    const mended = applied(locationReward, fix.edit!.changes![uri]!);
    await change(uri, 6, mended);
    await reach(uri, 6, "live");
    expect(await hover(uri, mended, "location = ")).toContain("This edit flips 48 of 96 scores");
    const left = await problemsOf(uri, 6, () => true);
    expect(left.filter(({ code, range }) => code === "RW112" && range.start.line === 7)).toEqual([]);
    // Or the person knows better.
    const ignore = actions.find(({ title }) => title.startsWith("Ignore RW112 "))!;
    const silenced = applied(locationReward, ignore.edit!.changes![uri]!);
    expect(silenced.split("\n")[7]).toMatch(/; \/\/ iadr1-ignore RW112$/);
    await change(uri, 7, silenced);
    await reach(uri, 7, "live");
    const others = await problemsOf(uri, 7, () => true);
    expect(others.filter(({ code, range }) => code === "RW112" && range.start.line === 7)).toEqual([]);
    await change(uri, 8, locationReward);
    await reach(uri, 8, "live");
  });

  it("turns every surface to one rollout when it is pinned", async () => {
    const pinned = { step: 0, group: "0/g0", index: 2 };
    await server.ask(setRewardScope, { pinned });
    await server.ask(rescoreReward, { uri });
    const text = await hover(uri, locationReward, "location = ");
    expect(text).toContain("Pinned rollout: **0.25**");
    expect(await hover(uri, locationReward, "found === null")).toContain("`found === null` is `false`");
    await server.ask(setRewardScope, { pinned: null });
    await server.ask(rescoreReward, { uri });
  });

  it("follows one rollout step by step, also with another text", async () => {
    const rollout = { step: 0, group: "0/g0", index: 1 };
    const place = { uri, function: "location", rollout };
    const recorded = await server.ask(traceReward, place);
    expect(recorded.outcome).toEqual({ status: "ok", score: 0, reason: null });
    expect(recorded.steps.map(({ source }) => source)).toContain("found === null");
    const edited = await server.ask(traceReward, { ...place, completion: "<location>top left</location>" });
    expect(edited.outcome.score).toBe(1);
  });

  it("runs the probe battery and the expectations of the folder", async () => {
    const { probes } = await server.ask(probeReward, { uri, function: "location" });
    expect(probes.length).toBeGreaterThan(5);
    expect(probes[0]).toMatchObject({ score: 1, status: "ok", passed: true });
    const items = await server.ask(rewardTests, { uri });
    expect(items.filter(({ kind }) => kind === "probe").length).toBeGreaterThan(5);
    const kept = items.filter(({ kind }) => kind === "expectation");
    expect(kept).toMatchObject([
      { label: "the right place", line: 2 },
      { label: "a newline changes nothing", line: 6 },
      { label: "another place is worth a quarter", line: 5 },
    ]);
    const results = await server.ask(runRewardTests, { uri, ids: items.map(({ id }) => id) });
    expect(results.map(({ id }) => id).sort()).toEqual(items.map(({ id }) => id).sort());
    const outcome = (label: string) => results.find(({ id }) => id === kept.find((one) => one.label === label)!.id)!;
    expect(outcome("the right place").outcome).toBe("passed");
    expect(outcome("another place is worth a quarter").message).toMatch(/^Expected =0\.5, got 0\.25/);
    expect(outcome("a newline changes nothing")).toMatchObject({ outcome: "failed", expected: "1", actual: "0" });
  });

  it("makes a program that a debugger can start, and takes it away again", async () => {
    const rollout = { step: 0, group: "0/g0", index: 2 };
    const launch = await server.ask(debugReward, { uri, function: "location", rollout });
    // The first statement of the function.
    expect(launch.breakpoint).toEqual({ path: join(folder, "rewards/location.reward.ts"), line: 7 });
    const ran = spawnSync(process.execPath, [...launch.runtimeArgs, launch.program, ...launch.args], {
      encoding: "utf8",
    });
    expect(ran.stdout.trim()).toBe('location says {"status":"ok","score":0.25}');
    await server.ask(endRewardDebug, { session: launch.session });
    expect(existsSync(launch.args[0]!)).toBe(false);
  });

  it("answers hovers from what is there, however busy it is", async () => {
    const times: number[] = [];
    for (let version = 9; version < 29; version++) {
      await change(uri, version, version % 2 === 1 ? fixed : locationReward);
      const started = performance.now();
      await hover(uri, locationReward, "location = ");
      times.push(performance.now() - started);
    }
    times.sort((a, b) => a - b);
    console.log(`hover beside edits: median ${times[10]!.toFixed(1)} ms, slowest ${times.at(-1)!.toFixed(1)} ms`);
    // 30 ms on a machine of one's own; others compute beside this test.
    expect(times[10]!).toBeLessThan(300);
  });

  it("stops at once and goes back to what was recorded", async () => {
    await server.ask0(stopLiveValues);
    await reach(uri, 28, "idle");
    expect(await hover(uri, locationReward, "location = ")).toContain("recorded");
    await close(uri);
  });
});

describe.runIf(hasPython)("a Python reward", () => {
  it("is discovered, scored, compared and debugged like the TypeScript one", async () => {
    const uri = await open("rewards/location.py", "python", locationPython);
    await reach(uri, 1, "idle");
    expect(await hover(uri, locationPython, "location(")).toContain("96 rollouts · recorded");
    await server.ask(startLiveValues, {});
    await reach(uri, 1, "live");
    expect(await hover(uri, locationPython, "location(")).toContain("same 96 scores");
    const fixed = locationPython.replace('</location>", completion)', '</location>", completion, re.DOTALL)');
    await change(uri, 2, fixed);
    await reach(uri, 2, "live");
    expect(await hover(uri, fixed, "location(")).toContain("This edit flips 48 of 96 scores");
    expect(await hover(uri, fixed, "found is None")).toContain("false 80×");
    const rollout = { step: 0, group: "0/g0", index: 2 };
    const launch = await server.ask(debugReward, { uri, function: "location", rollout });
    expect(launch.breakpoint.line).toBe(5);
    const ran = spawnSync("python3", [launch.program, ...launch.args], { encoding: "utf8" });
    expect(ran.stdout).toContain('"score": 0.25');
    await server.ask(endRewardDebug, { session: launch.session });
    await server.ask0(stopLiveValues);
    await close(uri);
  });
});

it("adds probes for what is paid wrongly to a file of expectations, where they are found and fail", async () => {
  const text = `import { defineReward } from "iad-r1/reward";
export const parts = defineReward({
  score: ({ tags, truth }) => (tags.answer === truth.answer ? 0.5 : 0) + (tags.location === truth.location ? 0.5 : 0),
});
`;
  writeFileSync(join(folder, "rewards/parts.reward.ts"), text);
  // Truths of two kinds: otherwise nothing tells that the reward looks at them.
  const rollouts = join(folder, "two-kinds.jsonl");
  const other = "<location>center</location><type>dent</type><answer>No</answer>";
  const rows = locationRollouts("parts").map((row, i) => (i % 8 < 4 ? row : { ...row, solution: other }));
  writeFileSync(rollouts, rows.map((row) => `${JSON.stringify(row)}\n`).join(""));
  await server.ask(setRewardScope, { source: { kind: "file", path: rollouts } });
  await server.ask(startLiveValues, { onType: true });
  const uri = await open("rewards/parts.reward.ts", "typescript", text);
  const problems = await problemsOf(uri, 1, (codes) => codes.includes("RW119"));
  const problem = problems.find(({ code }) => code === "RW119")!;
  const ask = async () =>
    (await server.connection.sendRequest(CodeActionRequest.type, {
      ...{ textDocument: { uri }, range: problem.range, context: { diagnostics: [problem] } },
    })) as CodeAction[];
  const fix = (await ask()).find(({ title }) => /^Add (a|\d+) probes? for this$/.test(title))!;
  const path = join(folder, "probes/parts.yaml");
  const target = pathToFileURL(path).href;
  const [create, edit, ...more] = fix.edit!.documentChanges!;
  expect([create, more]).toEqual([{ kind: "create", uri: target, options: { ignoreIfExists: true } }, []]);
  const { textDocument, edits } = edit as TextDocumentEdit;
  expect(textDocument.uri).toBe(target);
  const before = await server.ask(rewardTests, { uri });
  writeFileSync(path, applied("", edits as TextEdit[]));
  const known = new Set(before.map(({ id }) => id));
  const added = (await server.ask(rewardTests, { uri })).map(({ id }) => id).filter((id) => !known.has(id));
  expect(added.length).toBeGreaterThan(0);
  const results = await server.ask(runRewardTests, { uri, ids: added });
  expect(results.map(({ outcome }) => outcome)).toEqual(added.map(() => "failed"));
  // What is kept is not offered again.
  expect((await ask()).filter(({ title }) => title.startsWith("Add "))).toEqual([]);
  await close(uri);
});

it("keeps a recorded completion, with all that the reward was given, where quick fixes keep theirs", async () => {
  const text = `import { defineReward } from "iad-r1/reward";
export const boxes = defineReward({
  score: ({ completion, columns, prompt }) =>
    completion.includes(String((columns.boxes as number[][])[0]![0])) && String(prompt).startsWith("Is") ? 1 : 0,
});
`;
  writeFileSync(join(folder, "rewards/boxes.reward.ts"), text);
  const path = join(folder, "boxes.jsonl");
  const rows = locationRollouts("boxes").map((row, i) => ({ ...row, boxes: [[i, 2]], completion: `at ${i}` }));
  writeFileSync(path, rows.map((row) => `${JSON.stringify(row)}\n`).join(""));
  const uri = uriOf("rewards/boxes.reward.ts");
  const probe = {
    ...{
      uri,
      function: "boxes",
      source: { kind: "file" as const, path },
      rollout: { step: 0, group: "0/g1", index: 2 },
    },
    ...{ completion: "at 6", name: 'from a rollout: "6"', expect: ">= 1" },
  };
  const added = (await server.ask(keepRewardProbe, probe))!;
  const file = join(folder, "probes/boxes.yaml");
  expect(added).toMatchObject({ uri: pathToFileURL(file).href, isNew: true, end: { line: 0, character: 0 } });
  expect(existsSync(file)).toBe(false);
  writeFileSync(file, added.text);
  expect(await server.ask(keepRewardProbe, probe)).toBeNull();
  // Another text in its place is another case, at the end of the same file.
  const second = (await server.ask(keepRewardProbe, { ...probe, completion: "at 7", expect: " 0 " }))!;
  expect(second).toMatchObject({
    uri: added.uri,
    isNew: false,
    end: { line: added.text.split("\n").length - 1, character: 0 },
  });
  writeFileSync(file, added.text + second.text);
  // The time of the calls is not what is tested.
  await server.ask(startLiveValues, { timeLimitMs: 120_000 });
  await open("rewards/boxes.reward.ts", "typescript", text);
  const tests = (await server.ask(rewardTests, { uri })).filter(({ uri: at }) => at === added.uri);
  const results = await server.ask(runRewardTests, { uri, ids: tests.map(({ id }) => id) });
  // Both need the column and the prompt of the data row.
  expect(results.map(({ outcome, message }) => [outcome, message])).toEqual([
    ["passed", ""],
    ["passed", ""],
  ]);
  for (const wrong of [{ expect: "much" }, { rollout: { ...probe.rollout, index: 99 } }, { name: "x".repeat(501) }]) {
    expect(await failure(server.ask(keepRewardProbe, { ...probe, ...wrong })), JSON.stringify(wrong)).toMatchObject({
      code: expect.any(String) as string,
    });
  }
  await close(uri);
});

it("names the rollouts of a hover in the language of the editor, as lists do", async () => {
  const chinese = await startServer({ folder, locale: "zh-cn" });
  try {
    const uri = uriOf("rewards/location.reward.ts");
    const textDocument = { uri, languageId: "typescript", version: 1, text: locationReward };
    await chinese.connection.sendNotification(DidOpenTextDocumentNotification.type, { textDocument });
    const before = locationReward.slice(0, locationReward.indexOf("location = ")).split("\n");
    const position = { line: before.length - 1, character: before.at(-1)!.length + 1 };
    await vi.waitFor(
      async () => {
        const found = await chinese.connection.sendRequest(HoverRequest.type, { textDocument: { uri }, position });
        expect((found?.contents as MarkupContent | undefined)?.value).toContain(
          "`first.jsonl，第 0 至 7 步` · 96 个回答",
        );
      },
      { timeout: 200_000 },
    );
  } finally {
    await chinese.dispose();
  }
});

it("says nothing about files that hold no reward", async () => {
  const uri = await open("src/tool.ts", "typescript", "export const add = (a: number, b: number) => a + b;\n");
  expect(await server.connection.sendRequest(CodeLensRequest.type, { textDocument: { uri } })).toBeNull();
  expect(await hover(uri, "export const add", "add")).toBe("");
});
