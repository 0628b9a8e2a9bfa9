/**
 * Makes the extension's packages in dist/vsix: one for each platform, with only its binaries, and a universal one without the engine, for
 * work with a remote server. Prints their sizes. `--target linux-x64` makes only that one.
 */
import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { ensureTools } from "../test/e2e/setup.mjs";
import { bundle } from "./build.mjs";
import { copyNativeParts, platforms } from "./packaging/nativeParts.mjs";
import { bundledPackages, notices } from "./packaging/notices.mjs";
import { shippedPages } from "./packaging/pages.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const client = join(root, "client");
const out = join(root, "dist", "vsix");

/** Where the package of a target lies, after `makePackage`. */
export function packageFile(target) {
  const { version } = JSON.parse(readFileSync(join(client, "package.json"), "utf8"));
  return join(out, `iad-r1-${target}-${version}.vsix`);
}

/** @param target a key of `platforms`, or "universal" */
export async function makePackage(target, bundles) {
  const stage = join(out, `stage-${target}`);
  rmSync(stage, { recursive: true, force: true });
  mkdirSync(join(stage, "dist"), { recursive: true });
  const isUniversal = target === "universal";
  for (const name of readdirSync(bundles.folder)) {
    // The server needs the engine; the extension and its pages do not.
    if (isUniversal && name.endsWith(".mjs")) continue;
    cpSync(join(bundles.folder, name), join(stage, "dist", name), { recursive: true });
  }
  const native = isUniversal ? [] : copyNativeParts(target, join(stage, "dist", "node_modules"));
  if (!isUniversal) {
    cpSync(join(root, "models", "nano"), join(stage, "models", "nano"), { recursive: true });
    const isPython = (path) => !path.includes("__pycache__");
    cpSync(join(root, "engines"), join(stage, "engines"), { recursive: true, filter: isPython });
    cpSync(join(root, "samples", "rewards"), join(stage, "samples", "rewards"), { recursive: true });
    for (const page of shippedPages) {
      cpSync(join(root, "docs", page), join(stage, "docs", page), { recursive: true });
    }
  }
  for (const name of ["media", "l10n", "README.md", "package.nls.json", "package.nls.zh-cn.json"]) {
    cpSync(join(client, name), join(stage, name), { recursive: true });
  }
  for (const name of ["LICENSE", "CHANGELOG.md"]) cpSync(join(root, name), join(stage, name));
  rmSync(join(stage, "media", "icon.svg"));
  writeFileSync(join(stage, "package.json"), `${JSON.stringify(manifest(), null, 2)}\n`);
  const texts = notices([...bundledPackages(bundles.metafiles), ...native]);
  writeFileSync(join(stage, "ThirdPartyNotices.txt"), texts);
  const file = packageFile(target);
  rmSync(file, { force: true });
  const vsce = join(root, "test", "e2e", "node_modules", "@vscode", "vsce", "vsce");
  const flags = ["--no-dependencies", "--allow-missing-repository", "--no-rewrite-relative-links", "--out", file];
  const platform = isUniversal ? [] : ["--target", target];
  execFileSync(process.execPath, [vsce, "package", ...flags, ...platform], {
    cwd: stage,
    stdio: ["ignore", "pipe", "inherit"],
  });
  rmSync(stage, { recursive: true });
  return file;
}

/** The manifest as VS Code reads it: without what only the workspace of this repository needs. */
function manifest() {
  const {
    name: _name,
    private: _private,
    type: _type,
    exports: _exports,
    ...rest
  } = JSON.parse(readFileSync(join(client, "package.json"), "utf8"));
  const { dependencies: _dependencies, devDependencies: _devDependencies, ...fields } = rest;
  return { name: "iad-r1", ...fields, main: "./dist/extension.cjs", files: ["**"] };
}

/** Bundles once for all targets. */
export async function makeBundles() {
  const folder = join(out, "bundles");
  rmSync(folder, { recursive: true, force: true });
  return { folder, metafiles: await bundle({ outdir: folder, isForPackage: true }) };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values } = parseArgs({ options: { target: { type: "string", multiple: true } } });
  const all = [...Object.keys(platforms), "universal"];
  const unknown = values.target?.find((target) => !all.includes(target));
  if (unknown !== undefined) {
    console.error(`There is no target ${unknown}; expected one of ${all.join(", ")}.`);
    process.exit(2);
  }
  ensureTools();
  const bundles = await makeBundles();
  for (const target of values.target ?? all) {
    const file = await makePackage(target, bundles);
    console.log(`${(statSync(file).size / 1e6).toFixed(1).padStart(6)} MB  ${file.slice(root.length)}`);
  }
  if (existsSync(bundles.folder)) rmSync(bundles.folder, { recursive: true });
}
