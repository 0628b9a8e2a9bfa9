/**
 * The files of the project that a Python reward file imports, so that a version of a reward is all the code that it runs. Packages stay
 * out: they are the interpreter's. Reads texts, runs nothing; the worker itself imports as Python does.
 */
import { createHash } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { type PythonToken, readPython } from "./pythonLines";

const maxModules = 200;
const maxFileBytes = 4 * 1024 * 1024;

/**
 * SHA-256 over the text and those of all modules beside it that it imports, also by way of each other, hexadecimal. A file that
 * imports none has the hash of its text alone.
 *
 * @param file absolute path; its folder is where Python looks first
 */
export function pythonVersion(file: string, source: string): string {
  const hash = createHash("sha256").update(source);
  const root = dirname(file);
  for (const [path, text] of [...importedModules(file, source)].sort(([a], [b]) => (a < b ? -1 : 1))) {
    hash.update(`\n${relative(root, path).replaceAll("\\", "/")} ${text.length}\n`).update(text);
  }
  return hash.digest("hex");
}

/** Path -> text of every module of the project behind a file, itself left out. */
export function importedModules(file: string, source: string): Map<string, string> {
  const root = dirname(file);
  const found = new Map<string, string>();
  const waiting = [{ path: file, text: source }];
  for (let next = waiting.shift(); next !== undefined && found.size < maxModules; next = waiting.shift()) {
    for (const { level, names } of importsOf(next.text)) {
      // One dot is the folder of the module itself, each further one the folder above.
      let start = level === 0 ? root : dirname(next.path);
      for (let up = 1; up < level; up++) start = dirname(start);
      for (const path of filesOf(start, names)) {
        if (path === file || found.has(path)) continue;
        const text = readFileSync(path, "utf8");
        found.set(path, text);
        waiting.push({ path, text });
      }
    }
  }
  return found;
}

interface Import {
  /** Dots in front: 0 for an absolute import. */
  level: number;
  /** Of the module, and of what is taken from it, which may be a module too: `a.b.c` -> ["a", "b", "c"]. */
  names: string[];
}

/** Imports anywhere in the text, inside of functions too. */
function importsOf(source: string): Import[] {
  return readPython(source).lines.flatMap(({ tokens }): Import[] => {
    // An import may stand behind the colon of a compound statement.
    const at = tokens.findIndex(({ text }, i) => (text === "import" || text === "from") && startsHere(tokens, i));
    if (at < 0) return [];
    const rest = tokens.slice(at + 1);
    if (tokens[at]!.text === "import") return listOf(rest).map((names) => ({ level: 0, names }));
    const until = rest.findIndex(({ text }) => text === "import");
    if (until < 0) return [];
    const level = rest
      .slice(0, until)
      .filter(({ text }, i, all) => text === "." && all.slice(0, i).every(isDot)).length;
    const names = rest.slice(level, until).flatMap(({ kind, text }) => (kind === "name" ? [text] : []));
    const taken = listOf(rest.slice(until + 1)).map((one) => ({ level, names: [...names, ...one] }));
    return [{ level, names }, ...taken];
  });
}

/** At the beginning of a statement; `from` inside of `yield from` or `raise … from` is something else. */
function startsHere(tokens: readonly PythonToken[], i: number): boolean {
  return i === 0 || tokens[i - 1]!.text === ":";
}

/** `a.b as c, d` -> [["a", "b"], ["d"]] */
function listOf(tokens: readonly PythonToken[]): string[][] {
  const list: string[][] = [];
  let isOpen = true;
  for (const { kind, text } of tokens) {
    if (text === ",") isOpen = true;
    else if (text === "as") isOpen = false;
    else if (kind === "name" && isOpen) {
      const last = list.at(-1);
      if (last === undefined || last.length === 0) list.push([text]);
      else last.push(text);
    }
    if (text === ",") list.push([]);
  }
  return list.filter((names) => names.length > 0);
}

function isDot({ text }: PythonToken): boolean {
  return text === ".";
}

/** The packages on the way and the module itself, as far as they are files. */
function filesOf(root: string, names: readonly string[]): string[] {
  const files: string[] = [];
  let folder = root;
  for (const name of names) {
    const module = join(folder, `${name}.py`);
    const init = join(folder, name, "__init__.py");
    if (isSource(init)) files.push(init);
    else if (isSource(module)) {
      files.push(module);
      break;
    }
    folder = join(folder, name);
  }
  return files;
}

function isSource(path: string): boolean {
  const info = statSync(path, { throwIfNoEntry: false });
  return info?.isFile() === true && info.size <= maxFileBytes;
}
