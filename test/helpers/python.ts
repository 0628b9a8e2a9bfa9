/** Starts Python scripts of the reference tests in the environment that `npm run test:python` makes. */
import { execFileSync } from "node:child_process";
import { join } from "node:path";

const root = join(import.meta.dirname, "../..");
/** The interpreter with torch, transformers, peft and trl. */
export const pythonPath = join(
  root,
  ".cache/python",
  process.platform === "win32" ? "Scripts/python.exe" : "bin/python",
);

/**
 * What a script prints, as JSON.
 *
 * @param script path from the root of the project
 * @param input  goes to its standard input as JSON
 */
export function runPython<T>(script: string, args: readonly string[], input: unknown = null): T {
  const output = execFileSync(pythonPath, [join(root, script), ...args], {
    input: JSON.stringify(input),
    encoding: "utf8",
    maxBuffer: 2 ** 28,
    // Libraries chat on stderr; when a script fails, what it said there is part of the error.
    stdio: ["pipe", "pipe", "pipe"],
  });
  return (output.trim() === "" ? null : JSON.parse(output)) as T;
}
