/**
 * Reads `iadr1.yaml`: text and `--set key=value` overrides in, a checked configuration or a list of problems with line and column out,
 * for the command line and for the editor alike. What the keys mean is `experiment.ts`; nothing here looks at models or data, but for where a
 * model of a name lies.
 */
import { existsSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { ConfigError } from "@iad-r1/models/errors";
import { TextLines } from "@iad-r1/models/util/textLines";
import { parseDocument } from "yaml";
import { type ConfigProblem, ProblemPlaces } from "./configProblem";
import { findStored } from "../modelStore/store";
import { embeddedModels } from "./modelNames";
import {
  type DataSource,
  type ExperimentConfig,
  type ExperimentInput,
  experimentSchema,
  type TrlConfig,
} from "./experiment";
import { adviceOn, conflictsIn } from "./experimentRules";
import { parseRewardPath } from "./rewardPath";
import { describeIssue, valueAt } from "./schemaProblems";
import { readConfigText } from "./yamlFile";
import { type YamlChild, YamlTree } from "./yamlTree";

export interface ParsedExperiment {
  /** Null when there is a problem. */
  value: ExperimentConfig | null;
  problems: ConfigProblem[];
  /** What works but is most likely not meant. */
  advice: ConfigProblem[];
}

export interface ParseOptions {
  /** Folder that relative paths in the file start from. */
  folder: string;
  /** `key.path=value`, the value written as YAML. Later ones win. */
  overrides?: readonly string[];
  /** The text as a tree, when it was read before. */
  tree?: YamlTree;
  /** Goes on behind faults of the text, with what can be understood; for a file that is being typed. */
  tolerant?: boolean;
}

/** Checks a configuration text. Never throws for anything a person can write into the file. */
export function parseExperiment(text: string, options: ParseOptions): ParsedExperiment {
  const tree = options.tree ?? YamlTree.read(text);
  const lines = new TextLines(text);
  const overridden = new Set<string>();
  const places = new ProblemPlaces(tree, lines, overridden);
  const syntax = (message: string, start: number, end: number): ConfigProblem => ({
    ...{ code: "config/syntax", path: "", message, ...places.span(start, end), cures: [] },
  });
  const problems = tree.faults.map(({ message, start, end }) => syntax(message, start, end));
  const failed = () => ({ value: null, problems, advice: [] });
  if (problems.length > 0 && options.tolerant !== true) return failed();
  if (tree.root !== null && tree.root.kind !== "map") {
    if (problems.length === 0) {
      problems.push(syntax("Expected keys and values at the top of the file.", 0, lines.endOfLine(1)));
    }
    return failed();
  }
  const numFaults = problems.length;
  let plain: unknown = tree.value ?? {};
  if (options.overrides !== undefined && options.overrides.length > 0) {
    plain = copyOf(plain);
    for (const override of options.overrides) {
      const problem = applyOverride(plain, override, overridden);
      if (problem !== null) problems.push(problem);
    }
    if (problems.length > 0) return failed();
  }
  let result = experimentSchema.safeParse(plain);
  const value = result.success && numFaults === 0 ? result.data : null;
  if (!result.success) {
    const found = result.error.issues.flatMap((issue) => describeIssue(issue, plain, places));
    // What is being typed is not there yet: a missing or unfinished key is no news.
    const news = found.filter(({ code, path }) => {
      if (numFaults === 0) return true;
      return code !== "config/missing-key" && !isUnfinished(tree, path.split("."));
    });
    problems.push(...news);
    result = experimentSchema.safeParse(repaired(plain, found));
  }
  if (!result.success) return failed();
  problems.push(...conflictsIn(result.data, plain, places));
  return {
    value: value === null || problems.length > 0 ? null : resolvePaths(value, options.folder),
    problems,
    advice: adviceOn(result.data, plain, places),
  };
}

/**
 * Reads and checks a configuration file.
 *
 * @throws ConfigError `config/unreadable`, `config/too-large`, or `config/invalid` that lists every problem as `file:line:column message`
 */
export function loadExperiment(file: string, overrides: readonly string[] = []): ExperimentConfig {
  return experimentOf(readConfigText(file), file, overrides);
}

/** The same for a text that an editor shows. @throws ConfigError `config/invalid` */
export function experimentOf(text: string, file: string, overrides: readonly string[] = []): ExperimentConfig {
  const { value, problems } = parseExperiment(text, { folder: dirname(resolve(file)), overrides });
  if (value !== null) return value;
  // One cure beside many problems would not tell which one it is for, so each then stands behind its own.
  const only = problems.length === 1 ? problems[0]!.hint : undefined;
  const listed = problems.map(({ line, column, message, hint }) => {
    const text = only !== undefined || hint === undefined ? message : `${message} ${hint}`;
    return line === 0 ? text : `${file}:${line}:${column} ${text}`;
  });
  throw new ConfigError("config/invalid", listed.join("\n"), {
    where: file,
    hint: only ?? "Mend the lines above; `iad-r1 data schema` lists the keys.",
    data: { problems },
  });
}

/** The configuration of an earlier run with some settings changed. @throws ConfigError `config/invalid` */
export function overriddenConfig(config: unknown, overrides: readonly string[]): ExperimentConfig {
  if (typeof config !== "object" || config === null) {
    throw new ConfigError("config/missing", `run.json: config: expected an object, got ${config ?? "nothing"}.`, {
      hint: "The run's folder is damaged; start a new run from the experiment file.",
    });
  }
  // JSON is YAML; its paths are absolute already.
  return experimentOf(JSON.stringify(config), resolve("run.json"), overrides);
}

/** A checked configuration from a plain object, for tests and built-in experiments. Paths start from `folder`. */
export function makeExperiment(input: ExperimentInput, folder = process.cwd()): ExperimentConfig {
  return resolvePaths(experimentSchema.parse(input), folder);
}

/** Puts a value into plain data; sections that are missing are made. */
function applyOverride(plain: unknown, override: string, overridden: Set<string>): ConfigProblem | null {
  const wrong = (path: string, message: string): ConfigProblem => ({
    ...{ code: "config/override", path, message: `--set ${override}: ${message}` },
    ...{ line: 0, column: 0, endLine: 0, endColumn: 0, cures: [] },
  });
  const equals = override.indexOf("=");
  const key = override.slice(0, equals).trim();
  if (equals <= 0 || key.split(".").some((part) => part === "")) {
    return wrong("", "expected key.path=value, for example --set stages.paSft.epochs=2.");
  }
  const value = parseDocument(override.slice(equals + 1), { prettyErrors: false });
  if (value.errors.length > 0) return wrong(key, value.errors[0]!.message);
  const path = key.split(".");
  let section = plain as Record<string, unknown>;
  for (const [k, part] of path.entries()) {
    if (typeof section !== "object" || section === null) {
      return wrong(key, `${path.slice(0, k).join(".")} holds a value, not keys.`);
    }
    if (Array.isArray(section) && (part === "length" || !Object.hasOwn(section, part))) {
      const list = path.slice(0, k).join(".");
      return wrong(key, `${list} is a list; expected a number below ${section.length} behind it, got ${part}.`);
    }
    const present = Object.hasOwn(section, part) ? section[part] : undefined;
    // Plain assignment to `__proto__` would change the prototype instead.
    const set = (content: unknown) =>
      Object.defineProperty(section, part, { value: content, enumerable: true, configurable: true, writable: true });
    if (k === path.length - 1) {
      try {
        set(value.toJS({ maxAliasCount: 50 }));
      } catch (error) {
        return wrong(key, (error as Error).message);
      }
    } else set(copyOf(present ?? {}));
    section = (Object.hasOwn(section, part) ? section[part] : undefined) as Record<string, unknown>;
  }
  overridden.add(key);
  return null;
}

/** Sections of the same text, or behind an alias, are one object: what is changed in one of them must not change the other. */
function copyOf(section: unknown): unknown {
  if (typeof section !== "object" || section === null) return section;
  return Array.isArray(section) ? [...(section as unknown[])] : { ...section };
}

/** The data without what was complained about, so that the rest can be looked at. */
function repaired(plain: unknown, problems: readonly ConfigProblem[]): unknown {
  const clone = structuredClone(plain) as Record<string, unknown>;
  const wrong = problems.map(({ path }) => path.split("."));
  for (const path of wrong) {
    const section = valueAt(clone, path.slice(0, -1));
    if (typeof section !== "object" || section === null) continue;
    if (Array.isArray(section)) section[Number(path.at(-1))] = undefined;
    else Reflect.deleteProperty(section, path.at(-1)!);
  }
  // Of a source that lacks something nothing can be said.
  for (const path of wrong) {
    const length = path[0] === "data" ? 2 : path[0] === "stages" && path[2] === "data" ? 3 : Number.POSITIVE_INFINITY;
    if (path.length < length) continue;
    const section = valueAt(clone, path.slice(0, length - 1));
    if (typeof section === "object" && section !== null) Reflect.deleteProperty(section, path[length - 1]!);
  }
  const stand = (key: string, content: object) => {
    const present = clone[key];
    const kept = typeof present === "object" && present !== null ? present : {};
    clone[key] = { ...content, ...kept };
  };
  stand("model", { base: "." });
  stand("data", { train: { kind: "folder", path: "." } });
  return clone;
}

function isUnfinished(tree: YamlTree, path: readonly string[]): boolean {
  const { node } = path.length === 1 ? { node: tree.root } : tree.find(path.slice(0, -1));
  const child: YamlChild | undefined = node?.children.find(({ key }) => key === path.at(-1));
  return child?.unfinished === true;
}

/** The same names as on the command line; an adapter that the file names takes the place of the embedded one. */
function resolveNames({ base, adapter }: ExperimentConfig["model"], folder: string): ExperimentConfig["model"] {
  const known = embeddedModels.get(base);
  return {
    base: known?.base ?? baseFolder(folder, base),
    adapter: adapter === null ? (known?.adapter ?? null) : resolve(folder, adapter),
  };
}

/** A reward file by its absolute path; names of built-in rewards as they are. */
function rewardName(name: string, folder: string): string {
  const path = parseRewardPath(name);
  if (path === null) return name;
  return resolve(folder, path.file) + (path.function === null ? "" : `#${path.function}`);
}

function resolvePaths(config: ExperimentConfig, folder: string): ExperimentConfig {
  const source = (one: DataSource): DataSource =>
    one.kind === "synth"
      ? one
      : "images" in one && one.images !== undefined
        ? { ...one, path: resolve(folder, one.path), images: resolve(folder, one.images) }
        : { ...one, path: resolve(folder, one.path) };
  const sources = (all: DataSource[] | undefined) => all?.map(source);
  return {
    ...config,
    model: resolveNames(config.model, folder),
    data: {
      train: sources(config.data.train)!,
      heldOut: sources(config.data.heldOut),
      validation: sources(config.data.validation),
    },
    stages: {
      paSft: { ...config.stages.paSft, data: sources(config.stages.paSft.data) },
      scGrpo: {
        ...{ ...config.stages.scGrpo, data: sources(config.stages.scGrpo.data) },
        rewards: config.stages.scGrpo.rewards?.map((use) => ({ ...use, name: rewardName(use.name, folder) })),
      },
    },
    ...(config.trl !== undefined && { trl: trlPaths(config.trl, folder) }),
    output: resolve(folder, config.output),
  };
}

/** A name without a slash is looked for on the path of programs. */
function trlPaths(trl: TrlConfig, folder: string): TrlConfig {
  const { python, accelerateConfig } = trl;
  return {
    ...trl,
    ...(python !== undefined && /[\\/]/.test(python) && { python: resolve(folder, python) }),
    ...(accelerateConfig !== undefined && { accelerateConfig: resolve(folder, accelerateConfig) }),
  };
}

/** A folder beside the file, or a model of the store by its name. */
export function baseFolder(folder: string, base: string): string {
  const path = resolve(folder, base);
  return existsSync(path) ? path : (findStored(base) ?? path);
}
