/**
 * Makes a fresh clone usable: checks Node, installs the packages of package-lock.json when they are missing or stale,
 * and bundles the sources. Quiet when there is nothing to do; never asks, never downloads anything else.
 */
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const stamp = join(root, ".cache", "installed");

const [major, minor] = process.versions.node.split(".").map(Number);
if (major < 20 || (major === 20 && minor < 19)) {
  console.error(
    `Node ${process.versions.node} is too old: IAD-R1 needs Node 20.19 or newer. Get it from https://nodejs.org.`,
  );
  process.exit(1);
}

const wanted = createHash("sha256")
  .update(readFileSync(join(root, "package-lock.json")))
  .digest("hex");
const installed = existsSync(stamp) && existsSync(join(root, "node_modules")) ? readFileSync(stamp, "utf8") : "";
if (installed !== wanted) {
  process.stderr.write("Installing packages (once, about half a minute)… ");
  const started = Date.now();
  const { code, output } = await run("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]);
  if (code !== 0) {
    process.stderr.write(
      `failed\n${output}\nnpm ci ended with code ${code}. Check the network and run the command again.\n`,
    );
    process.exit(1);
  }
  mkdirSync(join(root, ".cache"), { recursive: true });
  writeFileSync(stamp, wanted);
  process.stderr.write(`done in ${Math.round((Date.now() - started) / 1000)} s\n`);
}

const { bundle } = await import("./build.mjs");
await bundle();

/** Runs a command and keeps what it prints, to be shown only when it fails. */
function run(command, args) {
  return new Promise((resolve) => {
    let output = "";
    const child = spawn(command, args, { cwd: root, shell: process.platform === "win32" });
    child.stdout.on("data", (chunk) => (output += chunk));
    child.stderr.on("data", (chunk) => (output += chunk));
    child.on("error", (error) => resolve({ code: -1, output: String(error) }));
    child.on("close", (code) => resolve({ code, output }));
  });
}
