/** What a run tells of itself, in Chinese: every sentence of its guard, its warnings and alerts, where lists and the stream carry it. */
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { writeError } from "@iad-r1/models/checkpoint/atomicFile";
import { loadImage } from "@iad-r1/models/vision/decode";
import { parseStrictJson } from "@iad-r1/models/util/strictJson";
import type { RunEvent, RunListing, RunStateEvent } from "@iad-r1/protocol/runs";
import { runTranslatorFor } from "@iad-r1/server/features/localise/runs";
import { translateMessage } from "@iad-r1/server/features/localise/rewards";
import { guardRollouts } from "@iad-r1/server/rewards/analysis/guard";
import type { RewardFailure } from "@iad-r1/server/rewards/contract";
import { AlertWatch } from "@iad-r1/server/runs/alerts";
import { RewardGuard } from "@iad-r1/server/runs/rewardGuard";
import type { RolloutRow } from "@iad-r1/server/rollouts/row";
import { toWireError } from "@iad-r1/server/runs/recorder";
import { deathReason } from "@iad-r1/server/runs/process";
import { refuseIfTooLarge } from "@iad-r1/server/runtime/memory";
import { checkFinite } from "@iad-r1/server/train/paSft";
import { expect, test } from "vitest";
import { temporaryFolder } from "../../helpers/temporaryFolder";

/** One step of sixteen groups of four; null is a failure. */
function rows(score: (i: number) => number | null, more: Partial<RolloutRow> = {}): RolloutRow[] {
  return Array.from({ length: 64 }, (_, i): RolloutRow => {
    const value = score(i);
    const told = { rewards: { place: value }, status: { place: value === null ? "error" : "ok" } as const };
    const place = { group: String(i >> 2), index: i % 4, step: 3, prompt: null, completion: "x", solution: null };
    return { ...place, ...told, columns: {}, total: value, ...more };
  });
}

/** Of the first step, where so many completions failed in this way. */
function contractFault(cause: RewardFailure, error: string): string[] {
  const row = { scores: {}, status: {}, notes: { place: { error } }, total: null, failures: { place: cause } };
  const group = {
    ...{ sample: { id: "a" }, example: { solution: "", columns: {} }, prompt: { promptText: "" }, generateMs: 0 },
    ...{ rewardMs: 0, rows: [row], completions: [{ text: "x", ids: [1], finish: "eos" }] },
  };
  const reward = { name: "place", range: { min: 0, max: 1 } };
  return new RewardGuard([])
    .inspect(1, [group] as never, [{ reward, weight: 1 }] as never)
    .map(({ message }) => message);
}

