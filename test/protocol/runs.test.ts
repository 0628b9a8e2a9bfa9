/** Training runs through the language server: their whole life, their stream, and that they outlive the server. */
import { createHash } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  compareRuns,
  deleteRun,
  estimateRun,
  exportRollouts,
  exportRun,
  forkRun,
  listRuns,
  preflightRun,
  queryRollouts,
  resumeRun,
  rolloutGroup,
  rolloutGroups,
  rolloutOverview,
  showRun,
  startRun,
  stopRun,
} from "@iad-r1/protocol/lsp";
import type { RunEvent } from "@iad-r1/protocol/runs";
import type { RunDelta, RunSnapshot } from "@iad-r1/protocol/stream";
import { openRun } from "@iad-r1/server/runs/store";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { failure, openStream, startServer, type TestServer, type TestStream } from "../helpers/languageClient";
import { tinyCheckpoint } from "../helpers/tinyModel";

// Several processes start for each test; a busy machine takes its time.
vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 });

let folder = "";
let server: TestServer;
const config = () => join(folder, "iadr1.yaml");
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "run-server-"));
  writeFileSync(
    config(),
    `project: tiny
model: { base: ${JSON.stringify(tinyCheckpoint)} }
data:
  train: { kind: synth, seed: 1, count: 5, size: 42 }
stages:
  paSft: { trainable: lora, steps: 6, batchSize: 1, gradientAccumulation: 1, learningRate: 1.0e-3, saveEvery: 2 }
  scGrpo: { trainable: lora, steps: 2, groupSize: 2, promptsPerStep: 2, learningRate: 1.0e-3, maxCompletionLength: 8 }
device: cpu
threads: 1
`,
  );
  server = await startServer({ folder, options: { filesFolder: join(folder, "files") } });
});
afterAll(async () => {
  await server.dispose();
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
});

/** All events of a run as a subscriber puts them together: snapshot, then deltas without a gap. */
function eventsOf(stream: TestStream, run: string): RunEvent[] {
  let events: RunEvent[] = [];
  let next = -1;
  for (const frame of stream.frames) {
    if (frame.topic !== `run/${run}`) continue;
    if (frame.type === "snapshot") {
      events = [...(frame.state as RunSnapshot).events];
      next = frame.seq + 1;
    } else if (frame.type === "delta") {
      expect(frame.first).toBe(next);
      next += frame.deltas.length;
      events.push(...(frame.deltas as RunDelta[]).flatMap((delta) => (delta.type === "event" ? [delta.event] : [])));
    }
  }
  return events;
}

const isOver = (stream: TestStream, run: string) => () =>
  eventsOf(stream, run).some(
    (event) => event.type === "state" && ["completed", "stopped", "failed"].includes(event.state),
  );

/** Points in order, checked to be without gap and double. */
function pointsOf(stream: TestStream, run: string): number[][] {
  const all: number[][] = [];
  for (const { header, records } of stream.points) {
    if (header.topic !== `run/${run}`) continue;
    expect(header.offset).toBe(all.length);
    all.push(...records);
  }
  return all;
}

/** The points on disk, in the order in which they were written. */
function storedPoints(run: string): number[][] {
  const bytes = readFileSync(join(folder, ".iadr1/runs", run, "scalars.bin"));
  return Array.from({ length: bytes.byteLength / 24 }, (_, i) => [
    bytes.readUInt32LE(i * 24),
    bytes.readUInt32LE(i * 24 + 4),
    bytes.readDoubleLE(i * 24 + 16),
  ]);
}

