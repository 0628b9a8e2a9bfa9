/** `iad-r1 doctor`: what this machine can do, with evidence and a cure for each line. Changes nothing. */
import { execFile } from "node:child_process";
import { statfs } from "node:fs/promises";
import { cpus, freemem, totalmem } from "node:os";
import { promisify } from "node:util";
import { loadModelDescription } from "@iad-r1/models/zoo";
import { formatError } from "@iad-r1/models/errors";
import type { Command } from "commander";
import { probeDevices } from "../../runtime/devices";
import { action } from "../action";
import { embeddedModel } from "../modelOptions";

/** One thing that was looked at. "optional": missing, and only some features need it. */
export interface DoctorCheck {
  name: string;
  status: "ok" | "optional" | "problem";
  /** What was found, with numbers. */
  evidence: string;
  cure: string | null;
}

const GIB = 2 ** 30;

export function registerDoctor(program: Command): void {
  program
    .command("doctor")
    .description("check this machine: processor, memory, disk, devices, embedded model, optional Python engine")
    .action(
      action(async (context) => {
        const checks = await examine();
        if (checks.some(({ status }) => status === "problem")) context.fail();
        if (context.json) return context.printJson({ ok: checks.every(({ status }) => status !== "problem"), checks });
        const marks = { ok: "✔", optional: "–", problem: "✘" };
        const width = Math.max(...checks.map(({ name }) => name.length));
        for (const { name, status, evidence, cure } of checks) {
          context.print(`${marks[status]} ${name.padEnd(width)}  ${evidence}`);
          if (cure !== null) context.print(`  ${" ".repeat(width)}  cure: ${cure}`);
        }
        const usable = checks.every(({ status }) => status !== "problem");
        context.print(usable ? "\nReady: inspection and training run here." : "\nNot ready: see the lines marked ✘.");
      }),
    );
}

export async function examine(): Promise<DoctorCheck[]> {
  return [node(), processor(), memory(), await disk(), ...(await deviceChecks()), await model(), await python()];
}

function node(): DoctorCheck {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  const ok = major > 20 || (major === 20 && minor >= 19);
  return {
    name: "Node",
    status: ok ? "ok" : "problem",
    evidence: `${process.versions.node} on ${process.platform} ${process.arch}`,
    cure: ok ? null : "install Node 20.19 or newer",
  };
}

function processor(): DoctorCheck {
  const cores = cpus();
  return {
    name: "Processor",
    status: "ok",
    evidence: `${cores.length} × ${cores[0]?.model.trim() ?? "unknown"}`,
    cure: null,
  };
}

function memory(): DoctorCheck {
  const free = freemem() / GIB;
  const ok = free > 1;
  return {
    name: "Memory",
    status: ok ? "ok" : "problem",
    evidence: `${free.toFixed(1)} of ${(totalmem() / GIB).toFixed(1)} GiB free`,
    cure: ok ? null : "close other programs: the embedded model needs about 1 GiB to train",
  };
}

async function disk(): Promise<DoctorCheck> {
  const { bavail, bsize } = await statfs(process.cwd());
  const free = (bavail * bsize) / GIB;
  const ok = free > 1;
  return {
    name: "Disk",
    status: ok ? "ok" : "problem",
    evidence: `${free.toFixed(1)} GiB free in ${process.cwd()}`,
    cure: ok ? null : "free some space: runs keep checkpoints and rollouts",
  };
}

async function deviceChecks(): Promise<DoctorCheck[]> {
  const reports = await probeDevices();
  return reports.map(({ device, available, detail, hint }) => ({
    name: `Device ${device}`,
    status: available ? "ok" : device === "cpu" ? "problem" : "optional",
    evidence: detail,
    cure: available ? null : (hint ?? null),
  }));
}

async function model(): Promise<DoctorCheck> {
  try {
    const { facts } = await loadModelDescription(embeddedModel);
    return {
      name: "Embedded model",
      status: "ok",
      evidence: `${(facts.numParameters / 1e6).toFixed(1)} million parameters in ${embeddedModel}`,
      cure: null,
    };
  } catch (error) {
    return {
      name: "Embedded model",
      status: "problem",
      evidence: formatError(error),
      cure: "restore models/nano from the repository",
    };
  }
}

async function python(): Promise<DoctorCheck> {
  const script = "import torch, trl, transformers; print(torch.__version__, trl.__version__, transformers.__version__)";
  try {
    const { stdout } = await promisify(execFile)("python3", ["-c", script], { timeout: 60_000 });
    const [torch, trl, transformers] = stdout.trim().split(" ");
    return {
      name: "Python engine",
      status: "ok",
      evidence: `torch ${torch}, trl ${trl}, transformers ${transformers}`,
      cure: null,
    };
  } catch (error) {
    const { code, stderr } = error as { code?: string | number; stderr?: string };
    const reason =
      code === "ENOENT" ? "python3 was not found" : (stderr?.trim().split("\n").at(-1) ?? "python3 did not answer");
    return {
      name: "Python engine",
      status: "optional",
      evidence: `not usable: ${reason}`,
      cure: "only needed for jobs that outgrow this machine: pip install torch trl transformers",
    };
  }
}