test("every sentence of the guard is said in Chinese, with its numbers", () => {
  const rewards = [{ name: "place", weight: 1 }];
  const half = (i: number) => i % 2;
  const told = [
    ...guardRollouts(
      rows((i) => (i < 8 ? null : half(i)), { columns: { errors: { place: "KeyError: 'x'. Then" } } }),
      { rewards },
    ),
    ...guardRollouts(
      rows((i) => (i < 8 ? null : half(i))),
      { rewards },
    ),
    ...guardRollouts(
      rows(() => 1),
      { rewards },
    ),
    ...guardRollouts(rows(half, { finish: "length" }), { rewards }),
  ].map(({ id, message }) => `${id} ${message}`);
  const contract = [
    ...contractFault("count", "expected one value for each of 6 completions, got 4"),
    ...contractFault("value", "expected a finite number, got nan"),
    ...contractFault("range", "expected a score from 0 to 1, got 2"),
  ];
  const ids = ["RW104", "RW104", "RW105", "RW106", "RW122"];
  expect(told.map((line) => line.slice(0, 5))).toEqual(ids);
  expect(contract).toHaveLength(3);
  for (const message of [...told.map((line) => line.slice(6)), ...contract]) {
    const said = translateMessage(message);
    // Nothing of ours is left in English; what people wrote is.
    expect(said.replaceAll(/"[^"]*"|place|nan/g, "")).not.toMatch(/[A-Za-z]{2}/);
    const numbers = (text: string) => (text.match(/\d+/g) ?? []).sort();
    expect(numbers(said)).toEqual(numbers(message));
  }
  expect(translateMessage(told[0]!.slice(6))).toContain("\"KeyError: 'x'. Then\"");
});

test("lists and the stream carry them; words that programs compare stay", () => {
  const message = "place gave 1 for all of the last 64 completions: nothing can be learnt from it.";
  const said = "place 对最近全部 64 个回答都给出 1：从中学不到任何东西。";
  const finding = { id: "RW105", severity: "warning", reward: "place", message, step: 2 };
  const listing = { id: "r", reason: `RW105: ${message}`, findings: [finding] } as unknown as RunListing;
  const event = { ...finding, type: "finding" } as unknown as RunEvent;
  expect(runTranslatorFor("en")).toBeNull();
  const say = runTranslatorFor("zh-cn")!;
  const expected = { id: "r", reason: `RW105: ${said}`, findings: [{ ...finding, message: said }] };
  expect(say.listing(listing)).toEqual(expected);
  expect(say.streamed("runs", [listing])).toEqual([expected]);
  expect(say.streamed("runs", { type: "changed", run: listing })).toEqual({ type: "changed", run: expected });
  expect(say.streamed("runs", { type: "removed", id: "r" })).toEqual({ type: "removed", id: "r" });
  const events = [event, { type: "state", reason: "resumed by the user" }];
  expect(say.streamed("run/r", { listing, events, numPoints: 4 })).toEqual({
    ...{ listing: expected, numPoints: 4 },
    events: [{ ...event, message: said }, events[1]],
  });
  expect(say.streamed("run/r", { type: "event", event })).toEqual({
    type: "event",
    event: { ...event, message: said },
  });
  expect(say.streamed("inspect/j", { type: "event", event })).toEqual({ type: "event", event });
});

test("what a run warns of is said in Chinese, and so are rules on its curves; names of people stay", () => {
  const say = runTranslatorFor("zh-cn")!;
  const streamed = (event: Partial<RunEvent>) =>
    (say.streamed("run/r", { type: "event", event }) as { event: { message: string } }).event.message;
  const rules = [
    { metric: "loss", above: 2, name: "Loss is 1, above 0." },
    { metric: "reward", below: 0.5, steps: 2 },
    { metric: "entropy", below: 0.1 },
    { metric: "kl", above: 0.2, steps: 2 },
  ];
  const watch = AlertWatch.of({ alerts: rules });
  const values = { loss: 3.25, reward: 0.25, entropy: 0.0625, kl: 0.5 };
  const alerts = [...watch.check("pa-sft", 1, values), ...watch.check("pa-sft", 2, values)];
  expect(alerts.map((alert) => streamed({ type: "alert", ...alert } as RunEvent))).toEqual([
    "Loss is 1, above 0.：loss 为 3.25，高于 2。",
    "entropy 为 0.0625，低于 0.1。",
    "reward 为 0.25，已连续 2 步低于 0.5。",
    "kl 为 0.5，已连续 2 步高于 0.2。",
  ]);
  const listing = { id: "r", reason: null, findings: [], alerts } as unknown as RunListing;
  expect(say.listing(listing).alerts![1]!.message).toBe("entropy 为 0.0625，低于 0.1。");
  const log = (level: "info" | "warning", message: string) => streamed({ type: "log", level, code: "x", message });
  expect(log("warning", "12 sequences were longer than 512 tokens and were cut.")).toBe(
    "12 个序列超过 512 个词元，已被截断。",
  );
  // What another library says, and what only the log shows, stays as it was written.
  expect(log("warning", "device lost")).toBe("device lost");
  expect(log("info", "Step 3: kl not finite, left out.")).toBe("Step 3: kl not finite, left out.");
});

test("every warning that the code of a run writes is in the table", () => {
  const folder = fileURLToPath(new URL("../../../server/src", import.meta.url));
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".ts"));
  const written = files.flatMap((name) =>
    [...readFileSync(join(folder, name), "utf8").matchAll(/\.log\(\s*"warning",\s*"[^"]+",\s*`([^`]+)`/g)].map(
      ([, text]) => text!.replaceAll(/\$\{[^}]*\}/g, "7"),
    ),
  );
  expect(written.length).toBeGreaterThanOrEqual(4);
  const say = runTranslatorFor("zh-cn")!;
  for (const message of written) {
    const event = { type: "log", level: "warning", code: "x", message };
    const said = say.streamed("run/r", { type: "event", event }) as { event: { message: string } };
    expect(said.event.message).not.toMatch(/[a-z]{2}/i);
  }
});

test("why a run failed is said in Chinese with its cure; where it happened and what a program said stay", async () => {
  const say = runTranslatorFor("zh-cn")!;
  const folder = temporaryFolder();
  const caught = async (work: () => unknown) => {
    try {
      await work();
    } catch (error) {
      return toWireError(error);
    }
    throw new Error("expected a failure");
  };
  const failures = [
    await caught(() => loadImage(join(folder, "gone.png"))),
    await caught(() => checkFinite(Number.NaN, 1, "pa-sft", 3)),
    await caught(() => refuseIfTooLarge(2e9, "A LoRA step", "Use a smaller batch.", 1e9)),
    await caught(() => parseStrictJson("{", "model/config", "config.json", "/model/config.json")),
    toWireError(writeError("/data/run/scalars.bin", Object.assign(new Error("full"), { code: "ENOSPC" }))),
    toWireError(writeError("/data/run/scalars.bin", new Error("EROFS"))),
  ];
  for (const error of failures) {
    const event = { type: "state", state: "failed", reason: error.message, error };
    const said = (say.streamed("run/r", { type: "event", event }) as { event: RunStateEvent }).event;
    expect(said.error!.message).toMatch(/\p{Script=Han}/u);
    expect(said.error!.message).not.toBe(error.message);
    expect(said.reason).toBe(said.error!.message);
    expect(said.error).toMatchObject({ code: error.code });
    expect(said.error!.where).toBe(error.where);
    if (error.code !== "resource/memory") expect(said.error!.hint).toMatch(/\p{Script=Han}/u);
  }
  for (const exit of [null, "SIGKILL", "exit code 7"]) {
    const reason = deathReason(folder, exit);
    writeFileSync(join(folder, "log.txt"), "RangeError: out of luck\n");
    const withWords = deathReason(folder, exit);
    rmSync(join(folder, "log.txt"));
    for (const english of [reason, withWords]) {
      const said = say.listing({ id: "r", reason: english, findings: [] } as unknown as RunListing).reason!;
      expect(said.replaceAll(/RangeError: out of luck|SIGKILL|exit code 7/g, "")).not.toMatch(/[a-z]{2}/i);
    }
    expect(withWords).toContain("out of luck");
  }
});
