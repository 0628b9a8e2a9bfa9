/** Evaluates the modules of a reward file in this thread: those it was handed, "iad-r1/reward", and harmless modules of Node. */
import { builtinModules, createRequire } from "node:module";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import vm from "node:vm";
import { RewardError } from "@iad-r1/models/errors";
import type { StartMessage } from "../user/hostMessages";
import * as rewardApi from "./rewardApi";

const nodeRequire = createRequire(import.meta.url);

/** Modules of Node that reach nothing outside of the thread. */
const harmless = new Set(["assert", "assert/strict", "buffer", "crypto", "path", "querystring", "string_decoder"]);
for (const name of ["url", "util", "events", "punycode", "util/types"]) harmless.add(name);

const apiName = "iad-r1/reward";

/**
 * @returns what the reward file exports
 * @throws RewardError for imports that do not exist here; whatever the modules throw
 */
export async function loadModules({ entry, modules, isImpure }: StartMessage): Promise<Record<string, unknown>> {
  const made = new Map<string, vm.Module>();
  const common = new Map<string, { exports: unknown }>();
  const known = new Map(modules.map((module) => [module.url, module]));

  const fromValues = (identifier: string, values: Record<string, unknown>): vm.Module => {
    const names = Object.keys(values);
    return new vm.SyntheticModule(
      names,
      function (this: vm.SyntheticModule) {
        for (const name of names) this.setExport(name, values[name]);
      },
      { identifier },
    );
  };

  /** Its name, when it may be used. */
  const nodeModuleName = (specifier: string, from: string): string => {
    const name = specifier.replace(/^node:/, "");
    if (isImpure || harmless.has(name)) return name;
    throw new RewardError("reward/load", `${fileOf(from)} imports ${specifier}, which pure rewards may not use.`, {
      hint: "Declare the reward impure: true when it must read files or the network.",
    });
  };

  const nodeModule = async (specifier: string, from: string): Promise<vm.Module> => {
    const name = nodeModuleName(specifier, from);
    return fromValues(`node:${name}`, { ...((await import(`node:${name}`)) as Record<string, unknown>) });
  };

  const moduleAt = (url: string): vm.Module => {
    const existing = made.get(url);
    if (existing !== undefined) return existing;
    const { kind, code } = known.get(url)!;
    const module =
      kind !== "code"
        ? fromValues(url, kind === "json" ? { default: JSON.parse(code) as unknown } : namesOf(required(url)))
        : new vm.SourceTextModule(code, {
            identifier: url,
            initializeImportMeta: (meta) => {
              meta.url = url;
            },
            // Type of the callback in @types/node 20 lacks the referrer of a module.
            importModuleDynamically: ((specifier: string) => dynamically(specifier, url)) as never,
          });
    made.set(url, module);
    return module;
  };

  const dynamically = async (specifier: string, url: string) => {
    const imported = await link(specifier, { identifier: url });
    if (imported.status === "unlinked") await imported.link(link);
    if (imported.status === "linked") await imported.evaluate();
    return imported;
  };

  /** What a CommonJS file gives; it runs once, when it is first asked for. Two that need each other see what there is so far. */
  const required = (url: string): unknown => {
    const before = common.get(url);
    if (before !== undefined) return before.exports;
    const module = { exports: {} as unknown };
    common.set(url, module);
    // The first line of a program for a shell; a comment of the same length keeps every place.
    const code = known.get(url)!.code.replace(/^#!/, "//");
    const run = vm.compileFunction(code, ["exports", "require", "module", "__filename", "__dirname"], {
      filename: url,
      importModuleDynamically: ((specifier: string) => dynamically(specifier, url)) as never,
    }) as (...args: unknown[]) => void;
    const path = fileURLToPath(url);
    run.call(
      module.exports,
      module.exports,
      (specifier: unknown) => requireFrom(url, String(specifier)),
      module,
      path,
      dirname(path),
    );
    return module.exports;
  };

  const requireFrom = (url: string, specifier: string): unknown => {
    const target = known.get(url)?.imports[specifier];
    if (target === undefined) {
      if (specifier === apiName) return { ...rewardApi };
      if (!builtinModules.includes(specifier.replace(/^node:/, ""))) throw unknownModule(specifier, url);
      return nodeRequire(`node:${nodeModuleName(specifier, url)}`);
    }
    const { kind, code } = known.get(target)!;
    if (kind === "json") return JSON.parse(code) as unknown;
    if (kind === "common") return required(target);
    throw new RewardError(
      "reward/load",
      `${fileOf(url)} requires "${specifier}", which is written with import and export.`,
      {
        hint: "Write this file with import too.",
      },
    );
  };

  const link = async (specifier: string, { identifier }: { identifier: string }): Promise<vm.Module> => {
    const key = `builtin:${specifier}`;
    const existing = made.get(key);
    if (existing !== undefined) return existing;
    const target = known.get(identifier)?.imports[specifier];
    if (target !== undefined) return moduleAt(target);
    let module: vm.Module;
    if (specifier === apiName) module = fromValues(apiName, { ...rewardApi });
    else if (builtinModules.includes(specifier.replace(/^node:/, ""))) module = await nodeModule(specifier, identifier);
    else throw unknownModule(specifier, identifier);
    made.set(key, module);
    return module;
  };

  const root = moduleAt(entry);
  await root.link(link);
  await root.evaluate();
  return root.namespace as Record<string, unknown>;
}

/** A module as people know it. */
function fileOf(url: string): string {
  return url.startsWith("file:") ? fileURLToPath(url) : url;
}

function unknownModule(specifier: string, from: string): RewardError {
  const isFile = /^(\.{1,2}\/|\/|file:)/.test(specifier);
  return new RewardError(
    "reward/load",
    `${fileOf(from)} imports "${specifier}", ${isFile ? "which is not there" : "a package, which rewards may not use"}.`,
    { hint: isFile ? "Correct the path." : `Rewards may import "${apiName}" and files of the project.` },
  );
}

/** The names that `import` finds in what a CommonJS file gives. */
function namesOf(exported: unknown): Record<string, unknown> {
  const isObject = (typeof exported === "object" && exported !== null) || typeof exported === "function";
  const names = isObject ? { ...(exported as Record<string, unknown>) } : {};
  return { ...names, default: Object.hasOwn(names, "default") ? names.default : exported };
}

/** The 1-based line of a file that an error's stack names first; null when it names none. */
export function lineInFile(error: unknown, url: string): number | null {
  const stack = error instanceof Error ? (error.stack ?? "") : "";
  const at = stack.indexOf(`${url}:`);
  const line = at < 0 ? Number.NaN : Number.parseInt(stack.slice(at + url.length + 1), 10);
  return Number.isNaN(line) ? null : line;
}
