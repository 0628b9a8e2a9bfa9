/** docs/operators.md is written from the operator table and the tests; UPDATE_GOLDEN=1 rewrites it. */
import type { OperatorSignature, OpType } from "@iad-r1/models/graph/types";
import type { GradientRule } from "@iad-r1/models/ops/operator";
import { operators } from "@iad-r1/models/ops/table";
import { it } from "vitest";
import { gradientCases } from "../grad/cases";
import { expectGoldenText } from "../helpers/goldenText";
import { forwardCases } from "../unit/ops/forwardCases";

const introduction = `# Operators

Written from the operator table (\`models/src/ops/table.ts\`) and the tests; do not edit.
Rewrite it with \`UPDATE_GOLDEN=1 npx vitest run test/golden/operatorsDocument.test.ts\`.

- **Domain**: *ONNX* is the standard operator set 21, *ORT* is \`com.microsoft\`, *ours* exists in our graphs only and is lowered by
  \`emit\` before a file is written.
- **Gradient**: *rule* means that it is differentiable; otherwise the reason why it is not.
- **Examples**: inputs with literal results, run in every form that can be written (\`test/unit/ops/forwardCases.ts\`).
- **Gradient checks**: the rule against finite differences in one random direction per input (\`test/grad/cases.ts\`).
- A trailing \`?\` marks what may be left out, \`...\` any number of one kind.
`;

function row(opType: OpType): string {
  const { domain, inputs, outputs, attributes, gradient } = operators[opType] as OperatorSignature & {
    gradient: GradientRule | { readonly none: string };
  };
  const cells = [
    opType,
    { "": "ONNX", "com.microsoft": "ORT", "iad-r1": "ours" }[domain],
    `(${inputs.join(", ")}) → ${outputs.join(", ")}`,
    Object.entries(attributes)
      .map(([name, kind]) => `${name}: ${kind}`)
      .join(", "),
    typeof gradient === "function" ? "rule" : `none: ${gradient.none}`,
    forwardCases[opType].length,
    gradientCases[opType]?.length ?? "",
  ];
  return `| ${cells.join(" | ")} |`;
}

it("docs/operators.md is current", () => {
  const head = "| Operator | Domain | Inputs → outputs | Attributes | Gradient | Examples | Gradient checks |";
  const rows = (Object.keys(operators) as OpType[]).map(row);
  const table = [head, "|---|---|---|---|---|---|---|", ...rows].join("\n");
  expectGoldenText("../../docs/operators.md", `${introduction}\n${table}\n`);
});
