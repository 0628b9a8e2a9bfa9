/** Calls the functions of a loaded reward file for rows and turns whatever they give or throw into outcomes. */
import { createRandom } from "@iad-r1/models/util/random";
import { failed, notApplicable, type RewardNote, type RewardOutcome, scored } from "../contract";
import { parseTags, type TaggedText } from "../tags";
import type { HostFunction, RunMessage, RunResult, StartMessage } from "../user/hostMessages";
import { type LiveRecorder, sharedLayout } from "../user/recording";
import type { RolloutRow } from "../../rollouts/row";
import type { Output } from "./captureConsole";
import { lineInFile } from "./loadModules";
import { isSkipped, type RewardDescriptor, skip } from "./rewardApi";

interface Surroundings {
  shared: Int32Array;
  /** Of instrumented code. */
  recorder: LiveRecorder | null;
  output: Output;
}

/** So many asynchronous calls are on their way together, unless places are recorded. */
const maxConcurrent = 16;
const maxNotes = 50;
const maxNoteCharacters = 1000;

/** What a function sees of one completion. */
interface Context {
  readonly completion: string;
  readonly tags: TaggedText;
  readonly prompt: unknown;
  readonly solution: string | null;
  readonly truth: TaggedText;
  readonly columns: Readonly<Record<string, unknown>>;
  readonly images: readonly string[];
  readonly group: string;
  readonly index: number;
  readonly step: number | null;
  readonly length: number | null;
  readonly finish: string | null;
  readonly peers?: readonly Context[];
  random(): number;
  note(key: string, value: RewardNote): void;
  skip(reason?: string): unknown;
}

type Score = (context: Context) => unknown;

/** @returns scores rows with one function; rejects only for what keeps the function from being called at all */
export function createScorer(
  start: StartMessage,
  namespace: Record<string, unknown>,
  { shared, recorder, output }: Surroundings,
): (message: RunMessage, onBatch: () => void) => Promise<RunResult> {
  return async (message, onBatch) => {
    const declared = start.functions.find(({ name }) => name === message.name)!;
    const { score, range } = implementationOf(declared, namespace);
    const { rows, seed, batchSize } = message;
    Atomics.store(shared, sharedLayout.pinned, message.pinned);
    Atomics.store(shared, sharedLayout.lastSite, -1);
    recorder?.reset();
    output.take();
    const notes = rows.map((): Record<string, RewardNote> => ({}));
    const contexts = rows.map((row, i) => contextOf(row, notes[i]!, seed, declared.name));
    if (declared.scope === "group") addPeers(rows, contexts);
    const outcomes = new Array<RewardOutcome>(rows.length);
    const callMs = new Array<number>(rows.length).fill(0);

    const scoreOne = async (i: number) => {
      Atomics.store(shared, sharedLayout.row, i);
      const started = performance.now();
      try {
        const given = score(contexts[i]!);
        outcomes[i] = outcomeOf(isThenable(given) ? await given : given, range, notes[i]!);
      } catch (error) {
        outcomes[i] = failed(raised(error, start.entry), "raised");
      }
      callMs[i] = performance.now() - started;
    };

    for (let from = 0; from < rows.length; from += batchSize) {
      const end = Math.min(rows.length, from + batchSize);
      if (from > 0) onBatch();
      let next = from;
      const work = async () => {
        while (next < end) await scoreOne(next++);
      };
      const width = recorder === null && declared.isAsync ? maxConcurrent : 1;
      await Promise.all(Array.from({ length: width }, work));
    }
    Atomics.store(shared, sharedLayout.row, -1);
    const lastSite = Atomics.load(shared, sharedLayout.lastSite);
    return {
      ...{ outcomes, rawLength: null, callMs, output: output.take() },
      records: recorder?.records() ?? null,
      trace: recorder?.trace() ?? null,
      lastSite: lastSite < 0 ? null : lastSite,
    };
  };
}

