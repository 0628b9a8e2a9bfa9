/**
 * Reading side of run folders: lists runs and opens one for views, reports and exports, also while it is being written.
 * Never writes.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, isAbsolute, join, resolve } from "node:path";
import { type AppError, CheckpointError } from "@iad-r1/models/errors";
import { pathBelow } from "@iad-r1/models/util/pathBelow";
import type {
  EvaluatedSample,
  RunEvaluationEvent,
  RunEvent,
  RunListing,
  RunManifest,
  ScalarSeries,
} from "@iad-r1/protocol/runs";
import { readJournal } from "./journal";
import { alertsOf, CurveTail, findingsOf, isFinal, lastStateOf, listingOf } from "./listing";
import { readManifest } from "./manifest";
import { readProgress } from "./progressFile";
import { readScalars } from "./scalars";
import { isLocked } from "./writerLock";

/** One run folder, read when asked. */
export interface StoredRun {
  folder: string;
  manifest: RunManifest;
  events(): RunEvent[];
  scalars(): ScalarSeries[];
  /** The last evaluation for every (stage, step), in order of time; a repeated one after a resume replaces the first. */
  evaluations(): RunEvaluationEvent[];
  /** Samples of an evaluation event. */
  samples(evaluation: RunEvaluationEvent): EvaluatedSample[];
  /** The same by the name of their file, relative to the run folder. @throws CheckpointError `run/outside-path` */
  samplesIn(samplesFile: string): EvaluatedSample[];
}

/** @throws CheckpointError when the folder is not a run or its manifest is damaged */
export function openRun(folder: string): StoredRun {
  const manifest = readManifest(folder);
  return {
    folder,
    manifest: { ...manifest, state: actualState(folder, manifest) },
    events: () => readJournal(join(folder, "events.jsonl")),
    scalars: () => readScalars(folder),
    evaluations() {
      const byPlace = new Map<string, RunEvaluationEvent>();
      for (const event of readJournal(join(folder, "events.jsonl"))) {
        if (event.type !== "evaluation") continue;
        const key = `${event.stage}\n${event.step}`;
        byPlace.delete(key);
        byPlace.set(key, event);
      }
      return [...byPlace.values()];
    },
    samples: (evaluation) => readJsonLines<EvaluatedSample>(folder, evaluation.samplesFile),
    samplesIn: (samplesFile) => readJsonLines<EvaluatedSample>(folder, samplesFile),
  };
}

/** Name of the rollouts of a step, relative to the run folder. */
export function rolloutsFile(step: number): string {
  return `rollouts/step-${String(step).padStart(6, "0")}.jsonl`;
}

/**
 * All runs below a folder, newest first.
 *
 * @param onProblem hears of runs that are left out because they are damaged
 */
export function listRuns(runsFolder: string, onProblem: (error: AppError) => void = () => undefined): RunListing[] {
  if (!existsSync(runsFolder)) return [];
  const listings: RunListing[] = [];
  for (const name of readdirSync(runsFolder)) {
    const folder = join(runsFolder, name);
    if (!existsSync(join(folder, "run.json"))) continue;
    try {
      listings.push(describe(openRun(folder)));
    } catch (error) {
      if (!CheckpointError.is(error)) throw error;
      onProblem(error);
    }
  }
  return listings.sort((a, b) => b.createdMs - a.createdMs);
}

/**
 * Finds a run by its folder, its id or the start of its id.
 *
 * @returns the run folder
 * @throws CheckpointError `run/unknown` or `run/ambiguous`
 */
export function findRun(runsFolder: string, idOrFolder: string): string {
  if (idOrFolder === "") {
    throw new CheckpointError(
      "run/unknown",
      "Expected a run: its id, the start of its id, or its folder; got nothing.",
      {
        hint: "`iad-r1 runs list` shows all runs.",
      },
    );
  }
  if (existsSync(join(idOrFolder, "run.json"))) return resolve(idOrFolder);
  const names = existsSync(runsFolder)
    ? readdirSync(runsFolder).filter((name) => existsSync(join(runsFolder, name, "run.json")))
    : [];
  const exact = names.filter((name) => name === idOrFolder);
  const found = exact.length > 0 ? exact : names.filter((name) => name.startsWith(idOrFolder));
  if (found.length === 1) return join(runsFolder, found[0]!);
  throw new CheckpointError(
    found.length === 0 ? "run/unknown" : "run/ambiguous",
    found.length === 0
      ? `There is no run ${idOrFolder} in ${runsFolder}.`
      : `${idOrFolder} is the start of ${found.length} runs: ${found.slice(0, 5).join(", ")}.`,
    { where: runsFolder, hint: "`iad-r1 runs list` shows all runs." },
  );
}

function describe(run: StoredRun): RunListing {
  const tail = new CurveTail();
  for (const { stage, name, steps, timesMs, values } of run.scalars()) {
    const end = values.length - 1;
    if (end >= 0) tail.add(stage, name, steps[end]!, timesMs[end]!, values[end]!);
  }
  const { folder, manifest } = run;
  const events = run.events();
  return listingOf({
    ...{ folder, manifest, tail, progress: readProgress(folder) },
    ...{ lastState: lastStateOf(events), findings: findingsOf(events), alerts: alertsOf(events) },
  });
}

/** A run whose writer is gone without a final event has failed, whatever its manifest says. */
export function actualState(folder: string, manifest: RunManifest): RunManifest["state"] {
  const { state } = manifest;
  if (isFinal(state)) return state;
  return isLocked(join(folder, "writer.lock")) ? state : "failed";
}

/** Lines of a file inside the run folder; names from a journal are not trusted to stay inside. */
function readJsonLines<T>(folder: string, name: string): T[] {
  const path = resolve(folder, name);
  if (isAbsolute(name) || pathBelow(folder, path) === null) {
    throw new CheckpointError(
      "run/outside-path",
      `${basename(folder)}: the file name ${name} leads out of the run folder.`,
      {
        where: folder,
        hint: "The journal is damaged or was tampered with.",
      },
    );
  }
  if (!existsSync(path)) return [];
  return readFileSync(path, "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .flatMap((line) => {
      try {
        return [JSON.parse(line) as T];
      } catch {
        return [];
      }
    });
}
