/** The one way in which long work on data ends when the person asked for it. */
import { CancelledError } from "@iad-r1/models/errors";

/** @throws CancelledError when the signal was raised */
export function checkStopped(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw new CancelledError();
}
