/** A run in its own process, killed with SIGKILL again and again, ends with the weights of one that was left alone. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { RunEvent, RunListing } from "@iad-r1/protocol/runs";
import type { ExperimentInput } from "@iad-r1/server/config/experiment";
import { makeExperiment } from "@iad-r1/server/config/parseExperiment";
import { RunManager } from "@iad-r1/server/runs/manager";
import { openRun } from "@iad-r1/server/runs/store";
import { afterAll, afterEach, beforeAll, expect, it, vi } from "vitest";
import { buildEntry } from "../helpers/buildEntry";
import { tinyCheckpoint } from "../helpers/tinyModel";

// A process starts for each attempt; a busy machine takes its time.
vi.setConfig({ testTimeout: 400_000, hookTimeout: 400_000 });

let runs = "";
let entry = "";
beforeAll(async () => {
  runs = mkdtempSync(join(tmpdir(), "runs-"));
  entry = await buildEntry("server/src/workerMain.ts");
});
const managers: RunManager[] = [];
afterEach(() => {
  for (const manager of managers.splice(0)) manager.dispose();
});
afterAll(() => rmSync(runs, { recursive: true, force: true }));

const tiny = (): ExperimentInput => ({
  project: "tiny",
  model: { base: tinyCheckpoint },
  data: { train: { kind: "synth", seed: 1, count: 5, size: 42 } },
  stages: {
    paSft: {
      ...{ trainable: "lora", steps: 12, batchSize: 1, gradientAccumulation: 2, learningRate: 1e-3, warmupSteps: 2 },
      saveEvery: 2,
    },
    scGrpo: {
      ...{ trainable: "lora", steps: 10, groupSize: 2, promptsPerStep: 2, learningRate: 1e-3, maxCompletionLength: 8 },
      saveEvery: 2,
    },
  },
  ...{ device: "cpu", threads: 1 },
  output: runs,
});

interface Moment {
  events: RunEvent[];
  listing: RunListing;
}

/** A manager that calls `onMoment` whenever the run has said something. */
function follow(onMoment: (moment: Moment, manager: RunManager) => void = () => undefined) {
  const problems: string[] = [];
  const manager = new RunManager({
    ...{ folders: [runs], entry, lookEveryMs: 5 },
    onChange: ({ listing }, { events }) => listing !== null && onMoment({ events, listing }, manager),
    onProblem: (message) => problems.push(message),
  });
  managers.push(manager);
  return { manager, problems };
}

const journal = (id: string) => openRun(join(runs, id)).events();
const finalStates = (id: string) =>
  journal(id).flatMap((event) =>
    event.type === "state" && ["completed", "stopped", "failed"].includes(event.state) ? [event.state] : [],
  );

/** Weights and curves. */
function results(folder: string) {
  const { stageModels } = openRun(folder).manifest;
  return {
    weights: Object.values(stageModels).map(({ adapter }) =>
      readFileSync(join(folder, adapter!, "adapter_model.safetensors")).toString("base64"),
    ),
    curves: openRun(folder)
      .scalars()
      .filter(({ name }) => !name.endsWith("_seconds"))
      .map(({ name, steps, values }) => [name, [...steps], [...values]]),
    rollouts: readdirSync(join(folder, "rollouts")),
  };
}

it("killed at any moment, a run goes on to the same weights", async () => {
  const { manager: first } = follow();
  await first.start("post-train", makeExperiment(tiny()), { id: "whole" });
  expect(await first.ended("whole")).toMatchObject({ state: "completed", reason: null });
  expect(finalStates("whole")).toEqual(["completed"]);

  // A kill comes a little after what it waits for, so each moment holds from there on.
  const order = ["pa-sft", "sc-grpo"];
  const reached = (stage: string, step: number) => (moment: Moment) => {
    const { lastStage, lastStep } = moment.listing;
    const later = order.indexOf(lastStage ?? "") - order.indexOf(stage);
    return later > 0 || (later === 0 && lastStep >= step);
  };
  const moments: ((moment: Moment) => boolean)[] = [
    ({ listing }) => listing.state === "starting",
    ({ events }) => events.some((event) => event.type === "stage"),
    ...[reached("pa-sft", 1), reached("pa-sft", 3), reached("pa-sft", 5), reached("pa-sft", 11)],
    ...[reached("sc-grpo", 1), reached("sc-grpo", 3)],
  ];
  for (const [attempt, moment] of moments.entries()) {
    let killed: Promise<void> | null = null;
    const { manager } = follow((now, self) => {
      if (killed === null && now.listing.id === "killed" && now.listing.attempt === attempt + 1 && moment(now)) {
        killed = self.stop("killed", "now");
      }
    });
    if (attempt === 0) await manager.start("post-train", makeExperiment(tiny()), { id: "killed" });
    else {
      await manager.refresh();
      await manager.resume("killed");
    }
    expect(await manager.ended("killed")).toMatchObject({ state: "stopped", reason: "ended at once by the user" });
    expect(killed).not.toBeNull();
    await killed;
    expect(finalStates("killed")).toEqual(Array.from({ length: attempt + 1 }, () => "stopped"));
    manager.dispose();
  }
  const { manager: last } = follow();
  await last.refresh();
  await last.resume("killed");
  expect(await last.ended("killed")).toMatchObject({ state: "completed", reason: null });
  expect(results(join(runs, "killed"))).toEqual(results(join(runs, "whole")));
});

