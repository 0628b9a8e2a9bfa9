/**
 * What a terminal says about a run while it goes on: a line for each thing that happened, and one line that is written over for how far it
 * is. Plain text from plain data; no editor and no connection in here, and sentences are handed in.
 */
import type { LogLine } from "@iad-r1/protocol/webview";
import { duration, percent } from "../durations";
import type * as messages from "../messages";
import type { RunModel, RunUpdate } from "../runs/runModel";
import { isFinal } from "../runs/runStore";

/** The sentences that a transcript uses. */
export type Words = Pick<
  typeof messages,
  "balancedColumn" | "falseAlarmColumn" | "missedColumn" | "runState" | "stepOf" | "timeLeft" | "unparsedColumn"
>;

/** Curves that say how a stage goes, by the order in which they are looked for. */
const headlines = ["loss", "reward"];

const escapeCode = String.fromCharCode(27);
/** Back to the start of the line, and nothing on it. */
export const overwrite = `\r${escapeCode}[K`;
const dim = (text: string) => `${escapeCode}[2m${text}${escapeCode}[0m`;
const coloured = (colour: number, text: string) => `${escapeCode}[${colour}m${text}${escapeCode}[0m`;

export class RunTranscript {
  /** The newest line of the log that was written: a snapshot brings old ones again. */
  private lastMs = 0;
  private atLastMs = new Set<string>();
  private numEvaluations = 0;
  private readonly values = new Map<string, number>();
  private progress = "";
  /** Why the run ended, for the exit code; null while it goes on. */
  final: "completed" | "stopped" | "failed" | null = null;

  constructor(private readonly words: Words) {}

  /** What to write after a change, line ends as a terminal wants them; empty when nothing is new. */
  text(model: RunModel, update: RunUpdate): string {
    if (!model.isKnown) return "";
    for (const { name, values } of update.points) {
      if (values.length > 0 && headlines.includes(name)) this.values.set(name, values.at(-1)!);
    }
    const run = model.progressFields();
    const lines = [...this.newLines(update.isWhole ? model.lines : update.log)];
    for (const { label, report } of run.evaluations.slice(this.numEvaluations)) {
      const { balancedAccuracy, normalAccuracy, anomalousAccuracy, unparsed } = report;
      const missing = (share: number | null) => percent(share === null ? null : 100 - share);
      lines.push(
        [
          `${label}: ${this.words.balancedColumn()} ${percent(balancedAccuracy)}`,
          `${this.words.falseAlarmColumn()} ${missing(normalAccuracy)}`,
          `${this.words.missedColumn()} ${missing(anomalousAccuracy)}`,
          `${this.words.unparsedColumn()} ${percent(unparsed)}`,
        ].join(" · "),
      );
    }
    this.numEvaluations = run.evaluations.length;
    if (isFinal(run)) this.final = run.state as "completed" | "stopped" | "failed";
    const before = this.progress;
    this.progress = isFinal(run) || run.progress === null ? "" : this.progressLine(run.progress, run.state);
    if (lines.length === 0 && this.progress === before) return "";
    return [before === "" ? "" : overwrite, ...lines.map((line) => `${line}\r\n`), this.progress].join("");
  }

  private newLines(log: readonly LogLine[]): string[] {
    return log.flatMap((line) => {
      const { timeMs, level, text } = line;
      if (timeMs < this.lastMs || (timeMs === this.lastMs && this.atLastMs.has(text))) return [];
      if (timeMs > this.lastMs) this.atLastMs = new Set();
      this.lastMs = timeMs;
      this.atLastMs.add(text);
      const [first = "", ...rest] = text.split(/\r?\n/);
      const shown = level === "error" ? coloured(31, first) : level === "warning" ? coloured(33, first) : dim(first);
      return [shown, ...rest];
    });
  }

  private progressLine(
    { stage, step, totalSteps, activity, secondsLeft }: NonNullable<ReturnType<RunModel["progressFields"]>["progress"]>,
    state: Parameters<Words["runState"]>[0],
  ): string {
    const parts = [`  ${stage} ${this.words.stepOf(step, totalSteps)}`];
    for (const [name, value] of this.values) parts.push(`${name} ${value.toPrecision(3)}`);
    if (secondsLeft !== null && state === "running") parts.push(this.words.timeLeft(duration(secondsLeft)));
    if (state !== "running") parts.push(this.words.runState(state));
    else if (activity !== "") parts.push(activity);
    // A line that wraps could not be written over.
    return parts.join(" · ").slice(0, 76);
  }
}

/** A failure in red, and each line that names a place in a file on a line of its own, for the problem matcher. */
export function failureLines(message: string): string {
  return message
    .split(/\r?\n/)
    .map((line) => `${coloured(31, line)}\r\n`)
    .join("");
}
