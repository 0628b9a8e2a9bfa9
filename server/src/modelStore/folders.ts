/** Where models are kept for this user: those that were downloaded, those that were made small, and Hugging Face's own cache. */
import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { ConfigError } from "@iad-r1/models/errors";

type Environment = Readonly<Record<string, string | undefined>>;

/** `IAD_R1_HOME`, or the system's folder for caches. */
export function storeFolder(env: Environment = process.env): string {
  if (env.IAD_R1_HOME !== undefined && env.IAD_R1_HOME !== "") return env.IAD_R1_HOME;
  return join(systemCache(env), "iad-r1");
}

/** Downloaded models, one folder each. */
export function downloadFolder(env?: Environment): string {
  return join(storeFolder(env), "models");
}

/** Checkpoints in 4 and 8 bits, one folder each. */
export function quantizedFolder(env?: Environment): string {
  return join(storeFolder(env), "quantized");
}

/** The cache that transformers and huggingface_hub share. */
export function huggingFaceCache(env: Environment = process.env): string {
  const direct = env.HF_HUB_CACHE ?? env.HUGGINGFACE_HUB_CACHE;
  if (direct !== undefined && direct !== "") return direct;
  if (env.HF_HOME !== undefined && env.HF_HOME !== "") return join(env.HF_HOME, "hub");
  const cache = env.XDG_CACHE_HOME ?? "";
  return join(cache === "" ? join(homedir(), ".cache") : cache, "huggingface", "hub");
}

/** A new checkpoint replaces none, least of all the one it is made from. @throws ConfigError `models/exists` */
export function requireNoCheckpoint(target: string): void {
  if (!existsSync(join(target, "config.json"))) return;
  throw new ConfigError("models/exists", `${target} holds a checkpoint already.`, {
    hint: "Choose a new folder.",
    where: target,
  });
}

function systemCache(env: Environment): string {
  if (process.platform === "win32") return env.LOCALAPPDATA ?? join(homedir(), "AppData", "Local");
  if (process.platform === "darwin") return join(homedir(), "Library", "Caches");
  const cache = env.XDG_CACHE_HOME ?? "";
  return cache === "" ? join(homedir(), ".cache") : cache;
}
