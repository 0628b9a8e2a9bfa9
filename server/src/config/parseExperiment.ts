/**
 * Reads `iadr1.yaml`: text and `--set key=value` overrides in, a checked configuration or a list of problems with line and column out.
 * What the keys mean is `experiment.ts`; nothing here looks at models or data.
 */
import { dirname, resolve } from "node:path";
import { ConfigError } from "@iad-r1/models/errors";
import { type Document, isMap, isNode, isScalar, type LineCounter, parseDocument } from "yaml";
import { z } from "zod";
import { type DataSource, type ExperimentConfig, type ExperimentInput, experimentSchema } from "./experiment";
import { parseYaml, plainValue, readConfigText } from "./yamlFile";

/** Something wrong in a configuration, placed where a person can mend it. */
export interface ConfigProblem {
  /** Stable code: `config/unknown-key`, `config/wrong-value`, `config/missing-key`, `config/syntax`, `config/conflict`. */
  code: string;
  /** Keys from the top, `stages.paSft.learningRate`; empty for the file as a whole. */
  path: string;
  message: string;
  hint?: string;
  /** From 1. For an override: 0, and the message names it. */
  line: number;
  column: number;
}

export interface ParsedExperiment {
  /** Null when there is a problem. */
  value: ExperimentConfig | null;
  problems: ConfigProblem[];
}

export interface ParseOptions {
  /** Folder that relative paths in the file start from. */
  folder: string;
  /** `key.path=value`, the value written as YAML. Later ones win. */
  overrides?: readonly string[];
}

/** Checks a configuration text. Never throws for anything a person can write into the file. */
export function parseExperiment(text: string, options: ParseOptions): ParsedExperiment {
  const { document, lines, faults } = parseYaml(text);
  const problems: ConfigProblem[] = faults.map((fault) => ({ code: "config/syntax", path: "", ...fault }));
  if (problems.length > 0) return { value: null, problems };
  if (document.contents !== null && !isMap(document.contents)) {
    return {
      value: null,
      problems: [
        {
          code: "config/syntax",
          path: "",
          message: "Expected keys and values at the top of the file.",
          line: 1,
          column: 1,
        },
      ],
    };
  }
  const overridden = new Set<string>();
  for (const override of options.overrides ?? []) {
    const problem = applyOverride(document, override, overridden);
    if (problem !== null) problems.push(problem);
  }
  if (problems.length > 0) return { value: null, problems };
  let plain: unknown;
  try {
    plain = plainValue(document) ?? {};
  } catch (error) {
    return {
      value: null,
      problems: [{ code: "config/syntax", path: "", message: (error as Error).message, line: 1, column: 1 }],
    };
  }
  const result = experimentSchema.safeParse(plain);
  if (!result.success) {
    for (const issue of result.error.issues) problems.push(...describeIssue(issue, document, lines, overridden));
    return { value: null, problems };
  }
  const value = resolvePaths(result.data, options.folder);
  problems.push(...findConflicts(value, document, lines, overridden));
  return { value: problems.length === 0 ? value : null, problems };
}

/**
 * Reads and checks a configuration file.
 *
 * @throws ConfigError `config/unreadable`, `config/too-large`, or `config/invalid` that lists every problem as `file:line:column message`
 */
export function loadExperiment(file: string, overrides: readonly string[] = []): ExperimentConfig {
  const text = readConfigText(file);
  const { value, problems } = parseExperiment(text, { folder: dirname(resolve(file)), overrides });
  if (value !== null) return value;
  const listed = problems.map((problem) =>
    problem.line === 0 ? problem.message : `${file}:${problem.line}:${problem.column} ${problem.message}`,
  );
  throw new ConfigError("config/invalid", listed.join("\n"), {
    where: file,
    hint:
      problems.find((problem) => problem.hint !== undefined)?.hint ??
      "Mend the lines above; `iad-r1 train --help` lists the keys.",
    data: { problems },
  });
}

/** A checked configuration from a plain object, for tests and built-in experiments. Paths start from `folder`. */
export function makeExperiment(input: ExperimentInput, folder = process.cwd()): ExperimentConfig {
  return resolvePaths(experimentSchema.parse(input), folder);
}

