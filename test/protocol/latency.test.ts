/** While a training and an inspection keep every core busy, the server answers at once: it computes nothing itself. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  composeConfig,
  listModels,
  listRuns,
  serverStatus,
  showJob,
  startInspection,
  startRun,
  stopRun,
} from "@iad-r1/protocol/lsp";
import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { openStream, startServer, type TestServer } from "../helpers/languageClient";
import { tinyCheckpoint, tinyFixture } from "../helpers/tinyModel";

vi.setConfig({ testTimeout: 300_000, hookTimeout: 300_000 });

let folder = "";
let server: TestServer;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "latency-"));
  server = await startServer({ folder, options: { threads: 0 } });
});
afterAll(async () => {
  await server.dispose();
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
});

it("answers every request quickly beside a training and an inspection at full load", async () => {
  const configFile = join(folder, "iadr1.yaml");
  writeFileSync(
    configFile,
    `model: { base: ${JSON.stringify(tinyCheckpoint)} }
data: { train: { kind: synth, seed: 1, count: 5, size: 42 } }
stages: { paSft: { trainable: lora, steps: 100000, batchSize: 4 } }
device: cpu
`,
  );
  const { run } = await server.ask(startRun, { kind: "pa-sft", configFile });
  const stream = await openStream(server);
  stream.subscribe(`run/${run}`);
  await stream.until(() => stream.points.length > 0);
  const look = () =>
    server.ask(startInspection, {
      model: { base: tinyCheckpoint, adapter: null },
      image: { path: join(tinyFixture, "images/image1.png") },
      maxNewTokens: 100_000,
    });
  const job = (await look()).job;
  stream.subscribe(`inspect/${job}`);
  const isWriting = () =>
    stream.frames.some((frame) => frame.type === "delta" && JSON.stringify(frame.deltas).includes('"text"'));
  await stream.until(isWriting);

  const choices = {
    ...{ project: "p", kind: "pa-sft" as const, model: "nano", trainable: "lora" as const, folder },
    train: { kind: "synth" as const, seed: 1, count: 10 },
  };
  const requests: [string, () => Promise<unknown>][] = [
    [serverStatus.method, () => server.ask0(serverStatus)],
    [listRuns.method, () => server.ask0(listRuns)],
    [listModels.method, () => server.ask0(listModels)],
    [showJob.method, () => server.ask(showJob, { job })],
    [composeConfig.method, () => server.ask(composeConfig, choices)],
  ];
  // The first compose starts its thread.
  await server.ask(composeConfig, choices);
  const times: { method: string; ms: number }[] = [];
  for (let round = 0; round < 20; round++) {
    for (const [method, ask] of requests) {
      const started = performance.now();
      await ask();
      times.push({ method, ms: performance.now() - started });
    }
  }
  expect((await server.ask0(listRuns)).find(({ id }) => id === run)?.state).toBe("running");
  await server.ask(stopRun, { run, when: "now" });
  stream.close();
  const sorted = times.map(({ ms }) => ms).sort((a, b) => a - b);
  const [median, slow] = [sorted[sorted.length >> 1]!, sorted[Math.floor(sorted.length * 0.95)]!];
  console.log(
    `${times.length} requests beside training and inspection: median ${median.toFixed(1)} ms, 95 % within ${slow.toFixed(1)} ms, slowest ${sorted.at(-1)!.toFixed(1)} ms`,
  );
  // 50 ms is what a person gets on a machine of their own; this test also runs where others compute, and shares the cores.
  expect(median).toBeLessThan(50);
  expect(slow).toBeLessThan(500);
});
