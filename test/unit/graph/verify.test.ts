import { findProblems, verify } from "@iad-r1/models/graph/verify";
import type { Graph, Node, Value } from "@iad-r1/models/graph/types";
import { createBuilder } from "@iad-r1/models/ops/createBuilder";
import { describe, expect, it } from "vitest";

/** y = -exp(x) + 2. */
function soundGraph(): Graph & { nodes: [Node, Node, Node] } {
  const b = createBuilder("sound");
  const x = b.input("x", "float32", ["B", 3]);
  b.output("y", b.add(b.neg(b.exp(x)), 2));
  return b.finish() as Graph & { nodes: [Node, Node, Node] };
}

describe("verify", () => {
  it("finds nothing wrong with what the builder makes", () => {
    expect(findProblems(soundGraph())).toEqual([]);
  });

  it("finds nodes out of order", () => {
    const graph = soundGraph();
    const [exp, neg, add] = graph.nodes;
    expect(findProblems({ ...graph, nodes: [neg, exp, add] })).toEqual(["Neg reads Exp.out before it is defined."]);
  });

  it("finds names given twice", () => {
    const graph = soundGraph();
    const [exp, neg, add] = graph.nodes;
    (exp.outputs[0] as Value).name = "y";
    expect(findProblems(graph)).toEqual(['Two values are named "y" (node Add).']);
    (exp.outputs[0] as Value).name = "Exp.out";
    expect(findProblems({ ...graph, nodes: [exp, { ...neg, name: "Exp" }, add] })).toEqual([
      'Two nodes are named "Exp".',
    ]);
  });

  it("finds dead nodes, unread constants and outputs computed nowhere", () => {
    const graph = soundGraph();
    const [exp, neg] = graph.nodes;
    const problems = findProblems({ ...graph, nodes: [exp, neg] });
    expect(problems).toEqual([
      "The constant constant is never read.",
      "Neg is dead: nothing reads what it computes.",
      "The output y is computed nowhere.",
    ]);
  });

  it("finds values whose type is not what the operator gives", () => {
    const graph = soundGraph();
    const [exp, neg, add] = graph.nodes;
    const wrong: Value = { ...(neg.outputs[0] as Value), shape: ["B", 4] };
    const nodes = [exp, { ...neg, outputs: [wrong] }, { ...add, inputs: [wrong, add.inputs[1]!] }];
    expect(findProblems({ ...graph, nodes })).toEqual([
      "Neg should give float32[B,3] as output 0, not float32[B,4].",
      "Add should give float32[B,4] as output 0, not float32[B,3].",
    ]);
  });

  it("finds constants whose bytes do not fit", () => {
    const graph = soundGraph();
    const constants = graph.constants.map(({ value }) => {
      return { value, data: { kind: "inline" as const, array: new Float32Array(2) } };
    });
    expect(findProblems({ ...graph, constants })).toEqual(["The constant constant needs 4 bytes and has 8."]);
  });

  it("throws one error that lists everything", () => {
    const graph = soundGraph();
    expect(() => verify({ ...graph, constants: [] })).toThrow(
      "The graph sound is not sound: Add reads constant before it is defined.",
    );
  });
});
