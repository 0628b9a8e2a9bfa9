/**
 * The whole path on WebGPU (recorded numbers, PA-SFT, SC-GRPO, inspection) and what happens when the device fails under it. On a machine
 * without a card the device is one in software, so models are the smallest and runs a few steps.
 */
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { InspectEvent } from "@iad-r1/protocol/inspect";
import type { RunEvent, ScalarSeries } from "@iad-r1/protocol/runs";
import type { ExperimentInput } from "@iad-r1/server/config/experiment";
import { makeExperiment } from "@iad-r1/server/config/parseExperiment";
import { openInspector } from "@iad-r1/server/inspect/inspectImage";
import { readRollouts } from "@iad-r1/server/rollouts/read";
import { runTraining } from "@iad-r1/server/runs/postTrain";
import { openRun } from "@iad-r1/server/runs/store";
import { attentionLimit } from "@iad-r1/server/runtime/attentionCheck";
import { deviceFailure } from "@iad-r1/server/runtime/deviceFailure";
import { deviceSpeed } from "@iad-r1/server/runtime/deviceSpeed";
import { Session } from "@iad-r1/server/runtime/session";
import { type VerifyCheck, verifyModel } from "@iad-r1/server/verify/verifyModel";
import { afterAll, afterEach, describe, expect, it, vi } from "vitest";
import { temporaryFolder } from "../helpers/temporaryFolder";
import { tinyCheckpoint, tinyFixture, tinyModel } from "../helpers/tinyModel";

