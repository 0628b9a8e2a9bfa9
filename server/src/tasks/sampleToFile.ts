/** Samples rollouts in a process of its own, the command line's `rollouts sample`: it loads a model and takes minutes. */
import { spawn } from "node:child_process";
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { CancelledError, RewardError } from "@iad-r1/models/errors";
import { entryPath } from "../runtime/entry";
import { lastWords } from "../runtime/lastWords";

export interface SampleToFile {
  /** Project folder; the file goes to `.iadr1/rollouts` below it. */
  folder: string;
  data: string;
  base: string;
  adapter: string | null;
  prompts: number;
  groupSize: number;
}

/** @throws RewardError `rollouts/not-sampled` with what the process said last; CancelledError */
export async function sampleToFile(
  { folder, data, base, adapter, prompts, groupSize }: SampleToFile,
  signal: AbortSignal,
): Promise<{ path: string; numRollouts: number }> {
  const place = join(folder, ".iadr1", "rollouts");
  await mkdir(place, { recursive: true });
  const path = join(place, `sampled-${new Date().toISOString().replaceAll(/[:.]/g, "-")}.jsonl`);
  const args = [
    ...[entryPath("cli"), "rollouts", "sample", "--data", data, "--model", base],
    ...(adapter === null ? [] : ["--adapter", adapter]),
    ...["--prompts", String(prompts), "--group-size", String(groupSize), "--out", path],
  ];
  const child = spawn(process.execPath, args, {
    ...{ cwd: folder, stdio: ["ignore", "ignore", "pipe"], signal, killSignal: "SIGKILL" },
  });
  let words = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    words = (words + text).slice(-8192);
  });
  const code = await new Promise<number | string>((resolve) => {
    child.once("error", (error) => resolve(error.message));
    child.once("close", (exit, killedBy) => resolve(exit ?? killedBy ?? "unknown"));
  });
  if (signal.aborted) throw new CancelledError();
  if (code !== 0) {
    throw new RewardError("rollouts/not-sampled", `Sampling ended with ${code}: ${lastWords(words)}`, {
      ...{ where: data, hint: "Look at the log, or run `iad-r1 rollouts sample` in a terminal." },
    });
  }
  const text = await readFile(path, "utf8");
  return { path, numRollouts: text.split("\n").filter((line) => line !== "").length };
}
