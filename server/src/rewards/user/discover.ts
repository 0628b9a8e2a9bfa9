/** Finds the reward functions of a file by reading its text. Runs nothing. */
import { createHash } from "node:crypto";
import { discoverPython } from "./discoverPython";
import { discoverTypeScript } from "./discoverTypeScript";
import type { RewardDeclaration, RewardLanguage, RewardProgram } from "./program";

/** The language of a file by its ending; null for files that hold no rewards. */
export function languageOf(file: string): RewardLanguage | null {
  if (/\.py$/i.test(file)) return "python";
  return /\.[cm]?[jt]s$/i.test(file) && !/\.d\.[cm]?ts$/i.test(file) ? "typescript" : null;
}

/** Whether a file is a reward file by its name alone; any other file can be named by a person. */
export function isRewardFile(file: string): boolean {
  return /\.reward\.([cm]?[jt]s|py)$/i.test(file) && languageOf(file) !== null;
}

/**
 * The reward functions of a text that stands in `file`, or will. Of two functions with one name the second is a problem.
 *
 * @param file absolute path; its ending tells the language, TypeScript when it tells none
 */
export function discoverRewards(file: string, source: string): RewardProgram {
  const language = languageOf(file) ?? "typescript";
  const found = language === "python" ? discoverPython(file, source) : discoverTypeScript(file, source);
  const functions: RewardDeclaration[] = [];
  const problems = [...found.problems];
  for (const declaration of found.functions.sort((a, b) => a.nameSpan[0] - b.nameSpan[0])) {
    if (functions.some(({ name }) => name === declaration.name)) {
      const [start, end] = declaration.nameSpan;
      problems.push({ message: `There is already a reward named "${declaration.name}" in this file.`, start, end });
    } else {
      functions.push(declaration);
    }
  }
  const hash = createHash("sha256").update(source).digest("hex");
  return { file, language, source, hash, functions, problems };
}
