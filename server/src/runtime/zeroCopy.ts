/**
 * Checks once per process that the installed ONNX Runtime lets outputs be written in place without a copy. The trick
 * (see `runWithoutCopy`) leans on behaviour that no document promises, so it is used only where it is seen to work;
 * everywhere else `Session.run` copies, with the same results.
 */
import { serialize, zeroCopyOutput } from "@iad-r1/models/graph/serialize";
import { createBuilder } from "@iad-r1/models/ops/createBuilder";
import { loadOrt } from "./ort";
import { runWithoutCopy } from "./session";
import { toOrt, zeros } from "./tensors";

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
