/** A shape at work beside what was predicted for it: the prediction is made first, and scaled to the speed that was measured around the run. */
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
  /** Seconds of the processor; null where only the sum with the next part is predicted. */
  predicted: number | null;
}

export interface ComparedShape extends Omit<ShapeMeasurement, "seconds"> {
  parts: ComparedPart[];
  predictedBytes: number;
  /** 10^9 operations of a product in a second of one core, mean of before and after. */
  gflops: number;
  /** To touch a new byte of memory for the first time. */
  touchSeconds: number;
}

/** @throws what runShape throws */
export async function compareWithEstimate(
  job: ShapeJob,
  { entry, signal }: { entry: string; signal: AbortSignal },
): Promise<ComparedShape> {
  const model = await loadModelDescription(job.folder);
  const speed = async () => (await gemmPeak({ threads: 1, repeats: 5 })).gflopsPerCpuSecond;
  const before = await speed();
  // In a process like the one that is measured.
  const { touchSeconds = 0 } = await probeDevice("cpu", { signal, touches: true });
  const { seconds, ...measured } = await runShape(entry, job, signal);
  const gflops = (before + (await speed())) / 2;
  const { task, side, tokens } = job;
  const { memory, seconds: predicted } = await estimateTask(
    model,
    { task, side, tokens },
    { flopsPerSecond: 1e9 * gflops, threads: 1, touchSeconds },
  );
  const parts: ComparedPart[] = Object.entries(seconds).map(([part, { wall, cpu }]) => {
    return { part, wall, cpu, predicted: predicted![part] ?? null };
  });
  const sum = (of: (part: ComparedPart) => number) => parts.reduce((total, part) => total + of(part), 0);
  const all = Object.values(predicted!).reduce((total, one) => total + one, 0);
  parts.push({ part: "all", wall: sum(({ wall }) => wall), cpu: sum(({ cpu }) => cpu), predicted: all });
  return { ...measured, parts, predictedBytes: memory.total, gflops, touchSeconds };
}
