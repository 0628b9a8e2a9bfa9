/**
 * Gets what browser and workbench tests need, each on first use and only from package registries: the packages of this folder, a Chromium,
 * and the real VS Code server with its web workbench. Quiet when there is nothing to do. The product needs none of it.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = fileURLToPath(new URL(".", import.meta.url));
export const root = fileURLToPath(new URL("../..", import.meta.url));
const cache = join(root, ".cache");

/** code-server's version: VS Code 1.100.3, the newest whose server runs on Node 20. */
const codeServerVersion = "4.100.3";

/** Installs the packages of test/e2e/package-lock.json when they are missing or stale. */
export function ensureTools() {
  const wanted = createHash("sha256")
    .update(readFileSync(join(here, "package-lock.json")))
    .digest("hex");
  const stamp = join(here, "node_modules", ".installed");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === wanted) return;
  announce("Installing the tools of browser tests and packaging (once, about half a minute)", () => {
    npm(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"], here);
    writeFileSync(stamp, wanted);
  });
}

/** The first is Chromium without windows, which takes little more than half of the processor's time; Debian packages it. */
const browsers = ["chromium-headless-shell", "chromium", "chromium-browser", "google-chrome"];

/**
 * The Chromium to test with: `CHROMIUM`, or one of the usual names; on Debian its headless shell is installed when this is root.
 *
 * @returns its path
 * @throws Error that says what to install
 */
export function ensureChromium() {
  if (process.env.CHROMIUM) return process.env.CHROMIUM;
  const found = () => browsers.map(onPath).find((path) => path !== null && starts(path)) ?? null;
  if (onPath(browsers[0]) === null && isDebian() && process.getuid() === 0) {
    try {
      announce("Installing Chromium for browser tests (once, about a minute)", installHeadlessShell);
    } catch (error) {
      if (found() === null) throw error;
    }
  }
  const chromium = found();
  if (chromium !== null) return chromium;
  throw new Error("Browser tests need Chromium; found none.\n  cure:  install it, or set CHROMIUM to its path.");
}

function installHeadlessShell() {
  const quiet = { env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" }, stdio: "pipe" };
  // Another installation may be under way on a fresh machine.
  const wait = ["-o", "DPkg::Lock::Timeout=300"];
  execFileSync("apt-get", [...wait, "update", "-qq"], quiet);
  execFileSync("apt-get", [...wait, "install", "-y", "-qq", "--no-install-recommends", browsers[0]], quiet);
}

function isDebian() {
  return existsSync("/etc/os-release") && /^ID=debian$/m.test(readFileSync("/etc/os-release", "utf8"));
}

/** Some systems have a script of this name that only says where to get the program. */
function starts(path) {
  return spawnSync(path, ["--version"], { stdio: "ignore" }).status === 0;
}

function onPath(name) {
  for (const folder of (process.env.PATH ?? "").split(delimiter)) {
    if (folder !== "" && existsSync(join(folder, name))) return join(folder, name);
  }
  return null;
}

/**
 * Unpacks the VS Code server that code-server's package carries and installs what it imports, without install scripts and without
 * code-server's own wrapper. Native parts that would need a compiler get small stand-ins.
 *
 * @returns the folder of the server (`out/server-main.js` is in it)
 */
export function ensureWorkbench() {
  const folder = join(cache, `code-server-${codeServerVersion}`);
  const server = join(folder, "lib", "vscode");
  if (existsSync(join(folder, ".complete"))) {
    linkBuiltinExtensions(server, builtinFolder);
    return server;
  }
  announce("Installing the VS Code workbench for tests (once, about half a minute)", () => {
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    unpack(`code-server@${codeServerVersion}`, folder, ["--exclude=*.map"]);
    // Not "npm ci": the shrinkwrap of this version lacks a package that the server needs.
    const flags = ["--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund", "--no-save", "--loglevel=error"];
    npm(["install", ...flags], server);
    npm(["install", ...flags], join(server, "extensions"));
    installRipgrep(join(server, "node_modules", "@vscode", "ripgrep"));
    cpSync(join(here, "spdlogStandIn.cjs"), join(server, "node_modules", "@vscode", "spdlog", "index.js"));
    writeFileSync(join(server, "node_modules", "native-watchdog", "index.js"), watchdogStandIn);
    linkBuiltinExtensions(server, builtinFolder);
    writeFileSync(join(folder, ".complete"), "");
  });
  return server;
}

/** The extensions that the tests need; fewer start faster. */
const builtinExtensions = [
  "json",
  "json-language-features",
  "yaml",
  "configuration-editing",
  "theme-defaults",
  "theme-seti",
  "search-result",
  "log",
  "media-preview",
  "markdown-basics",
  "markdown-language-features",
  "typescript-basics",
  "python",
  "ms-vscode.js-debug",
  "node_modules",
  "package.json",
];

/** Ends the extension host when the server is gone. */
const watchdogStandIn =
  "exports.start = (pid) => { setInterval(() => { try { process.kill(pid, 0); } catch { process.exit(87); } }, 1000).unref(); };\n";

function linkBuiltinExtensions(server, folder) {
  mkdirSync(folder, { recursive: true });
  for (const name of builtinExtensions) {
    if (!existsSync(join(folder, name))) symlinkSync(join(server, "extensions", name), join(folder, name));
  }
}

/** Without it there is no quick open and no activation by a file's name. */
function installRipgrep(folder) {
  if (existsSync(join(folder, "bin", "rg"))) return;
  const unpacked = join(cache, "ripgrep");
  rmSync(unpacked, { recursive: true, force: true });
  mkdirSync(unpacked, { recursive: true });
  unpack(`@vscode/ripgrep-${process.platform}-${process.arch}@1.18.0`, unpacked);
  cpSync(join(unpacked, "bin"), join(folder, "bin"), { recursive: true });
}

/** Fetches a package with npm's own client and unpacks it. */
function unpack(spec, folder, tarFlags = []) {
  const name = npm(["pack", spec, "--silent"], folder).trim().split("\n").at(-1);
  execFileSync("tar", ["xzf", name, "--strip-components=1", ...tarFlags], { cwd: folder });
  rmSync(join(folder, name));
}

function npm(args, cwd) {
  const { status, stdout, stderr } = spawnSync("npm", args, {
    ...{ cwd, encoding: "utf8", shell: process.platform === "win32", maxBuffer: 1 << 26 },
  });
  if (status === 0) return stdout;
  throw new Error(`npm ${args.join(" ")} ended with code ${status} in ${cwd}.\n${stdout}${stderr}`);
}

function announce(text, work) {
  process.stderr.write(`${text}… `);
  const started = Date.now();
  try {
    work();
  } catch (error) {
    process.stderr.write("failed\n");
    throw error;
  }
  process.stderr.write(`done in ${Math.round((Date.now() - started) / 1000)} s\n`);
}

/** The folder of the extensions that tests start with. */
export const builtinFolder = join(cache, `code-server-${codeServerVersion}`, "builtin");
