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

/** A model that shall answer, for "auto": small ones write a token in less time than a device takes to start its operations. */
export interface AnsweringModel {
  /** Of the decoder. */
  readonly layers: number;
  readonly numParameters: number;
  /** What a token reads on the processor: all weights as they lie in its memory. */
  readonly weightBytes: number;
  /** Answers that are written together. */
  readonly rows: number;
}

export interface ChoiceOptions extends ProbeOptions {
  /** Asked for only when there is a device to choose; null where that cannot be known. */
  readonly answers?: () => Promise<AnsweringModel | null>;
}

/**
 * Operations of one pass through a decoder of so many layers, however many tokens: as onnxruntime's profiler counts them on WebGPU, without those
 * that only give a tensor another shape.
 */
export function decoderOperations(layers: number): number {
  return 16 * layers + 26;
}

/** Bytes of weights that the processor reads in a second to write a token, and what each further answer adds to it; measured on two cores. */
const [hostReadSpeed, furtherAnswer] = [2e10, 0.2];
/** Tokens that an answer reads and writes, for what "auto" compares. */
const [tokensRead, tokensWritten] = [400, 64];

const otherDevices = devices.filter((device) => device !== "cpu");

/**
 * The device to use. A named device must work; "auto" takes the fastest that is clearly faster than the CPU.
 *
 * @throws ResourceError `resource/device` when a named device does not work
 */
export async function decideDevice(choice: DeviceChoice, options: ChoiceOptions = {}): Promise<DeviceDecision> {
  if (choice === "auto") {
    const others = await probeDevices(options, otherDevices);
    // The processor always works; it is measured only where there is something to compare it with.
    const compared = others.some(({ available }) => available) ? await probeDevices(options, ["cpu"]) : [];
    const reports = [...compared, ...others];
    const decision = decideAmong(reports);
    const chosen = reports.find(({ device }) => device === decision.device);
    if (chosen?.startSeconds === undefined) return decision;
    const model = (await options.answers?.()) ?? null;
    return model === null ? decision : decideFor(model, decision, chosen, compared[0]!);
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
  const speeds = `${speed(best.gflops!)} beside ${speed(cpu)} GFLOP/s of the processor`;
  if (best.gflops! >= worthwhile * cpu) return { device: best.device, reason: `clearly the fastest: ${speeds}` };
  return {
    device: "cpu",
    reason: `${best.device} works, but is not ${worthwhile} times as fast: ${speeds}`,
  };
}

/** The choice among devices, or the processor where the model would answer no sooner on the device. */
export function decideFor(
  { layers, numParameters, weightBytes, rows }: AnsweringModel,
  decision: DeviceDecision,
  device: DeviceReport,
  cpu: DeviceReport,
): DeviceDecision {
  const read = ({ gflops = 1 }: DeviceReport) => (2 * numParameters * rows * tokensRead) / (1e9 * gflops);
  const there = read(device) + tokensWritten * decoderOperations(layers) * device.startSeconds!;
  const token = (weightBytes / hostReadSpeed) * (1 + furtherAnswer * (rows - 1));
  const here = read(cpu) + tokensWritten * token;
  const answers =
    rows === 1 ? `an answer of ${tokensWritten} tokens takes` : `${rows} answers of ${tokensWritten} tokens take`;
  const times = `${answers} about ${seconds(there)} there and ${seconds(here)} on the processor`;
  if (there < here) return { device: decision.device, reason: `${decision.reason}; ${times}` };
  return { device: "cpu", reason: `${device.device} multiplies faster, but the model is small: ${times}` };
}

function seconds(value: number): string {
  return `${value < 10 ? value.toPrecision(2) : value.toFixed(0)} s`;
}
