/**
 * Runs the tests that use the packaged extension in the real VS Code workbench: gets their tools when they are missing, makes the package
 * for this platform, and opens windows in a headless browser. `npm run test:e2e -- journey --times=20` runs the first ten minutes twenty
 * times, each in a workbench of its own, and ends with the first run that fails.
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
  const given = process.argv.slice(2);
  const times = Number(given.find((each) => each.startsWith("--times="))?.slice("--times=".length) ?? 1);
  const rest = given.filter((each) => !each.startsWith("--times="));
  for (let run = 1; run <= times; run++) {
    const started = Date.now();
    process.exitCode = runVitest("test-e2e", ["--config", "vitest.e2e.config.ts", ...rest], {
      CHROMIUM: chromium,
      IADR1_PACKAGE: file,
    });
    if (times > 1) console.log(`run ${run} of ${times}: ${Math.round((Date.now() - started) / 1000)} s`);
    if (process.exitCode !== 0) break;
  }
} catch (error) {
  console.error(error.message);
  console.log("0 passed, 1 failed");
  process.exitCode = 1;
}
