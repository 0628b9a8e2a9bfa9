/** Runs a TypeScript module as it is and instrumented, in this process, and says what each run did and what was recorded. */
import { inspect } from "node:util";
import vm from "node:vm";
import { instrumentTypeScript } from "@iad-r1/server/rewards/live/instrument";
import { makeRecorder } from "@iad-r1/server/rewards/live/recorder";
import type { RowTrace, Site, SiteRecord } from "@iad-r1/server/rewards/user/recording";
import { recorderName, sharedLayout } from "@iad-r1/server/rewards/user/recording";
import { transformSync } from "esbuild";
import { transform } from "sucrase";

export interface Observed {
  /** What came out or was thrown, as text, and everything given to `log`, in order. */
  outcome: string;
  log: string[];
}

export interface Recorded {
  source: string;
  sites: Site[];
  records: SiteRecord[];
  trace: RowTrace | null;
  lastSite: number;
}

/** `run` of a module, called with the arguments; the module also sees `log` and `later` (a promise that takes a turn). */
export async function runPlain(source: string, args: readonly unknown[] = []): Promise<Observed> {
  return observe(source, args, undefined);
}

export async function runInstrumented(
  source: string,
  args: readonly unknown[] = [],
  options: { row?: number; batchStart?: number; pinned?: number } = {},
): Promise<{ observed: Observed; recorded: Recorded; code: string }> {
  const { code, sites } = instrumentTypeScript(source, "test.reward.ts");
  const shared = new Int32Array(sharedLayout.length).fill(-1);
  shared[sharedLayout.row] = options.row ?? -1;
  shared[sharedLayout.batchStart] = options.batchStart ?? -1;
  shared[sharedLayout.pinned] = options.pinned ?? -1;
  const recorder = makeRecorder(sites, shared);
  recorder.reset();
  const observed = await observe(code, args, recorder.hooks);
  return {
    observed,
    code,
    recorded: {
      source,
      sites,
      records: recorder.records(),
      trace: recorder.trace(),
      lastSite: shared[sharedLayout.lastSite]!,
    },
  };
}

/** What a place saw; the place is given by its text, `nth` counts places with the same text. */
export function valuesAt(recorded: Recorded, text: string, kind?: Site["kind"], nth = 0): string[] {
  const site = siteAt(recorded, text, kind, nth);
  return recorded.records[site.id]!.values.map(({ preview }) => preview.text);
}

export function siteAt(recorded: Recorded, text: string, kind?: Site["kind"], nth = 0): Site {
  const found = recorded.sites.filter(
    (site) => recorded.source.slice(site.start, site.end) === text && (kind === undefined || site.kind === kind),
  );
  const site = found[nth];
  if (site === undefined) {
    const all = recorded.sites.map((one) => `${one.kind} ${recorded.source.slice(one.start, one.end)}`);
    throw new Error(`No site ${kind ?? ""} ${text} (${nth}); there are:\n${all.join("\n")}`);
  }
  return site;
}

async function observe(source: string, args: readonly unknown[], hooks: unknown): Promise<Observed> {
  const log: string[] = [];
  const code = withoutTypes(source.replace(/^#!.*/, ""));
  const exports: { run?: unknown } = {};
  const parameters = ["exports", "require", "log", "later", recorderName];
  let outcome: string;
  try {
    const load = vm.compileFunction(code, parameters, { filename: "/module/test.reward.ts" });
    const print = (...values: unknown[]) => void log.push(values.map((value) => inspect(value)).join(" "));
    const later = async <T>(value: T): Promise<T> => value;
    load(exports, unknownModule, print, later, hooks);
    const result: unknown = await (exports.run as (...values: unknown[]) => unknown)(...args);
    outcome = `returned ${inspect(result, { depth: 6 })}`;
  } catch (error) {
    const isError = typeof error === "object" && error !== null && "message" in error;
    outcome = `threw ${isError ? `${(error as Error).name}: ${(error as Error).message}` : inspect(error)}`;
  }
  return { outcome, log };
}

/** As the worker does it; namespaces and decorators, which that way does not know, with esbuild. */
function withoutTypes(source: string): string {
  if (/\bnamespace \w|(?:^|\s)@\w/.test(source)) {
    const tsconfigRaw = { compilerOptions: { experimentalDecorators: true } };
    return transformSync(source, { loader: "ts", format: "cjs", target: "node20", tsconfigRaw }).code.replace(
      "module.exports = __toCommonJS(",
      "Object.assign(exports, ",
    );
  }
  return transform(source, { transforms: ["typescript", "imports"], disableESTransforms: true }).code;
}

function unknownModule(name: string): never {
  throw new Error(`the test has no module ${name}`);
}
