/** Tests of a reward: the probe battery on a data row of the scope, and the expectations that a person keeps. */
import { pathToFileURL } from "node:url";
import { AppError } from "@iad-r1/models/errors";
import { TextLines } from "@iad-r1/models/util/textLines";
import type { ProbeView, RewardTestItem, RewardTestResult } from "@iad-r1/protocol/rewardDebugger";
import { groupRows } from "../analysis/attribution";
import { runProbes } from "../analysis/dynamic/probeFaults";
import { makeExamination } from "../analysis/examination";
import { judgeSavedProbe, probeRow } from "../analysis/probeFile";
import { buildProbes, type ProbeResult } from "../analysis/probes";
import { distinctDataRows } from "../analysis/truths";
import type { RewardOutcome } from "../contract";
import type { RewardDeclaration, RewardProgram } from "../user/program";
import type { RewardRunner } from "../user/runner";
import { type Expectation, expectationsOf, isMet, savedProbesOf } from "./expectations";
import { outcomeView } from "./functionReport";
import type { ScopedRollouts } from "./scopedRollouts";

export type StartRunner = (program: RewardProgram) => RewardRunner;

interface RunTestsOptions {
  wallMs: number;
  signal: AbortSignal;
}

const maxShownCompletion = 2_000;

/** All tests of a file. Probes need a data row whose truth is known; without one there are only expectations. */
export function rewardTests({ file, source, functions }: RewardProgram, rollouts: ScopedRollouts): RewardTestItem[] {
  const lines = new TextLines(source);
  const uri = pathToFileURL(file).href;
  const row = probedRow(rollouts);
  const probes = row === null ? [] : buildProbes(rollouts.rows[row]!, siblingsOf(rollouts));
  const ofProbes = functions.filter(hasProbes).flatMap(({ name, nameSpan: [at] }) =>
    probes
      .filter(({ relation }) => relation !== "measure")
      .map((probe): RewardTestItem => {
        const line = lines.position(at).line - 1;
        return { id: probeId(name, probe.name), label: probe.title, kind: "probe", function: name, uri, line };
      }),
  );
  const kept = expectationsOf(
    file,
    functions.map(({ name }) => name),
  ).map((one): RewardTestItem => {
    const place = { uri: pathToFileURL(one.file).href, line: one.line };
    return { id: expectationId(one), label: one.name, kind: "expectation", function: one.function, ...place };
  });
  const saved = savedProbesOf(file);
  const ofFile = saved.probes.flatMap(({ probe, line }, at) =>
    functions
      .filter(({ name }) => probe.function === undefined || probe.function === name)
      .map(({ name }): RewardTestItem => {
        const place = { uri: pathToFileURL(saved.file).href, line };
        return { id: savedId(name, at), label: probe.name, kind: "expectation", function: name, ...place };
      }),
  );
  return [...ofProbes, ...kept, ...ofFile];
}

/** @throws CancelledError */
export async function runRewardTests(
  program: RewardProgram,
  ids: readonly string[],
  rollouts: ScopedRollouts,
  startRunner: StartRunner,
  options: RunTestsOptions,
): Promise<RewardTestResult[]> {
  const wanted = new Set(ids);
  const results: RewardTestResult[] = [];
  const names = program.functions.map(({ name }) => name);
  const expectations = expectationsOf(program.file, names).filter((one) => wanted.has(expectationId(one)));
  const runner = startRunner(program);
  try {
    results.push(...(await runSavedProbes(program, wanted, runner, options)));
    for (const declaration of program.functions) {
      const { name } = declaration;
      const own = expectations.filter((one) => one.function === name);
      if (own.length > 0) results.push(...(await runExpectations(runner, name, own, options)));
      const prefix = probeId(name, "");
      const isProbed = ids.some((id) => id.startsWith(prefix));
      if (!isProbed || !hasProbes(declaration)) continue;
      const started = performance.now();
      const battery = await runBattery(program, name, rollouts, runner, options);
      const milliseconds = (performance.now() - started) / Math.max(1, battery.length);
      for (const probe of battery) {
        const id = probeId(name, probe.name);
        if (wanted.has(id)) results.push(probeResult(id, probe, milliseconds));
      }
    }
    return results;
  } catch (error) {
    if (!AppError.is(error) || options.signal.aborted) throw error;
    // The file cannot be loaded or hangs: every test that has no result yet has this one.
    const known = new Set(results.map(({ id }) => id));
    const failure = { outcome: "errored" as const, message: error.message, expected: "", actual: "", milliseconds: 0 };
    return [...results, ...ids.filter((id) => !known.has(id)).map((id) => ({ id, ...failure }))];
  } finally {
    await runner.close();
  }
}

/** The battery as a table. @throws CancelledError, RewardError */
export async function probeViews(
  program: RewardProgram,
  name: string,
  rollouts: ScopedRollouts,
  startRunner: StartRunner,
  options: RunTestsOptions,
): Promise<ProbeView[]> {
  const runner = startRunner(program);
  try {
    const battery = await runBattery(program, name, rollouts, runner, options);
    return battery.map(({ name: id, title, completion, score, status, expected, verdict, finding }) => ({
      ...{ id, title, completion: completion.slice(0, maxShownCompletion), score, status },
      ...{ expectation: expected, passed: verdict !== "fault", finding },
    }));
  } finally {
    await runner.close();
  }
}

