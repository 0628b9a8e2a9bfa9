/** Configurations as flat lists of keys, and what differs between those of several runs. */

/** `sc-grpo.learningRate` to a short text; lists and texts are written as JSON. */
export function flattenConfig(config: unknown): Map<string, string> {
  const flat = new Map<string, string>();
  const visit = (value: unknown, path: string) => {
    if (typeof value === "object" && value !== null && !Array.isArray(value)) {
      for (const [key, inner] of Object.entries(value)) visit(inner, path === "" ? key : `${path}.${key}`);
    } else flat.set(path, typeof value === "string" ? value : (JSON.stringify(value) ?? ""));
  };
  visit(config, "");
  return flat;
}

export interface ConfigDifference {
  key: string;
  /** One for each configuration; null where the key is missing. */
  values: (string | null)[];
}

/** The keys whose values are not the same everywhere, in the order of first appearance. */
export function configDifferences(configs: readonly unknown[]): ConfigDifference[] {
  const flats = configs.map(flattenConfig);
  const keys = new Set(flats.flatMap((flat) => [...flat.keys()]));
  return [...keys].flatMap((key) => {
    const values = flats.map((flat) => flat.get(key) ?? null);
    return new Set(values).size > 1 ? [{ key, values }] : [];
  });
}

/** Runs with the same value of `key` belong together. */
export function groupBy<T extends { config: unknown }>(runs: readonly T[], key: string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const run of runs) {
    const value = flattenConfig(run.config).get(key) ?? "–";
    const group = groups.get(value);
    if (group === undefined) groups.set(value, [run]);
    else group.push(run);
  }
  return groups;
}
