/** A folder of its own for each test, removed afterwards. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";

/** Call inside a test. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "iad-r1-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
