/** Files and folders that an experiment file names and that are not there, with near names as quick fixes. */
import { basename, dirname, join } from "node:path";
import { nearestOf } from "../../config/nearest";
import { rangeAt } from "../places";
import type { FileProbe, Finding, Fix } from "../types";
import type { ConfigDocument } from "./document";
import { type NamedPath, namedPaths } from "./paths";

/** Asked together, so that a slow disk answers in time for a file with thousands of sources. */
const askedAtOnce = 64;

export async function configFileFindings(
  document: ConfigDocument,
  files: FileProbe,
  signal?: AbortSignal,
): Promise<Finding[]> {
  const findings: Finding[] = [];
  const paths = namedPaths(document);
  for (let start = 0; start < paths.length; start += askedAtOnce) {
    signal?.throwIfAborted();
    const some = await Promise.all(paths.slice(start, start + askedAtOnce).map((path) => check(document, path, files)));
    findings.push(...some.filter((finding) => finding !== null));
  }
  return findings;
}

async function check(document: ConfigDocument, named: NamedPath, files: FileProbe): Promise<Finding | null> {
  const { absolute, what, expected, inside, written, at } = named;
  const key = at.join(".");
  const kind = await files.kind(absolute);
  if (kind === null) {
    const near = await nearName(named, files);
    const fixes = near === null ? [] : [replacement(document, named, near)];
    const hint = near === null ? "Paths start from the folder of this file." : `Did you mean ${near}?`;
    return finding(
      document,
      named,
      "config/missing-path",
      `${key}: the ${what} does not exist: ${absolute}.`,
      hint,
      fixes,
    );
  }
  if (kind !== expected) {
    const message = `${key}: expected a ${expected}, got a ${kind}: ${absolute}.`;
    return finding(document, named, "config/wrong-path", message, `Name the ${what}.`, []);
  }
  if (inside === undefined || (await files.kind(join(absolute, inside))) === "file") return null;
  const deeper = await holding(absolute, inside, files);
  const fixes = deeper === null ? [] : [replacement(document, named, `${written.replace(/\/$/, "")}/${deeper}`)];
  const hint = what === "data folder" ? "An MVTec-style folder has kind: mvtec." : undefined;
  return finding(
    document,
    named,
    "config/wrong-path",
    `${key}: ${absolute} has no ${inside}, so it is no ${what}.`,
    hint,
    fixes,
  );
}

/** The name in the folder above that differs in a letter or two, written as the path was. */
async function nearName({ absolute, written, expected }: NamedPath, files: FileProbe): Promise<string | null> {
  const present = (await files.list(dirname(absolute))).filter(({ kind }) => kind === expected).map(({ name }) => name);
  const near = nearestOf(basename(absolute), present);
  if (near === null) return null;
  const folder = /^(.*[\\/])?[^\\/]+[\\/]?$/.exec(written)?.[1] ?? "";
  return folder + near;
}

/** A folder inside that has what is looked for; a checkpoint is often one level deeper. */
async function holding(folder: string, file: string, files: FileProbe): Promise<string | null> {
  const folders = (await files.list(folder)).filter(({ kind }) => kind === "folder").slice(0, 50);
  const there = await Promise.all(folders.map(({ name }) => files.kind(join(folder, name, file))));
  const index = there.indexOf("file");
  return index < 0 ? null : folders[index]!.name;
}

function replacement(document: ConfigDocument, { at, written }: NamedPath, path: string): Fix {
  const { start, end } = document.tree.find(at).value!;
  const hash = written.indexOf("#");
  const text = hash < 0 ? path : path + written.slice(hash);
  const plain = /^[\w./-]+$/.test(text) ? text : JSON.stringify(text);
  return {
    title: `Change to ${path}`,
    edits: [{ range: rangeAt(document.lines, start, end), newText: plain }],
    sure: true,
  };
}

function finding(
  document: ConfigDocument,
  { at }: NamedPath,
  code: string,
  message: string,
  hint: string | undefined,
  fixes: Fix[],
): Finding {
  const { value, key } = document.tree.find(at);
  const { start, end } = value ?? key!;
  return {
    ...{ severity: "error", code, message },
    ...(hint === undefined ? {} : { hint }),
    ...{ range: rangeAt(document.lines, start, end), fixes },
  };
}
