/**
 * `npm run studio`: the real VS Code workbench in a browser, with the extension as it is built now and a folder for the sample project.
 * Everything stays on this machine. Ctrl-C ends it; the folder stays for the next time.
 */
import { existsSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { ensureTools, ensureWorkbench } from "../test/e2e/setup.mjs";
import { makeBundles, makePackage } from "./package.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const { values } = parseArgs({
  options: { folder: { type: "string" }, port: { type: "string", default: "7410" } },
});

ensureTools();
ensureWorkbench();
const { installPackage, startWorkbench } = await import("../test/e2e/harness.mjs");
const home = join(root, ".cache", "studio");
const folder = values.folder ?? join(home, "project");
for (const each of [home, folder]) mkdirSync(each, { recursive: true });
process.stderr.write("Packing the extension… ");
const bundles = await makeBundles();
const file = await makePackage(`${process.platform}-${process.arch}`, bundles);
rmSync(bundles.folder, { recursive: true, force: true });
rmSync(join(home, "extensions"), { recursive: true, force: true });
installPackage(home, file);
process.stderr.write("done\n");

const isNew = !existsSync(join(folder, "iadr1.yaml"));
const server = await startWorkbench(home, {
  port: Number(values.port),
  settings: {
    "workbench.startupEditor": "none",
    "workbench.welcomePage.walkthroughs.openOnInstall": true,
    "workbench.reduceMotion": "auto",
    "editor.cursorBlinking": "blink",
    "window.commandCenter": true,
  },
});
console.log(`\n  ${server.base}/?folder=${encodeURIComponent(folder)}\n`);
if (isNew)
  console.log("Begin with “IAD-R1: Create Sample Project” in the command palette (F1), or with the view IAD-R1.");
console.log("Ctrl-C ends the studio.");
for (const signal of ["SIGINT", "SIGTERM"]) {
  process.on(signal, async () => {
    await server.stop();
    process.exit(0);
  });
}
