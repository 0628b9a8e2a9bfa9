/**
 * The real VS Code workbench in a headless browser, with the packaged extension installed: starts the server that code-server carries,
 * a Chromium beside it, and ends both with everything they started. What is looked for in the workbench stands in `workbench.mjs`.
 */
import { execFileSync, spawn } from "node:child_process";
import {
  cpSync,
  createWriteStream,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";
import { patienceMs } from "./workbench.mjs";
import { builtinFolder, ensureChromium, ensureWorkbench } from "./setup.mjs";

/** Nothing that asks, animates, updates or talks to the outside. */
export const quietSettings = {
  "telemetry.telemetryLevel": "off",
  "update.mode": "none",
  "extensions.autoUpdate": false,
  "extensions.autoCheckUpdates": false,
  "extensions.ignoreRecommendations": true,
  "workbench.startupEditor": "none",
  "workbench.tips.enabled": false,
  "workbench.enableExperiments": false,
  "workbench.settings.enableNaturalLanguageSearch": false,
  "workbench.welcomePage.walkthroughs.openOnInstall": false,
  "workbench.secondarySideBar.defaultVisibility": "hidden",
  "security.workspace.trust.startupPrompt": "never",
  "security.workspace.trust.banner": "never",
  "chat.disableAIFeatures": true,
  "chat.commandCenter.enabled": false,
  "window.commandCenter": false,
  "git.enabled": false,
  "json.schemaDownload.enable": false,
  "editor.hover.delay": 100,
  "workbench.reduceMotion": "on",
  "editor.cursorBlinking": "solid",
  "window.confirmBeforeClose": "never",
  "files.simpleDialog.enable": true,
};

/** A folder of its own for one test: server data, extensions, browser profile, workspace. */
export function makeFolder() {
  return mkdtempSync(join(process.env.E2E_TMP ?? tmpdir(), "iadr1-e2e-"));
}

/** What cannot be removed yet, because something still writes there while it ends, is left and named: it is no fault of what was tested. */
export function dropFolder(folder) {
  try {
    rmSync(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 250 });
  } catch (error) {
    console.warn(`${folder} is left: ${error.message}`);
  }
}

/** Installs a package as a person would, through the server's own command line. */
export function installPackage(folder, file) {
  const server = join(ensureWorkbench(), "out", "server-main.js");
  const args = ["--install-extension", file, "--extensions-dir", join(folder, "extensions")];
  const rest = ["--server-data-dir", join(folder, "install"), "--accept-server-license-terms"];
  execFileSync(process.execPath, [server, ...args, ...rest], { stdio: "pipe" });
}

/** Adds an extension of a test from its folder; after `installPackage`, which makes the list of what is installed. */
export function addExtension(folder, source) {
  const { publisher, name, version } = JSON.parse(readFileSync(join(source, "package.json"), "utf8"));
  const relativeLocation = `${publisher}.${name}-${version}`;
  const target = join(folder, "extensions", relativeLocation);
  cpSync(source, target, { recursive: true });
  const list = join(folder, "extensions", "extensions.json");
  const entry = {
    ...{ identifier: { id: `${publisher}.${name}` }, version, relativeLocation },
    location: { $mid: 1, path: target, scheme: "file" },
    metadata: {},
  };
  writeFileSync(list, JSON.stringify([...JSON.parse(readFileSync(list, "utf8")), entry]));
}

/**
 * Starts the workbench's server.
 *
 * @param options.settings  besides the quiet ones
 * @param options.port      one that is free when left out
 * @param options.isTrusted false: the workspace asks for trust, as a person meets it
 */
export async function startWorkbench(folder, { settings = {}, isTrusted = true, env = {}, port: wanted } = {}) {
  const server = join(ensureWorkbench(), "out", "server-main.js");
  const data = join(folder, "server");
  const port = wanted ?? (await freePort());
  mkdirSync(join(data, "data", "User"), { recursive: true });
  mkdirSync(join(data, "data", "Machine"), { recursive: true });
  mkdirSync(join(folder, "extensions"), { recursive: true });
  writeFileSync(
    join(data, "data", "User", "settings.json"),
    JSON.stringify({ ...quietSettings, ...settings }, null, 2),
  );
  const args = [
    ...[
      server,
      "--host",
      "127.0.0.1",
      "--port",
      String(port),
      "--without-connection-token",
      "--accept-server-license-terms",
    ],
    ...["--server-data-dir", data, "--extensions-dir", join(folder, "extensions"), "--telemetry-level", "off"],
    ...["--builtin-extensions-dir", builtinFolder, "--disable-getting-started-override", "--disable-experiments"],
    ...(isTrusted ? ["--disable-workspace-trust"] : []),
  ];
  const child = spawn(process.execPath, args, {
    cwd: folder,
    stdio: ["ignore", "pipe", "pipe"],
    // A process group of its own, so that the extension host and our server end with it.
    detached: true,
    env: {
      ...process.env,
      EXTENSIONS_GALLERY: "{}",
      XDG_CONFIG_HOME: join(folder, "xdg"),
      XDG_DATA_HOME: join(folder, "xdg"),
      ...env,
    },
  });
  const log = createWriteStream(join(folder, "server.log"));
  child.stdout.pipe(log);
  child.stderr.pipe(log);
  const base = `http://127.0.0.1:${port}`;
  await answering(`${base}/version`, child);
  return {
    ...{ base, port, data },
    /** The log of the extension host, newest session. */
    extensionLog: () => extensionLog(data),
    async stop() {
      if (child.exitCode === null && child.signalCode === null) {
        const gone = new Promise((resolve) => child.once("exit", resolve));
        child.kill("SIGTERM");
        const timer = setTimeout(() => child.kill("SIGKILL"), 20_000);
        await gone;
        clearTimeout(timer);
      }
      try {
        process.kill(-child.pid, "SIGKILL");
      } catch {
        // The group is empty already.
      }
    },
  };
}

/** Our output channel as the workbench wrote it to disk, of all windows of this server. */
function extensionLog(data) {
  const texts = [];
  const walk = (folder) => {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) walk(path);
      else if (/IAD-R1\.log$/.test(entry.name)) texts.push(readFileSync(path, "utf8"));
    }
  };
  walk(join(data, "data", "logs"));
  return texts.join("\n");
}

/** A browser that can reach this machine and nothing else. */
export async function startBrowser(folder, { locale = "en", viewport = { width: 1280, height: 800 } } = {}) {
  return chromium.launchPersistentContext(join(folder, "chromium"), {
    executablePath: ensureChromium(),
    headless: true,
    timeout: patienceMs,
    viewport,
    locale,
    args: [
      ...["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"],
      ...["--disable-component-update", "--disable-sync", "--disable-dev-shm-usage"],
      "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
    ],
  });
}

export function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.on("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

async function answering(url, child) {
  const until = Date.now() + patienceMs;
  for (;;) {
    if (child.exitCode !== null) throw new Error(`The workbench's server ended with code ${child.exitCode}.`);
    try {
      if ((await fetch(url)).status < 500) return;
    } catch {
      // Not listening yet.
    }
    if (Date.now() > until) throw new Error(`${url} did not answer.`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
