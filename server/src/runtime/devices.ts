/**
 * Which devices can compute here, found out by computing on them: a child process creates a session and multiplies two matrices, so that
 * a driver that crashes takes only the child with it. Choosing among them is deviceChoice.ts.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { CancelledError } from "@iad-r1/models/errors";
import type { InferenceSession } from "onnxruntime-node";
import { entryPath } from "./entry";
import { loadOrt } from "./ort";
import { withLargePages } from "./pages";

export const devices = ["cpu", "webgpu", "cuda", "dml", "coreml"] as const;
export type Device = (typeof devices)[number];
export type DeviceChoice = Device | "auto";

/** Whether a device works, and how that is known. */
export interface DeviceReport {
  readonly device: Device;
  readonly available: boolean;
  /** One sentence of evidence: the measured speed, or what was missing. */
  readonly detail: string;
  /** What to do about it; absent where nothing can be done. */
  readonly hint?: string;
  /**
   * Speed of a float32 matrix product in 10^9 operations per second: of matrices that are on the device already where it keeps tensors between
   * runs, else with the way there and back.
   */
  readonly gflops?: number;
  /** Seconds from one operation to the next, however small, on a device that keeps tensors. */
  readonly startSeconds?: number;
  /** Seconds of the processor to touch a new byte of memory for the first time (`firstTouchSeconds`), where it was asked for. */
  readonly touchSeconds?: number;
}

/** What the probing process prints: one line of JSON. */
export type ProbeResult =
  /** `attentionTokens`: only so many of a prompt at a time are computed rightly. */
  | {
      readonly gflops: number;
      readonly startSeconds?: number;
      readonly touchSeconds?: number;
      readonly attentionTokens?: number;
    }
  | { readonly error: string };

export interface ProbeOptions {
  readonly signal?: AbortSignal;
  /** For one device; default two minutes: first runs compile shaders, and drivers in software on busy machines take their time. */
  readonly timeoutMs?: number;
  /** Measures what new memory costs as well: up to two seconds on a machine where it costs much. */
  readonly touches?: boolean;
  /** Path of the built probe; for tests. */
  readonly entry?: string;
}

/** Tries devices, one after the other so that they do not slow each other down. */
export async function probeDevices(
  options: ProbeOptions = {},
  which: readonly Device[] = devices,
): Promise<DeviceReport[]> {
  const reports: DeviceReport[] = [];
  for (const device of which) reports.push(await probeDevice(device, options));
  return reports;
}

/** Tries one device. Never throws for a device that does not work. */
export async function probeDevice(device: Device, options: ProbeOptions = {}): Promise<DeviceReport> {
  const obstacle = await knownObstacle(device);
  if (obstacle !== undefined) return { device, available: false, ...obstacle };
  const result = await runProbe(device, options);
  if ("gflops" in result) {
    const { gflops, startSeconds, touchSeconds, attentionTokens } = result;
    const starts =
      startSeconds === undefined ? "" : ` and starts an operation every ${(1e6 * startSeconds).toFixed(0)} µs`;
    const pieces =
      attentionTokens === undefined
        ? ""
        : `; its attention is wrong for long prompts, which are read ${attentionTokens} tokens at a time`;
    const detail = `multiplies float32 matrices at ${speed(gflops)} GFLOP/s${starts}${pieces}`;
    return {
      ...{ device, available: true, detail, gflops },
      ...(startSeconds !== undefined && { startSeconds }),
      ...(touchSeconds !== undefined && { touchSeconds }),
    };
  }
  return { device, available: false, detail: result.error, hint: hints[device] };
}

/** The runtime's own names; it adds the CPU by itself for what a device cannot do. */
export function executionProviders(device: Device): InferenceSession.ExecutionProviderConfig[] {
  return [device];
}

const hints: Readonly<Record<Device, string>> = {
  cpu: "Run npm run setup again.",
  webgpu: "Install a Vulkan driver for the graphics card (Linux), or update the driver.",
  cuda: "Install the NVIDIA driver, CUDA 12 with cuDNN 9, and run: node node_modules/onnxruntime-node/script/install.js",
  dml: "Update Windows and the graphics driver.",
  coreml: "Update macOS.",
};

export function speed(gflops: number): string {
  return gflops < 10 ? gflops.toPrecision(2) : gflops.toFixed(0);
}

/** How the sentence begins about a device of other systems. */
export const doesNotExist = "does not exist for";

type Obstacle = Pick<DeviceReport, "detail" | "hint">;

/** Reasons that can be seen without trying; undefined when only trying tells. */
async function knownObstacle(device: Device): Promise<Obstacle | undefined> {
  if (device === "cpu") return undefined;
  const { listSupportedBackends } = await loadOrt();
  const backend = listSupportedBackends().find(({ name }) => name === device);
  if (backend === undefined) return { detail: `${doesNotExist} ${process.platform}-${process.arch}` };
  if (device === "cuda" && process.platform === "linux" && !existsSync("/dev/nvidiactl")) {
    return { detail: "no NVIDIA driver is loaded (/dev/nvidiactl does not exist)", hint: hints.cuda };
  }
  if (device === "webgpu" && process.platform === "linux" && !hasVulkanDriver()) {
    return { detail: "no Vulkan driver is installed", hint: hints.webgpu };
  }
  return undefined;
}

function hasVulkanDriver(): boolean {
  if (process.env.VK_DRIVER_FILES !== undefined || process.env.VK_ICD_FILENAMES !== undefined) return true;
  const dataFolders = (process.env.XDG_DATA_DIRS ?? "/usr/local/share:/usr/share").split(":");
  return ["/etc", ...dataFolders].some((folder) => {
    try {
      return readdirSync(`${folder}/vulkan/icd.d`).length > 0;
    } catch {
      return false;
    }
  });
}

async function runProbe(device: Device, options: ProbeOptions): Promise<ProbeResult> {
  const timeoutMs = options.timeoutMs ?? 120_000;
  const wishes = options.touches === true ? ["touches"] : [];
  const child = spawn(process.execPath, [options.entry ?? entryPath("deviceProbeMain"), device, ...wishes], {
    stdio: ["ignore", "pipe", "pipe"],
    env: withLargePages(),
    signal: options.signal,
    killSignal: "SIGKILL",
    timeout: timeoutMs,
  });
  const started = performance.now();
  const [stdout, stderr, { code, signal, error }] = await Promise.all([
    collect(child.stdout),
    collect(child.stderr),
    exitOf(child),
  ]);
  if (options.signal?.aborted) throw new CancelledError();
  const line = stdout.trim().split("\n").at(-1) ?? "";
  try {
    if (line !== "") return JSON.parse(line) as ProbeResult;
  } catch {
    // Not our line: the process died while it printed.
  }
  if (performance.now() - started >= timeoutMs) return { error: `did not answer within ${timeoutMs / 1000} s` };
  const lastWords = stderr.trim().split("\n").at(-1) ?? "";
  const reason = error ?? (signal === null ? `exit code ${code}` : signal);
  return { error: `the driver crashed the probe (${reason}${lastWords === "" ? "" : `: ${lastWords}`})` };
}

function exitOf(child: ChildProcess): Promise<{ code: number | null; signal: string | null; error?: string }> {
  return new Promise((resolve) => {
    child.once("error", (error) => resolve({ code: null, signal: null, error: error.message }));
    child.once("close", (code, signal) => resolve({ code, signal }));
  });
}

/** The end of what a stream says; drivers can be talkative. */
async function collect(stream: NodeJS.ReadableStream): Promise<string> {
  let text = "";
  for await (const chunk of stream) text = (text + String(chunk)).slice(-8192);
  return text;
}
