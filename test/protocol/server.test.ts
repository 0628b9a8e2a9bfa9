/** The bundled language server over stdio: answers, errors, garbage, cancellation, its end; inspections and their stream. */
import { createHash } from "node:crypto";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { InspectJob, InspectJobEvent } from "@iad-r1/protocol/inspect";
import {
  cancelJob,
  collectDiagnostics,
  composeConfig,
  createSampleProject,
  dataOverview,
  dataSamples,
  importData,
  listModels,
  listRuns,
  preflightRun,
  projectData,
  projectLeaks,
  saveExpertSample,
  serverStatus,
  showImage,
  showJob,
  showRun,
  startHeatMap,
  startInspection,
  unloadModels,
  wireErrorCode,
} from "@iad-r1/protocol/lsp";
import sharp from "sharp";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { CancellationTokenSource, ErrorCodes, ExitNotification, ShutdownRequest } from "vscode-languageserver/node";
import { failure, openStream, startServer, type TestServer, type TestStream } from "../helpers/languageClient";
import { tinyCheckpoint, tinyFixture } from "../helpers/tinyModel";

const image = { path: join(tinyFixture, "images/image1.png") };
const tiny = { base: tinyCheckpoint, adapter: null };

// Several processes start for each test; a busy machine takes its time.
vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 });

let server: TestServer;
beforeEach(async () => {
  const folder = mkdtempSync(join(tmpdir(), "server-"));
  server = await startServer({ folder, options: { filesFolder: join(folder, "files") } });
});
afterEach(async () => {
  await server.dispose();
  rmSync(server.folder, { recursive: true, force: true, maxRetries: 5 });
});

/** Deltas of a job after its snapshot, applied in order; checks that none is missing. */
function deltas(stream: TestStream, job: string): InspectJobEvent[] {
  const found: InspectJobEvent[] = [];
  let next = 0;
  for (const frame of stream.frames) {
    if (frame.topic !== `inspect/${job}`) continue;
    if (frame.type === "snapshot") next = frame.seq + 1;
    if (frame.type !== "delta") continue;
    expect(frame.first).toBe(next);
    next += frame.deltas.length;
    found.push(...(frame.deltas as InspectJobEvent[]));
  }
  return found;
}

const hasEnded = (stream: TestStream, job: string) => () =>
  deltas(stream, job).some(
    (event) => event.type === "state" && ["finished", "failed", "cancelled"].includes(event.state),
  ) ||
  stream.frames.some(
    (frame) =>
      frame.type === "snapshot" &&
      frame.topic === `inspect/${job}` &&
      ["finished", "failed", "cancelled"].includes((frame.state as InspectJob).state),
  );

it("says what it is, and answers what it does not know", async () => {
  const status = await server.ask0(serverStatus);
  expect(status).toMatchObject({ transport: "stdio", pid: server.child.pid, activeRuns: 0, activeJobs: 0, models: [] });
  expect(status.version).toBe(JSON.parse(readFileSync("package.json", "utf8")).version);
  expect(status.runsFolders).toEqual([join(server.folder, ".iadr1/runs")]);
  await expect(server.connection.sendRequest("iadr1/nothing", {})).rejects.toMatchObject({
    code: ErrorCodes.MethodNotFound,
  });
  expect(await server.ask0(listRuns)).toEqual([]);
});

it("refuses parameters of the wrong shape, and goes on", async () => {
  for (const params of [null, 7, [], {}, { run: 3 }, { run: "../../etc" }, { run: "a/b" }, { run: "x".repeat(300) }]) {
    await expect(server.connection.sendRequest(showRun.method, params)).rejects.toMatchObject({ code: wireErrorCode });
  }
  expect(await failure(server.ask(showRun, { run: "none" }))).toMatchObject({ code: "run/unknown" });
  expect(await failure(server.ask(showJob, { job: "none" }))).toMatchObject({ code: "inspect/unknown-job" });
  expect((await server.ask0(serverStatus)).pid).toBe(server.child.pid);
});

