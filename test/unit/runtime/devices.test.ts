import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type AnsweringModel, decideDevice } from "@iad-r1/server/runtime/deviceChoice";
import { type Device, devices, probeDevice, probeDevices } from "@iad-r1/server/runtime/devices";
import { deviceSpeed } from "@iad-r1/server/runtime/deviceSpeed";
import { gemmPeak } from "@iad-r1/server/runtime/gemmPeak";
import { defaultThreads } from "@iad-r1/server/runtime/threads";
import { beforeAll, expect, test, vi } from "vitest";
import { buildEntry } from "../../helpers/buildEntry";
import { temporaryFolder } from "../../helpers/temporaryFolder";

let entry: string;

beforeAll(async () => {
  entry = await buildEntry("server/src/runtime/deviceProbeMain.ts");
});

/** A probe that does what `body` says. */
function probeThat(body: string): string {
  const path = join(temporaryFolder(), "probe.mjs");
  writeFileSync(path, body);
  return path;
}

test("the CPU is always there, with the speed it was measured at", async () => {
  const report = await probeDevice("cpu", { entry });
  expect(report).toMatchObject({ device: "cpu", available: true, detail: expect.stringMatching(/[\d.]+ GFLOP\/s/) });
  expect(report.gflops).toBeGreaterThan(1);
  expect(report).not.toHaveProperty("touchSeconds");
  const asked = await probeDevice("cpu", { entry, touches: true });
  expect(asked.touchSeconds).toBeGreaterThan(0);
});

test("every device gets a report, and one that does not work says why", async () => {
  const reports = await probeDevices({ entry });
  expect(reports.map(({ device }) => device)).toEqual(devices);
  for (const { available, detail, gflops } of reports) {
    expect(detail.length).toBeGreaterThan(10);
    expect(gflops !== undefined).toBe(available);
  }
});

test("a device of another platform is refused with the platform's name", async () => {
  const foreign: Device = process.platform === "darwin" ? "dml" : "coreml";
  await expect(decideDevice(foreign, { entry })).rejects.toMatchObject({
    code: "resource/device",
    message: expect.stringMatching(new RegExp(`${foreign} cannot be used: does not exist for ${process.platform}`)),
    hint: expect.any(String),
  });
});

test("a driver that crashes, hangs or talks nonsense takes only the probe with it", async () => {
  const crash = await probeDevice("cpu", { entry: probeThat("console.error('driver: bad'); process.abort()") });
  expect(crash).toMatchObject({
    available: false,
    detail: expect.stringMatching(/crashed the probe \(.*(SIGABRT|code)/),
  });
  const hang = await probeDevice("cpu", { entry: probeThat("for (;;);"), timeoutMs: 300 });
  expect(hang).toMatchObject({ available: false, detail: "did not answer within 0.3 s" });
  const nonsense = await probeDevice("cpu", { entry: probeThat("console.log('hello')") });
  expect(nonsense).toMatchObject({ available: false });
  const failure = probeThat(`console.log(JSON.stringify({ error: "no adapter" }))`);
  expect(await probeDevice("cpu", { entry: failure })).toMatchObject({ available: false, detail: "no adapter" });
});

test("a probe stops when nobody waits for it any more", async () => {
  const signal = AbortSignal.timeout(100);
  await expect(probeDevice("cpu", { entry: probeThat("for (;;);"), signal })).rejects.toMatchObject({
    name: "CancelledError",
  });
});

test("auto names a device and why", async () => {
  const { device, reason } = await decideDevice("auto", { entry });
  expect(devices).toContain(device);
  expect(reason).toMatch(device === "cpu" ? /no other device works here|not 4 times as fast/ : /clearly the fastest/);
  expect(await decideDevice("cpu", { entry: "nowhere" })).toEqual({ device: "cpu", reason: "as asked" });
});

test.runIf(process.platform === "linux")(
  "auto asks about the model only where there is a device to choose",
  async () => {
    const speeds = { cpu: { gflops: 350 }, webgpu: { gflops: 5000, startSeconds: 95e-6 } };
    const card = probeThat(
      `console.log(JSON.stringify(${JSON.stringify(speeds)}[process.argv[2]] ?? { error: "none" }))`,
    );
    const decide = async (probe: string, model: AnsweringModel | null) => {
      const answers = vi.fn(() => Promise.resolve(model));
      const { device, reason } = await decideDevice("auto", { entry: probe, answers });
      return { device, reason, asked: answers.mock.calls.length };
    };
    const small = { layers: 4, numParameters: 4.6e6, weightBytes: 18e6, rows: 1 };
    vi.stubEnv("VK_ICD_FILENAMES", "a driver");
    try {
      expect(await decide(card, small)).toMatchObject({
        device: "cpu",
        reason: expect.stringMatching(/the model is small/),
        asked: 1,
      });
      expect(await decide(card, { ...small, layers: 28, weightBytes: 9e9 })).toMatchObject({
        device: "webgpu",
        asked: 1,
      });
      // Whoever opens a checkpoint that cannot be read says so.
      expect(await decide(card, null)).toMatchObject({ device: "webgpu", asked: 1 });
      const slow = probeThat("console.log(JSON.stringify({ gflops: 1 }))");
      expect(await decide(slow, small)).toMatchObject({ device: "cpu", asked: 0 });
    } finally {
      vi.unstubAllEnvs();
    }
  },
);

test("operations on tensors that stay where they are have a speed, and a time to start that is not that of a product", async () => {
  const { gflops, startSeconds } = await deviceSpeed("cpu", 256);
  expect(gflops).toBeGreaterThan(1);
  expect(startSeconds).toBeGreaterThan(0);
  expect(startSeconds).toBeLessThan((2 * 256 ** 3) / (1e9 * gflops));
});

test("the peak of a matrix product is measured in wall and processor time", async () => {
  const one = await gemmPeak({ threads: 1, size: 512, repeats: 5 });
  expect(one.gflops).toBeGreaterThan(1);
  expect(one.cpuMs).toBeLessThan(one.wallMs * 3);
  expect(defaultThreads()).toBeGreaterThanOrEqual(1);
});