/** What the module really exports under the name; values that are not literals in the text are known only here. */
function implementationOf(
  declared: HostFunction,
  namespace: Record<string, unknown>,
): { score: Score; range: HostFunction["range"] } {
  const exported = namespace[declared.exportName];
  if (typeof exported === "function") return { score: exported as Score, range: declared.range };
  const descriptor = exported as RewardDescriptor | null | undefined;
  if (typeof descriptor !== "object" || descriptor === null || typeof descriptor.score !== "function") {
    throw new TypeError(`The export ${declared.exportName} is neither a reward made with defineReward nor a function.`);
  }
  const range = descriptor.range === undefined ? declared.range : { ...descriptor.range };
  // Called on the descriptor, so that `this` is what its author sees.
  return { score: (context) => descriptor.score(context as never), range };
}

function contextOf(row: RolloutRow, notes: Record<string, RewardNote>, seed: number, name: string): Context {
  const random = createRandom(seed, name, row.group, row.index);
  let tags: TaggedText | undefined;
  let truth: TaggedText | undefined;
  const { images, image } = row.columns;
  const paths = Array.isArray(images) ? images : typeof image === "string" ? [image] : [];
  return {
    ...{ completion: row.completion, prompt: row.prompt, solution: row.solution, columns: row.columns },
    get tags() {
      tags ??= parseTags(row.completion);
      return tags;
    },
    get truth() {
      truth ??= parseTags(row.solution ?? "");
      return truth;
    },
    images: paths.filter((path): path is string => typeof path === "string"),
    ...{ group: row.group, index: row.index, step: row.step ?? null, length: row.length ?? null },
    finish: row.finish ?? null,
    random: () => random.next(),
    note(key, value) {
      if (Object.keys(notes).length >= maxNotes && !Object.hasOwn(notes, key)) return;
      notes[String(key)] = typeof value === "string" ? value.slice(0, maxNoteCharacters) : noteOf(value);
    },
    skip,
  };
}

function noteOf(value: unknown): RewardNote {
  if (value === null || typeof value === "boolean" || typeof value === "number") return value;
  return String(value).slice(0, maxNoteCharacters);
}

/** All completions of the same group in the call, the completion itself included. */
function addPeers(rows: readonly RolloutRow[], contexts: readonly Context[]): void {
  const groups = new Map<string, Context[]>();
  rows.forEach(({ group }, i) => {
    groups.set(group, [...(groups.get(group) ?? []), contexts[i]!]);
  });
  rows.forEach(({ group }, i) => {
    Object.defineProperty(contexts[i], "peers", { value: groups.get(group), enumerable: true });
  });
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null && typeof (value as PromiseLike<unknown>).then === "function";
}

function outcomeOf(value: unknown, range: HostFunction["range"], notes: Record<string, RewardNote>): RewardOutcome {
  if (value === null) return notApplicable("returned null");
  if (isSkipped(value)) return notApplicable(value.reason);
  if (typeof value === "object") {
    const { status, score, reason, message } = value as Record<string, unknown>;
    if (status === "not-applicable") return notApplicable(String(reason ?? ""));
    if (status === "error") return failed(String(message ?? ""), "raised");
    if (typeof score === "number") return checkedScore(score, range, notes);
  }
  if (typeof value === "number") return checkedScore(value, range, notes);
  const hint = value === undefined ? " (does a branch lack `return`?)" : "";
  return failed(`expected a number, null or skip(reason), got ${shown(value)}${hint}`, "value");
}

function checkedScore(score: number, range: HostFunction["range"], notes: Record<string, RewardNote>): RewardOutcome {
  if (!Number.isFinite(score)) return failed(`expected a finite number, got ${score}`, "value");
  if (range !== null && (score < range.min || score > range.max)) {
    return failed(`expected a score from ${range.min} to ${range.max}, got ${score}`, "range");
  }
  return Object.keys(notes).length === 0 ? scored(score) : scored(score, notes);
}

function shown(value: unknown): string {
  if (typeof value === "string") return `the text ${JSON.stringify(value.slice(0, 40))}`;
  if (typeof value === "boolean" || value === undefined) return String(value);
  return Array.isArray(value) ? "a list" : `a value of type ${typeof value}`;
}

/** What was thrown, and the line of the reward file it came from. */
function raised(error: unknown, url: string): string {
  const text = error instanceof Error ? `${error.name}: ${error.message}` : `threw ${shown(error)}`;
  const line = lineInFile(error, url);
  return line === null ? text : `${text} (line ${line})`;
}
