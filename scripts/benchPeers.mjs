/**
 * Gets what `npm run bench` compares with: the Python environment of the reference tests, and llama.cpp as node-llama-cpp's package
 * brings it, into .cache. Only benchmarks use either.
 */
import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { ensurePython } from "./pythonEnv.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const folder = join(root, ".cache", "llama");
const binaries = {
  "linux-x64": "linux-x64",
  "linux-arm64": "linux-arm64",
  "darwin-arm64": "mac-arm64-metal",
  "darwin-x64": "mac-x64",
  "win32-x64": "win-x64",
  "win32-arm64": "win-arm64",
};

function ensureLlama() {
  const source = join(root, "bench", "peers");
  const wanted = readFileSync(join(source, "package.json"), "utf8");
  const stamp = join(folder, "installed");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === wanted) return;
  const binary = binaries[`${process.platform}-${process.arch}`];
  if (binary === undefined) throw new Error(`There is no llama.cpp for ${process.platform}-${process.arch}.`);
  process.stderr.write("Installing llama.cpp for benchmarks (once, about a minute)… ");
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  cpSync(join(source, "package.json"), join(folder, "package.json"));
  // Of the many binaries only that of this machine: together they take most of a gigabyte.
  npm(["install", "--omit=optional", "--ignore-scripts", "--no-package-lock", "--no-audit", "--no-fund"]);
  const { version } = JSON.parse(readFileSync(join(folder, "node_modules", "node-llama-cpp", "package.json"), "utf8"));
  const place = join(folder, "node_modules", "@node-llama-cpp", binary);
  mkdirSync(place, { recursive: true });
  const file = npm(["pack", `@node-llama-cpp/${binary}@${version}`, "--silent"])
    .trim()
    .split("\n")
    .at(-1);
  execFileSync("tar", ["xzf", join(folder, file), "--strip-components=1"], { cwd: place });
  rmSync(join(folder, file));
  writeFileSync(stamp, wanted);
  process.stderr.write("done\n");
}

function npm(args) {
  const shell = process.platform === "win32";
  return execFileSync("npm", args, { cwd: folder, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"], shell });
}

let failed = false;
for (const ensure of [ensurePython, ensureLlama]) {
  try {
    await ensure();
  } catch (error) {
    console.error(error.message);
    failed = true;
  }
}
process.exitCode = failed ? 1 : 0;
