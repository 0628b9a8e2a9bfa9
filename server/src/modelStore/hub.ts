/**
 * What a Hugging Face server says of a repository: the commit behind a branch, and its files with sizes and checksums. Two requests of
 * plain JSON; nothing is stored. What comes back is checked like any other file from outside.
 */
import { DataError, ResourceError } from "@iad-r1/models/errors";

export interface HubFile {
  /** Path in the repository, with forward slashes. */
  path: string;
  sizeBytes: number;
  /** Of the content (large files), or git's hash of it (small ones). */
  checksum: { kind: "sha256" | "git-sha1"; value: string };
}

export interface HubOptions {
  /** Default https://huggingface.co. */
  endpoint?: string;
  /** Of the user, for repositories that ask for one; sent to the endpoint only. */
  token?: string;
  signal?: AbortSignal;
}

const publicEndpoint = "https://huggingface.co";
/** Far above every known repository. */
const maxFiles = 10_000;

/** @throws ResourceError `hub/unreachable`, `hub/refused`; DataError `hub/answer` */
export async function commitOf(repository: string, revision: string, options: HubOptions): Promise<string> {
  const answer = await json(`api/models/${repository}/revision/${encodeURIComponent(revision)}`, options);
  const sha = (answer.body as { sha?: unknown } | null)?.sha;
  if (typeof sha === "string" && /^[0-9a-f]{40}$/.test(sha)) return sha;
  throw answerError(repository, "a commit of 40 hexadecimal digits", sha);
}

/** All files of a folder of the repository (or of all of it), at one commit. */
export async function filesOf(
  repository: string,
  commit: string,
  folder: string | null,
  options: HubOptions,
): Promise<HubFile[]> {
  const path = folder === null ? "" : `/${folder.split("/").map(encodeURIComponent).join("/")}`;
  let next: string | null = `api/models/${repository}/tree/${commit}${path}?recursive=true`;
  const files: HubFile[] = [];
  while (next !== null) {
    const answer: Answer = await json(next, options);
    if (!Array.isArray(answer.body)) throw answerError(repository, "a list of files", answer.body);
    for (const item of answer.body as unknown[]) {
      const file = parseFile(item, repository);
      if (file !== null) files.push(file);
    }
    if (files.length > maxFiles) throw answerError(repository, `at most ${maxFiles} files`, files.length);
    next = answer.next;
  }
  return files;
}

/** The address of a file's content. */
export function fileAddress(repository: string, commit: string, path: string, { endpoint }: HubOptions): string {
  const parts = path.split("/").map(encodeURIComponent).join("/");
  return `${endpoint ?? publicEndpoint}/${repository}/resolve/${commit}/${parts}`;
}

export function authorization({ token }: HubOptions): Record<string, string> {
  return token === undefined || token === "" ? {} : { authorization: `Bearer ${token}` };
}

interface Answer {
  body: unknown;
  /** Of a list that comes in pages. */
  next: string | null;
}

async function json(path: string, options: HubOptions): Promise<Answer> {
  const endpoint = options.endpoint ?? publicEndpoint;
  const response = await ask(`${endpoint}/${path}`, options);
  const link = /<([^>]+)>;\s*rel="next"/.exec(response.headers.get("link") ?? "")?.[1];
  // Pages lie on the same server; a token goes nowhere else.
  const next = link?.startsWith(`${endpoint}/`) === true ? link.slice(endpoint.length + 1) : null;
  try {
    return { body: (await response.json()) as unknown, next };
  } catch (cause) {
    throw new DataError("hub/answer", `${endpoint} answered with something that is no JSON.`, { where: path, cause });
  }
}

/** A request that was answered with success. @throws ResourceError */
export async function ask(
  address: string,
  options: HubOptions,
  headers: Record<string, string> = {},
): Promise<Response> {
  const { host } = new URL(address);
  let response: Response;
  try {
    response = await fetch(address, {
      headers: { ...headers, ...authorization(options) },
      ...(options.signal && { signal: options.signal }),
    });
  } catch (cause) {
    options.signal?.throwIfAborted();
    throw new ResourceError("hub/unreachable", `${host} cannot be reached: ${reasonOf(cause)}.`, {
      hint: "Check the network and proxy settings, or get the files on another machine and use `iad-r1 models add`.",
      cause,
    });
  }
  if (response.ok) return response;
  await response.body?.cancel();
  const cures: Record<number, string> = {
    401: "The repository may not exist, or needs a token: accept its terms on its page, then set HF_TOKEN.",
    403: "Accept the terms on the repository's page, then set HF_TOKEN to a token of yours.",
    404: "The repository or file does not exist there; check the name.",
    429: "The server asks to wait; try again later, what is there is kept.",
  };
  throw new ResourceError(
    "hub/refused",
    `${host} refused ${new URL(address).pathname}: ${response.status} ${response.statusText}.`,
    {
      hint: cures[response.status] ?? "Try again later; what is there is kept.",
      data: { status: response.status },
    },
  );
}

function reasonOf(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  return cause instanceof Error ? cause.message : String(cause);
}

function parseFile(item: unknown, repository: string): HubFile | null {
  const { type, path, size, oid, lfs } = (item ?? {}) as Record<string, unknown>;
  if (type !== "file") return null;
  const isPath = typeof path === "string" && path.length < 512 && path.split("/").every(isPlainName);
  if (!isPath) throw answerError(repository, "plain names of files", path);
  const isSize = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= 0;
  if (!isSize(size)) throw answerError(repository, `a size of ${path}`, size);
  const large = lfs as { oid?: unknown; size?: unknown } | undefined | null;
  if (large != null && typeof large.oid === "string") {
    const value = large.oid.replace(/^sha256:/, "");
    if (!/^[0-9a-f]{64}$/.test(value)) throw answerError(repository, `a SHA-256 of ${path}`, large.oid);
    return { path, sizeBytes: isSize(large.size) ? large.size : size, checksum: { kind: "sha256", value } };
  }
  if (typeof oid !== "string" || !/^[0-9a-f]{40}$/.test(oid)) throw answerError(repository, `a hash of ${path}`, oid);
  return { path, sizeBytes: size, checksum: { kind: "git-sha1", value: oid } };
}

/** No step upwards, no drive, no hidden file, nothing that a file system reads otherwise. */
function isPlainName(name: string): boolean {
  return /^[A-Za-z0-9_(][\w(). +-]*$/.test(name) && !name.endsWith(".") && !name.endsWith(" ");
}

function answerError(repository: string, expected: string, got: unknown): DataError {
  const text = JSON.stringify(got) ?? "nothing";
  return new DataError(
    "hub/answer",
    `The list of files of ${repository}: expected ${expected}, got ${text.slice(0, 80)}.`,
    {
      where: repository,
      hint: "The server is not a Hugging Face hub, or something between changes its answers.",
    },
  );
}
