/**
 * Refuses what cannot fit into memory before it is allocated: an error with both numbers and a cure, instead of a machine that
 * swaps or a process that is killed.
 */
import { freemem } from "node:os";
import { ResourceError } from "@iad-r1/models/errors";

/**
 * @param needed what is about to be allocated
 * @param available memory that this process can still get; asked from the system when left out
 * @throws ResourceError `resource/memory` with both numbers
 */
export function refuseIfTooLarge(needed: number, what: string, cure: string, available = availableBytes()): void {
  if (needed <= available) return;
  throw new ResourceError(
    "resource/memory",
    `${what} needs about ${gigabytes(needed)} of memory, ${gigabytes(available)} are free.`,
    { hint: cure, data: { neededBytes: needed, availableBytes: available } },
  );
}

/** Free memory of the machine or of the container this process is in. */
export function availableBytes(): number {
  return process.availableMemory?.() ?? freemem();
}

/** As messages say it. */
export function gigabytes(bytes: number): string {
  return bytes >= 1e9 ? `${(bytes / 1e9).toFixed(1)} GB` : `${Math.ceil(bytes / 1e6)} MB`;
}
