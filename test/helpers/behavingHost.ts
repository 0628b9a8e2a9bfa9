/** What a worker of the tests does: it behaves well or badly as it is told. */
import { DataError } from "@iad-r1/models/errors";
import { serialize } from "@iad-r1/models/graph/serialize";
import { createBuilder } from "@iad-r1/models/ops/createBuilder";
import { createSession } from "@iad-r1/server/runtime/session";
import { zeros } from "@iad-r1/server/runtime/tensors";
import type { CreateHost } from "@iad-r1/server/runtime/workerHost";

export type Misbehaviour = "throw" | "bug" | "exit" | "abort" | "hang" | "ignore" | "fill-heap" | "uncloneable";

export type BehavingMethods = {
  /** Runs a graph `steps` times that counts up in memory the worker keeps; tells each step. */
  count: { params: { steps: number }; result: Float32Array; event: number };
  misbehave: { params: Misbehaviour; result: unknown; event: never };
};

export const createBehavingHost: CreateHost<BehavingMethods, { start: number }> = async ({ start }) => {
  if (start < 0) throw new DataError("data/negative", `start must not be negative, got ${start}.`, { hint: "Use 0." });
  const builder = createBuilder("counter");
  builder.output("x.next", builder.add(builder.input("x", "float32", [2]), 1));
  const session = await createSession(serialize(builder.finish()));
  const x = zeros("float32", [2]);
  x.data.fill(start);
  return {
    methods: {
      count: async ({ steps }, { signal, emit }) => {
        for (let step = 1; step <= steps; step++) {
          await session.run({ x }, {});
          signal.throwIfAborted();
          emit(step);
        }
        return x.data;
      },
      misbehave: async (how) => {
        switch (how) {
          case "throw":
            throw new DataError("data/broken", "The image is broken.", { where: "a.png", data: { f: () => 1 } });
          case "bug":
            throw new TypeError("x is not a function");
          case "exit":
            return process.exit(3);
          case "abort":
            return process.abort();
          case "hang":
            for (;;);
          case "ignore":
            return new Promise(() => undefined);
          case "fill-heap": {
            const kept: unknown[] = [];
            for (;;) kept.push(Array.from({ length: 1000 }, (_, i) => ({ i })));
          }
          case "uncloneable":
            return () => 1;
        }
      },
    },
    dispose: () => session.dispose(),
  };
};
