/**
 * Everything about one device in a given time: does it work, does it give the recorded numbers, how fast is it beside the processor.
 * Every part runs in a process of its own with a time of its own, so that a driver that hangs or crashes takes one part with it
 * and nothing else.
 */
import { fork } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { gunzipSync } from "node:zlib";
import { encodePng } from "../data/png";
import { generateSample } from "../data/synth/sample";
import type { Device } from "../runtime/devices";
import { writeRandomCheckpoint } from "./randomCheckpoint";
import type { DeviceFigure, DeviceJob } from "./deviceParts";

export interface DevicePart {
  part: string;
  device: Device;
  figures: DeviceFigure[];
  notes: string[];
  /** Why it is not whole: an error, a crash, its time was up. */
  problem: string | null;
  seconds: number;
}

export interface DeviceCheckOptions {
  device: Device;
  /** Built `deviceCheckMain`. */
  entry: string;
  /** The small checkpoint. */
  model: string;
  /** Folder of folders with checkpoints and what was recorded of them; null to leave that out. */
  recorded: string | null;
  /** For everything together. */
  seconds: number;
  /** Decoder of the real shape; its weights are random. */
  shape: { layers: number; width: number; mlpWidth: number; heads: number; kvHeads: number; vocabSize: number } | null;
  signal: AbortSignal;
  onPart: (part: DevicePart) => void;
}

/** The decoder of LLaVA-OneVision 0.5B. */
export const halfBillion = { layers: 24, width: 896, mlpWidth: 4864, heads: 14, kvHeads: 2, vocabSize: 152000 };

export async function checkDevice(options: DeviceCheckOptions): Promise<DevicePart[]> {
  const { device, model, recorded, shape } = options;
  const folder = await mkdtemp(join(tmpdir(), "iad-r1-device-"));
  const deadline = performance.now() + 1000 * options.seconds;
  const parts: DevicePart[] = [];
  const run = async (name: string, job: DeviceJob, most: number) => {
    const left = deadline - performance.now();
    if (options.signal.aborted || left < 1000) {
      const part = { part: name, device: job.device, figures: [], notes: [], problem: "no time was left", seconds: 0 };
      parts.push(part);
      options.onPart(part);
      return;
    }
    const part = await runPart(options.entry, name, job, Math.min(left, 1000 * most), options.signal);
    parts.push(part);
    options.onPart(part);
  };
  try {
    await run("probe", { part: "probe", device }, 0.15 * options.seconds);
    const image = join(folder, "part.png");
    await writeFile(image, encodePng(generateSample({ seed: 1, index: 0, size: 112 }).image));
    const big = join(folder, "shape");
    const written = shape === null ? Promise.resolve() : writeRandomCheckpoint(big, shape, 1);
    // Recorded numbers are the same however busy the machine is, so they come together.
    if (recorded !== null) {
      const folders = await unpacked(recorded, join(folder, "recorded"));
      await Promise.all(
        folders.map(([name, path]) =>
          run(`verify ${name}`, { part: "verify", device, folder: path }, 0.45 * options.seconds),
        ),
      );
    }
    await written;
    const both: Device[] = device === "cpu" ? ["cpu"] : [device, "cpu"];
    // The device first: when time runs out, the processor's figures are the ones that are known from elsewhere.
    for (const part of ["pa-sft", "generate", "sc-grpo"] as const) {
      for (const where of both) {
        await run(part, { part, device: where, model, image } as DeviceJob, 0.12 * options.seconds);
      }
    }
    if (shape !== null) {
      for (const part of ["read-write", "lora-step"] as const) {
        for (const where of both) await run(part, { part, device: where, folder: big }, 0.2 * options.seconds);
      }
    }
    return parts;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function runPart(
  entry: string,
  part: string,
  job: DeviceJob,
  milliseconds: number,
  signal: AbortSignal,
): Promise<DevicePart> {
  return new Promise((resolve) => {
    const started = performance.now();
    const result: DevicePart = { part, device: job.device, figures: [], notes: [], problem: null, seconds: 0 };
    const child = fork(entry, { stdio: ["ignore", "ignore", "pipe", "ipc"] });
    let [errors, isDone, isLate] = ["", false, false];
    const stop = () => child.kill("SIGKILL");
    const timer = setTimeout(() => {
      isLate = true;
      stop();
    }, milliseconds);
    signal.addEventListener("abort", stop, { once: true });
    child.stderr?.on("data", (chunk: Buffer) => {
      errors = (errors + chunk.toString()).slice(-1000);
    });
    child.on("message", (message: DeviceFigure | { note: string } | { error: string } | { done: true }) => {
      if ("done" in message) isDone = true;
      else if ("error" in message) result.problem = message.error;
      else if ("note" in message) result.notes.push(message.note);
      else result.figures.push(message);
    });
    child.on("error", (error) => {
      result.problem = error.message;
    });
    child.on("close", (code, killedBy) => {
      clearTimeout(timer);
      signal.removeEventListener("abort", stop);
      result.seconds = (performance.now() - started) / 1000;
      if (isLate) result.problem = `its ${(milliseconds / 1000).toFixed(0)} s were up`;
      else if (!isDone) result.problem = `ended with ${killedBy ?? `code ${code}`}: ${errors.trim()}`;
      resolve(result);
    });
    child.send(job);
  });
}

/** Folders with records; compressed files are unpacked on the way. */
async function unpacked(recorded: string, folder: string): Promise<[name: string, path: string][]> {
  const found: [string, string][] = [];
  for (const name of (await readdir(recorded)).sort()) {
    const source = join(recorded, name);
    const files = (await stat(source)).isDirectory() ? await readdir(source, { recursive: true }) : [];
    if (!files.some((file) => /^reference\.safetensors(\.gz)?$/.test(file))) continue;
    if (!files.some((file) => file.endsWith(".gz"))) {
      found.push([name, source]);
      continue;
    }
    for (const file of files) {
      const from = join(source, file);
      if ((await stat(from)).isDirectory()) continue;
      const bytes = await readFile(from);
      const to = join(folder, name, file.replace(/\.gz$/, ""));
      await mkdir(dirname(to), { recursive: true });
      await writeFile(to, file.endsWith(".gz") ? gunzipSync(bytes) : bytes);
    }
    found.push([name, join(folder, name)]);
  }
  return found;
}
