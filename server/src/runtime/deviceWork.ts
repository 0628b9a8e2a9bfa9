/** Work that may be done anew: on the chosen device, and once more on the processor when the device fails under it. */
import type { ComputingDevice } from "@iad-r1/protocol/inspect";
import { type ChoiceOptions, decideDevice } from "./deviceChoice";
import { isDeviceFailure } from "./deviceFailure";
import type { Device, DeviceChoice } from "./devices";

/** What is said about devices; a failure is said louder than a choice. */
export type DeviceNote = (level: "info" | "warning", message: string) => void;

/** @param work the whole of it, from opening the model on; begins again when a device fails */
export async function workOnDevice<T>(
  choice: DeviceChoice,
  options: ChoiceOptions,
  say: DeviceNote,
  work: (device: Device) => Promise<T>,
): Promise<T> {
  const { device, reason } = await decideDevice(choice, options);
  say("info", chosenMessage({ device, reason }));
  try {
    return await work(device);
  } catch (error) {
    if (!isDeviceFailure(error)) throw error;
    say("warning", `${error.message} Begun again on the processor, which takes longer and gives the same.`);
    return await work("cpu");
  }
}

export function chosenMessage({ device, reason }: ComputingDevice): string {
  return `Computes on ${device}: ${reason}.`;
}
