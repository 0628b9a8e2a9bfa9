/** Downloads from a server on this machine: checked, continued, refused, stopped. */
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { CancelledError, CheckpointError, DataError, ResourceError } from "@iad-r1/models/errors";
import { downloadModel } from "@iad-r1/server/modelStore/download";
import { describe, expect, it } from "vitest";
import { fakeCommit, startFakeHub } from "../../helpers/fakeHub";
import { temporaryFolder } from "../../helpers/temporaryFolder";

const repository = "someone/model";
const request = { repository, folder: null };
const weights = Buffer.from(Uint8Array.from({ length: 300_000 }, (_, i) => (i * 31) % 251));
const files = {
  "config.json": '{"model_type": "llava"}',
  "model.safetensors": weights,
  "tokenizer.json": "{}",
  "README.md": "not needed",
  "pytorch_model.bin": "another format",
};

describe("a download", () => {
  it("brings the files that are needed, compared with the server's checksums, and says how far it is", async () => {
    const hub = await startFakeHub(repository, files);
    const target = join(temporaryFolder(), "model");
    const seen: number[] = [];
    const record = await downloadModel(target, request, {
      endpoint: hub.endpoint,
      onProgress: ({ doneBytes, totalBytes }) => seen.push(doneBytes / totalBytes),
    });
    expect(record).toMatchObject({ repository, commit: fakeCommit, complete: true });
    expect(readdirSync(target).sort()).toEqual([
      "config.json",
      "iad-r1-download.json",
      "model.safetensors",
      "tokenizer.json",
    ]);
    expect(readFileSync(join(target, "model.safetensors"))).toEqual(weights);
    expect(seen.at(-1)).toBe(1);
    expect(seen).toEqual([...seen].sort((a, b) => a - b));
    // Last, as it makes the folder a checkpoint for others.
    expect(hub.requests.at(-1)).toContain("config.json");
  });

  it("goes on where broken connections stopped", async () => {
    const hub = await startFakeHub(repository, files);
    hub.behaviour.breakAfter = [100_000, 50_000];
    const target = temporaryFolder();
    await downloadModel(target, request, { endpoint: hub.endpoint });
    expect(readFileSync(join(target, "model.safetensors"))).toEqual(weights);
    const asked = hub.requests.filter((line) => line.includes("model.safetensors"));
    expect(asked[0]).toBe("GET model.safetensors all");
    expect(asked).toHaveLength(3);
    const starts = asked.slice(1).map((line) => Number(/bytes=(\d+)-/.exec(line)![1]));
    expect(starts[0]).toBeGreaterThan(0);
    expect(starts[1]).toBeGreaterThanOrEqual(starts[0]!);
  });

  it("goes on in another process, with the commit that it began with", async () => {
    const hub = await startFakeHub(repository, files);
    const target = temporaryFolder();
    const stop = new AbortController();
    const first = downloadModel(target, request, {
      endpoint: hub.endpoint,
      signal: stop.signal,
      onProgress: ({ file }) => file === "model.safetensors" && stop.abort(),
    });
    await expect(first).rejects.toThrow();
    expect(existsSync(join(target, "config.json"))).toBe(false);
    const begun = statSync(join(target, "model.safetensors.part")).size;
    expect(begun).toBeGreaterThan(0);
    hub.requests.length = 0;
    await downloadModel(target, request, { endpoint: hub.endpoint });
    expect(hub.requests[0]).toBe(`GET model.safetensors ${begun === weights.length ? "" : `bytes=${begun}-`}`);
    expect(readFileSync(join(target, "model.safetensors"))).toEqual(weights);
  });

  it("keeps no file of an earlier commit when the download of a later one is taken up again", async () => {
    const hub = await startFakeHub(repository, files);
    const target = temporaryFolder();
    await downloadModel(target, request, { endpoint: hub.endpoint });
    const later = Buffer.from(weights.map((byte) => byte ^ 1));
    hub.files.set("model.safetensors", later);
    const stop = new AbortController();
    const first = downloadModel(target, request, {
      endpoint: hub.endpoint,
      signal: stop.signal,
      onProgress: ({ file }) => file === "tokenizer.json" && stop.abort(),
    });
    await expect(first).rejects.toThrow();
    expect(existsSync(join(target, "config.json"))).toBe(false);
    await downloadModel(target, request, { endpoint: hub.endpoint });
    expect(readFileSync(join(target, "model.safetensors"))).toEqual(later);
  });

  it("leaves no weights of an earlier commit beside those of one that cuts them otherwise", async () => {
    const hub = await startFakeHub(repository, files);
    const target = temporaryFolder();
    await downloadModel(target, request, { endpoint: hub.endpoint });
    hub.files.delete("model.safetensors");
    for (const part of ["00001-of-00002", "00002-of-00002"])
      hub.files.set(`model-${part}.safetensors`, Buffer.from(part));
    hub.files.set("model.safetensors.index.json", Buffer.from("{}"));
    await downloadModel(target, request, { endpoint: hub.endpoint });
    expect(readdirSync(target).filter((name) => name.startsWith("model"))).toEqual([
      "model-00001-of-00002.safetensors",
      "model-00002-of-00002.safetensors",
      "model.safetensors.index.json",
    ]);
  });

  it("takes up an interrupted one only when the same revision is asked for", async () => {
    const hub = await startFakeHub(repository, files);
    const target = temporaryFolder();
    const stop = new AbortController();
    const onProgress = () => stop.abort();
    const first = downloadModel(target, request, { endpoint: hub.endpoint, signal: stop.signal, onProgress });
    await expect(first).rejects.toThrow();
    const other = downloadModel(target, { ...request, revision: "v2" }, { endpoint: hub.endpoint });
    await expect(other).rejects.toSatisfy((error) => ResourceError.is(error, "hub/refused"));
  });

  it("takes everything again from a server that knows no ranges", async () => {
    const hub = await startFakeHub(repository, files);
    hub.behaviour.ranges = false;
    hub.behaviour.breakAfter = [100_000];
    const target = temporaryFolder();
    await downloadModel(target, request, { endpoint: hub.endpoint });
    expect(readFileSync(join(target, "model.safetensors"))).toEqual(weights);
  });

  it("asks for nothing again that is there", async () => {
    const hub = await startFakeHub(repository, files);
    const target = temporaryFolder();
    await downloadModel(target, request, { endpoint: hub.endpoint });
    hub.requests.length = 0;
    await downloadModel(target, request, { endpoint: hub.endpoint });
    expect(hub.requests).toEqual([]);
  });

  it("of one folder of a repository takes that folder's files", async () => {
    const folder = "IAD-R1(LLaVA-1.5)";
    const inside = Object.fromEntries(Object.entries(files).map(([name, content]) => [`${folder}/${name}`, content]));
    const hub = await startFakeHub(repository, { ...inside, "other/config.json": "{}" });
    const target = temporaryFolder();
    const record = await downloadModel(target, { repository, folder }, { endpoint: hub.endpoint });
    expect(record.files.map(({ path }) => path).sort()).toEqual(["config.json", "model.safetensors", "tokenizer.json"]);
    expect(existsSync(join(target, "model.safetensors"))).toBe(true);
  });
});