function applyOverride(document: Document, override: string, overridden: Set<string>): ConfigProblem | null {
  const at = { line: 0, column: 0 };
  const equals = override.indexOf("=");
  const key = override.slice(0, equals).trim();
  if (equals <= 0 || key.split(".").some((part) => part === "")) {
    return {
      code: "config/override",
      path: "",
      message: `--set ${override}: expected key.path=value, for example --set stages.paSft.epochs=2.`,
      ...at,
    };
  }
  const value = parseDocument(override.slice(equals + 1));
  if (value.errors.length > 0) {
    return { code: "config/override", path: key, message: `--set ${override}: ${value.errors[0]!.message}`, ...at };
  }
  const path = key.split(".").map((part) => (/^\d+$/.test(part) ? Number(part) : part));
  try {
    document.setIn(path, document.createNode(value.toJS() as unknown));
  } catch {
    return {
      code: "config/override",
      path: key,
      message: `--set ${override}: ${path.slice(0, -1).join(".")} holds a value, not keys.`,
      ...at,
    };
  }
  overridden.add(key);
  return null;
}

/** One zod issue as problems; unknown keys become one problem per key, at the key. */
function describeIssue(
  issue: z.core.$ZodIssue,
  document: Document,
  lines: LineCounter,
  overridden: ReadonlySet<string>,
): ConfigProblem[] {
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) => {
      const path = [...issue.path, key] as (string | number)[];
      const known = knownKeys(issue.path as (string | number)[]);
      const nearest = nearestOf(key, known);
      return {
        code: "config/unknown-key",
        path: path.join("."),
        message: withOverride(`${path.join(".")}: no such key.`, path, overridden),
        hint:
          nearest !== null
            ? `Did you mean ${nearest}?`
            : known.length > 0
              ? `Keys here are ${known.join(", ")}.`
              : "Remove the key.",
        ...locate(document, lines, path, true, overridden),
      };
    });
  }
  // A union of "one source or a list of sources" reports each branch; the branch that fits the shape tells the reason.
  if (issue.code === "invalid_union" && issue.errors.length > 0) {
    const isList = Array.isArray(plainAt(document, issue.path as (string | number)[]));
    const branch = issue.errors.at(isList ? -1 : 0)!;
    return branch.flatMap((inner) =>
      describeIssue(
        { ...inner, path: [...issue.path, ...inner.path] } as z.core.$ZodIssue,
        document,
        lines,
        overridden,
      ),
    );
  }
  const path = issue.path as (string | number)[];
  const got = plainAt(document, path);
  const missing = got === undefined;
  const shown = missing ? "nothing" : JSON.stringify(got)?.slice(0, 80);
  const reason = issue.message.replace(/^Invalid input: /, "").replace(/^Too (small|big): /, "");
  return [
    {
      code: missing ? "config/missing-key" : "config/wrong-value",
      path: path.join("."),
      message: withOverride(
        `${path.join(".") || "configuration"}: ${reason.replace(/, received .*$/, "")}, got ${shown}.`,
        path,
        overridden,
      ),
      ...locate(document, lines, path, false, overridden),
    },
  ];
}

function withOverride(message: string, path: readonly (string | number)[], overridden: ReadonlySet<string>): string {
  const key = [...overridden].find((set) => path.join(".").startsWith(set));
  return key === undefined ? message : `--set ${key}: ${message}`;
}

/** Line and column of a key or value; of the nearest parent that exists when it is missing. */
function locate(
  document: Document,
  lines: LineCounter,
  path: readonly (string | number)[],
  atKey: boolean,
  overridden: ReadonlySet<string>,
): { line: number; column: number } {
  if ([...overridden].some((set) => path.join(".").startsWith(set))) return { line: 0, column: 0 };
  if (atKey && path.length > 0) {
    const parent = path.length === 1 ? document.contents : document.getIn(path.slice(0, -1), true);
    if (isMap(parent)) {
      const pair = parent.items.find((item) => isScalar(item.key) && item.key.value === path.at(-1));
      if (pair !== undefined && isScalar(pair.key) && pair.key.range) return position(lines, pair.key.range[0]);
    }
  }
  for (let length = path.length; length > 0; length--) {
    const node = document.getIn(path.slice(0, length), true);
    if (isNode(node) && node.range) return position(lines, node.range[0]);
  }
  return { line: 1, column: 1 };
}

function position(lines: LineCounter, offset: number): { line: number; column: number } {
  const { line, col } = lines.linePos(offset);
  return { line: Math.max(1, line), column: Math.max(1, col) };
}