it("survives garbage between messages", async () => {
  for (const garbage of [
    "Content-Length: 5\r\n\r\n{{{{{",
    "Content-Length: 4\r\n\r\nnull",
    "Content-Length: 2\r\n\r\n[]",
  ]) {
    server.child.stdin!.write(garbage);
    expect((await server.ask0(serverStatus)).pid).toBe(server.child.pid);
  }
});

it("ends when it is asked to, and when its editor goes away", async () => {
  await server.connection.sendRequest(ShutdownRequest.type);
  await server.connection.sendNotification(ExitNotification.type);
  expect(await server.exited).toBe(0);

  const other = await startServer();
  other.child.stdin!.end();
  expect(await other.exited).toBe(1);
  await other.dispose();
});

it("streams an inspection: snapshot, numbered deltas, result", async () => {
  const stream = await openStream(server);
  const { job } = await server.ask(startInspection, { model: tiny, image, maxNewTokens: 12 });
  stream.subscribe(`inspect/${job}`);
  await stream.until(hasEnded(stream, job));
  const events = deltas(stream, job).flatMap((event) => (event.type === "inspect" ? [event.event] : []));
  const shown = await server.ask(showJob, { job });
  expect(shown).toMatchObject({ state: "finished", error: null, numTokens: 12, width: expect.any(Number) });
  expect(shown.result?.text).toBe(shown.text);
  expect(shown.tokensPerSecond).toBeGreaterThan(0);
  expect(shown.result?.anomalyScore).toBeGreaterThan(0);
  expect(events.flatMap((event) => (event.type === "text" ? [event.text] : [])).join("")).toBe(shown.text);
  expect((await server.ask0(serverStatus)).models).toMatchObject([{ reference: tiny, state: "ready" }]);
  await server.ask(unloadModels, {});
  expect((await server.ask0(serverStatus)).models).toEqual([]);
  stream.close();
});

it("computes a heat map as a job like any other", async () => {
  const text = "<think>Scratched.</think><answer>Yes</answer>";
  const { job } = await server.ask(startHeatMap, { model: tiny, image, text, cells: 2 });
  const stream = await openStream(server);
  stream.subscribe(`inspect/${job}`);
  await stream.until(hasEnded(stream, job));
  const { heatMap, progress, state } = await server.ask(showJob, { job });
  expect(state).toBe("finished");
  expect(heatMap).toMatchObject({ method: "occlusion", baseScore: expect.any(Number) });
  expect(heatMap!.values).toHaveLength(heatMap!.columns * heatMap!.rows);
  expect(progress).toEqual({ done: heatMap!.values.length, total: heatMap!.values.length });
  stream.close();
});

it("queues jobs of a base, with and without an adapter, and lets the impatient go first", async () => {
  const stream = await openStream(server);
  const start = (extra: object) => server.ask(startInspection, { model: tiny, image, maxNewTokens: 8, ...extra });
  const jobs = [
    await start({}),
    await start({ priority: "batch" }),
    await start({ priority: "batch" }),
    await start({}),
    await start({ model: { base: tinyCheckpoint, adapter: tinyFixture } }),
  ].map(({ job }) => job);
  for (const job of jobs) stream.subscribe(`inspect/${job}`);
  const states = await Promise.all(jobs.map((job) => server.ask(showJob, { job })));
  expect(states.slice(1).map(({ ahead }) => ahead)).toEqual([3, 4, 1, 2]);
  await Promise.all(jobs.map((job) => stream.until(hasEnded(stream, job))));
  const results = await Promise.all(jobs.map((job) => server.ask(showJob, { job })));
  expect(results.map(({ state }) => state)).toEqual(Array.from({ length: 5 }, () => "finished"));
  // The same picture and model say the same; the adapter says something else.
  expect(new Set(results.slice(0, 4).map(({ text }) => text)).size).toBe(1);
  expect(results[4]!.text).not.toBe(results[0]!.text);
  stream.close();
});

