/**
 * Runs whose outputs are written in place without a copy. The trick leans on behaviour of ONNX Runtime that no document
 * promises, so a check once per process decides whether it is used; otherwise `Session.run` copies, with the same results.
 */
import { InternalError } from "@iad-r1/models/errors";
import { serialize, zeroCopyOutput } from "@iad-r1/models/graph/serialize";
import { createBuilder } from "@iad-r1/models/ops/createBuilder";
import type { InferenceSession } from "onnxruntime-node";
import type { Device } from "./devices";
import { loadOrt } from "./ort";
import { fromOrtError } from "./ortErrors";
import { toOrt, zeros } from "./tensors";

/** What the binding throws instead of converting a sequence; by then every output has been written. */
const sequenceRefusal = "Non tensor type is temporarily not supported.";

/**
 * Runs with every fetch preallocated. The binding would copy each of them once more into the result it returns; the
 * sequence among the fetches, the first to be converted, makes it give up before.
 */
export async function runWithoutCopy(
  native: InferenceSession,
  feeds: InferenceSession.OnnxValueMapType,
  fetches: Record<string, InferenceSession.OnnxValueMapType[string] | null>,
  name: string,
  device: Device = "cpu",
): Promise<void> {
  try {
    await native.run(feeds, fetches);
  } catch (error) {
    if (error instanceof Error && error.message === sequenceRefusal) return;
    throw fromOrtError(error, `Running ${name}`, null, device);
  }
  throw new InternalError(
    "internal/zero-copy",
    `${name}: the runtime converted a sequence, which it could not before.`,
  );
}

let checked: Promise<boolean> | undefined;

/** Whether runs can write in place. The first call takes a few milliseconds. */
export function zeroCopyWorks(): Promise<boolean> {
  checked ??= check().catch(() => false);
  return checked;
}

/** Counts up: x.next = x + 1, twice over the memory of x, then into memory of its own. */
async function check(): Promise<boolean> {
  const builder = createBuilder("zero_copy_check");
  builder.output("x.next", builder.add(builder.input("x", "float32", ["N"]), 1));
  const { InferenceSession } = await loadOrt();
  const session = await InferenceSession.create(serialize(builder.finish()).bytes, {
    executionProviders: ["cpu"],
    intraOpNumThreads: 1,
    logSeverityLevel: 4,
  });
  try {
    const x = zeros("float32", [3]);
    const next = zeros("float32", [3]);
    for (const target of [x, x, next]) {
      const fetches = { [zeroCopyOutput]: null, "x.next": toOrt(target) };
      await runWithoutCopy(session, { x: toOrt(x) }, fetches, "the zero-copy check");
    }
    return x.data.join() === "2,2,2" && next.data.join() === "3,3,3";
  } finally {
    await session.release();
  }
}
