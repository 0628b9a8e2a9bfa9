/**
 * The child process that runs the cases of the bad-input suite one at a time: a case that crashes, hangs or eats memory takes this
 * process with it and not the tests. Started by hostileRunner.ts; answers one report for each name it is sent.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { AppError, formatError } from "@iad-r1/models/errors";
import { harmlessCases, hostileCases } from "../hostile/cases";
import { type CaseReport, CollectedProblems, type HostileContext, type Outcome } from "./hostileCase";

interface Order extends HostileContext {
  name: string;
}

process.on("message", (order: Order) => {
  void run(order).then((report) => process.send!(report));
});

async function run({ name, folder, fixtures }: Order): Promise<CaseReport> {
  const one = [...hostileCases, ...harmlessCases].find((candidate) => candidate.name === name)!;
  const context = { folder, fixtures };
  let made: unknown;
  try {
    made = await one.make?.(context);
  } catch (error) {
    return { outcome: { kind: "foreign", error: `make: ${String(error)}` }, ms: 0, growthMiB: 0 };
  }
  resetPeak();
  const before = process.memoryUsage.rss();
  const started = process.cpuUsage();
  let outcome: Outcome;
  try {
    const value: unknown = await one.act(context, made);
    outcome = { kind: "nothing", value: value ?? null };
  } catch (error) {
    outcome = outcomeOf(error);
  }
  // By the clock a machine that is busy with other tests would count too; what waits for ever is ended by the runner.
  const { user, system } = process.cpuUsage(started);
  const ms = (user + system) / 1000;
  return { outcome, ms, growthMiB: Math.max(0, peakBytes() - before) / 2 ** 20 };
}

function outcomeOf(error: unknown): Outcome {
  if (error instanceof CollectedProblems) {
    const first = error.problems.find(({ severity }) => severity !== "warning");
    if (first === undefined) return { kind: "nothing", value: error.problems };
    const { code, message, hint = null, file, line, column } = first;
    const where = file === undefined ? `${line}:${column}` : `${file}:${line}:${column}`;
    return { kind: "refused", family: "problem", code, message, hint, where, printed: `${where} ${message}` };
  }
  if (!(error instanceof AppError)) {
    return { kind: "foreign", error: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
  const { code, message, hint = null, where = null } = error;
  return { kind: "refused", family: error.name, code, message, hint, where, printed: formatError(error) };
}

/** Linux keeps the peak of the resident memory and lets it be reset; elsewhere the memory at the end has to do. */
function resetPeak(): void {
  try {
    writeFileSync("/proc/self/clear_refs", "5");
  } catch {
    // Not Linux.
  }
}

function peakBytes(): number {
  try {
    const kib = /^VmHWM:\s+(\d+) kB/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1];
    if (kib !== undefined) return Number(kib) * 1024;
  } catch {
    // Not Linux.
  }
  return process.memoryUsage.rss();
}