it("cancels a job that runs and one that waits", async () => {
  const first = await server.ask(startInspection, { model: tiny, image, maxNewTokens: 100_000 });
  const second = await server.ask(startInspection, { model: tiny, image, maxNewTokens: 4 });
  await server.ask(cancelJob, second);
  await server.ask(cancelJob, first);
  for (const { job } of [first, second]) expect((await server.ask(showJob, { job })).state).toBe("cancelled");
  // A model that was cancelled still works.
  const stream = await openStream(server);
  const third = await server.ask(startInspection, { model: tiny, image, maxNewTokens: 4 });
  stream.subscribe(`inspect/${third.job}`);
  await stream.until(hasEnded(stream, third.job));
  expect((await server.ask(showJob, third)).state).toBe("finished");
  stream.close();
});

it("lets a model go that is still being loaded, and loads it again for the next job", async () => {
  const first = await server.ask(startInspection, { model: tiny, image, maxNewTokens: 4 });
  expect((await server.ask0(serverStatus)).models).toMatchObject([{ state: "loading" }]);
  await server.ask(unloadModels, {});
  expect((await server.ask0(serverStatus)).models).toEqual([]);
  expect((await server.ask(showJob, first)).state).toBe("cancelled");
  const stream = await openStream(server);
  const next = await server.ask(startInspection, { model: tiny, image, maxNewTokens: 4 });
  stream.subscribe(`inspect/${next.job}`);
  await stream.until(hasEnded(stream, next.job));
  // One that comes while the model is being let go.
  const [, last] = await Promise.all([
    server.ask(unloadModels, {}),
    server.ask(startInspection, { model: tiny, image, maxNewTokens: 4 }),
  ]);
  stream.subscribe(`inspect/${last.job}`);
  await stream.until(hasEnded(stream, last.job));
  for (const one of [next, last]) expect((await server.ask(showJob, one)).state).toBe("finished");
  stream.close();
});

it("a model process that dies fails its job and nothing else", async () => {
  const stream = await openStream(server);
  const warm = await server.ask(startInspection, { model: tiny, image, maxNewTokens: 4 });
  stream.subscribe(`inspect/${warm.job}`);
  await stream.until(hasEnded(stream, warm.job));
  const [model] = (await server.ask0(serverStatus)).models;
  const doomed = await server.ask(startInspection, { model: tiny, image, maxNewTokens: 100_000 });
  const waiting = await server.ask(startInspection, { model: tiny, image, maxNewTokens: 4 });
  for (const { job } of [doomed, waiting]) stream.subscribe(`inspect/${job}`);
  process.kill(model!.pid!, "SIGKILL");
  await stream.until(hasEnded(stream, doomed.job));
  await stream.until(hasEnded(stream, waiting.job));
  const dead = await server.ask(showJob, doomed);
  expect(dead).toMatchObject({ state: "failed", error: { code: "worker/crashed" } });
  expect(dead.error!.message).toContain("SIGKILL");
  expect((await server.ask(showJob, waiting)).state).toBe("finished");
  stream.close();
});

it("a picture or a model that is not there fails with the cure", async () => {
  const stream = await openStream(server);
  const { job } = await server.ask(startInspection, { model: tiny, image: { path: "/nothing.png" } });
  stream.subscribe(`inspect/${job}`);
  await stream.until(hasEnded(stream, job));
  expect(await server.ask(showJob, { job })).toMatchObject({ state: "failed", error: { code: "data/missing-image" } });
  const missing = { base: join(server.folder, "nothing"), adapter: null };
  expect(await failure(server.ask(startInspection, { model: missing, image }))).toMatchObject({
    code: "model/not-found",
    hint: expect.any(String),
  });
  expect((await server.ask0(listModels)).map(({ id }) => id)).toContain("nano");
  stream.close();
});

