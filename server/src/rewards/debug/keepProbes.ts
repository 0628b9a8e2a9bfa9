/**
 * Cases to add to the expectations of a reward: which file they belong in and the text that goes to its end. The file that is there is read
 * with the cases in it first, so that nothing is written that the tests would not find again.
 */
import { existsSync, readFileSync } from "node:fs";
import { basename, dirname, join, relative } from "node:path";
import { pathBelow } from "@iad-r1/models/util/pathBelow";
import type { FindingProbe } from "../analysis/finding";
import { readExpectations } from "./expectations";

export interface KeptProbes {
  path: string;
  isNew: boolean;
  /** Of the file as it is; the text goes there. From 0. */
  end: { line: number; character: number };
  text: string;
}

/** So many files that cannot take a case are passed by. */
const maxFiles = 9;

/**
 * @param roots folders of the window: nothing is written outside of them, unless the reward file is outside itself
 * @returns null when all cases are kept already
 */
export function keepProbes(
  rewardFile: string,
  name: string,
  probes: readonly FindingProbe[],
  roots: readonly string[],
): KeptProbes | null {
  const folder = probeFolder(rewardFile, roots);
  const base = basename(rewardFile).replace(/(\.reward)?\.[^.]+$/, "");
  for (let number = 1; number <= maxFiles; number++) {
    const path = join(folder, `${base}${number === 1 ? "" : `-${number}`}.yaml`);
    const before = existsSync(path) ? readText(path) : null;
    const known = before === null ? [] : readExpectations(before, path, rewardFile, [name]);
    const fresh = probes.filter(
      ({ completion, solution, expect }) =>
        !known.some(
          ({ row, expect: kept }) => row.completion === completion && row.solution === solution && kept === expect,
        ),
    );
    if (fresh.length === 0) return null;
    const start =
      before === null || before.trim() === ""
        ? `reward: ${JSON.stringify(relative(folder, rewardFile).replaceAll("\\", "/"))}\ncases:\n`
        : before.endsWith("\n")
          ? ""
          : "\n";
    const text = `${start}${fresh.map((probe) => caseOf(name, probe)).join("")}`;
    const after = readExpectations(`${before ?? ""}${text}`, path, rewardFile, [name]);
    // It is about another reward, or is not written as we write.
    if (after.length !== known.length + fresh.length) continue;
    const lines = (before ?? "").split("\n");
    return { path, isNew: before === null, end: { line: lines.length - 1, character: lines.at(-1)!.length }, text };
  }
  return null;
}

/** `probes` beside the folder of the reward file; inside of it where there would be nothing of the project beside it. */
export function probeFolder(rewardFile: string, roots: readonly string[]): string {
  const own = join(dirname(rewardFile), "probes");
  const beside = join(dirname(dirname(rewardFile)), "probes");
  const isInside = (path: string) => roots.some((root) => pathBelow(root, path) !== null);
  return existsSync(own) || (isInside(own) && !isInside(beside)) ? own : beside;
}

/** JSON is YAML: no text of a model can become another key. */
function caseOf(name: string, { name: title, completion, solution, prompt, columns, expect }: FindingProbe): string {
  const lines = [
    `  - name: ${JSON.stringify(title)}`,
    `    function: ${JSON.stringify(name)}`,
    `    completion: ${JSON.stringify(completion)}`,
    ...(solution === null ? [] : [`    solution: ${JSON.stringify(solution)}`]),
    ...(prompt === null || prompt === undefined ? [] : [`    prompt: ${JSON.stringify(prompt)}`]),
    ...(Object.keys(columns).length === 0 ? [] : [`    columns: ${JSON.stringify(columns)}`]),
    `    expect: ${JSON.stringify(expect)}`,
  ];
  return `${lines.join("\n")}\n`;
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    // Not to be read: nothing can be added to it either.
    return "?";
  }
}
