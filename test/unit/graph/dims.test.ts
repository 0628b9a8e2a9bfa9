import {
  addDims,
  checkDim,
  dimTerms,
  divideExactly,
  evaluateDim,
  floorDivDims,
  mulDims,
  numElements,
  subDims,
} from "@iad-r1/models/graph/dims";
import { GraphError } from "@iad-r1/models/errors";
import fc from "fast-check";
import { describe, expect, it } from "vitest";

describe("lengths", () => {
  it("have one spelling however they were made", () => {
    expect(mulDims("T", "B")).toBe("B*T");
    expect(mulDims(mulDims("T", 2), "B")).toBe("2*B*T");
    expect(addDims("T", addDims(1, "P"))).toBe("P+T+1");
    expect(addDims("T", "T")).toBe("2*T");
    expect(subDims(addDims("T", 3), "T")).toBe(3);
    expect(mulDims(addDims("P", 1), "B")).toBe("B+B*P");
    expect(subDims("T", 1)).toBe("T-1");
    expect(subDims(0, "T")).toBe("-T");
    expect(mulDims("T", 0)).toBe(0);
  });

  it("divide exactly when they can for every value", () => {
    expect(divideExactly("6*B*T", "2*T")).toBe("3*B");
    expect(divideExactly(mulDims("B", addDims("T", 1)), "B")).toBe("T+1");
    expect(divideExactly("B", "T")).toBeUndefined();
    expect(divideExactly("3*B", 2)).toBeUndefined();
    expect(divideExactly(7, 2)).toBeUndefined();
    expect(divideExactly("B", 0)).toBeUndefined();
  });

  it("keep a quotient that is not exact as a name of its own", () => {
    const halves = floorDivDims("T", 2);
    expect(halves).toBe("floor(T,2)");
    expect(evaluateDim(addDims(mulDims(halves, 2), 1), { T: 7 })).toBe(7);
    expect(divideExactly(mulDims(halves, "B"), "B")).toBe(halves);
  });

  it("multiply to the number of elements", () => {
    expect(numElements(["B", "T", 4])).toBe("4*B*T");
    expect(numElements([])).toBe(1);
  });

  it("list their terms", () => {
    expect(dimTerms("2*B*T-1")).toEqual([
      [2, ["B", "T"]],
      [-1, []],
    ]);
  });

  it("refuse what is no length", () => {
    for (const dim of ["B T", "", "T*B", "1+T", "B**T", 1.5, -1]) {
      expect(() => checkDim(dim), String(dim)).toThrow(GraphError);
    }
    for (const dim of ["B", "B*T", "language.T", "T-1", "floor(T,2)", 0, 7]) checkDim(dim);
  });

  it("need a value for every name", () => {
    expect(() => evaluateDim("B*T", { B: 2 })).toThrow('The length "T" has no value; known lengths: B.');
  });

  it("calculate as numbers do", () => {
    const expression = fc.letrec<{ tree: [string | number, (v: Record<string, number>) => number] }>((tie) => ({
      tree: fc.oneof(
        { maxDepth: 4 },
        fc.constantFrom("A", "B", "C").map((name) => [name, (v: Record<string, number>) => v[name]!] as const),
        fc.integer({ min: 0, max: 9 }).map((n) => [n, () => n] as const),
        fc.tuple(tie("tree"), tie("tree"), fc.constantFrom("+", "-", "*")).map(([[a, f], [b, g], operator]) => {
          if (operator === "+") return [addDims(a, b), (v: Record<string, number>) => f(v) + g(v)] as const;
          if (operator === "-") return [subDims(a, b), (v: Record<string, number>) => f(v) - g(v)] as const;
          return [mulDims(a, b), (v: Record<string, number>) => f(v) * g(v)] as const;
        }),
      ) as never,
    })).tree;
    const lengths = fc.record({ A: fc.nat(20), B: fc.nat(20), C: fc.nat(20) });
    fc.assert(
      fc.property(expression, lengths, ([dim, expected], values) => {
        expect(evaluateDim(dim, values)).toBe(expected(values) + 0);
      }),
      { seed: 1, numRuns: 300 },
    );
  });
});
