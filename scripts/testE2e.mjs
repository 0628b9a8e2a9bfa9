/**
 * Runs the tests that use the packaged extension in the real VS Code workbench: gets their tools when they are missing, makes the package
 * for this platform, and opens windows in a headless browser.
 */
import { rmSync } from "node:fs";
import { ensureChromium, ensureTools, ensureWorkbench } from "../test/e2e/setup.mjs";
import { makeBundles, makePackage } from "./package.mjs";
import { runVitest } from "./runVitest.mjs";

try {
  ensureTools();
  const chromium = ensureChromium();
  ensureWorkbench();
  const bundles = await makeBundles();
  const file = await makePackage(`${process.platform}-${process.arch}`, bundles);
  rmSync(bundles.folder, { recursive: true, force: true });
  process.exitCode = runVitest("test-e2e", ["--config", "vitest.e2e.config.ts", ...process.argv.slice(2)], {
    CHROMIUM: chromium,
    IADR1_PACKAGE: file,
  });
} catch (error) {
  console.error(error.message);
  console.log("0 passed, 1 failed");
  process.exitCode = 1;
}
