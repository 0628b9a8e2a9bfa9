/** Runs cases of the bad-input suite in a child process and survives whatever they do to it. */
import { type ChildProcess, fork } from "node:child_process";
import { chmodSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll } from "vitest";
import { buildEntry } from "./buildEntry";
import type { CaseReport } from "./hostileCase";
import { temporaryFolder } from "./temporaryFolder";

/** Longer than any case may take with all it makes, so that a slow one is told from one that hangs. */
const hangMs = 60_000;
const fixtures = join(import.meta.dirname, "../fixtures");

/** Call at the top of a test file; gives the function that runs one case by name. */
export function hostileRunner(): (name: string) => Promise<CaseReport> {
  let entry: string;
  let child: ChildProcess | null = null;
  beforeAll(async () => {
    entry = await buildEntry("test/helpers/hostileHost.ts");
  });
  afterAll(() => {
    child?.kill("SIGKILL");
  });

  return (name) => {
    const folder = temporaryFolder();
    // Cases about missing permissions drop root's rights; the folder itself must stay open to them.
    chmodSync(folder, 0o755);
    // A leak into the heap must show as a crash, not as a machine that swaps.
    child ??= fork(entry, { execArgv: ["--max-old-space-size=512"], stdio: ["ignore", "inherit", "inherit", "ipc"] });
    const host = child;
    return new Promise((resolve, reject) => {
      const end = (settle: () => void) => {
        clearTimeout(timer);
        host.removeAllListeners();
        settle();
      };
      const fail = (reason: string) =>
        end(() => {
          host.kill("SIGKILL");
          child = null;
          reject(new Error(reason));
        });
      const timer = setTimeout(() => fail(`the case hung for ${hangMs / 1000} s`), hangMs);
      host.once("exit", (code, signal) => fail(`the process died (exit code ${code}, signal ${signal})`));
      host.once("message", (report) => end(() => resolve(report as CaseReport)));
      host.send({ name, folder, fixtures });
    });
  };
}
