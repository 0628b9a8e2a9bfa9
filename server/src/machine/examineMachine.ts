/** What this machine can do, found out by trying, with evidence and a cure for each line. Changes nothing. */
import { statfs } from "node:fs/promises";
import { cpus, freemem, totalmem } from "node:os";
import { AppError, formatError } from "@iad-r1/models/errors";
import { loadModelDescription } from "@iad-r1/models/zoo";
import type { MachineCheck } from "@iad-r1/protocol/project";
import { decideAmong } from "../runtime/deviceChoice";
import { probeDevices } from "../runtime/devices";
import { findPythonEngine } from "../runtime/python";
import { embeddedModel } from "../config/modelNames";

const GIB = 2 ** 30;

export async function examineMachine(): Promise<MachineCheck[]> {
  return [node(), processor(), memory(), await disk(), ...(await deviceChecks()), await model(), await python()];
}

function node(): MachineCheck {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  const ok = major > 20 || (major === 20 && minor >= 19);
  return {
    name: "Node",
    status: ok ? "ok" : "problem",
    evidence: `${process.versions.node} on ${process.platform} ${process.arch}`,
    cure: ok ? null : "install Node 20.19 or newer",
  };
}

function processor(): MachineCheck {
  const cores = cpus();
  return {
    name: "Processor",
    status: "ok",
    evidence: `${cores.length} × ${cores[0]?.model.trim() ?? "unknown"}`,
    cure: null,
  };
}

function memory(): MachineCheck {
  const free = freemem() / GIB;
  const ok = free > 1;
  return {
    name: "Memory",
    status: ok ? "ok" : "problem",
    evidence: `${free.toFixed(1)} of ${(totalmem() / GIB).toFixed(1)} GiB free`,
    cure: ok ? null : "close other programs: the embedded model needs about 1 GiB to train",
  };
}

async function disk(): Promise<MachineCheck> {
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

async function deviceChecks(): Promise<MachineCheck[]> {
  const reports = await probeDevices();
  const { device: chosen, reason } = decideAmong(reports);
  return [
    ...reports.map(
      ({ device, available, detail, hint }): MachineCheck => ({
        name: `Device ${device}`,
        status: available ? "ok" : device === "cpu" ? "problem" : "optional",
        evidence: detail,
        cure: available ? null : (hint ?? null),
      }),
    ),
    { name: "Device auto", status: "ok", evidence: `chooses ${chosen}: ${reason}`, cure: null },
  ];
}

async function model(): Promise<MachineCheck> {
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

async function python(): Promise<MachineCheck> {
  const name = "Python engine";
  try {
    const { python: path, versions, device } = await findPythonEngine();
    const { python: version, ...packages } = versions;
    const list = Object.entries(packages).map(([pack, one]) => `${pack} ${one}`);
    const evidence = `engine: trl can be used: Python ${version} (${path}), ${list.join(", ")}; computes on ${device}`;
    return { name, status: "ok", evidence, cure: null };
  } catch (error) {
    const { message, hint } = error instanceof AppError ? error : { message: formatError(error), hint: undefined };
    return {
      ...{ name, status: "optional", evidence: message },
      cure: `only for experiments with engine: trl, which outgrow this machine's engine. ${hint ?? ""}`.trim(),
    };
  }
}
