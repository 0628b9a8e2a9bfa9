/** What is wrong or doubtful in an experiment file, with quick fixes. Looks at no other file; that is `fileFindings.ts`. */
import type { ConfigProblem } from "../../config/configProblem";
import type { Finding, Fix } from "../types";
import type { ConfigDocument } from "./document";
import { fixOf } from "./edits";

export function configFindings(document: ConfigDocument): Finding[] {
  const { problems, advice } = document.parsed;
  return [
    ...problems.map((problem) => findingOf(document, problem, "error")),
    ...advice.map((problem) => findingOf(document, problem, problem.code === "config/no-effect" ? "info" : "warning")),
  ];
}

function findingOf(document: ConfigDocument, problem: ConfigProblem, severity: Finding["severity"]): Finding {
  const { code, message, hint, line, column, endLine, endColumn, cures } = problem;
  return {
    ...{ severity, code, message },
    ...(hint === undefined ? {} : { hint }),
    range: {
      start: { line: line - 1, character: column - 1 },
      end: { line: endLine - 1, character: endColumn - 1 },
    },
    ...(code === "config/no-effect" ? { tag: "unneeded" as const } : {}),
    fixes: oneSure(cures.map((cure) => fixOf(document, cure)).filter((fix) => fix !== null)),
  };
}

/** Of several sure fixes the first is preferred. */
function oneSure(fixes: Fix[]): Fix[] {
  const first = fixes.findIndex(({ sure }) => sure);
  return fixes.map((fix, index) => ({ ...fix, sure: index === first }));
}
