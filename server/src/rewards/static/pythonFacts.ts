/** Asks Python about a Python reward file: reads its syntax tree, runs nothing of it. */
import { spawn } from "node:child_process";
import { CancelledError, RewardError } from "@iad-r1/models/errors";
import { enginePath } from "../../runtime/engineFile";
import { findPython } from "../../runtime/python";
import type { RewardFacts } from "./facts";

/** Starting Python on a busy machine is what takes time. */
const limitMs = 20_000;

/**
 * @returns null when the text is not Python that can be read
 * @throws RewardError `reward/no-python`, CancelledError
 */
export async function pythonFacts(
  source: string,
  options: { python?: string; signal?: AbortSignal } = {},
): Promise<RewardFacts | null> {
  const python = options.python ?? findPython();
  const answer = await askPython(python, enginePath("python/iadr1_static.py"), { source }, options.signal);
  return "error" in answer ? null : (answer as unknown as RewardFacts);
}

function askPython(
  python: string,
  script: string,
  question: unknown,
  signal?: AbortSignal,
): Promise<Record<string, unknown>> {
  return new Promise((resolve, reject) => {
    const child = spawn(python, ["-W", "ignore", script], {
      stdio: ["pipe", "pipe", "pipe"],
      timeout: limitMs,
      ...(signal && { signal }),
      env: { ...process.env, PYTHONIOENCODING: "utf-8", PYTHONDONTWRITEBYTECODE: "1" },
    });
    let [out, words] = ["", ""];
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      out += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      words = (words + text).slice(-2_000);
    });
    child.once("error", (cause) => {
      if (signal?.aborted) return reject(new CancelledError());
      reject(
        new RewardError("reward/no-python", `${python} cannot be started: ${cause.message}.`, {
          hint: "Install Python 3.9 or newer, or say where it is in IADR1_PYTHON.",
          cause,
        }),
      );
    });
    child.once("close", (code) => {
      if (code === 0) return resolve(JSON.parse(out) as Record<string, unknown>);
      if (signal?.aborted) return reject(new CancelledError());
      reject(
        new RewardError("reward/no-python", `${python} could not read the file: ${words.trim().split("\n").at(-1)}`, {
          hint: "Python 3.9 or newer is needed.",
          show: "log",
        }),
      );
    });
    child.stdin.on("error", () => undefined);
    child.stdin.end(JSON.stringify(question));
  });
}
