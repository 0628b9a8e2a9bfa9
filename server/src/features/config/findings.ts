/** What is wrong or doubtful in an experiment file, with quick fixes. Looks at no other file; that is `fileFindings.ts`. */
import type { ConfigProblem } from "../../config/configProblem";
import { nearestOf } from "../../config/nearest";
import { createRewardRegistry } from "../../rewards/registry";
import { rangeAt } from "../places";
import type { Finding, Fix } from "../types";
import type { ConfigDocument } from "./document";
import { fixOf } from "./edits";
import { namesRewardFile, rewardNames } from "./paths";

export function configFindings(document: ConfigDocument): Finding[] {
  const { problems, advice } = document.parsed;
  const findings = [
    ...problems.map((problem) => findingOf(document, problem, "error")),
    ...rewardFindings(document),
    ...advice.map((problem) => findingOf(document, problem, problem.code === "config/no-effect" ? "info" : "warning")),
  ];
  return findings.sort(
    ({ range: { start: a } }, { range: { start: b } }) => a.line - b.line || a.character - b.character,
  );
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

/** Rewards that are neither built in nor a file of the user. */
function rewardFindings(document: ConfigDocument): Finding[] {
  const { functions, presets } = createRewardRegistry();
  const known = [...presets.keys(), ...functions.keys()];
  return rewardNames(document).flatMap(({ at, written }) => {
    const place = document.tree.find(at).value;
    if (known.includes(written) || namesRewardFile(written) || place === null) return [];
    const near = nearestOf(written, known);
    const fix = near === null ? null : fixOf(document, { kind: "replace", at, text: near, sure: true });
    return [
      {
        ...{ severity: "error" as const, code: "config/unknown-reward" },
        message: `${at.join(".")}: there is no reward ${JSON.stringify(written)}.`,
        hint:
          near === null ? "Name a built-in reward such as iad-r1/accuracy, or a reward file." : `Did you mean ${near}?`,
        range: rangeAt(document.lines, place.start, place.end),
        fixes: fix === null ? [] : [fix],
      },
    ];
  });
}

/** Of several sure fixes the first is preferred. */
function oneSure(fixes: Fix[]): Fix[] {
  const first = fixes.findIndex(({ sure }) => sure);
  return fixes.map((fix, index) => ({ ...fix, sure: index === first }));
}
