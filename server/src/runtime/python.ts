/** Which Python is used, and whether TRL can run in it. Looks only; it installs nothing. */
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { CancelledError, ConfigError } from "@iad-r1/models/errors";

/** What `engine: trl` imports, by the names that pip knows. */
export const trlPackages = ["torch", "transformers", "trl", "peft", "accelerate", "datasets", "pillow"] as const;
/** Major version of TRL that engines/python is written for. */
const trlMajor = 1;
const limitMs = 180_000;

/** The interpreter to use: the one named in IADR1_PYTHON, that of an active virtual environment, else the first on the path. */
export function findPython(): string {
  const { IADR1_PYTHON, VIRTUAL_ENV } = process.env;
  if (IADR1_PYTHON !== undefined && IADR1_PYTHON !== "") return IADR1_PYTHON;
  const isWindows = process.platform === "win32";
  if (VIRTUAL_ENV !== undefined && VIRTUAL_ENV !== "") {
    const path = isWindows ? join(VIRTUAL_ENV, "Scripts", "python.exe") : join(VIRTUAL_ENV, "bin", "python");
    if (existsSync(path)) return path;
  }
  return isWindows ? "python" : "python3";
}

/** A Python in which TRL can run. */
export interface PythonEngine {
  python: string;
  /** Of Python itself and of each package. */
  versions: Record<string, string>;
  /** Name of the card that torch would use, "mps", or "cpu". */
  device: string;
}

/** Versions from the packages' own notes, which costs no import; then torch, for what it can compute on. */
const script = `
import importlib.metadata as m, json, sys
found, missing = {}, []
for name in ${JSON.stringify(trlPackages)}:
    try: found[name] = m.version(name)
    except m.PackageNotFoundError: missing.append(name)
device = None
if not missing:
    import torch
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
print(json.dumps({"python": "%d.%d.%d" % sys.version_info[:3], "found": found, "missing": missing, "device": device}))
`;

/**
 * @param python the interpreter of the experiment file; looked for when left out
 * @throws ConfigError `trl/no-python`, `trl/missing-packages`, `trl/version`: each with the one thing to do
 */
export async function findPythonEngine(python = findPython(), signal?: AbortSignal): Promise<PythonEngine> {
  const answer = JSON.parse(await runPythonScript(python, signal)) as {
    python: string;
    found: Record<string, string>;
    missing: string[];
    device: string | null;
  };
  const { found, missing } = answer;
  if (missing.length > 0) {
    throw new ConfigError(
      "trl/missing-packages",
      `engine: trl needs ${trlPackages.join(", ")} in ${python} (Python ${answer.python}); missing: ${missing.join(", ")}.`,
      { hint: `Run  ${python} -m pip install ${missing.join(" ")}  or ${anotherPython}` },
    );
  }
  const major = Number(found.trl!.split(".")[0]);
  if (major !== trlMajor) {
    throw new ConfigError(
      "trl/version",
      `engine: trl expects version ${trlMajor} of trl, got ${found.trl} in ${python}.`,
      {
        hint: `Run  ${python} -m pip install "trl>=${trlMajor},<${trlMajor + 1}"  or ${anotherPython}`,
      },
    );
  }
  return { python, versions: { python: answer.python, ...found }, device: answer.device! };
}

const anotherPython = "name another Python as trl.python in the experiment file or in IADR1_PYTHON.";

function runPythonScript(python: string, signal?: AbortSignal): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(python, ["-W", "ignore", "-c", script], {
      stdio: ["ignore", "pipe", "pipe"],
      timeout: limitMs,
      ...(signal && { signal }),
      env: { ...process.env, PYTHONIOENCODING: "utf-8", PYTHONDONTWRITEBYTECODE: "1" },
    });
    let [out, words] = ["", ""];
    const fail = (why: string, cause?: unknown) => {
      if (signal?.aborted) return reject(new CancelledError());
      reject(
        new ConfigError("trl/no-python", `engine: trl needs Python, and ${python} cannot be used: ${why}.`, {
          hint: `Install Python 3.10 or newer with  pip install ${trlPackages.join(" ")}  and ${anotherPython}`,
          cause,
        }),
      );
    };
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      out += text;
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      words = (words + text).slice(-2_000);
    });
    child.once("error", (cause: NodeJS.ErrnoException) =>
      fail(cause.code === "ENOENT" ? "it was not found" : cause.message, cause),
    );
    child.once("close", (code, killed) => {
      if (code === 0) return resolve(out);
      fail(words.trim().split("\n").at(-1) || (killed ?? `exit code ${code}`));
    });
  });
}
