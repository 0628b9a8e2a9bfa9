/**
 * Curves that other trainers wrote, as series like our own: transformers' and TRL's `trainer_state.json`, LLaMA-Factory's
 * `trainer_log.jsonl`, TensorBoard event files. Reads only; what is damaged in a line is left out.
 */
import { readFileSync, statSync } from "node:fs";
import { basename } from "node:path";
import { DataError } from "@iad-r1/models/errors";
import { groupBy } from "@iad-r1/models/util/groupBy";
import type { ScalarSeries } from "@iad-r1/protocol/runs";
import { parsePythonJson } from "../rollouts/jsonRows";
import { readEventFile } from "./tensorboard";

const maxFileBytes = 1 << 30;

/**
 * Reads curves by the name of the file. Times are 0 where the file has none.
 *
 * @throws DataError `curves/unknown-file`, `curves/broken-file`
 */
export function importCurves(path: string): ScalarSeries[] {
  const name = basename(path);
  let size: number;
  try {
    size = statSync(path).size;
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    throw broken(path, code === "ENOENT" ? "there is no such file" : message, cause);
  }
  if (size > maxFileBytes) throw broken(path, `it has ${size} bytes, expected at most ${maxFileBytes}`);
  if (name.startsWith("events.out.tfevents.")) {
    return collect(
      readEventFile(path).map(({ tag, step, wallTime, value }) => ({
        name: tag,
        step,
        timeMs: 1000 * wallTime,
        value,
      })),
    );
  }
  if (name.endsWith("trainer_state.json")) return collect(trainerState(path));
  if (name.endsWith("trainer_log.jsonl")) return collect(trainerLog(path));
  throw new DataError(
    "curves/unknown-file",
    `${name}: expected trainer_state.json, trainer_log.jsonl or events.out.tfevents.*.`,
    {
      where: path,
      hint: "Point at the file that the trainer wrote.",
    },
  );
}

interface Point {
  name: string;
  step: number;
  timeMs: number;
  value: number;
}

/** {log_history: [{step, epoch, loss, …}]}: every number beside the step is a metric. */
function trainerState(path: string): Point[] {
  let state: { log_history?: unknown };
  try {
    state = parsePythonJson(readFileSync(path, "utf8")) as { log_history?: unknown };
  } catch (cause) {
    throw broken(path, "it is not JSON", cause);
  }
  if (!Array.isArray(state?.log_history)) throw broken(path, "it has no list log_history");
  return state.log_history.flatMap((entry: unknown) => pointsOf(entry, "step", {}));
}

/** Lines {current_steps, total_steps, loss, lr, epoch, percentage, …}; the two that are no metrics are left out. */
function trainerLog(path: string): Point[] {
  return readFileSync(path, "utf8")
    .split("\n")
    .flatMap((line) => {
      try {
        return pointsOf(parsePythonJson(line), "current_steps", {
          lr: "learning_rate",
          total_steps: null,
          percentage: null,
        });
      } catch {
        return [];
      }
    });
}

function pointsOf(entry: unknown, stepKey: string, rename: Readonly<Record<string, string | null>>): Point[] {
  if (typeof entry !== "object" || entry === null) return [];
  const step = (entry as Record<string, unknown>)[stepKey];
  if (typeof step !== "number" || !Number.isInteger(step) || step < 0) return [];
  return Object.entries(entry).flatMap(([key, value]) => {
    const name = Object.hasOwn(rename, key) ? rename[key] : key;
    if (key === stepKey || name == null || typeof value !== "number" || !Number.isFinite(value)) return [];
    return [{ name, step, timeMs: 0, value }];
  });
}

function collect(points: readonly Point[]): ScalarSeries[] {
  return [...groupBy(points, ({ name }) => name)].map(([name, list]) => ({
    ...{ stage: "", name },
    steps: Uint32Array.from(list, ({ step }) => step),
    timesMs: Float64Array.from(list, ({ timeMs }) => timeMs),
    values: Float64Array.from(list, ({ value }) => value),
  }));
}

function broken(path: string, reason: string, cause?: unknown): DataError {
  return new DataError("curves/broken-file", `The curves cannot be read: ${reason}.`, {
    where: path,
    hint: "Check the file; copy it again when it is damaged.",
    cause,
  });
}