it("asked to stop, the process saves and ends with one final event", async () => {
  const { manager } = follow(({ listing }, self) => {
    if (listing.id === "asked" && listing.lastStep >= 1) void self.stop("asked", "after-step");
  });
  await manager.start("post-train", makeExperiment(tiny()), { id: "asked" });
  expect((await manager.ended("asked")).state).toBe("stopped");
  expect(finalStates("asked")).toEqual(["stopped"]);
  expect(readdirSync(join(runs, "asked/checkpoints")).length).toBeGreaterThan(0);
});

it("a process that dies by itself is a failed run with the reason, and can go on", async () => {
  let pid = 0;
  const { manager } = follow(({ listing }) => {
    if (listing.id !== "died" || listing.lastStep < 1 || listing.attempt > 1 || pid !== 0) return;
    pid = (JSON.parse(readFileSync(join(runs, "died/writer.lock"), "utf8")) as { pid: number }).pid;
    process.kill(pid, "SIGKILL");
  });
  await manager.start("pa-sft", makeExperiment(tiny()), { id: "died" });
  const dead = await manager.ended("died");
  expect(dead.state).toBe("failed");
  expect(dead.reason).toContain("SIGKILL");
  expect(finalStates("died")).toEqual(["failed"]);
  await manager.resume("died");
  expect((await manager.ended("died")).state).toBe("completed");
});

it("says why a run that cannot be opened did not start", async () => {
  const { manager, problems } = follow();
  await manager.start("pa-sft", makeExperiment({ ...tiny(), model: { base: join(runs, "nothing") } }), { id: "none" });
  const listing = await manager.ended("none");
  expect(listing.state).toBe("failed");
  expect(listing.reason).toContain("nothing");
  expect(problems).toEqual([]);
});

it("paused, a run holds its step until it is told to go on", async () => {
  const states: string[] = [];
  const { manager } = follow(({ listing, events }, self) => {
    if (listing.id !== "paused") return;
    for (const event of events) {
      if (event.type !== "state") continue;
      states.push(event.state);
      if (event.state === "paused") void self.resume("paused");
    }
    if (listing.lastStep === 1 && !states.includes("paused")) self.pause("paused");
  });
  await manager.start("pa-sft", makeExperiment(tiny()), { id: "paused" });
  expect((await manager.ended("paused")).state).toBe("completed");
  expect(states).toEqual(["queued", "starting", "running", "paused", "running", "completed"]);
  expect(results(join(runs, "paused")).curves).toEqual(
    results(join(runs, "whole")).curves.slice(0, results(join(runs, "paused")).curves.length),
  );
});

it("a fork starts from a copy of the checkpoint and outlives its origin", async () => {
  const { manager } = follow();
  await manager.refresh();
  const [first] = readdirSync(join(runs, "whole/checkpoints"));
  const id = await manager.fork("whole", `checkpoints/${first}`, ({ config }) => ({ config, kind: "sc-grpo" }));
  const forked = await manager.ended(id);
  expect(forked).toMatchObject({ state: "completed", kind: "sc-grpo" });
  expect(forked.lineage).toEqual({ run: "whole", checkpoint: `checkpoints/${first}` });
  const { model } = openRun(join(runs, id)).manifest.config as { model: { adapter: string } };
  expect(model.adapter.startsWith(join(runs, id))).toBe(true);
  await manager.remove("whole");
  expect(readdirSync(runs)).not.toContain("whole");
  expect(manager.list().map((run) => run.id)).not.toContain("whole");
});
