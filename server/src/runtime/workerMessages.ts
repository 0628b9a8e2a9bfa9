/** What a worker and its client say to each other, and how errors cross between them. Both ends are of one build. */
import {
  AppError,
  CancelledError,
  CheckpointError,
  ConfigError,
  DataError,
  type ErrorAudience,
  type ErrorDetails,
  GraphError,
  InternalError,
  ModelFileError,
  ResourceError,
  RewardError,
  WorkerError,
} from "@iad-r1/models/errors";
import { asAppError } from "@iad-r1/models/systemError";

export type ToWorker =
  /** First message: creates the host. */
  | { kind: "start"; init: unknown }
  | { kind: "call"; id: number; method: string; params: unknown }
  /** Asks a call to stop at its next step; it still answers. */
  | { kind: "cancel"; id: number }
  /** Last message: the worker gives everything back and ends. */
  | { kind: "dispose" };

export type FromWorker =
  | { kind: "ready" }
  /** The host could not be created; the worker ends. */
  | { kind: "failed"; error: WireFailure }
  | { kind: "event"; id: number; event: unknown }
  | { kind: "result"; id: number; result: unknown }
  | { kind: "error"; id: number; error: WireFailure }
  | { kind: "disposed" };

/** An error as plain data. */
export interface WireFailure {
  /** Class of the error, "InternalError" for anything that is not ours. */
  readonly type: string;
  readonly code: string;
  readonly message: string;
  readonly hint?: string;
  readonly where?: string;
  readonly data: Record<string, unknown>;
  readonly show: ErrorAudience;
}

const classes: Readonly<Record<string, new (code: string, message: string, details: ErrorDetails) => AppError>> = {
  ConfigError,
  DataError,
  ModelFileError,
  RewardError,
  CheckpointError,
  ResourceError,
  GraphError,
  WorkerError,
  InternalError,
};

export function encodeError(raised: unknown): WireFailure {
  const error = asAppError(raised);
  if (!(error instanceof AppError)) {
    const { message, stack } = error instanceof Error ? error : new Error(String(error));
    return { type: "InternalError", code: "internal/worker", message, data: { stack }, show: "log" };
  }
  const { name, code, message, hint, where, data, show } = error;
  return { type: name, code, message, hint, where, data: cloneable(data), show };
}

export function decodeError({ type, code, message, ...details }: WireFailure): AppError {
  if (type === "CancelledError") return new CancelledError(message, details);
  const Class = Object.hasOwn(classes, type) ? classes[type]! : InternalError;
  return new Class(code, message, details);
}

function cloneable(data: Record<string, unknown>): Record<string, unknown> {
  try {
    return structuredClone(data);
  } catch {
    return {};
  }
}
