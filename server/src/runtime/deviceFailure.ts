/**
 * A device that worked and then did not: its driver failed, it was lost, or its memory ran out. What ran on it may go on elsewhere, so
 * these errors are told apart from those that would come again on any device.
 */
import { ResourceError } from "@iad-r1/models/errors";
import type { Device } from "./devices";

const code = "resource/device-failed";

/**
 * @param doing what was attempted, such as "Running the decoder"
 * @param text  what the driver said
 */
export function deviceFailure(device: Device, doing: string, text: string): ResourceError {
  return new ResourceError(code, `The device ${device} failed. ${doing}: ${text}`, {
    hint: "Compute on the processor (device cpu), update the driver, or use a smaller batch.",
    data: { device },
  });
}

/** A device that computes, but something else than it should: nothing that a second try would change. */
export function wrongDevice(message: string): ResourceError {
  return new ResourceError("resource/device", message, { hint: "Update the driver, or choose the device cpu." });
}

/** Whether the same work may succeed on the processor. */
export function isDeviceFailure(error: unknown): error is ResourceError {
  return ResourceError.is(error, code);
}
