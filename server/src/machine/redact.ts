/**
 * Takes out of a text what must not leave this machine: keys, tokens and passwords, names of the person and the machine, and where
 * files lie. Errs on the side of taking out too much. Knows shapes of secrets, not every secret: what is shared is shown first.
 */
import { homedir, hostname, userInfo } from "node:os";
import { escapeRegExp } from "@iad-r1/models/util/escapeRegExp";

export interface RedactOptions {
  /** Folders that are named instead of shown, the innermost first: project folder → `<project>`. */
  folders?: readonly { path: string; name: string }[];
  /** Words to take out, such as the names of the person and the machine; those of this machine when left out. */
  words?: readonly string[];
}

export function withoutSecrets(text: string, { folders = [], words = ownNames() }: RedactOptions = {}): string {
  let shown = text;
  for (const { path, name } of folders) {
    if (path.length > 1) shown = shown.replaceAll(path, name).replaceAll(path.replaceAll("\\", "/"), name);
  }
  for (const [pattern, replacement] of secrets) shown = shown.replace(pattern, replacement);
  shown = shown.replace(longRun, (run) => (/\d/.test(run) && /[A-Za-z]/.test(run) ? "<long-text>" : run));
  shown = shown.replace(absolutePath, (path) => `<path>/${path.split(/[\\/]/).findLast((part) => part !== "") ?? ""}`);
  for (const word of words) {
    if (word.length < 3) continue;
    shown = shown.replace(new RegExp(`(?<![\\w])${escapeRegExp(word)}(?![\\w])`, "gi"), "<name>");
  }
  return shown;
}

/** Ordered: a later pattern sees what earlier ones have left. Repetitions are bounded, so that long lines stay quick. */
const secrets: readonly [RegExp, string][] = [
  // PEM blocks.
  [/-----BEGIN [^-]{1,60}-----[\s\S]*?(?:-----END [^-]{1,60}-----|$)/g, "<secret>"],
  // Credentials and query strings of addresses.
  [/(\b[a-z][a-z0-9+.-]{0,20}:\/\/)[^\s/@]{1,400}@/gi, "$1<secret>@"],
  [/(\b(?:https?|wss?):\/\/[^\s?#"'<>]*)[?#][^\s"'<>]*/gi, "$1?<secret>"],
  // key: value and key=value, also quoted.
  [
    /(["']?\b[\w.-]{0,40}(?:token|secret|passw(?:or)?d|passphrase|api[-_]?key|access[-_]?key|private[-_]?key|credential|authorization|cookie)[\w.-]{0,40}["']?\s{0,4}[:=]\s{0,4})(?:bearer\s+|basic\s+)?(?:"[^"]*"|'[^']*'|[^\s,;}\]]+)/gi,
    "$1<secret>",
  ],
  [/\b(bearer|basic)\s+[\w+/=.~-]{8,}/gi, "$1 <secret>"],
  // Well-known shapes.
  [/\b(?:hf|sk|pk|rk|gh[pousr]|github_pat|glpat|xox[abprs])[-_][A-Za-z0-9_-]{10,}/g, "<secret>"],
  [/\beyJ[\w-]{4,}\.[\w-]+\.[\w-]*/g, "<secret>"],
  [/\bAKIA[0-9A-Z]{12,}/g, "<secret>"],
  [/(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,64}(?:\.[\w-]{1,64}){1,8}/g, "<address>"],
  [/\b(?!127\.0\.0\.1\b|0\.0\.0\.0\b)(?:\d{1,3}\.){3}\d{1,3}\b(?!\.\d)/g, "<address>"],
];

/** Long runs of letters and digits mixed: hashes and keys. */
const longRun = /[A-Za-z0-9+_-]{32,}={0,2}/g;

/** POSIX with at least two parts, Windows with a drive, and shares. Addresses of the web are left to what stands above. */
const absolutePath =
  /(?<![\w:/.<>])(?:\/[^\s/"'`:,;()[\]{}<>|]+){2,}\/?|(?<!\w)[A-Za-z]:[\\/][^\s"'`,;()[\]{}<>|]+|\\\\[^\s"'`,;()[\]{}<>|]+/g;

function ownNames(): string[] {
  let user = "";
  try {
    user = userInfo().username;
  } catch {
    // An account without a name has none to hide.
  }
  const home = homedir().split(/[\\/]/).at(-1) ?? "";
  return [user, home, hostname()].filter((name) => !commonNames.has(name.toLowerCase()));
}

/** Names that say nothing about a person and stand in many sentences. */
const commonNames = new Set(["root", "user", "admin", "home", "node", "runner", "localhost", "vscode", ""]);
