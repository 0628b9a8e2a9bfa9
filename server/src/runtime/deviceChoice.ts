/**
 * Which device computes, and the sentence that says why: the choice of a person, or of "auto" among what was found by trying. What a
 * device can do is devices.ts.
 */
import { ResourceError } from "@iad-r1/models/errors";
import {
  type Device,
  type DeviceChoice,
  type DeviceReport,
  devices,
  doesNotExist,
  type ProbeOptions,
  probeDevice,
  probeDevices,
  speed,
} from "./devices";

export interface DeviceDecision {
  readonly device: Device;
  /** One clause without a full stop, for logs and reports. */
  readonly reason: string;
}

/** How much faster than the CPU a device must be for "auto" to leave it: smaller gains vanish in transfers. */
const worthwhile = 4;

const otherDevices = devices.filter((device) => device !== "cpu");

/**
 * The device to use. A named device must work; "auto" takes the fastest that is clearly faster than the CPU.
 *
 * @throws ResourceError `resource/device` when a named device does not work
 */
export async function decideDevice(choice: DeviceChoice, options: ProbeOptions = {}): Promise<DeviceDecision> {
  if (choice === "auto") {
    const others = await probeDevices(options, otherDevices);
    // The processor always works; it is measured only where there is something to compare it with.
    const compared = others.some(({ available }) => available) ? await probeDevices(options, ["cpu"]) : [];
    return decideAmong([...compared, ...others]);
  }
  if (choice === "cpu") return { device: "cpu", reason: "as asked" };
  const report = await probeDevice(choice, options);
  if (report.available) return { device: choice, reason: `as asked; it ${report.detail}` };
  throw new ResourceError("resource/device", `The device ${choice} cannot be used: ${report.detail}.`, {
    hint: report.hint ?? 'Choose the device "cpu" or "auto".',
    data: { device: choice },
  });
}

/** What "auto" takes when this is what was found. */
export function decideAmong(reports: readonly DeviceReport[]): DeviceDecision {
  const others = reports.filter(({ device }) => device !== "cpu");
  const working = others.filter((report) => report.available && report.gflops !== undefined);
  const best = working.reduce<DeviceReport | null>(
    (first, report) => (first === null || report.gflops! > first.gflops! ? report : first),
    null,
  );
  if (best === null) {
    // A device of another system is nothing that anybody would miss.
    const missed = others.filter(({ detail }) => !detail.startsWith(doesNotExist));
    const list = missed.map(({ device, detail }) => `${device}: ${detail}`).join("; ");
    return { device: "cpu", reason: `no other device works here${list === "" ? "" : ` (${list})`}` };
  }
  const cpu = reports.find(({ device }) => device === "cpu")?.gflops ?? 0;
  const speeds = `${speed(best.gflops!)} beside ${speed(cpu)} GFLOP/s of the processor, with transfers`;
  if (best.gflops! >= worthwhile * cpu) return { device: best.device, reason: `clearly the fastest: ${speeds}` };
  return {
    device: "cpu",
    reason: `${best.device} works, but is not ${worthwhile} times as fast: ${speeds}`,
  };
}