const folder = mkdtempSync(join(tmpdir(), "webgpu-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
afterEach(() => vi.restoreAllMocks());

it("is measured with tensors that stay on it", async () => {
  const { gflops, startSeconds } = await deviceSpeed("webgpu", 128);
  expect(gflops).toBeGreaterThan(0);
  expect(startSeconds).toBeGreaterThan(1e-7);
});

it("computes attention over prompts, whole or in short pieces", async () => {
  expect(await attentionLimit("webgpu")).toBeGreaterThanOrEqual(16);
});

/** A fixture with one of its cases and, of training, the gradients and the first steps of the language model. */
function shortened(name: string): { checkpoint: string; reference: string } {
  const { folder: source, checkpoint } = tinyModel(name);
  const reference = temporaryFolder();
  cpSync(source, reference, { recursive: true });
  for (const file of ["lora.json", "grpo.json"]) rmSync(join(reference, file));
  const json = JSON.parse(readFileSync(join(reference, "reference.json"), "utf8"));
  json.cases = { a: json.cases.a };
  for (const key of ["left_padded_batch", "two_pictures_with_crops", "full_finetuning"]) delete json[key];
  writeFileSync(join(reference, "reference.json"), JSON.stringify(json));
  return { checkpoint, reference };
}

/** One class by default: each compiles its own shaders, which takes a software device most of a minute. */
const classes = ["llava-onevision", ...(process.env.IADR1_WEBGPU_ALL === "1" ? ["qwen2-5-vl"] : [])];

describe.each(classes)("%s", (name) => {
  it("gives the recorded features, logits, losses, gradients and greedy tokens", async () => {
    const { checkpoint, reference } = shortened(name);
    const checks: VerifyCheck[] = [];
    const onCheck = (check: VerifyCheck) => checks.push(check);
    await verifyModel(checkpoint, reference, { device: "webgpu", threads: 1, onCheck });
    for (const quantity of ["image_features", "logits", "logprobs", "loss", "gradients.elements", "greedy"]) {
      expect(checks.map((check) => check.name)).toContain(quantity);
    }
    const wrong = checks.filter(({ ok }) => !ok).map(({ name: what, case: at, note }) => `${what} (${at}): ${note}`);
    expect(wrong).toEqual([]);
  });
});

const tiny: ExperimentInput = {
  project: "tiny",
  model: { base: tinyCheckpoint },
  data: { train: { kind: "synth", seed: 1, count: 4, size: 42 } },
  stages: {
    paSft: {
      ...{ trainable: "lora", steps: 3, batchSize: 1, gradientAccumulation: 1, learningRate: 1e-3, warmupSteps: 0 },
      ...{ evalEvery: 0, saveEvery: 1 },
    },
    scGrpo: {
      ...{ trainable: "lora", steps: 1, groupSize: 4, promptsPerStep: 1, learningRate: 1e-3, maxCompletionLength: 8 },
      ...{ evalEvery: 0, microBatchSize: 4 },
    },
  },
  threads: 1,
};

type Kind = "pa-sft" | "sc-grpo";

async function train(kind: Kind, device: "cpu" | "webgpu", onEvent: (event: RunEvent) => void = () => undefined) {
  const outcome = await runTraining(kind, makeExperiment({ ...tiny, device }), {
    ...{ signal: new AbortController().signal, runsFolder: folder, onEvent },
  });
  expect(outcome.error).toBeNull();
  expect(outcome.state).toBe("completed");
  const stored = openRun(outcome.folder);
  const curves = stored.scalars().filter(({ name }) => !name.endsWith("_seconds"));
  const written =
    kind === "pa-sft" ? [] : (await readRollouts(outcome.folder)).rows.map(({ completion }) => completion);
  return { manifest: stored.manifest, curves, written };
}

function expectSameCurves(ours: readonly ScalarSeries[], theirs: readonly ScalarSeries[]): void {
  expect(theirs.length).toBeGreaterThan(3);
  expect(ours.map(({ name }) => name)).toEqual(theirs.map(({ name }) => name));
  for (const [i, { name, steps, values }] of theirs.entries()) {
    expect([...ours[i]!.steps], name).toEqual([...steps]);
    for (const [k, value] of values.entries()) {
      const difference = Math.abs(ours[i]!.values[k]! - value);
      expect(difference, `${name} at step ${steps[k]}`).toBeLessThan(1e-3 * (1 + Math.abs(value)));
    }
  }
}

/** From now on every run on the device fails, as those of a card that is gone, until the mocks are restored. */
function loseDevice(): void {
  const run = Session.prototype.run;
  vi.spyOn(Session.prototype, "run").mockImplementation(function (this: Session, ...given) {
    if (this.device !== "cpu") throw deviceFailure(this.device, `Running ${this.name}`, "the device was lost");
    return run.apply(this, given);
  });
}

describe("a run", () => {
  it("of PA-SFT gives the processor's curves although its device is lost on the way", async () => {
    const theirs = await train("pa-sft", "cpu");
    const events: RunEvent[] = [];
    let isLost = false;
    const ours = await train("pa-sft", "webgpu", (event) => {
      events.push(event);
      // Told before its checkpoint is written, which therefore needs the device as well.
      if (event.type === "scalars" && event.step === 2 && !isLost) {
        isLost = true;
        loseDevice();
      }
    });
    expectSameCurves(ours.curves, theirs.curves);
    expect(events).toContainEqual(
      expect.objectContaining({ type: "log", level: "warning", message: expect.stringMatching(/webgpu failed.*lost/) }),
    );
    expect(ours.manifest).toMatchObject({ device: "cpu", deviceReason: "webgpu failed", attempt: 2 });
    expect(events.find((event) => event.type === "state" && event.attempt === 2)).toMatchObject({
      reason: "webgpu failed; goes on on the processor at pa-sft step 1",
    });
  });

  it("of SC-GRPO writes on the device what the processor writes, and learns the same from it", async () => {
    const theirs = await train("sc-grpo", "cpu");
    const ours = await train("sc-grpo", "webgpu");
    expect(ours.manifest).toMatchObject({ device: "webgpu", attempt: 1 });
    expect(theirs.written).toHaveLength(4);
    expect(ours.written).toEqual(theirs.written);
    expectSameCurves(ours.curves, theirs.curves);
  });
});

describe("an inspection", () => {
  it("says the processor's words, and begins again there when the device is lost", async () => {
    const model = { base: tinyCheckpoint, adapter: null };
    const image = join(tinyFixture, "images", readdirSync(join(tinyFixture, "images"))[0]!);
    const request = { image, maxNewTokens: 12 };
    const processor = await openInspector({ model, device: "cpu", threads: 1 });
    const theirs = await processor.inspect(request);
    await processor.dispose();
    const inspector = await openInspector({ model, device: "webgpu", threads: 1 });
    const events: InspectEvent[] = [];
    const look = (onEvent: (event: InspectEvent) => void = () => undefined) =>
      inspector.inspect({
        ...request,
        onEvent: (event) => {
          events.push(event);
          onEvent(event);
        },
      });
    const places = () => events.flatMap((event) => (event.type === "started" ? [event.computes.device] : []));
    expect((await look()).text).toBe(theirs.text);
    expect(places()).toEqual(["webgpu"]);
    const ours = await look(({ type }) => {
      if (type === "prefilled" && places().length === 2) loseDevice();
    });
    expect(ours.text).toBe(theirs.text);
    expect(places()).toEqual(["webgpu", "webgpu", "cpu"]);
    expect(events.findLast(({ type }) => type === "started")).toMatchObject({
      computes: { reason: expect.stringMatching(/webgpu failed.*lost/) },
    });
    await inspector.dispose();
  });
});