it("answers a cancelled request as cancelled", async () => {
  const source = new CancellationTokenSource();
  const params = { folder: join(server.folder, "sample"), images: 2000 };
  const request = server.connection.sendRequest(createSampleProject, params, source.token);
  setTimeout(() => source.cancel(), 300);
  await expect(request).rejects.toMatchObject({ message: "Cancelled." });
  expect((await server.ask0(serverStatus)).pid).toBe(server.child.pid);
});

it("makes a sample project that it can read, and never writes over one", async () => {
  const folder = join(server.folder, "sample");
  const made = await server.ask(createSampleProject, { folder, images: 40 });
  expect(existsSync(made.firstImage)).toBe(true);
  const overview = await server.ask(dataOverview, { path: made.dataFolder });
  expect(overview).toMatchObject({ kind: "folder", numSamples: 40, numProblems: 0 });
  const page = await server.ask(dataSamples, { path: made.dataFolder, offset: 38 });
  expect(page.total).toBe(40);
  expect(page.samples).toHaveLength(2);
  const config = readFileSync(made.configFile, "utf8");
  expect(config).toMatch(/train:[\s\S]*side: first[\s\S]*heldOut:[\s\S]*side: rest/);
  const check = { kind: "post-train" as const, configFile: made.configFile };
  expect((await server.ask(preflightRun, check)).checks.filter(({ status }) => status !== "ok")).toEqual([]);
  expect(await failure(server.ask(createSampleProject, { folder, images: 40 }))).toMatchObject({
    code: "project/exists",
  });
  expect(readFileSync(made.configFile, "utf8")).toBe(config);
});

it("writes an experiment from choices, and keeps corrected inspections as training data", async () => {
  const { text } = await server.ask(composeConfig, {
    ...{ project: "screws", kind: "pa-sft", model: "nano-base", trainable: "lora", folder: server.folder },
    train: { kind: "synth", seed: 3, count: 50 },
    paSftSteps: 10,
  });
  expect(text).toContain("base: nano-base\n");
  expect(text).not.toContain("scGrpo");
  const file = join(server.folder, "corrected.json");
  const sample = { file, image, think: "A scratch runs over the surface.", answer: "yes" as const };
  const kept = { ...sample, location: "center", type: "scratch" };
  expect(await server.ask(saveExpertSample, kept)).toEqual({ file, count: 1 });
  expect(await server.ask(saveExpertSample, { ...sample, answer: "no" })).toEqual({ file, count: 2 });
  expect(await server.ask(dataOverview, { path: file, kind: "pa-sft" })).toMatchObject({
    numSamples: 2,
    numProblems: 0,
  });
  const broken = { ...kept, think: "</think> done" };
  expect(await failure(server.ask(saveExpertSample, broken))).toMatchObject({ code: "data/bad-answer" });
  writeFileSync(file, "{}");
  expect(await failure(server.ask(saveExpertSample, kept))).toMatchObject({ code: "data/not-a-list" });
});