function plainAt(document: Document, path: readonly (string | number)[]): unknown {
  const node = path.length === 0 ? document.contents : document.getIn(path, true);
  return isNode(node) ? (node.toJS(document) as unknown) : node;
}

/** Keys that the schema knows at a path; empty below lists of different shapes. */
function knownKeys(path: readonly (string | number)[]): string[] {
  let schema: unknown = experimentSchema;
  for (const part of path) {
    schema = unwrap(schema);
    if (!(schema instanceof z.ZodObject)) return [];
    schema = (schema.shape as Record<string, unknown>)[String(part)];
  }
  schema = unwrap(schema);
  return schema instanceof z.ZodObject ? Object.keys(schema.shape as object) : [];
}

function unwrap(schema: unknown): unknown {
  let current = schema;
  while (
    current instanceof z.ZodOptional ||
    current instanceof z.ZodDefault ||
    current instanceof z.ZodPrefault ||
    current instanceof z.ZodNullable
  ) {
    current = current.unwrap();
  }
  return current;
}

/** The known key that a typing mistake most likely meant, or null. */
function nearestOf(key: string, known: readonly string[]): string | null {
  const plain = (text: string) => text.toLowerCase().replace(/[-_]/g, "");
  let best: string | null = null;
  let bestDistance = 3;
  for (const candidate of known) {
    const distance = editDistance(plain(key), plain(candidate));
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      next.push(Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)));
    }
    row = next;
  }
  return row[b.length]!;
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
    model: {
      base: resolve(folder, config.model.base),
      adapter: config.model.adapter === null ? null : resolve(folder, config.model.adapter),
    },
    data: {
      train: sources(config.data.train)!,
      heldOut: sources(config.data.heldOut),
      validation: sources(config.data.validation),
    },
    stages: {
      paSft: { ...config.stages.paSft, data: sources(config.stages.paSft.data) },
      scGrpo: { ...config.stages.scGrpo, data: sources(config.stages.scGrpo.data) },
    },
    output: resolve(folder, config.output),
  };
}

/** Values that are fine alone but cannot work together. */
function findConflicts(
  config: ExperimentConfig,
  document: Document,
  lines: LineCounter,
  overridden: ReadonlySet<string>,
): ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  const add = (path: (string | number)[], message: string, hint: string) =>
    problems.push({
      code: "config/conflict",
      path: path.join("."),
      message: withOverride(`${path.join(".")}: ${message}`, path, overridden),
      hint,
      ...locate(document, lines, path, false, overridden),
    });
  const { paSft, scGrpo } = config.stages;
  for (const [name, stage] of [
    ["paSft", paSft],
    ["scGrpo", scGrpo],
  ] as const) {
    if (stage.evalEvery > 0 && config.data.heldOut === undefined && config.data.validation === undefined) {
      add(
        ["stages", name, "evalEvery"],
        `expected data.validation or data.heldOut for an evaluation every ${stage.evalEvery} steps, got neither.`,
        "Add images that are not trained on, or set evalEvery to 0.",
      );
    }
    if (stage.beta1 >= 1 || stage.beta2 >= 1) {
      add(
        ["stages", name],
        `expected beta1 and beta2 below 1, got ${stage.beta1} and ${stage.beta2}.`,
        "Use 0.9 and 0.999.",
      );
    }
  }
  const high = scGrpo.epsilonHigh;
  if (high !== undefined && high < scGrpo.epsilonLow) {
    add(
      ["stages", "scGrpo", "epsilonHigh"],
      `expected at least epsilonLow (${scGrpo.epsilonLow}), got ${high}.`,
      "Clip-higher means a larger upper bound; leave the key out for equal bounds.",
    );
  }
  const trainSeeds = [config.data.train, paSft.data ?? [], scGrpo.data ?? []].flat().flatMap(synthSeed);
  for (const key of ["heldOut", "validation"] as const) {
    const shared = (config.data[key] ?? []).flatMap(synthSeed).find((seed) => trainSeeds.includes(seed));
    if (shared === undefined) continue;
    add(
      ["data", key],
      `expected another seed than the training images, got ${shared} for both: the same images would be trained on and tested.`,
      "Give these images a seed of their own.",
    );
  }
  return problems;
}

function synthSeed(source: DataSource): number[] {
  return source.kind === "synth" ? [source.seed] : [];
}
