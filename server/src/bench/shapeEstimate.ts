/**
 * A shape at work beside what was predicted for it: the prediction is made first, and scaled to the speed that was measured around the run. On the
 * processor its own seconds are predicted, elsewhere those of the clock.
 */
import { loadModelDescription } from "@iad-r1/models/zoo";
import { estimateTask } from "../runs/taskEstimate";
import { probeDevice } from "../runtime/devices";
import { gemmPeak } from "../runtime/gemmPeak";
import { runShape, type ShapeJob, type ShapeMeasurement } from "./shapeRun";

export interface ComparedPart {
  part: string;
  /** Seconds, measured. */
  wall: number;
  cpu: number;
  /** Seconds; null where only the sum with the next part is predicted. */
  predicted: number | null;
}

export interface ComparedShape extends Omit<ShapeMeasurement, "seconds"> {
  parts: ComparedPart[];
  predictedBytes: number;
  /** In memory of the device; null where nothing stays there. */
  predictedDeviceBytes: number | null;
  /** 10^9 operations of a product in a second of one core, mean of before and after, or of the device before. */
  gflops: number;
  /** To touch a new byte of memory for the first time. */
  touchSeconds: number;
}

/**
 * @param job on a device that works
 * @throws what runShape throws
 */
export async function compareWithEstimate(
  job: ShapeJob,
  { entry, signal }: { entry: string; signal: AbortSignal },
): Promise<ComparedShape> {
  const model = await loadModelDescription(job.folder);
  const { task, side, tokens, device } = job;
  const isHere = device === "cpu";
  // In a process like the one that is measured.
  const probe = await probeDevice(device, { signal, touches: true });
  const { touchSeconds = 0, startSeconds } = probe;
  const speed = async () => {
    return isHere ? (await gemmPeak({ threads: 1, repeats: 5 })).gflopsPerCpuSecond : probe.gflops!;
  };
  const before = await speed();
  const { seconds, ...measured } = await runShape(entry, job, signal);
  const gflops = (before + (await speed())) / 2;
  const {
    memory,
    deviceMemory,
    seconds: predicted,
  } = await estimateTask(
    model,
    { task, side, tokens, device },
    { flopsPerSecond: 1e9 * gflops, threads: isHere ? 1 : null, touchSeconds, startSeconds },
  );
  const parts: ComparedPart[] = Object.entries(seconds).map(([part, { wall, cpu }]) => {
    return { part, wall, cpu, predicted: predicted![part] ?? null };
  });
  const sum = (of: (part: ComparedPart) => number) => parts.reduce((total, part) => total + of(part), 0);
  const all = Object.values(predicted!).reduce((total, one) => total + one, 0);
  parts.push({ part: "all", wall: sum(({ wall }) => wall), cpu: sum(({ cpu }) => cpu), predicted: all });
  const predictedDeviceBytes = deviceMemory?.total ?? null;
  return { ...measured, parts, predictedBytes: memory.total, predictedDeviceBytes, gflops, touchSeconds };
}