it("shows the data of an experiment by split, and finds pictures on both sides", async () => {
  const folder = join(server.folder, "sample");
  const { configFile, dataFolder } = await server.ask(createSampleProject, { folder, images: 40 });
  const { sets, numShared } = await server.ask(projectData, { configFile });
  expect(numShared).toBe(0);
  expect(sets).toMatchObject([
    { kind: "folder", path: dataFolder, splits: ["train", "heldOut"], missingFiles: 0, numProblems: 0, failure: null },
  ]);
  const [set] = sets;
  expect(set!.normal + set!.anomalous).toBe(40);
  for (const { normal, anomalous, splits } of set!.classes) {
    const sum = (label: "normal" | "anomalous") => splits.reduce((all, split) => all + split[label], 0);
    expect([sum("normal"), sum("anomalous")]).toEqual([normal, anomalous]);
  }
  const clean = await server.ask(projectLeaks, { configFile });
  expect(clean).toMatchObject({ numLeaks: 0, unreadable: [] });

  // A copy of a picture that is trained on, under another name, among those that are tested with.
  const copied = join(server.folder, "copied");
  const [one] = (await server.ask(dataSamples, { path: dataFolder, limit: 1 })).samples;
  const line = {
    id: "copy",
    image: "copy.png",
    category: one!.category,
    label: one!.label,
    defect_type: one!.defectType,
  };
  mkdirSync(copied);
  copyFileSync(one!.image, join(copied, "copy.png"));
  writeFileSync(join(copied, "annotations.jsonl"), `${JSON.stringify({ ...line, locations: one!.locations })}\n`);
  const leaky = join(folder, "iadr1-leaky.yaml");
  const model = "model: { base: nano-base }\n";
  const data = `data:\n  train: { kind: folder, path: data/sample }\n  heldOut: { kind: folder, path: ${copied} }\n`;
  writeFileSync(leaky, model + data);
  const found = await server.ask(projectLeaks, { configFile: leaky });
  expect(found.numLeaks).toBeGreaterThanOrEqual(1);
  expect(found.leaks).toContainEqual({
    ...{ a: one!.image, b: join(copied, "copy.png"), isSame: true, splits: ["train", "heldOut"] },
  });
  const both = `${model}data:\n  train: { kind: folder, path: data/sample }\n  heldOut: { kind: folder, path: data/sample }\n`;
  writeFileSync(leaky, both);
  expect((await server.ask(projectData, { configFile: leaky })).numShared).toBe(40);
  expect(await failure(server.ask(projectData, { configFile: join(folder, "none.yaml") }))).toMatchObject({
    code: "config/unreadable",
  });
});

it("makes a TIFF showable with the very pixels of the model, once", async () => {
  const tiff = join(server.folder, "part.tif");
  const pixels = Buffer.from(Array.from({ length: 5 * 4 * 3 }, (_, i) => (i * 37) % 256));
  await sharp(pixels, { raw: { width: 5, height: 4, channels: 3 } })
    .tiff({ compression: "lzw" })
    .toFile(tiff);
  const made = await server.ask(showImage, { image: { path: tiff } });
  expect(made.path).toBe(join(server.folder, "files", made.name));
  const bytes = readFileSync(made.path!);
  expect(made.name).toBe(`${createHash("sha256").update(bytes).digest("hex")}.png`);
  expect(await sharp(bytes).removeAlpha().raw().toBuffer()).toEqual(pixels);
  expect(await server.ask(showImage, { image: { path: tiff } })).toEqual(made);
  writeFileSync(tiff, "no picture");
  expect(await failure(server.ask(showImage, { image: { path: tiff } }))).toMatchObject({ code: "data/not-an-image" });
  // Nothing half written is left.
  expect(readdirSync(join(server.folder, "files"))).toEqual([made.name]);
});

it("imports a data set, and writes the text for a bug report without what is nobody's business", async () => {
  const folder = join(server.folder, "sample");
  const { dataFolder } = await server.ask(createSampleProject, { folder, images: 40 });
  const out = join(folder, "data", "copy");
  expect(await server.ask(importData, { path: dataFolder, folder: out })).toMatchObject({ numSamples: 40 });
  expect(await server.ask(dataOverview, { path: out })).toMatchObject({ numSamples: 40, numProblems: 0 });
  expect(await failure(server.ask(importData, { path: dataFolder, folder: out }))).toMatchObject({
    code: "data/exists",
  });
  const facts = { editor: `Test in ${folder}` };
  const { text } = await server.ask(collectDiagnostics, { project: folder, facts });
  expect(text).toContain("editor: Test in <project>");
  expect(text).toContain("## Experiment iadr1.yaml");
  expect(text).not.toContain(server.folder);
});