it("starts a run, streams every event and every point, and shows what it left", async () => {
  const stream = await openStream(server);
  const { run } = await server.ask(startRun, { kind: "post-train", configFile: config() });
  // It is there at once, before its process says anything.
  expect((await server.ask0(listRuns)).find(({ id }) => id === run)?.state).toMatch(/queued|starting|running/);
  stream.subscribe("runs");
  stream.subscribe(`run/${run}`);
  await stream.until(isOver(stream, run));
  const events = eventsOf(stream, run);
  expect(events).toEqual(openRun(join(folder, ".iadr1/runs", run)).events());
  await stream.until(() => pointsOf(stream, run).length === storedPoints(run).length);
  expect(pointsOf(stream, run)).toEqual(storedPoints(run));
  expect(storedPoints(run).length).toBeGreaterThan(30);

  const shown = await server.ask(showRun, { run });
  expect(shown.listing).toMatchObject({ state: "completed", reason: null, lastStage: "sc-grpo", lastStep: 2 });
  expect(shown.checkpoints.length).toBeGreaterThan(1);
  expect(existsSync(shown.checkpoints[0]!.model.adapter!)).toBe(true);
  const source = { kind: "run" as const, run };
  const overview = await server.ask(rolloutOverview, { source });
  expect(overview).toMatchObject({ format: "run", steps: [1, 2], numProblems: 0 });
  expect(overview.rewards.every(({ weight, isBuiltIn }) => weight !== null && isBuiltIn)).toBe(true);
  const filter = { facets: {}, ranges: [{ column: "step", min: 2, max: 2 }], text: "", only: null };
  const query = { filter, order: "order" as const, descending: false };
  const answer = await server.ask(queryRollouts, { source, query, flips: null });
  expect(answer.numRollouts).toBe(4);
  const page = await server.ask(rolloutGroups, { source, query, offset: 0, limit: 10 });
  expect(page.total).toBe(answer.numGroups);
  const { step, group } = page.rows[0]!;
  const whole = await server.ask(rolloutGroup, { source, query, step, group });
  // The chat and the columns of the data row are kept once for all completions.
  expect(whole.prompt.length).toBeGreaterThan(20);
  expect(whole.columns.map(({ name }) => name)).toContain("category");
  expect(whole.rollouts).toHaveLength(page.rows[0]!.size);
  const lines = join(folder, "rollouts.jsonl");
  const asked = { source, query, format: "jsonl" as const };
  expect(await server.ask(exportRollouts, { ...asked, out: lines })).toEqual({ file: lines, count: 4, left: null });
  // What an editor elsewhere fetches is the same.
  const kept = await server.ask(exportRollouts, asked);
  if (!("made" in kept)) throw new Error("expected a file to be fetched");
  expect(readFileSync(kept.made.path!)).toEqual(readFileSync(lines));
  expect(kept).toMatchObject({ count: 4, left: null });
  const out = join(folder, "curves.csv");
  await server.ask(exportRun, { run, format: "csv", out });
  expect(readFileSync(out, "utf8").split("\n").length).toBe(storedPoints(run).length + 2);

  // A second subscriber that has half of the points already gets the other half.
  const late = await openStream(server);
  const half = Math.floor(storedPoints(run).length / 2);
  late.subscribe(`run/${run}`, { count: half, generation: 1 });
  await late.until(
    () => late.points.reduce((sum, { header }) => sum + header.count, 0) >= storedPoints(run).length - half,
  );
  expect(late.points.flatMap(({ records }) => records)).toEqual(storedPoints(run).slice(half));
  expect(late.points[0]!.header.offset).toBe(half);
  late.close();
  stream.close();
  expect(server.changes.some((change) => "run" in change && change.run.state === "completed")).toBe(true);
});

it("evaluates a checkpoint without training, and keeps files to be fetched", async () => {
  const stream = await openStream(server);
  const trained = (await server.ask0(listRuns)).find(
    ({ kind, state }) => kind === "post-train" && state === "completed",
  )!;
  const { checkpoints } = await server.ask(showRun, { run: trained.id });
  const { path } = checkpoints.find(({ stage }) => stage === "pa-sft")!;
  const request = { run: trained.id, checkpoint: path, kind: "evaluate" as const };
  expect(await failure(server.ask(forkRun, request))).toMatchObject({ code: "run/no-held-out" });
  const overrides = ["data.heldOut={kind: synth, seed: 2, count: 4, size: 42}", "evaluation.maxCompletionLength=4"];
  const { run } = await server.ask(forkRun, { ...request, overrides });
  stream.subscribe(`run/${run}`);
  await stream.until(isOver(stream, run));
  const { listing, evaluations, checkpoints: own } = await server.ask(showRun, { run });
  expect(listing).toMatchObject({ kind: "evaluate", state: "completed", finishedStages: ["evaluate-model"] });
  expect(own).toEqual([]);
  expect(evaluations.map(({ label, report }) => [label, report.numSamples])).toEqual([["model", 4]]);

  const journal = await server.ask(exportRun, { run, format: "journal" });
  if (!("made" in journal)) throw new Error("expected a file to be fetched");
  const events = readFileSync(join(folder, ".iadr1/runs", run, "events.jsonl"));
  expect(readFileSync(journal.made.path!)).toEqual(events);
  expect(journal.made.name).toBe(`${createHash("sha256").update(events).digest("hex")}.jsonl`);
  const csv = await server.ask(exportRun, { run: trained.id, format: "csv" });
  expect(readFileSync("made" in csv ? csv.made.path! : "", "utf8")).toMatch(/^stage,metric,step,time_ms,value\n/);
  expect(await failure(server.ask(exportRun, { run, format: "tensorboard" }))).toMatchObject({ code: "runs/format" });
  stream.close();
});

it("finds what is wrong before it starts, and says what a run will need", async () => {
  const good = await server.ask(preflightRun, { kind: "post-train", configFile: config() });
  expect(good.checks.filter(({ status }) => status === "problem")).toEqual([]);
  expect(good.checks.map(({ name }) => name)).toEqual([
    ...["Model", "Training data", "Rewards", "Device", "Lengths", "Memory", "Disk"],
  ]);
  const text = readFileSync(config(), "utf8").replace(JSON.stringify(tinyCheckpoint), '"./nothing"');
  const bad = await server.ask(preflightRun, { kind: "pa-sft", configFile: config(), text });
  expect(bad.ok).toBe(false);
  expect(bad.checks[0]).toMatchObject({ name: "Model", status: "problem", cure: expect.any(String) });
  const estimate = await server.ask(estimateRun, { kind: "post-train", configFile: config() });
  expect(estimate.memory.fits).toBe(true);
  expect(estimate.memory.peakBytes).toBeGreaterThan(100e6);
  expect(estimate.seconds).toBeGreaterThan(0);
  expect(estimate.stages.map(({ stage }) => stage)).toEqual(["pa-sft", "sc-grpo"]);
  const broken = await failure(server.ask(startRun, { kind: "pa-sft", configFile: config(), overrides: ["seed=x"] }));
  expect(broken.code).toBe("config/invalid");
  expect(await failure(server.ask(startRun, { kind: "pa-sft", configFile: "/nothing.yaml" }))).toMatchObject({
    code: "config/unreadable",
  });
});

