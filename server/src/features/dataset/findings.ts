/** What is wrong in a data set file, with quick fixes: the checks of `iad-r1 data validate`, shown in the text. */
import { basename, dirname, sep } from "node:path";
import { pathBelow } from "@iad-r1/models/util/pathBelow";
import { nearestOf } from "../../config/nearest";
import { findFiles, type NeededFile, reportMissing } from "../../data/formats/records";
import { endOfValue } from "../../data/jsonSource";
import { type DataFix, type DataProblem, Problems } from "../../data/problems";
import { rangeAt } from "../places";
import type { FileProbe, Finding, Fix, TextRange } from "../types";
import type { DatasetDocument } from "./document";

/** Near names are looked for this often; a wrong image folder makes thousands of files missing. */
const maxNearNames = 50;

export function datasetFindings(document: DatasetDocument): Finding[] {
  return document.problems.map((problem) => findingOf(document, problem));
}

export async function datasetFileFindings(
  document: DatasetDocument,
  files: FileProbe,
  signal?: AbortSignal,
): Promise<Finding[]> {
  const problems = new Problems(document.path);
  const missing = new Map<string, NeededFile>();
  const exists = async (path: string) => (await files.kind(path)) === "file";
  for await (const { draft, found } of findFiles(document.drafts, exists, signal)) {
    reportMissing(draft, found, problems);
    found.forEach((path, k) => {
      const file = draft.files[k]!;
      if (path === null) missing.set(`${file.at.line}:${file.at.column}`, file);
    });
  }
  const findings: Finding[] = [];
  let looked = 0;
  for (const problem of problems.list()) {
    const finding = findingOf(document, problem);
    const file = missing.get(`${problem.line}:${problem.column}`);
    const near = file === undefined || looked++ >= maxNearNames ? null : await nearPath(document, file, files);
    if (near !== null) {
      const edits = [{ range: finding.range, newText: JSON.stringify(near) }];
      finding.fixes.push({ title: `Change to ${near}`, edits, sure: true });
    }
    findings.push(finding);
  }
  return findings;
}

/** A file in the same folder whose name differs in a letter or two, as it would be written. */
async function nearPath({ root }: DatasetDocument, file: NeededFile, files: FileProbe): Promise<string | null> {
  const path = file.candidates[0]!;
  const folder = dirname(path);
  const present = (await files.list(folder)).filter(({ kind }) => kind === "file").map(({ name }) => name);
  const near = nearestOf(basename(path), present);
  if (near === null) return null;
  const inside = pathBelow(root, folder);
  if (inside === null) return `${folder}${sep}${near}`;
  return inside === "" ? near : `${inside}/${near}`;
}

function findingOf(document: DatasetDocument, problem: DataProblem): Finding {
  const { severity, code, message, hint, fixes = [] } = problem;
  return {
    ...{ severity, code, message },
    ...(hint === undefined ? {} : { hint }),
    ...{ range: rangeOf(document, problem), fixes: fixes.map(fixOf) },
  };
}

function fixOf({ title, edits, sure }: DataFix): Fix {
  return {
    ...{ title, sure },
    edits: edits.map(({ line, column, endLine, endColumn, text }) => ({
      range: {
        start: { line: line - 1, character: column - 1 },
        end: { line: endLine - 1, character: endColumn - 1 },
      },
      newText: text,
    })),
  };
}

/** To the end of the value that starts there, but not over the end of the line. */
function rangeOf({ lines, text }: DatasetDocument, { line, column, endLine, endColumn }: DataProblem): TextRange {
  if (line === 0) return rangeAt(lines, 0, lines.endOfLine(1));
  const start = lines.offset(line, column);
  const end =
    endLine === undefined || endColumn === undefined ? endOfValue(text, start) : lines.offset(endLine, endColumn);
  return rangeAt(lines, start, Math.min(Math.max(end, start + 1), lines.endOfLine(line)));
}
