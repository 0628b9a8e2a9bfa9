/**
 * Which modules an adapter configuration means, by PEFT's own matching rules. Patterns come from files, so matching runs with a
 * time limit: patterns that backtrack for ever end in an error.
 */
import { ModelFileError } from "../errors";
import { escapeRegExp } from "../util/escapeRegExp";
import { TimeLimitError, withTimeLimit } from "../util/timeLimit";

/** The part of an adapter configuration that selects modules; names as in adapter_config.json. */
export interface TargetSelection {
  /** A regular expression for the whole module path, or names that the path equals or ends with. */
  targetModules: string | readonly string[];
  excludeModules: string | readonly string[] | null;
  /** Modules stored in full; never adapted. */
  modulesToSave: readonly string[];
  /** With a list of names: only these layer numbers. */
  layersToTransform: readonly number[] | null;
  layersPattern: readonly string[];
}

const matchLimitMs = 3000;
const hint = 'Name the modules in a list instead, such as ["q_proj", "v_proj"].';

/**
 * Runs all the matching of one configuration within the time limit.
 *
 * @throws ModelFileError `adapter/bad-pattern` when it takes longer
 */
export function matchInTime<T>(where: string, match: () => T): T {
  try {
    return withTimeLimit(matchLimitMs, match);
  } catch (cause) {
    if (!(cause instanceof TimeLimitError)) throw cause;
    throw new ModelFileError(
      "adapter/bad-pattern",
      `${where}: matching the patterns of modules took longer than ${cause.limitMs} ms.`,
      { where, hint, cause },
    );
  }
}

/**
 * The module paths an adapter is put on, in the given order.
 *
 * @param linearModules every linear of the network but the output head, as module paths
 * @param where the file for messages
 * @throws ModelFileError `adapter/bad-pattern` for a pattern that does not compile
 */
export function selectModules(selection: TargetSelection, linearModules: readonly string[], where: string): string[] {
  const { targetModules, excludeModules, modulesToSave, layersToTransform } = selection;
  if (targetModules === "all-linear") {
    return linearModules.filter((path) => !isNamed(path, excludeModules, linearModules, where));
  }
  const saved = new Set(
    modulesToSave.flatMap((name) => matchAll(`(?:^|.*\\.)${escapeRegExp(name)}(?:$|\\..*)`, linearModules, where)),
  );
  const targets = new Set(namedModules(targetModules, linearModules, where));
  const excluded = new Set(excludeModules === null ? [] : namedModules(excludeModules, linearModules, where));
  const inLayers =
    layersToTransform === null || typeof targetModules === "string"
      ? () => true
      : layerFilter(layersToTransform, selection.layersPattern);
  return linearModules.filter((path) => targets.has(path) && !excluded.has(path) && !saved.has(path) && inLayers(path));
}

/**
 * The first pattern of a `rank_pattern` or `alpha_pattern` that fits the end of a module path, or undefined.
 *
 * @throws ModelFileError `adapter/bad-pattern`
 */
export function patternFor(patterns: readonly string[], path: string, where: string): string | undefined {
  return patterns.find((pattern) => matchAll(`(?:.*\\.)?(?:${pythonPattern(pattern)})`, [path], where).length > 0);
}

function isNamed(
  path: string,
  names: string | readonly string[] | null,
  modules: readonly string[],
  where: string,
): boolean {
  return names !== null && namedModules(names, modules, where).includes(path);
}

/** Paths that equal a name or end with "." and it; for a string, those the pattern matches from end to end. */
function namedModules(names: string | readonly string[], modules: readonly string[], where: string): string[] {
  if (typeof names === "string") return matchAll(pythonPattern(names), modules, where);
  return modules.filter((path) => names.some((name) => path === name || path.endsWith(`.${name}`)));
}

function layerFilter(layers: readonly number[], patterns: readonly string[]): (path: string) => boolean {
  const containers = patterns.length === 0 ? ["[^.]*"] : patterns.map(escapeRegExp);
  const expressions = containers.map((container) => new RegExp(`^(?:.*?\\.)?${container}\\.(\\d+)\\.`));
  return (path) => {
    for (const expression of expressions) {
      const index = expression.exec(path)?.[1];
      if (index !== undefined) return layers.includes(Number(index));
    }
    return false;
  };
}

/** The paths that `^(?:pattern)$` fits. */
function matchAll(pattern: string, paths: readonly string[], where: string): string[] {
  let expression: RegExp;
  try {
    expression = new RegExp(`^(?:${pattern})$`);
  } catch (cause) {
    throw new ModelFileError(
      "adapter/bad-pattern",
      `${where}: the module pattern "${clip(pattern)}" is not a regular expression this engine can read.`,
      { where, hint, cause },
    );
  }
  return paths.filter((path) => expression.test(path));
}

/** Python's spellings that JavaScript writes otherwise: named groups and the absolute anchors. */
function pythonPattern(pattern: string): string {
  return pattern.replaceAll("(?P<", "(?<").replaceAll("\\A", "^").replaceAll("\\Z", "$");
}

function clip(text: string): string {
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}