it("a run goes on when its server is killed, and a new server has not lost a point", async () => {
  const overrides = ["stages.paSft.steps=12", "stages.paSft.saveEvery=10"];
  const { run } = await server.ask(startRun, { kind: "pa-sft", configFile: config(), overrides });
  const before = await openStream(server);
  before.subscribe(`run/${run}`);
  await before.until(() => pointsOf(before, run).length > 0);
  await server.dispose();

  server = await startServer({ folder });
  expect((await server.ask0(listRuns)).map(({ id }) => id)).toContain(run);
  const after = await openStream(server);
  after.subscribe(`run/${run}`);
  await after.until(isOver(after, run));
  await after.until(() => pointsOf(after, run).length === storedPoints(run).length);
  expect(pointsOf(after, run)).toEqual(storedPoints(run));
  const listing = (await server.ask0(listRuns)).find(({ id }) => id === run)!;
  expect(listing).toMatchObject({ state: "completed", attempt: 1, lastStep: 12 });
  after.close();
});

it("stops, resumes, forks, compares and deletes", async () => {
  const stream = await openStream(server);
  const overrides = ["stages.paSft.steps=2000", "stages.paSft.saveEvery=1"];
  const { run } = await server.ask(startRun, { kind: "pa-sft", configFile: config(), overrides });
  stream.subscribe(`run/${run}`);
  await stream.until(() => eventsOf(stream, run).some(({ type }) => type === "checkpoint"));
  expect(await failure(server.ask(deleteRun, { run }))).toMatchObject({ code: "run/running" });
  await server.ask(stopRun, { run, when: "now" });
  const stopped = (await server.ask0(listRuns)).find(({ id }) => id === run)!;
  expect(stopped).toMatchObject({ state: "stopped", reason: "ended at once by the user" });

  await server.ask(resumeRun, { run });
  await stream.until(() => eventsOf(stream, run).some((event) => event.type === "state" && event.attempt === 2));
  await server.ask(stopRun, { run, when: "after-step" });
  const states = () => eventsOf(stream, run).flatMap((event) => (event.type === "state" ? [event.state] : []));
  await stream.until(() => states().filter((state) => state === "stopped").length === 2);

  const { checkpoints } = await server.ask(showRun, { run });
  const fork = await server.ask(forkRun, {
    ...{ run, checkpoint: checkpoints[0]!.path, kind: "sc-grpo" },
    overrides: ["project=forked"],
  });
  stream.subscribe(`run/${fork.run}`);
  await stream.until(isOver(stream, fork.run));
  const forked = await server.ask(showRun, { run: fork.run });
  expect(forked.listing).toMatchObject({ state: "completed", project: "forked", kind: "sc-grpo" });
  expect(forked.listing.lineage).toEqual({ run, checkpoint: checkpoints[0]!.path });

  const { differences } = await server.ask(compareRuns, { runs: [run, fork.run] });
  expect(differences.find(({ key }) => key === "project")?.values).toEqual(["tiny", "forked"]);
  await server.ask(deleteRun, { run });
  await stream.until(() => stream.frames.some((frame) => frame.type === "end" && frame.topic === `run/${run}`));
  expect((await server.ask0(listRuns)).map(({ id }) => id)).not.toContain(run);
  expect(existsSync(join(folder, ".iadr1/runs", run))).toBe(false);
  stream.close();
});

it("shows a run whose process was killed as failed, with the reason", async () => {
  const stream = await openStream(server);
  const overrides = ["stages.paSft.steps=400"];
  const { run } = await server.ask(startRun, { kind: "pa-sft", configFile: config(), overrides });
  stream.subscribe(`run/${run}`);
  await stream.until(() => pointsOf(stream, run).length > 0);
  const lock = readFileSync(join(folder, ".iadr1/runs", run, "writer.lock"), "utf8");
  process.kill((JSON.parse(lock) as { pid: number }).pid, "SIGKILL");
  await stream.until(isOver(stream, run));
  const final = eventsOf(stream, run).at(-1);
  expect(final).toMatchObject({ type: "state", state: "failed", error: { code: "run/died" } });
  expect((await server.ask0(listRuns)).find(({ id }) => id === run)).toMatchObject({
    state: "failed",
    reason: expect.stringContaining("SIGKILL"),
  });
  stream.close();
});
