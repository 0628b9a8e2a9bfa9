/** One scenario: a folder with the sample project, the workbench on it with the packaged extension, and everything ended afterwards. */
import { execFileSync, spawn } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import sharp from "sharp";
import {
  addExtension,
  dropFolder,
  freePort,
  installPackage,
  makeFolder,
  startBrowser,
  startWorkbench,
} from "./harness.mjs";
import { root } from "./setup.mjs";
import { patienceMs, Workbench } from "./workbench.mjs";

const cli = join(root, "bin", "iad-r1");

/**
 * Makes a sample project as a person would have it, but with few steps.
 *
 * @param steps of PA-SFT
 */
export function makeProject(folder, { steps = 4, images = 40 } = {}) {
  const workspace = join(folder, "inspection");
  mkdirSync(workspace);
  execFileSync(process.execPath, [cli, "project", "sample", workspace, "--images", String(images)], { stdio: "pipe" });
  const file = join(workspace, "iadr1.yaml");
  const text = readFileSync(file, "utf8");
  writeFileSync(file, shortened(text, steps));
  return workspace;
}

/** The same experiment with less work: a test is about the way, not about the model. */
export function shortened(text, steps) {
  return text
    .replace(/steps: 120/, `steps: ${steps}`)
    .replace(/steps: 10\b/, "steps: 2")
    .replace(/batchSize: 8/, "batchSize: 2")
    .replace(/promptsPerStep: 8/, "promptsPerStep: 2");
}

/** The first picture with a defect below a folder. */
export function firstDefect(workspace) {
  const images = join(workspace, "data", "sample", "images");
  for (const category of readdirSync(images)) {
    for (const kind of readdirSync(join(images, category))) {
      const [name] = readdirSync(join(images, category, kind));
      if (kind !== "good" && name !== undefined)
        return { name, path: join(images, category, kind, name), end: `images/${category}/${kind}/${name}` };
    }
  }
  throw new Error(`There is no defect below ${images}.`);
}

/** The same picture as TIFF, which only the server can decode. */
export async function makeTiff(from, to) {
  await sharp(from).tiff({ compression: "lzw" }).toFile(to);
}

/**
 * Runs `work` in a fresh workbench on a fresh sample project, and keeps a picture when it fails.
 *
 * @param name   names the picture
 * @param options for `makeProject`, `startWorkbench` and `startBrowser`; `extensions`: folders of further extensions
 */
export async function inWorkbench(name, options, work) {
  const folder = makeFolder();
  const workspace = makeProject(folder, options);
  installPackage(folder, process.env.IADR1_PACKAGE);
  for (const source of options.extensions ?? []) addExtension(folder, source);
  const server = await startWorkbench(folder, options);
  let browser = await startBrowser(folder, options);
  const scenario = {
    ...{ folder, workspace, server, window: new Workbench(browser.pages()[0]) },
    /**
     * Closes the window, and opens it again as after an evening.
     *
     * @param editor viewType and state (as `remembers` takes them) of an editor that must be there again
     */
    async reopen({ viewType, state }, whileClosed = async () => {}) {
      await scenario.window.remembers(viewType, state);
      // Leaving the page lets the workbench write down what was open, as closing a window does.
      await scenario.window.page.goto("about:blank");
      await browser.close();
      await whileClosed();
      browser = await startBrowser(folder, options);
      scenario.window = new Workbench(browser.pages()[0]);
      await scenario.window.open(server.base, workspace);
    },
  };
  try {
    await scenario.window.open(server.base, workspace);
    await work(scenario);
  } catch (error) {
    await scenario.window.picture(`failed-${name}`).catch(() => {});
    console.error(await scenario.window.described().catch((cause) => `The window says nothing: ${cause.message}`));
    console.error(server.extensionLog().split("\n").slice(-30).join("\n"));
    throw error;
  } finally {
    await browser.close();
    await server.stop();
    endRuns(workspace);
    if (!process.env.E2E_KEEP) dropFolder(folder);
  }
}

/** Runs outlive their editor; those of a test must not. */
function endRuns(workspace) {
  for (const pid of runProcesses(workspace)) kill(pid);
}

/**
 * Waits until the newest run of a project has this state on disk, as long as it goes on writing: a slow machine is waited for, a run that
 * does nothing any more is not.
 */
export async function runReaches(workspace, state) {
  const runs = join(workspace, ".iadr1", "runs");
  let seen = "";
  let changedMs = Date.now();
  for (;;) {
    const newest = newestRun(workspace);
    const folder = newest === undefined ? null : join(runs, newest);
    const now = folder === null ? "" : sizes(folder);
    if (now !== seen) [seen, changedMs] = [now, Date.now()];
    const found = folder === null ? null : stateOf(folder);
    if (found === state) return;
    if (["completed", "stopped", "failed"].includes(found)) throw new Error(`The run is ${found}, not ${state}.`);
    if (Date.now() - changedMs > patienceMs) throw new Error(`The run is ${found ?? "not there"} and does nothing.`);
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}

function stateOf(folder) {
  try {
    return JSON.parse(readFileSync(join(folder, "run.json"), "utf8")).state;
  } catch {
    return null;
  }
}

function sizes(folder) {
  return ["run.json", "events.jsonl", "scalars.bin"]
    .map((name) => statSync(join(folder, name), { throwIfNoEntry: false })?.mtimeMs ?? 0)
    .join(" ");
}

/** Processes that write runs of a project now. */
export function runProcesses(workspace) {
  const runs = join(workspace, ".iadr1", "runs");
  return listed(runs).flatMap((run) => {
    try {
      return [JSON.parse(readFileSync(join(runs, run, "writer.lock"), "utf8")).pid];
    } catch {
      return [];
    }
  });
}

/** Id of the newest run of a project. */
export function newestRun(workspace) {
  return listed(join(workspace, ".iadr1", "runs"))
    .sort()
    .at(-1);
}

function listed(folder) {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

/** Language servers that the extensions of a workbench have started. */
export function languageServers(folder) {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        const command = readFileSync(`/proc/${pid}/cmdline`, "utf8");
        return command.includes(folder) && command.includes("main.mjs") && command.includes("--stdio");
      } catch {
        return false;
      }
    })
    .map(Number);
}

export function kill(pid) {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It is gone already.
  }
}

/** Starts `iad-r1 serve`; `start` again after `stop` listens where it did before. */
export async function remoteServer(workspace) {
  const port = await freePort();
  const tokenFile = join(workspace, "..", "token");
  let child = null;
  return {
    address: `ws://127.0.0.1:${port}`,
    token: () => readFileSync(tokenFile, "utf8").trim(),
    async start() {
      const args = [cli, "serve", "--listen", `127.0.0.1:${port}`, "--token-file", tokenFile, "--root", workspace];
      child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"] });
      await new Promise((resolve, reject) => {
        child.stdout.on("data", (text) => String(text).includes("Listening") && resolve());
        child.once("exit", (code) => reject(new Error(`iad-r1 serve ended with code ${code}`)));
      });
    },
    async stop() {
      if (child === null || child.exitCode !== null || child.signalCode !== null) return;
      const gone = new Promise((resolve) => child.once("exit", resolve));
      child.kill("SIGKILL");
      await gone;
    },
  };
}
