/**
 * Makes the Python environment of the reference tests and benchmarks (.cache/python) when it is missing or stale.
 * Only those use Python; the product never does. Quiet when there is nothing to do.
 */
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const folder = join(root, ".cache", "python");
const requirements = join(root, "test", "python", "requirements.txt");
const stamp = join(folder, "installed");
const windows = process.platform === "win32";

/** The interpreter inside the environment. */
export const python = join(folder, windows ? "Scripts/python.exe" : "bin/python");

/**
 * Makes the environment when needed.
 *
 * @returns the interpreter's path
 * @throws Error that says what to install when there is no Python, or what pip said
 */
export async function ensurePython() {
  const wanted = createHash("sha256").update(readFileSync(requirements)).digest("hex");
  if (existsSync(python) && existsSync(stamp) && readFileSync(stamp, "utf8") === wanted) return python;
  process.stderr.write("Installing the Python packages of the reference tests (once, a few minutes)… ");
  const started = Date.now();
  try {
    if (!existsSync(python)) await must([...(await findPython()), "-m", "venv", folder]);
    await install();
  } catch (error) {
    process.stderr.write("failed\n");
    throw error;
  }
  writeFileSync(stamp, wanted);
  process.stderr.write(`done in ${Math.round((Date.now() - started) / 1000)} s\n`);
  return python;
}

/** The command that starts a Python of a version the packages are made for. */
async function findPython() {
  const candidates = windows ? [["py", "-3"], ["python"]] : [["python3"], ["python"]];
  const seen = [];
  for (const command of candidates) {
    const { code, output } = await run([...command, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]);
    if (code !== 0) continue;
    const version = output.trim();
    const [major, minor] = version.split(".").map(Number);
    if (major === 3 && minor >= 11) return command;
    seen.push(version);
  }
  const found = seen.length > 0 ? `found only ${seen.join(", ")}` : "found none";
  throw new Error(
    `The reference tests need Python 3.11 or newer with venv; ${found}. Install it and run the command again.`,
  );
}

/** One attempt: where no package index answers, retries would only take minutes to say so. */
async function install() {
  const pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--retries=0"];
  const { code, output } = await run([...pip, "-r", requirements]);
  if (code === 0) return;
  const reason =
    output
      .trim()
      .split("\n")
      .findLast((line) => line.startsWith("ERROR:")) ?? `code ${code}`;
  throw new Error(
    `The Python packages of the reference tests cannot be installed (${reason.replace(/^ERROR: /, "")}).\n` +
      `  cure:  check that pip reaches its package index, or install ${requirements} into ${folder} yourself.`,
  );
}

async function must(command) {
  const { code, output } = await run(command);
  if (code !== 0) throw new Error(`${command.join(" ")} ended with code ${code}.\n${output}`);
}

/** Runs a command and keeps what it prints. */
function run([command, ...args]) {
  return new Promise((resolve) => {
    let output = "";
    const child = spawn(command, args, { cwd: root });
    child.stdout.on("data", (chunk) => (output += chunk));
    child.stderr.on("data", (chunk) => (output += chunk));
    child.on("error", (error) => resolve({ code: -1, output: String(error) }));
    child.on("close", (code) => resolve({ code, output }));
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  try {
    await ensurePython();
  } catch (error) {
    console.error(error.message);
    process.exit(1);
  }
}