describe("a download is refused", () => {
  it("when bytes differ from their checksum, and the file is thrown away", async () => {
    const hub = await startFakeHub(repository, files);
    for (const damaged of ["model.safetensors", "tokenizer.json"]) {
      hub.behaviour.damaged = damaged;
      const target = temporaryFolder();
      const attempt = downloadModel(target, request, { endpoint: hub.endpoint });
      await expect(attempt).rejects.toSatisfy((error) => DataError.is(error, "hub/checksum"));
      expect(existsSync(join(target, damaged))).toBe(false);
      expect(existsSync(join(target, `${damaged}.part`))).toBe(false);
    }
  });

  it("while another one writes the same files", async () => {
    const hub = await startFakeHub(repository, files);
    const target = temporaryFolder();
    let second: Promise<unknown> | null = null;
    await downloadModel(target, request, {
      endpoint: hub.endpoint,
      onProgress: () => {
        second ??= downloadModel(target, request, { endpoint: hub.endpoint }).catch((error: unknown) => error);
      },
    });
    expect(await second).toSatisfy((error) => CheckpointError.is(error, "run/locked"));
    await downloadModel(target, request, { endpoint: hub.endpoint });
  });

  it("when a file is not the one that is known, whatever the server says", async () => {
    const hub = await startFakeHub(repository, files);
    const sha256 = { "tokenizer.json": "0".repeat(64) };
    const attempt = downloadModel(temporaryFolder(), { ...request, sha256 }, { endpoint: hub.endpoint });
    await expect(attempt).rejects.toThrow(`expected sha256 ${"0".repeat(64)}`);
  });

  it.each([
    ["../outside.json", "plain names of files"],
    ["/etc/passwd", "plain names of files"],
    ["a/./b.json", "plain names of files"],
    ["CON:.json", "plain names of files"],
  ])("when the server names a file %s", async (path, message) => {
    const hub = await startFakeHub(repository, { ...files, [path]: "{}" });
    const folder = temporaryFolder();
    const attempt = downloadModel(join(folder, "model"), request, { endpoint: hub.endpoint });
    await expect(attempt).rejects.toThrow(message);
    expect(readdirSync(folder)).toEqual([]);
  });

  it.each([
    [401, "HF_TOKEN"],
    [404, "check the name"],
    [500, "try again later"],
  ])("with the cure when the server says %i", async (status, cure) => {
    const hub = await startFakeHub(repository, files);
    hub.behaviour.status = status;
    const attempt = downloadModel(temporaryFolder(), request, { endpoint: hub.endpoint });
    await expect(attempt).rejects.toSatisfy(
      (error) =>
        ResourceError.is(error, "hub/refused") && new RegExp(cure, "i").test((error as ResourceError).hint ?? ""),
    );
  });

  it("when nobody listens", async () => {
    const attempt = downloadModel(temporaryFolder(), request, { endpoint: "http://127.0.0.1:9" });
    await expect(attempt).rejects.toSatisfy((error) => ResourceError.is(error, "hub/unreachable"));
  });

  it("when a connection breaks again and again without bringing anything", async () => {
    const hub = await startFakeHub(repository, files);
    hub.behaviour.breakAfter = Array<number>(10).fill(0);
    const attempt = downloadModel(temporaryFolder(), request, { endpoint: hub.endpoint });
    await expect(attempt).rejects.toSatisfy((error) => ResourceError.is(error, "hub/unreachable"));
  });

  it("when the repository holds no checkpoint", async () => {
    const hub = await startFakeHub(repository, { "README.md": "nothing here" });
    const attempt = downloadModel(temporaryFolder(), request, { endpoint: hub.endpoint });
    await expect(attempt).rejects.toThrow("holds no checkpoint");
  });

  it("by the person, and what has come stays", async () => {
    const hub = await startFakeHub(repository, files);
    const stop = new AbortController();
    stop.abort();
    const target = temporaryFolder();
    writeFileSync(join(target, "model.safetensors.part"), weights.subarray(0, 10));
    const attempt = downloadModel(target, request, { endpoint: hub.endpoint, signal: stop.signal });
    await expect(attempt).rejects.toSatisfy(
      (error) => CancelledError.is(error) || (error as Error).name === "AbortError",
    );
    expect(statSync(join(target, "model.safetensors.part")).size).toBe(10);
  });
});
