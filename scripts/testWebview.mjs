/** Runs the tests of the web views in Chromium; gets their tools first when they are missing. */
import { ensureChromium, ensureTools } from "../test/e2e/setup.mjs";
import { bundleWebviews } from "./build.mjs";
import { runVitest } from "./runVitest.mjs";

try {
  ensureTools();
  const chromium = ensureChromium();
  await bundleWebviews();
  process.exitCode = runVitest("test-webview", ["--config", "vitest.webview.config.ts", ...process.argv.slice(2)], {
    CHROMIUM: chromium,
  });
} catch (error) {
  console.error(error.message);
  console.log("0 passed, 1 failed");
  process.exitCode = 1;
}
