import { serialize } from "@iad-r1/models/graph/serialize";
import { createBuilder } from "@iad-r1/models/ops/createBuilder";
import { expect, test } from "vitest";
import { cpuSeconds } from "../../../server/src/bench/cpuTime";
import { createSession } from "../../../server/src/runtime/session";

/** A chain in which the runtime, which cannot calculate with names, knows no length: rows [B,T] made flat and added to, over and over. */
function chain(numSteps: number) {
  const b = createBuilder("chain");
  const x = b.input("x", "float32", ["B", "T"]);
  let sum = x;
  for (let step = 0; step < numSteps; step++) {
    const flat = b.reshape(sum, ["B*T"]);
    sum = b.reshape(b.exp(b.concat([flat, flat], 0)), [2, "B", "T"]);
    sum = b.reduceMax(sum, [0], { keepDims: false });
  }
  b.output("y", sum);
  return serialize(b.finish());
}

test("opening a graph takes time by the number of its nodes, not by its square", async () => {
  const open = async (numSteps: number) => {
    const model = chain(numSteps);
    return cpuSeconds(async () => {
      const session = await createSession(model, { threads: 1, optimization: "none" });
      await session.dispose();
    });
  };
  await open(10);
  const [few, many] = [await open(100), await open(800)];
  // Eight times the nodes: 8 where time goes with nodes, 64 where every node is held against all before it.
  expect(many / few).toBeLessThan(24);
}, 900_000);
