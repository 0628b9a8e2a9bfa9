import { gradients } from "@iad-r1/models/autodiff/backward";
import { emit } from "@iad-r1/models/graph/emit";
import { serialize } from "@iad-r1/models/graph/serialize";
import type { Graph } from "@iad-r1/models/graph/types";
import { createBuilder } from "@iad-r1/models/ops/createBuilder";
import { createRandom } from "@iad-r1/models/util/random";
import { createSession } from "@iad-r1/server/runtime/session";
import { type Tensor, tensor, zeros } from "@iad-r1/server/runtime/tensors";
import { describe, expect, it, onTestFinished } from "vitest";

const [rows, outWidth, inWidth] = [5, 2500, 520];

/** loss = sum(c * x w^T) and dw added onto grad.w. */
function productGraph(extra: (b: ReturnType<typeof createBuilder>) => void = () => {}): Graph {
  const b = createBuilder("product");
  const x = b.input("x", "float32", ["R", inWidth]);
  const c = b.input("c", "float32", ["R", outWidth]);
  const w = b.input("w", "float32", [outWidth, inWidth]);
  const loss = b.output("loss", b.reduceSum(b.mul(c, b.linear(x, w)), undefined, { keepDims: false }));
  const sum = b.input("grad.w", "float32", [outWidth, inWidth]);
  b.output("grad.w.next", gradients(b, loss, [w], { accumulate: [sum] })[0]!);
  extra(b);
  return b.finish();
}

function randomTensor(seed: string, dims: [number, number]): Tensor<"float32"> {
  const random = createRandom(seed);
  return tensor(
    "float32",
    Float32Array.from({ length: dims[0] * dims[1] }, () => random.normal()),
    dims,
  );
}

const x = randomTensor("x", [rows, inWidth]);
const c = randomTensor("c", [rows, outWidth]);
const w = zeros("float32", [outWidth, inWidth]);

async function open(graph: Graph, zeroCopy = true) {
  const session = await createSession(serialize(emit(graph, { target: "fused" }), { zeroCopy }), { threads: 1 });
  onTestFinished(() => session.dispose());
  return session;
}

describe("tall gradient accumulators", () => {
  it("are taken and given in parts of whole rows by the CPU's form only", () => {
    const names = (graph: Graph) => [graph.inputs, graph.outputs].map((all) => all.map(({ name }) => name));
    const graph = productGraph();
    const cut = ["[0:833]", "[833:1667]", "[1667:2500]"];
    expect(names(emit(graph, { target: "fused" }))).toEqual([
      ["x", "c", "w", ...cut.map((part) => `grad.w${part}`)],
      ["loss", ...cut.map((part) => `grad.w.next${part}`)],
    ]);
    expect(names(emit(graph, { target: "primitive" }))).toEqual([
      ["x", "c", "w", "grad.w"],
      ["loss", "grad.w.next"],
    ]);
  });

  it("stay whole when something else reads them", () => {
    const graph = productGraph((b) => b.output("read", b.identity(b.neg(graphInput(b, "grad.w")))));
    expect(emit(graph, { target: "fused" }).inputs.map(({ name }) => name)).toEqual(["x", "c", "w", "grad.w"]);
  });

  it.each([true, false])(
    "are one tensor for who runs the graph, added to in place (zero copy: %s)",
    async (zeroCopy) => {
      const session = await open(productGraph(), zeroCopy);
      expect(session.inputs.map(({ name, dims }) => [name, dims])).toContainEqual(["grad.w", [outWidth, inWidth]]);
      const sum = zeros("float32", [outWidth, inWidth]);
      sum.data.fill(0.5);
      for (let pass = 0; pass < 2; pass++) {
        await session.run({ x, c, w, "grad.w": sum }, { loss: zeros("float32", []) });
      }
      let largest = 0;
      for (let i = 0; i < outWidth; i++) {
        for (let j = 0; j < inWidth; j++) {
          let expected = 0.5;
          for (let r = 0; r < rows; r++) expected += 2 * c.data[r * outWidth + i]! * x.data[r * inWidth + j]!;
          largest = Math.max(largest, Math.abs(expected - sum.data[i * inWidth + j]!));
        }
      }
      expect(largest).toBeLessThan(2e-5);
    },
  );

  it("are refused with another number of rows", async () => {
    const session = await open(productGraph());
    const short = zeros("float32", [outWidth - 1, inWidth]);
    await expect(session.run({ x, c, w, "grad.w": short }, { loss: zeros("float32", []) })).rejects.toThrow(
      `input "grad.w" must be float32[${outWidth},${inWidth}], got float32[${outWidth - 1},${inWidth}]`,
    );
  });
});

function graphInput(b: ReturnType<typeof createBuilder>, name: string) {
  return b.inputs.find((input) => input.name === name)!;
}
