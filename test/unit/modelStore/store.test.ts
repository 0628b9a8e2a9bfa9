/** Models by name: added folders, downloads, Hugging Face's cache; and the catalogue against the architectures' shapes. */
import { copyFileSync, cpSync, existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ConfigError, ModelFileError } from "@iad-r1/models/errors";
import { resolveModel } from "@iad-r1/server/config/modelNames";
import { openDocument } from "@iad-r1/server/features/documents";
import { createFileProbe } from "@iad-r1/server/features/files";
import { fileFindings } from "@iad-r1/server/features/findings";
import { catalog, catalogEntry } from "@iad-r1/server/modelStore/catalog";
import { lockDownload } from "@iad-r1/server/modelStore/download";
import { huggingFaceCache, storeFolder } from "@iad-r1/server/modelStore/folders";
import { findSnapshot } from "@iad-r1/server/modelStore/huggingFaceCache";
import { addModel, findStored, removeModel, storedModels, targetOf } from "@iad-r1/server/modelStore/store";
import { beforeEach, describe, expect, it, vi } from "vitest";
import { temporaryFolder } from "../../helpers/temporaryFolder";
import { tinyCheckpoint } from "../../helpers/tinyModel";

const commits = ["a".repeat(40), "b".repeat(40)] as const;

/** The fixture as huggingface_hub stores it: snapshots of links into blobs. */
function fillCache(cache: string, repository: string, commit: string, folder = ""): void {
  const root = join(cache, `models--${repository.replace("/", "--")}`);
  const snapshot = join(root, "snapshots", commit, folder);
  mkdirSync(snapshot, { recursive: true });
  mkdirSync(join(root, "blobs"), { recursive: true });
  for (const name of readdirSync(tinyCheckpoint)) {
    const blob = join(root, "blobs", `${commit.slice(0, 4)}-${name}`);
    copyFileSync(join(tinyCheckpoint, name), blob);
    symlinkSync(blob, join(snapshot, name));
  }
}

beforeEach(() => {
  vi.stubEnv("IAD_R1_HOME", temporaryFolder());
  vi.stubEnv("HF_HUB_CACHE", temporaryFolder());
  return () => vi.unstubAllEnvs();
});

describe("folders", () => {
  it("follow the variables that the system and Hugging Face's tools know", () => {
    expect(storeFolder({ IAD_R1_HOME: "/x" })).toBe("/x");
    expect(huggingFaceCache({ HF_HUB_CACHE: "/a", HF_HOME: "/b" })).toBe("/a");
    expect(huggingFaceCache({ HF_HOME: "/b" })).toBe(join("/b", "hub"));
    expect(huggingFaceCache({ XDG_CACHE_HOME: "/c" })).toBe(join("/c", "huggingface", "hub"));
  });
});

describe("Hugging Face's cache", () => {
  it("gives the snapshot of main, else the newest complete one, and opens through its links", async () => {
    const cache = huggingFaceCache();
    fillCache(cache, "org/name", commits[0]);
    fillCache(cache, "org/name", commits[1]);
    const root = join(cache, "models--org--name");
    mkdirSync(join(root, "refs"));
    writeFileSync(join(root, "refs/main"), commits[0]);
    expect(findSnapshot("org/name")).toBe(join(root, "snapshots", commits[0]));
    writeFileSync(join(root, "refs/main"), "c".repeat(40));
    expect(findSnapshot("org/name")).not.toBeNull();
    expect(resolveModel("org/name").base).toBe(findSnapshot("org/name"));
    await addModel("mine", findSnapshot("org/name")!);
  });

  it("with half a download gives nothing", () => {
    const cache = huggingFaceCache();
    const snapshot = join(cache, "models--org--half/snapshots", commits[0]);
    mkdirSync(snapshot, { recursive: true });
    copyFileSync(join(tinyCheckpoint, "config.json"), join(snapshot, "config.json"));
    expect(findSnapshot("org/half")).toBeNull();
    const index = { weight_map: { a: "model-00001-of-00002.safetensors", b: "model-00002-of-00002.safetensors" } };
    writeFileSync(join(snapshot, "model.safetensors.index.json"), JSON.stringify(index));
    writeFileSync(join(snapshot, "model-00001-of-00002.safetensors"), "");
    expect(findSnapshot("org/half")).toBeNull();
    writeFileSync(join(snapshot, "model-00002-of-00002.safetensors"), "");
    expect(findSnapshot("org/half")).toBe(snapshot);
  });

  it("is not left by odd names", () => {
    for (const name of ["../../etc", "a/../../b", "org", "org/na/me", "", "org/..", ".hidden/name"]) {
      expect(findSnapshot(name), name).toBeNull();
    }
  });

  it("holds the published checkpoints in folders of one repository", () => {
    const entry = catalogEntry("iad-r1-llava-1.5-7b")!;
    fillCache(huggingFaceCache(), entry.repository, commits[0], entry.folder!);
    expect(findStored("iad-r1-llava-1.5-7b")).toContain("IAD-R1(LLaVA-1.5)");
    expect(findStored("iad-r1-llava-1.6-mistral-7b")).toBeNull();
  });
});

