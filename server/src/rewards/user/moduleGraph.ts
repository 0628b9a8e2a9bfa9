/**
 * A TypeScript reward file with the files of the project that it imports, read and made ready to run: what the worker is handed, so
 * that it reads no file itself. Packages and modules of Node stay out; the worker says what it has.
 */
import { createHash } from "node:crypto";
import { readFileSync, statSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { RewardError } from "@iad-r1/models/errors";
import { isNode, parseModule, walk } from "./babel";
import { isCommonJs, requiredBy } from "./commonJs";
import type { InstrumentedSource } from "./recording";
import { stripTypes } from "./stripTypes";

export interface GraphModule {
  /** `file:` URL; stacks carry it. */
  url: string;
  /** "common": CommonJS, whose functions get `require`, `module` and `exports`. */
  kind: "code" | "common" | "json";
  code: string;
  /** Specifier as written -> URL of a module in the graph. */
  imports: Record<string, string>;
}

export interface ModuleGraph {
  /** URL of the reward file. */
  entry: string;
  modules: GraphModule[];
  /** SHA-256 over the sources of all files, hexadecimal: the version of the code as it runs. */
  hash: string;
}

const maxModules = 200;
const maxFileBytes = 4 * 1024 * 1024;

/**
 * @param file   absolute path of the reward file
 * @param source its text, which may be newer than the file
 * @param instrumented the text with calls of the recorder in it, instead of the source itself
 * @param strip  how types are taken out; a debugger wants columns kept as well as lines
 * @throws RewardError `reward/load`
 */
export function loadModuleGraph(
  file: string,
  source: string,
  { instrumented, strip = stripTypes }: { instrumented?: InstrumentedSource; strip?: typeof stripTypes } = {},
): ModuleGraph {
  const entry = pathToFileURL(file).href;
  const hash = createHash("sha256");
  const modules = new Map<string, GraphModule>();
  const waiting = [{ path: file, text: source, code: instrumented?.code ?? source }];
  for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
    const { path, text, code } = next;
    const url = pathToFileURL(path).href;
    if (modules.has(url)) continue;
    if (modules.size >= maxModules) {
      throw new RewardError("reward/load", `${file} imports more than ${maxModules} files.`, {
        ...{ where: file, hint: "Import only what the reward needs." },
      });
    }
    hash.update(`${text.length}\n`).update(text);
    if (/\.json$/i.test(path)) {
      modules.set(url, { url, kind: "json", code: text, imports: {} });
      continue;
    }
    const imports: Record<string, string> = {};
    const { specifiers, isCommon } = readImports(text);
    for (const specifier of specifiers) {
      const target = resolveSpecifier(specifier, path);
      if (target === null) continue;
      imports[specifier] = pathToFileURL(target).href;
      const imported = readModule(target, path);
      waiting.push({ path: target, text: imported, code: imported });
    }
    const isScript = /\.[cm]?js$/i.test(path) && instrumented === undefined;
    modules.set(url, {
      ...{ url, kind: isCommon ? "common" : "code", code: isScript ? code : strip(code, path), imports },
    });
  }
  return { entry, modules: [...modules.values()], hash: hash.digest("hex") };
}

/** What a module imports at run time, as written. */
function readImports(source: string): { specifiers: Set<string>; isCommon: boolean } {
  const found = new Set<string>();
  const { body } = parseModule(source);
  const isCommon = isCommonJs(body);
  for (const statement of body) {
    for (const node of walk(statement)) {
      const required = isCommon ? requiredBy(node) : null;
      if (required !== null) found.add(required);
      const isStatic = ["ImportDeclaration", "ExportNamedDeclaration", "ExportAllDeclaration"].includes(node.type);
      if (isStatic && node.importKind !== "type" && node.exportKind !== "type" && isNode(node.source)) {
        found.add(String(node.source.value));
      }
      const callee = node.type === "CallExpression" && isNode(node.callee) ? node.callee.type : node.type;
      if (callee !== "Import" && callee !== "ImportExpression") continue;
      const argument = node.type === "CallExpression" ? (node.arguments as unknown[])[0] : node.source;
      if (isNode(argument) && argument.type === "StringLiteral") found.add(String(argument.value));
    }
  }
  return { specifiers: found, isCommon };
}

/** Path of a file of the project; null for packages and modules of Node, and for what is not there. */
function resolveSpecifier(specifier: string, from: string): string | null {
  if (!/^(\.{1,2}\/|\/|file:)/.test(specifier)) return null;
  const base = specifier.startsWith("file:") ? fileURLToPath(specifier) : resolve(dirname(from), specifier);
  const candidates = [
    base,
    ...[".ts", ".mts", ".js", ".mjs", ".cjs", ".json"].map((ending) => base + ending),
    // Written as TypeScript wants it for Node: the name of the file that a compiler would make.
    base.replace(/\.([cm]?)js$/i, ".$1ts"),
    resolve(base, "index.ts"),
    resolve(base, "index.js"),
  ];
  return candidates.find((path) => statSync(path, { throwIfNoEntry: false })?.isFile() === true) ?? null;
}

function readModule(path: string, from: string): string {
  const fail = (why: string, cause?: unknown) =>
    new RewardError("reward/load", `${path}, imported by ${from}, ${why}.`, {
      ...{ where: from, cause, hint: "Import a readable source file of your project." },
    });
  if ((statSync(path, { throwIfNoEntry: false })?.size ?? 0) > maxFileBytes) throw fail("is too large for a module");
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw fail("cannot be read", error);
  }
}
