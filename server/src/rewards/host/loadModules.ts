/** Evaluates the modules of a reward file in this thread: those it was handed, "iad-r1/reward", and harmless modules of Node. */
import { builtinModules } from "node:module";
import vm from "node:vm";
import { RewardError } from "@iad-r1/models/errors";
import type { StartMessage } from "../user/hostMessages";
import * as rewardApi from "./rewardApi";

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

  const nodeModule = async (specifier: string, from: string): Promise<vm.Module> => {
    const name = specifier.replace(/^node:/, "");
    if (!isImpure && !harmless.has(name)) {
      throw new RewardError("reward/load", `${from} imports ${specifier}, which pure rewards may not use.`, {
        hint: "Declare the reward impure: true when it must read files or the network.",
      });
    }
    return fromValues(`node:${name}`, { ...((await import(`node:${name}`)) as Record<string, unknown>) });
  };

  const moduleAt = (url: string): vm.Module => {
    const existing = made.get(url);
    if (existing !== undefined) return existing;
    const { kind, code, metaUrl = url } = known.get(url)!;
    const module =
      kind === "json"
        ? fromValues(url, { default: JSON.parse(code) as unknown })
        : new vm.SourceTextModule(code, {
            identifier: url,
            initializeImportMeta: (meta) => {
              meta.url = metaUrl;
            },
            // Type of the callback in @types/node 20 lacks the referrer of a module.
            importModuleDynamically: (async (specifier: string) => {
              const imported = await link(specifier, { identifier: url });
              if (imported.status === "unlinked") await imported.link(link);
              if (imported.status === "linked") await imported.evaluate();
              return imported;
            }) as never,
          });
    made.set(url, module);
    return module;
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
    else {
      const isFile = /^(\.{1,2}\/|\/|file:)/.test(specifier);
      throw new RewardError(
        "reward/load",
        `${identifier} imports "${specifier}", ${isFile ? "which is not there" : "a package, which rewards may not use"}.`,
        { hint: isFile ? "Correct the path." : `Rewards may import "${apiName}" and files of the project.` },
      );
    }
    made.set(key, module);
    return module;
  };

  const root = moduleAt(entry);
  await root.link(link);
  await root.evaluate();
  return root.namespace as Record<string, unknown>;
}

/** The 1-based line of a file that an error's stack names first; null when it names none. */
export function lineInFile(error: unknown, url: string): number | null {
  const stack = error instanceof Error ? (error.stack ?? "") : "";
  const at = stack.indexOf(`${url}:`);
  const line = at < 0 ? Number.NaN : Number.parseInt(stack.slice(at + url.length + 1), 10);
  return Number.isNaN(line) ? null : line;
}
