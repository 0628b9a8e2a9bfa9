/** Every gradient rule against finite differences, in all forms that can be written. */
import type { GradientRule } from "@iad-r1/models/ops/operator";
import { createBuilder } from "@iad-r1/models/ops/createBuilder";
import { operators } from "@iad-r1/models/ops/table";
import { describe, expect, it } from "vitest";
import { checkGradient } from "../helpers/checkGradient";
import { gradientCases } from "./cases";

for (const [opType, cases] of Object.entries(gradientCases)) {
  describe(opType, () => {
    for (const test of cases) it(test.title, () => checkGradient({ ...test, title: `${opType} ${test.title}` }));

    it("is what its cases use", () => {
      for (const test of cases) {
        const b = createBuilder("case");
        const inputs = Object.entries(test.inputs).map(([name, { shape, dtype = "float32", declared }]) => {
          return [name, b.input(name, dtype, declared ?? shape)] as const;
        });
        test.build(b, Object.fromEntries(inputs));
        expect(b.nodes.map((node) => node.opType)).toContain(opType);
      }
    });
  });
}

describe("the operator table", () => {
  it("has a checked gradient rule or a reason for every operator", () => {
    for (const [opType, { gradient }] of Object.entries(operators)) {
      const rule: GradientRule<never> | { readonly none: string } = gradient;
      if (typeof rule === "function") expect(Object.keys(gradientCases)).toContain(opType);
      else expect(rule.none.length).toBeGreaterThan(10);
    }
  });
});
