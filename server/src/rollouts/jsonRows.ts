/**
 * Lines of JSON to rows: our own records, and lines `{group, prompt, completion, solution, …columns}` as `rollouts sample` writes and
 * `reward check` reads them.
 */
import type { RewardStatus, RolloutRecord } from "@iad-r1/protocol/runs";
import type { RolloutRow } from "./row";

/** A row, or what is wrong with the line. */
export type RowOrFault = { row: RolloutRow; fault: null } | { row: null; fault: string };

/** Keys of a line that are not columns of the data set. */
const ownKeys = new Set([
  ...["group", "index", "prompt", "completion", "solution", "sampleId", "step", "finish", "length"],
  ...["total", "advantage", "rewards", "scores", "status", "images"],
]);

/** Those of a record of a run, which has some more. */
const recordKeys = new Set([
  ...ownKeys,
  ...["run", "mode", "imageRefs", "promptHash", "notes", "refKl", "entropy", "meanLogProb", "timings"],
  ...["tokenLengths", "tokenLogProbs"],
]);

/** What Python writes for numbers that JSON does not know is read as null. @throws SyntaxError */
export function parsePythonJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (!/NaN|Infinity/.test(text)) throw error;
    // Strings are matched first, so that a word inside one stays.
    const mended = text.replace(/"(?:[^"\\]|\\.)*"|-?\b(?:NaN|Infinity)\b/g, (part) =>
      part[0] === '"' ? part : "null",
    );
    return JSON.parse(mended);
  }
}

/** An object, or what is wrong. */
export function parseObject(text: string): { value: Record<string, unknown> } | { fault: string } {
  let value: unknown;
  try {
    value = parsePythonJson(text);
  } catch (error) {
    return { fault: `not JSON (${(error as Error).message})` };
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return { fault: `expected an object, got ${Array.isArray(value) ? "a list" : String(value).slice(0, 40)}` };
  }
  return { value: value as Record<string, unknown> };
}

/** True for a line that a run of ours wrote. */
export function isRecord(value: Record<string, unknown>): boolean {
  return typeof value.promptHash === "string" && Array.isArray(value.imageRefs);
}

/**
 * @param group name of the group when the line has none; null: then the line must have one
 * @param step  of the file, when the line has none
 */
export function rowOf(value: Record<string, unknown>, group: string | null, step: number | null): RowOrFault {
  const completion = contentOf(value.completion);
  if (completion === null) {
    return fault("completion", 'a text, or a list that begins with a message {"content": "…"}', value.completion);
  }
  const record = isRecord(value);
  const ownStep = typeof value.step === "number" && Number.isSafeInteger(value.step) ? value.step : step;
  const ownGroup = groupName(value.group) ?? group;
  if (ownGroup === null) return fault("group", "a number or a text", value.group);
  const columns: Record<string, unknown> = {};
  const known = record ? recordKeys : ownKeys;
  for (const key in value) if (!known.has(key)) columns[key] = value[key];
  const { solution } = value;
  if (typeof solution !== "string" && solution !== null && solution !== undefined) columns.solution = solution;
  const row: RolloutRow = {
    group: ownStep === null ? ownGroup : `${ownStep}/${ownGroup}`,
    index: typeof value.index === "number" && Number.isSafeInteger(value.index) ? value.index : -1,
    prompt: value.prompt ?? null,
    completion,
    solution: typeof solution === "string" ? solution : null,
    columns,
  };
  if (ownStep !== null) row.step = ownStep;
  const sampleId = value.sampleId ?? value.id;
  if (typeof sampleId === "string") row.sampleId = sampleId;
  if (value.finish === "eos" || value.finish === "length" || value.finish === "stop") row.finish = value.finish;
  if (isNumber(value.length)) row.length = value.length;
  if (isNumber(value.total) || value.total === null) row.total = value.total;
  if (isNumber(value.advantage) || value.advantage === null) row.advantage = value.advantage;
  const rewards = scoresOf(value.rewards ?? value.scores);
  if (rewards !== null) row.rewards = rewards;
  const status = statusOf(value.status);
  if (status !== null) row.status = status;
  const images = picturesOf(value);
  if (images !== null) row.images = images;
  if (record) {
    const { promptHash, notes, refKl, entropy, meanLogProb, imageRefs, timings } = value as unknown as RolloutRecord;
    row.recorded = { promptHash, notes, refKl, entropy, meanLogProb, imageRefs };
    if (isPlain(timings)) row.recorded.timings = timings;
    const tokens = tokensOf(value, completion);
    if (tokens !== null) Object.assign(row.recorded, tokens);
    if (typeof value.mode === "string" && value.mode !== "train") row.mode = value.mode;
  }
  return { row, fault: null };
}

/** The text of a completion: a text itself, or the content of the first of a list of messages; null when it is neither. */
export function contentOf(completion: unknown): string | null {
  if (typeof completion === "string") return completion;
  if (!Array.isArray(completion)) return null;
  const first: unknown = completion[0];
  if (typeof first !== "object" || first === null || !("content" in first)) return null;
  return typeof first.content === "string" ? first.content : null;
}

/** Names of groups are compared as text; an object stays what it is, written out. */
function groupName(group: unknown): string | null {
  if (typeof group === "string" || typeof group === "number" || typeof group === "boolean") return String(group);
  return group === null || group === undefined ? null : JSON.stringify(group);
}

function picturesOf(value: Record<string, unknown>): string[] | null {
  const list = value.images ?? value.imageRefs;
  if (!Array.isArray(list)) return null;
  const paths: string[] = [];
  for (const each of list as unknown[]) {
    const name = typeof each === "string" ? each : isPlain(each) ? (each.id ?? each.path) : null;
    if (typeof name === "string") paths.push(name);
  }
  return paths.length > 0 ? paths : null;
}

/** The object itself where it is sound: there are very many of them. */
function scoresOf(value: unknown): Record<string, number | null> | null {
  if (!isPlain(value)) return null;
  for (const name in value) if (!isNumber(value[name])) value[name] = null;
  return value as Record<string, number | null>;
}

/** `reward score` writes "not-applicable", a run "na". */
function statusOf(value: unknown): Record<string, RewardStatus> | null {
  if (!isPlain(value)) return null;
  for (const name in value) {
    const status = value[name];
    if (status === "not-applicable") value[name] = "na";
    else if (status !== "ok" && status !== "na" && status !== "error") delete value[name];
  }
  return value as Record<string, RewardStatus>;
}

/** Null: not recorded, or not of this text. */
function tokensOf(
  { tokenLengths, tokenLogProbs }: Record<string, unknown>,
  completion: string,
): Required<Pick<RolloutRecord, "tokenLengths" | "tokenLogProbs">> | null {
  if (!Array.isArray(tokenLengths) || !Array.isArray(tokenLogProbs)) return null;
  if (tokenLengths.length !== tokenLogProbs.length || !tokenLogProbs.every(isNumber)) return null;
  if (!tokenLengths.every((length) => Number.isSafeInteger(length) && (length as number) >= 0)) return null;
  const lengths = tokenLengths as number[];
  if (lengths.reduce((sum, length) => sum + length, 0) !== completion.length) return null;
  return { tokenLengths: lengths, tokenLogProbs };
}

function isPlain(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isNumber(value: unknown): value is number {
  return typeof value === "number" && Number.isFinite(value);
}

function fault(key: string, expected: string, got: unknown): RowOrFault {
  const shown = got === undefined ? "nothing" : JSON.stringify(got)?.slice(0, 60);
  return { row: null, fault: `\`${key}\`: expected ${expected}, got ${shown}` };
}
