/**
 * Downloads a checkpoint into a folder of its own, file by file: what is there is kept, an interrupted file goes on where it stopped,
 * and every file is compared with the server's checksum before it gets its name. Never started by anything but a command.
 */
import { createHash, type Hash } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, open, readFile, rename, rm, stat, statfs } from "node:fs/promises";
import { dirname, join } from "node:path";
import { writeError, writeFileAtomically } from "@iad-r1/models/checkpoint/atomicFile";
import { CancelledError, DataError, ResourceError } from "@iad-r1/models/errors";
import { pathBelow } from "@iad-r1/models/util/pathBelow";
import { takeWriterLock, type WriterLock } from "../runs/writerLock";
import { gigabytes } from "../runtime/memory";
import { ask, commitOf, fileAddress, filesOf, type HubFile, type HubOptions } from "./hub";

export interface DownloadRequest {
  repository: string;
  /** Folder of the repository, where it holds several checkpoints. */
  folder: string | null;
  /** Branch, tag or commit; default "main". */
  revision?: string;
  /** SHA-256 that files must have, whatever the server says. */
  sha256?: Readonly<Record<string, string>>;
}

export interface DownloadOptions extends HubOptions {
  /** Bytes that are there, of all. */
  onProgress?: (progress: { file: string; doneBytes: number; totalBytes: number }) => void;
}

/** What a download left in its folder beside the files. */
export interface DownloadRecord {
  repository: string;
  folder: string | null;
  /** As it was asked for; older records do not have it. */
  revision?: string;
  commit: string;
  complete: boolean;
  files: { path: string; sizeBytes: number; checksum: string }[];
}

/** A file of the repository with its path in the target. */
type LocalFile = HubFile & { local: string };

const recordName = "iad-r1-download.json";
const lockName = "iad-r1-download.lock";

/** Files that this engine or transformers read; no other formats of the weights, no pictures, no scripts. */
const wanted =
  /(?:^|\/)(?:[\w.-]+\.json|[\w.-]+\.safetensors|tokenizer\.model|merges\.txt|[\w.-]+\.jinja|LICENSE[\w.-]*)$/;

/**
 * Downloads into `target`, or goes on with what an earlier try left there.
 *
 * @throws ResourceError `hub/unreachable`, `hub/refused`, `disk/full`; DataError `hub/checksum`, `hub/answer`; CheckpointError `run/locked`
 *   while another process downloads there; CancelledError. Whatever it is, what has come is kept
 */
export async function downloadModel(
  target: string,
  request: DownloadRequest,
  options: DownloadOptions = {},
): Promise<DownloadRecord> {
  const { repository, folder, revision = "main" } = request;
  const earlier = await readRecord(target);
  // An interrupted download goes on with the commit that it began with: files of two commits do not fit together.
  const goesOn = earlier?.complete === false && (earlier.revision ?? "main") === revision;
  const commit = goesOn ? earlier.commit : await commitOf(repository, revision, options);
  const prefix = folder === null ? "" : `${folder}/`;
  const files = (await filesOf(repository, commit, folder, options))
    .filter(({ path }) => path.startsWith(prefix) && wanted.test(path.slice(prefix.length)))
    .map((file) => ({ ...file, local: file.path.slice(prefix.length) }));
  if (!files.some(({ local }) => local === "config.json")) {
    throw new DataError("hub/answer", `${repository}${folder === null ? "" : `/${folder}`} holds no checkpoint.`, {
      hint: "config.json is missing there; check the name.",
      where: repository,
    });
  }
  await mkdir(target, { recursive: true });
  const lock = lockDownload(target);
  try {
    const record: DownloadRecord = {
      ...{ repository, folder, revision, commit, complete: false },
      files: files.map(({ local, sizeBytes, checksum }) => ({
        ...{ path: local, sizeBytes, checksum: `${checksum.kind}:${checksum.value}` },
      })),
    };
    await removeStale(target, files, earlier, commit);
    await writeRecord(target, record);
    await fetchAll(target, request, { files, earlier, commit }, options);
    const complete = { ...record, complete: true };
    await writeRecord(target, complete);
    return complete;
  } finally {
    lock.release();
  }
}