describe("models of this user", () => {
  it("are used by the name they were added under, and forgotten without touching their folder", async () => {
    await addModel("tiny", tinyCheckpoint);
    expect(resolveModel("tiny")).toEqual({ base: tinyCheckpoint, adapter: null });
    expect((await storedModels()).find(({ name }) => name === "tiny")).toMatchObject({ state: "added" });
    const document = openDocument("/lab/iadr1.yaml", "model: { base: tiny }\n")!;
    expect(await fileFindings(document, createFileProbe())).toEqual([]);
    expect(await removeModel("tiny")).toBe(0);
    expect(existsSync(join(tinyCheckpoint, "config.json"))).toBe(true);
    expect(() => resolveModel("tiny")).toThrow(ConfigError);
  });

  it("are refused under a name of the catalogue, an odd name, or without a checkpoint", async () => {
    await expect(addModel("llava-1.5-7b", tinyCheckpoint)).rejects.toThrow("belongs to a model of the catalogue");
    await expect(addModel("nano", tinyCheckpoint)).rejects.toThrow(ConfigError);
    await expect(addModel("../up", tinyCheckpoint)).rejects.toThrow(ConfigError);
    await expect(addModel("empty", temporaryFolder())).rejects.toThrow(ModelFileError);
  });

  it("that were downloaded are found by name and deleted by name", async () => {
    const folder = targetOf("qwen2-vl-2b");
    cpSync(tinyCheckpoint, folder, { recursive: true });
    writeFileSync(join(folder, "iad-r1-download.json"), JSON.stringify({ complete: true, files: [] }));
    const state = async () => (await storedModels()).find(({ name }) => name === "qwen2-vl-2b")!.state;
    expect(await state()).toBe("downloaded");
    expect(resolveModel("qwen2-vl-2b").base).toBe(folder);
    const download = lockDownload(folder);
    await expect(removeModel("qwen2-vl-2b")).rejects.toThrow("The model is already being written by process");
    expect(await state()).toBe("downloaded");
    download.release();
    expect(await removeModel("qwen2-vl-2b")).toBeGreaterThan(500_000);
    expect(existsSync(folder)).toBe(false);
    expect(await state()).toBe("absent");
    await expect(removeModel("qwen2-vl-2b")).rejects.toThrow(ConfigError);
  });

  it("that are not there are refused with the command that gets them", () => {
    expect(() => resolveModel("qwen2.5-vl-7b")).toThrow(
      expect.objectContaining({ hint: expect.stringContaining("iad-r1 models download qwen2.5-vl-7b") as string }),
    );
  });

  it("have no names but their own", async () => {
    for (const name of ["constructor", "toString", "__proto__"]) {
      expect(findStored(name)).toBeNull();
      await expect(removeModel(name)).rejects.toMatchObject({ code: "models/unknown" });
    }
  });

  it("survive a damaged list", async () => {
    writeFileSync(join(storeFolder(), "models.json"), "{ broken");
    await addModel("tiny", tinyCheckpoint);
    expect(findStored("tiny")).toBe(tinyCheckpoint);
  });
});

describe("the catalogue", () => {
  it("has the seven bases and two published checkpoints of each, all names different", () => {
    expect(catalog).toHaveLength(21);
    expect(new Set(catalog.map(({ name }) => name)).size).toBe(21);
    expect(catalog.filter(({ base }) => base === null)).toHaveLength(7);
    expect(catalogEntry("yanhui01/IAD-R1/IAD-R1(LLaVA-1.6)")!.base).toBe("llava-1.6-mistral-7b");
  });
});
