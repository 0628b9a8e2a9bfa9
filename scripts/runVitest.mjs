/** Runs a test suite and prints its result as one plain line, `N passed, N failed`, for people and machines alike. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));

const plain = { NO_COLOR: "1", FORCE_COLOR: "0" };

/**
 * @param name names the report in .cache
 * @param args for vitest
 * @param env  variables besides those of this process
 * @returns the exit code: 0 only when there were tests and all passed
 */
export function runVitest(name, args, env = {}) {
  const report = join(root, ".cache", `${name}-report.json`);
  mkdirSync(join(root, ".cache"), { recursive: true });
  rmSync(report, { force: true });
  const vitest = join(root, "node_modules", "vitest", "vitest.mjs");
  const { status } = spawnSync(
    process.execPath,
    [vitest, "run", "--reporter=dot", "--reporter=json", `--outputFile.json=${report}`, ...args],
    // Colour codes have no place in a log file.
    { cwd: root, stdio: "inherit", env: { ...process.env, ...(process.stdout.isTTY ? {} : plain), ...env } },
  );
  if (!existsSync(report)) {
    console.log("0 passed, 1 failed");
    return status || 1;
  }
  const result = JSON.parse(readFileSync(report, "utf8"));
  // A file that cannot be loaded holds no tests, yet it is a failure.
  const brokenFiles = result.testResults.filter(
    (file) => file.status === "failed" && file.assertionResults.length === 0,
  ).length;
  const failed = result.numFailedTests + brokenFiles;
  console.log(`${result.numPassedTests} passed, ${failed} failed`);
  return failed > 0 || result.numPassedTests === 0 ? 1 : (status ?? 1);
}