/** Keeps other processes from writing or deleting a downloaded model. @throws CheckpointError `run/locked` */
export function lockDownload(target: string): WriterLock {
  return takeWriterLock(join(target, lockName), "The model");
}

/**
 * Removes what an earlier download left and this one does not want: the record that is written next has the new checksums, by which a file
 * with its name and size counts as there.
 */
async function removeStale(
  target: string,
  files: readonly LocalFile[],
  earlier: DownloadRecord | null,
  commit: string,
): Promise<void> {
  // A file of weights beside those of another commit would be taken for the whole checkpoint.
  for (const { path } of earlier?.files ?? []) {
    const isOurs = wanted.test(path) && pathBelow(target, join(target, path)) !== null;
    if (isOurs && !files.some(({ local }) => local === path)) await rm(join(target, path), { force: true });
  }
  for (const file of files) {
    const path = join(target, file.local);
    if (await isComplete(path, file, earlier)) continue;
    // Without it the folder is no checkpoint for others.
    await rm(join(target, "config.json"), { force: true });
    await rm(path, { force: true });
    if (earlier?.commit !== commit) await rm(`${path}.part`, { force: true });
  }
}

async function fetchAll(
  target: string,
  { repository, sha256 = {} }: DownloadRequest,
  { files, earlier, commit }: { files: readonly LocalFile[]; earlier: DownloadRecord | null; commit: string },
  options: DownloadOptions,
): Promise<void> {
  const totalBytes = files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  let before = 0;
  // config.json makes a folder a checkpoint for others, so it comes last; small files come before large ones.
  const order = (local: string) => (local === "config.json" ? 1 : 0);
  for (const file of [...files].sort((a, b) => order(a.local) - order(b.local) || a.sizeBytes - b.sizeBytes)) {
    const path = join(target, file.local);
    const expected = sha256[file.local];
    const tell = (bytes: number) => options.onProgress?.({ file: file.local, doneBytes: before + bytes, totalBytes });
    if (!(await isComplete(path, file, earlier))) {
      await requireSpace(target, totalBytes - before);
      const address = fileAddress(repository, commit, file.path, options);
      await fetchFile(address, path, file, expected, options, tell);
    }
    before += file.sizeBytes;
    tell(0);
  }
}

export async function readRecord(folder: string): Promise<DownloadRecord | null> {
  try {
    return JSON.parse(await readFile(join(folder, recordName), "utf8")) as DownloadRecord;
  } catch {
    return null;
  }
}

function writeRecord(folder: string, record: DownloadRecord): Promise<void> {
  return writeFileAtomically(join(folder, recordName), `${JSON.stringify(record, null, 2)}\n`);
}

/** A file gets its name only after its checksum was right, so its size and the record are enough to know it again. */
async function isComplete(path: string, file: HubFile, earlier: DownloadRecord | null): Promise<boolean> {
  const info = await stat(path).catch(() => null);
  if (info === null || info.size !== file.sizeBytes) return false;
  const checksum = `${file.checksum.kind}:${file.checksum.value}`;
  return earlier?.files.some((one) => path.endsWith(one.path) && one.checksum === checksum) === true;
}

/** How often a broken connection is taken up again without having brought a byte. */
const maxFruitlessTries = 3;

async function fetchFile(
  address: string,
  path: string,
  file: HubFile,
  expected: string | undefined,
  options: DownloadOptions,
  tell: (bytes: number) => void,
): Promise<void> {
  const part = `${path}.part`;
  await mkdir(dirname(path), { recursive: true });
  for (let fruitless = 0; ; ) {
    const start = await sizeOf(part, file.sizeBytes);
    if (start === file.sizeBytes && start > 0) break;
    try {
      await receive(address, part, start, file, options, tell);
      if ((await sizeOf(part, file.sizeBytes)) === file.sizeBytes) break;
      throw new ResourceError("hub/unreachable", `${new URL(address).host} ended the connection early.`);
    } catch (error) {
      if (!ResourceError.is(error, "hub/unreachable")) throw error;
      fruitless = (await sizeOf(part, file.sizeBytes)) > start ? 0 : fruitless + 1;
      if (fruitless >= maxFruitlessTries) throw error;
    }
  }
  const sums = await checksums(part, file.sizeBytes, options.signal);
  const wrong = sums[file.checksum.kind] !== file.checksum.value;
  if (wrong || (expected !== undefined && sums.sha256 !== expected)) {
    await rm(part, { force: true });
    const [kind, value] = wrong ? [file.checksum.kind, file.checksum.value] : (["sha256", expected!] as const);
    throw new DataError("hub/checksum", `${file.path}: expected ${kind} ${value}, got ${sums[kind]}.`, {
      where: path,
      hint: "The file was damaged on its way, or is not the one it should be. It was thrown away; try again.",
    });
  }
  await rename(part, path);
}

