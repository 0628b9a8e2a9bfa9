import { DataError, InternalError, WorkerError } from "@iad-r1/models/errors";
import {
  startWorker,
  type WorkerClient,
  type WorkerOptions,
  type WorkerPlace,
} from "@iad-r1/server/runtime/workerClient";
import { beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { type BehavingMethods, createBehavingHost, type Misbehaviour } from "../../helpers/behavingHost";
import { buildEntry } from "../../helpers/buildEntry";

type Init = { start: number };
let entry: string;

beforeAll(async () => {
  entry = await buildEntry("test/helpers/behavingWorker.ts");
});

function place(isolation: "thread" | "process" | "none"): WorkerPlace<BehavingMethods, Init> {
  return isolation === "none" ? { isolation, createHost: createBehavingHost } : { isolation, entry };
}

async function start(
  isolation: "thread" | "process" | "none",
  options: Partial<WorkerOptions<Init>> = {},
): Promise<WorkerClient<BehavingMethods>> {
  // Crash reports are part of these tests and would only be noise.
  const quiet = { name: "the counter", init: { start: 0 }, onLog: () => undefined };
  const client = await startWorker(place(isolation), { ...quiet, ...options });
  onTestFinished(() => client.dispose());
  return client;
}

describe.each(["thread", "process", "none"] as const)("a worker in isolation %s", (isolation) => {
  test("answers calls in order, tells its steps, and keeps its state between them", async () => {
    const client = await start(isolation, { init: { start: 5 } });
    const events: number[] = [];
    const first = client.call("count", { steps: 3 }, { onEvent: (step) => events.push(step) });
    const second = client.call("count", { steps: 2 });
    expect([...(await first)]).toEqual([8, 8]);
    expect([...(await second)]).toEqual([10, 10]);
    expect(events).toEqual([1, 2, 3]);
  });

  test("stops a cancelled call at its next step and goes on with the next call", async () => {
    const client = await start(isolation);
    const controller = new AbortController();
    const events: number[] = [];
    const endless = client.call(
      "count",
      { steps: 1e9 },
      {
        signal: controller.signal,
        onEvent: (step) => {
          events.push(step);
          if (step === 3) controller.abort();
        },
      },
    );
    await expect(endless).rejects.toMatchObject({ name: "CancelledError" });
    const heard = events.length;
    const [value] = await client.call("count", { steps: 1 });
    expect(value).toBeGreaterThanOrEqual(4);
    expect(events.length).toBe(heard);
  });

  test("never starts a call that was cancelled while it waited", async () => {
    const client = await start(isolation);
    const controller = new AbortController();
    const running = client.call("count", { steps: 50 });
    const waiting = client.call("count", { steps: 1 }, { signal: controller.signal });
    controller.abort();
    await expect(waiting).rejects.toMatchObject({ name: "CancelledError" });
    expect([...(await running)]).toEqual([50, 50]);
    await expect(client.call("count", { steps: 1 }, { signal: controller.signal })).rejects.toMatchObject({
      name: "CancelledError",
    });
    expect([...(await client.call("count", { steps: 0 }))]).toEqual([50, 50]);
  });

  test("passes errors on with class, code, place and cure, and lives on", async () => {
    const client = await start(isolation);
    const error = await client.call("misbehave", "throw").catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(DataError);
    expect(error).toMatchObject({ code: "data/broken", message: "The image is broken.", where: "a.png" });
    const bug = await client.call("misbehave", "bug").catch((thrown: unknown) => thrown);
    expect(bug).toBeInstanceOf(InternalError);
    expect(bug).toMatchObject({ message: "x is not a function", data: { stack: expect.stringMatching(/TypeError/) } });
    await expect(client.call("misbehave", "uncloneable")).rejects.toBeInstanceOf(InternalError);
    await expect(client.call("unknown" as "count", { steps: 1 })).rejects.toThrow(/no method unknown/);
    expect([...(await client.call("count", { steps: 1 }))]).toEqual([1, 1]);
  });

  test("reports why it could not start", async () => {
    const failed = startWorker(place(isolation), { name: "the counter", init: { start: -1 } });
    await expect(failed).rejects.toMatchObject({ name: "DataError", code: "data/negative", hint: "Use 0." });
  });

  test("is not waited for when nobody wants it any more before it is ready", async () => {
    const controller = new AbortController();
    const { signal } = controller;
    const starting = startWorker(place(isolation), { name: "the counter", init: { start: 0 }, signal });
    controller.abort();
    await expect(starting).rejects.toMatchObject({ name: "CancelledError" });
    await expect(start(isolation, { signal })).rejects.toMatchObject({ name: "CancelledError" });
  });

  test("ends when it is disposed, and cancels what was still running", async () => {
    const client = await start(isolation);
    const endless = client.call("count", { steps: 1e9 });
    const outcome = expect(endless).rejects.toMatchObject({ name: "CancelledError" });
    await client.dispose();
    await outcome;
    expect(await client.closed).toMatchObject({ expected: true });
    await expect(client.call("count", { steps: 1 })).rejects.toMatchObject({ code: "worker/crashed" });
  });
});

describe.each<["thread" | "process", Misbehaviour, RegExp]>([
  ["thread", "exit", /exit code 3/],
  ["thread", "fill-heap", /heap is full/],
  ["process", "exit", /exit code 3/],
  ["process", "abort", /SIGABRT|exit code/],
  ["process", "fill-heap", /heap/],
])("a %s that dies of %s", (isolation, how, reason) => {
  test("fails its own calls with the reason and nothing else", async () => {
    const other = await start(isolation);
    const client = await start(isolation, { heapLimitMiB: 40 });
    const calls = [client.call("misbehave", how), client.call("count", { steps: 1 })];
    for (const [index, outcome] of (await Promise.allSettled(calls)).entries()) {
      const error = (outcome as PromiseRejectedResult).reason as WorkerError;
      expect(error).toBeInstanceOf(WorkerError);
      expect(error).toMatchObject({ code: "worker/crashed", hint: expect.any(String) });
      expect(error.message).toMatch(index === 0 ? /the counter ended before misbehave was finished/ : /before count/);
      expect(error.message).toMatch(reason);
    }
    expect(await client.closed).toMatchObject({ expected: false, reason: expect.stringMatching(reason) });
    await expect(client.call("count", { steps: 1 })).rejects.toMatchObject({ code: "worker/crashed" });
    expect([...(await other.call("count", { steps: 2 }))]).toEqual([2, 2]);
  });
});

describe.each(["thread", "process"] as const)("a %s that does not answer", (isolation) => {
  test.each(["hang", "ignore"] as const)("is killed when a call takes too long (%s)", async (how) => {
    const client = await start(isolation, { graceMs: 100 });
    const error = await client.call("misbehave", how, { timeoutMs: 100 }).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ name: "WorkerError", code: "worker/timeout" });
    expect((error as WorkerError).message).toMatch(/misbehave did not finish within 0.1 s/);
    expect(await client.closed).toMatchObject({ expected: false });
  });

  test("is killed when it was cancelled and goes on", async () => {
    const client = await start(isolation, { graceMs: 100 });
    const signal = AbortSignal.timeout(100);
    await expect(client.call("misbehave", "hang", { signal })).rejects.toMatchObject({ name: "CancelledError" });
    expect((await client.closed).reason).toMatch(/did not stop/);
  });

  test("is killed when it does not end", async () => {
    const client = await start(isolation, { graceMs: 100 });
    const hanging = client.call("misbehave", "hang");
    const outcome = expect(hanging).rejects.toMatchObject({ name: "CancelledError" });
    await client.dispose();
    await outcome;
  });

  test("leaves the thread that waits for it free to do other things", async () => {
    const client = await start(isolation, { graceMs: 100 });
    const hanging = client.call("misbehave", "hang", { timeoutMs: 1000 }).catch(() => undefined);
    let longestGapMs = 0;
    let last = performance.now();
    const watch = setInterval(() => {
      longestGapMs = Math.max(longestGapMs, performance.now() - last);
      last = performance.now();
    }, 5);
    await hanging;
    clearInterval(watch);
    expect(longestGapMs).toBeLessThan(700);
  });
});

test("an entry point that does not exist is one clear error", async () => {
  for (const isolation of ["thread", "process"] as const) {
    const options = { name: "the ghost", init: 0, onLog: () => undefined };
    await expect(startWorker({ isolation, entry: `${entry}.missing` }, options)).rejects.toMatchObject({
      code: "worker/crashed",
      message: expect.stringMatching(/^the ghost ended before it was ready: .*Cannot find module/),
    });
  }
});
