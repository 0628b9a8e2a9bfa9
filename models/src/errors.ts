/**
 * The error classes of the project. Every message says what happened, what was expected, what was found and where;
 * `hint` says the cure. Unknown failures are wrapped as InternalError at the edges, never here.
 */

/** Who sees the error: a dialog or terminal ("prompt"), beside the thing that failed ("inline"), or the log only. */
export type ErrorAudience = "prompt" | "inline" | "log";

export interface ErrorDetails {
  /** The cure, as one sentence a newcomer can follow. */
  hint?: string;
  /** File, tensor, node, line: where it happened. */
  where?: string;
  /** Machine-readable facts (both numbers of a failed comparison, the offending name). */
  data?: Record<string, unknown>;
  cause?: unknown;
  show?: ErrorAudience;
}

/** An expected failure with a stable code such as "model/missing-tensor". */
export class AppError extends Error {
  readonly code: string;
  readonly hint: string | undefined;
  readonly where: string | undefined;
  readonly data: Record<string, unknown>;
  readonly show: ErrorAudience;

  constructor(code: string, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = new.target.name;
    this.code = code;
    this.hint = details.hint;
    this.where = details.where;
    this.data = details.data ?? {};
    this.show = details.show ?? "prompt";
  }

  /** Type guard by class and, when given, by code. */
  static is<T extends AppError>(this: abstract new (...args: never[]) => T, error: unknown, code?: string): error is T {
    // biome-ignore lint/complexity/noThisInStatic: the guard must work on the subclass it is called on
    return error instanceof this && (code === undefined || error.code === code);
  }
}

/** A configuration value that cannot work. */
export class ConfigError extends AppError {}
/** A dataset, annotation or image that is damaged or contradicts itself. */
export class DataError extends AppError {}
/** A checkpoint, tokenizer or processor file that is damaged, hostile or unsupported. */
export class ModelFileError extends AppError {}
/** A reward function that threw, timed out or broke its contract. */
export class RewardError extends AppError {}
/** A training checkpoint or run folder that cannot be read, written or resumed. */
export class CheckpointError extends AppError {}
/** Memory, disk or device is missing or too small. */
export class ResourceError extends AppError {}
/** A graph that does not type-check: shapes, unsupported operators, missing gradients. */
export class GraphError extends AppError {}
/** A worker process or thread that died or hung. */
export class WorkerError extends AppError {}
/** The person asked to stop. Not shown as a failure. */
export class CancelledError extends AppError {
  constructor(message = "Cancelled.", details: ErrorDetails = {}) {
    super("cancelled", message, { show: "log", ...details });
  }
}
/** A bug of ours. */
export class InternalError extends AppError {}

/** Prints what, where and the cure, one per line; never a stack. Names from files cannot command the terminal. */
export function formatError(error: unknown): string {
  return withoutControls(describeError(error));
}

function describeError(error: unknown): string {
  if (error instanceof AppError) {
    const lines = [error.message];
    if (error.where !== undefined && !error.message.includes(error.where)) lines.push(`  where: ${error.where}`);
    if (error.hint !== undefined) lines.push(`  cure:  ${error.hint}`);
    return lines.join("\n");
  }
  return error instanceof Error ? error.message : String(error);
}

function withoutControls(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
  return text.replace(/[\x00-\x09\x0b-\x1f\x7f-\x9f]/g, (character) => {
    return `\\x${character.charCodeAt(0).toString(16).padStart(2, "0")}`;
  });
}