async function runBattery(
  program: RewardProgram,
  name: string,
  rollouts: ScopedRollouts,
  runner: RewardRunner,
  { wallMs, signal }: RunTestsOptions,
): Promise<ProbeResult[]> {
  const row = probedRow(rollouts);
  if (row === null) return [];
  const { rows } = rollouts;
  const result = await runner.score(name, rows, { wallMs, signal, seed: 0 });
  const one = { ...program, functions: program.functions.filter((declaration) => declaration.name === name) };
  const examination = makeExamination(one, rows, new Map([[name, result]]), (asked, asked_rows, more) =>
    runner.score(asked, asked_rows, { wallMs, signal, seed: 0, ...more }),
  );
  const [probed] = await runProbes(examination, examination.functions[0]!, [row]);
  return probed?.results ?? [];
}

async function runExpectations(
  runner: RewardRunner,
  name: string,
  expectations: readonly Expectation[],
  { wallMs, signal }: RunTestsOptions,
): Promise<RewardTestResult[]> {
  const rows = expectations.map(({ row }) => row);
  // One call each: an expectation is about one completion, whatever stands beside it.
  const { outcomes, callMs } = await runner.score(name, rows, { wallMs, signal, seed: 0, batchSize: 1 });
  return expectations.map((one, i): RewardTestResult => {
    const view = outcomeView(outcomes[i]!);
    const isAsExpected = isMet(one.expect, view);
    const actual = view.score === null ? (view.status === "na" ? "na" : "error") : String(view.score);
    const reason = view.reason === null ? "" : ` (${view.reason})`;
    return {
      ...{ id: expectationId(one), outcome: isAsExpected ? "passed" : "failed", milliseconds: callMs[i] ?? 0 },
      message: isAsExpected ? "" : `Expected ${one.expect}, got ${actual}${reason}`,
      ...{ expected: one.expect, actual },
    };
  });
}

/** A saved probe may be about the total, so all functions of the file answer it. */
async function runSavedProbes(
  { file, functions }: RewardProgram,
  wanted: ReadonlySet<string>,
  runner: RewardRunner,
  { wallMs, signal }: RunTestsOptions,
): Promise<RewardTestResult[]> {
  const asked = savedProbesOf(file).probes.flatMap(({ probe }, at) => {
    const names = functions.map(({ name }) => name).filter((name) => wanted.has(savedId(name, at)));
    return names.length === 0 ? [] : [{ probe, at, names }];
  });
  if (asked.length === 0) return [];
  const rows = asked.map(({ probe }) => probeRow(probe));
  const outcomes = new Map<string, RewardOutcome[]>();
  for (const { name } of functions) {
    outcomes.set(name, (await runner.score(name, rows, { wallMs, signal, seed: 0, batchSize: 1 })).outcomes);
  }
  const weights = new Map(functions.map(({ name, weight }) => [name, weight]));
  return asked.flatMap(({ probe, at, names }, row) => {
    const own = new Map([...outcomes].map(([name, all]) => [name, all[row]!]));
    const verdicts = judgeSavedProbe(probe, own, weights);
    return names.map((name): RewardTestResult => {
      const about = verdicts.filter((verdict) => verdict.function === null || verdict.function === name);
      const wrong = about.find(({ ok }) => !ok);
      const { expected, got } = wrong ?? about[0] ?? { expected: "", got: "" };
      const what = wrong?.function === null ? "a total " : "";
      return {
        ...{ id: savedId(name, at), outcome: wrong === undefined ? "passed" : "failed", milliseconds: 0 },
        message: wrong === undefined ? "" : `Expected ${what}${expected}, got ${got}`,
        ...{ expected, actual: got },
      };
    });
  });
}

function savedId(name: string, at: number): string {
  return `saved ${name} ${at}`;
}

function probeResult(id: string, probe: ProbeResult, milliseconds: number): RewardTestResult {
  const { verdict, score, status, expected, finding, completion } = probe;
  const actual = score === null ? (status === "na" ? "not applicable" : "failed") : String(score);
  if (verdict !== "fault") {
    const outcome = verdict === "skipped" ? "skipped" : "passed";
    return { id, outcome, message: "", expected, actual, milliseconds };
  }
  const message = `${finding ?? "Fault"}: expected ${expected}, got ${actual} for\n\n${completion.slice(0, maxShownCompletion)}`;
  return { id, outcome: "failed", message, expected, actual, milliseconds };
}

/** Of a group function one completion alone says nothing. */
function hasProbes({ scope }: RewardDeclaration): boolean {
  return scope !== "group";
}

/** The first data row whose truth is in the grammar. */
function probedRow({ rows }: ScopedRollouts): number | null {
  const [row] = distinctDataRows({ rows, groups: groupRows(rows) }, 1);
  return row ?? null;
}

function siblingsOf({ rows }: ScopedRollouts) {
  return distinctDataRows({ rows, groups: groupRows(rows) }, 64).map((row) => rows[row]!);
}

function probeId(name: string, probe: string): string {
  return `probe ${name} ${probe}`;
}

function expectationId({ file, at }: Expectation): string {
  return `expectation ${file} ${at}`;
}