/** Bytes of a partial file; one that is too long is none. */
async function sizeOf(part: string, limit: number): Promise<number> {
  const info = await stat(part).catch(() => null);
  if (info === null) return 0;
  if (info.size <= limit) return info.size;
  await rm(part, { force: true });
  return 0;
}

async function receive(
  address: string,
  part: string,
  start: number,
  file: HubFile,
  options: DownloadOptions,
  tell: (bytes: number) => void,
): Promise<void> {
  const response = await ask(address, options, start > 0 ? { range: `bytes=${start}-` } : {});
  // A server that knows no ranges sends everything again.
  let position = response.status === 206 ? start : 0;
  const handle = await open(part, position === 0 ? "w" : "r+").catch((error: unknown) => {
    throw writeError(part, error);
  });
  try {
    if (response.body === null) return;
    const reader = response.body.getReader();
    for (;;) {
      const { value, done } = await read(reader, address, options.signal);
      if (done) return;
      if (position + value.byteLength > file.sizeBytes) {
        await reader.cancel();
        throw new DataError("hub/checksum", `${file.path}: expected ${file.sizeBytes} bytes, got more.`, {
          where: part,
          hint: "The server sends another file than it announced; try again later.",
        });
      }
      await handle.write(value, 0, value.byteLength, position).catch((error: unknown) => {
        throw writeError(part, error);
      });
      position += value.byteLength;
      tell(position);
    }
  } finally {
    await handle.close();
  }
}

async function read(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  address: string,
  signal: AbortSignal | undefined,
): Promise<{ value: Uint8Array; done: false } | { value: undefined; done: true }> {
  try {
    const { value, done } = await reader.read();
    return done ? { value: undefined, done } : { value, done };
  } catch (cause) {
    if (signal?.aborted === true) throw new CancelledError();
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new ResourceError("hub/unreachable", `The connection to ${new URL(address).host} broke: ${reason}.`, {
      hint: "Start the download again; it goes on where it stopped.",
      cause,
    });
  }
}

/** Of a whole file: SHA-256, and git's hash of the same content. */
async function checksums(
  path: string,
  sizeBytes: number,
  signal: AbortSignal | undefined,
): Promise<Record<HubFile["checksum"]["kind"], string>> {
  const hashes: Record<HubFile["checksum"]["kind"], Hash> = {
    sha256: createHash("sha256"),
    "git-sha1": createHash("sha1").update(`blob ${sizeBytes}\0`),
  };
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) {
    if (signal?.aborted === true) throw new CancelledError();
    for (const hash of Object.values(hashes)) hash.update(chunk as Buffer);
  }
  return { sha256: hashes.sha256.digest("hex"), "git-sha1": hashes["git-sha1"].digest("hex") };
}

async function requireSpace(folder: string, neededBytes: number): Promise<void> {
  const info = await statfs(folder).catch(() => null);
  if (info === null) return;
  const freeBytes = info.bavail * info.bsize;
  if (freeBytes >= neededBytes) return;
  const message = `${folder}: ${gigabytes(neededBytes)} are needed, ${gigabytes(freeBytes)} are free.`;
  throw new ResourceError("disk/full", message, {
    where: folder,
    hint: "Free some space, or set IAD_R1_HOME to a folder on a larger disk.",
    data: { neededBytes, freeBytes },
  });
}
