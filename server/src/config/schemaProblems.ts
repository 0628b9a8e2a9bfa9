/** What the schema says against a configuration, in words, with places and cures. */
import type { z } from "zod";
import type { ConfigCure, ConfigProblem, ProblemPlaces } from "./configProblem";
import { nearestOf } from "./nearest";
import { keyOfOtherName } from "./reference";
import { acceptsType, keysAt, listedValues, type SchemaNode, schemasAt, typeInWords } from "./schemaTree";
import type { YamlPath } from "./yamlTree";

type Path = (string | number)[];

/** More names than this hide the message. */
const maxListedKeys = 12;

/** One complaint of the schema as problems; unknown keys become one problem per key, at the key. */
export function describeIssue(issue: z.core.$ZodIssue, plain: unknown, places: ProblemPlaces): ConfigProblem[] {
  const path = issue.path as Path;
  if (issue.code === "unrecognized_keys") return issue.keys.map((key) => unknownKey([...path, key], plain, places));
  const got = valueAt(plain, path);
  // A union of "one source or a list of sources" reports each branch; the branch that fits the shape tells the reason.
  if (issue.code === "invalid_union" && issue.errors.length > 0 && (Array.isArray(got) || isRecord(got))) {
    const branch = issue.errors.at(Array.isArray(got) ? -1 : 0)!;
    return branch.flatMap((inner) =>
      describeIssue({ ...inner, path: [...path, ...inner.path] } as z.core.$ZodIssue, plain, places),
    );
  }
  return [got === undefined ? missingKey(path, issue, plain, places) : wrongValue(path, issue, got, plain, places)];
}

function unknownKey(path: Path, plain: unknown, places: ProblemPlaces): ConfigProblem {
  const key = String(path.at(-1));
  const section = path.slice(0, -1);
  const known = [...keysAt(section, plain).keys()];
  const elsewhere = keyOfOtherName(sectionName(section), key);
  const renamed = elsewhere !== null && known.includes(elsewhere) ? elsewhere : null;
  const nearest = renamed ?? nearestOf(key, known);
  const taken = nearest !== null && valueAt(plain, [...section, nearest]) !== undefined;
  const cures: ConfigCure[] = [];
  if (nearest !== null && !taken) cures.push({ kind: "rename", at: path, to: nearest, sure: true });
  cures.push({ kind: "remove", at: path, sure: false });
  return {
    code: "config/unknown-key",
    path: path.join("."),
    message: places.withOverride(`${path.join(".")}: no such key.`, path),
    hint:
      renamed !== null
        ? `It is called ${renamed} here.`
        : nearest !== null
          ? `Did you mean ${nearest}?`
          : known.length === 0
            ? "Remove the key."
            : known.length <= maxListedKeys
              ? `Keys here are ${known.join(", ")}.`
              : "`iad-r1 data schema` lists the keys.",
    ...places.of(path, "key"),
    cures,
  };
}

function missingKey(path: Path, issue: z.core.$ZodIssue, plain: unknown, places: ProblemPlaces): ConfigProblem {
  const key = String(path.at(-1));
  const node = keysAt(path.slice(0, -1), plain).get(key)?.node;
  const cures: ConfigCure[] =
    node === undefined ? [] : [{ kind: "add", at: path.slice(0, -1), key, text: exampleOf(key, node), sure: false }];
  const expected = node === undefined ? reasonOf(issue) : `expected ${typeInWords(node)}`;
  return {
    code: "config/missing-key",
    path: path.join("."),
    message: places.withOverride(`${path.join(".") || "configuration"}: ${expected}, got nothing.`, path),
    ...(node?.description === undefined ? {} : { hint: `Add ${key}: ${lowerFirst(node.description)}` }),
    ...places.of(path, "key"),
    cures,
  };
}

function wrongValue(
  path: Path,
  issue: z.core.$ZodIssue,
  got: unknown,
  plain: unknown,
  places: ProblemPlaces,
): ConfigProblem {
  const nodes = schemasAt(path, withoutKind(plain, path));
  const listed = nodes.flatMap(listedValues).map(({ value }) => value);
  const reason = expectation(issue, nodes, listed);
  const shown = got === null ? "nothing" : (JSON.stringify(got)?.slice(0, 80) ?? String(got));
  const cures = curesOf(path, got, nodes, listed);
  const sure = cures.find((cure) => cure.sure && cure.kind === "replace");
  return {
    code: "config/wrong-value",
    path: path.join("."),
    message: places.withOverride(`${path.join(".") || "configuration"}: ${reason}, got ${shown}.`, path),
    ...(sure?.kind === "replace" ? { hint: `Write ${sure.text}.` } : {}),
    ...places.of(path, "value"),
    cures,
  };
}

function expectation(issue: z.core.$ZodIssue, nodes: readonly SchemaNode[], listed: readonly unknown[]): string {
  const isLength = "origin" in issue && (issue.origin === "string" || issue.origin === "array");
  if (isLength || nodes.length === 0) return reasonOf(issue);
  if (listed.length > 0) return `expected ${listed.length === 1 ? "" : "one of "}${listed.join(", ")}`;
  return `expected ${[...new Set(nodes.map(typeInWords))].join(" or ")}`;
}

/** What could be meant by a value that does not fit. */
function curesOf(at: Path, got: unknown, nodes: readonly SchemaNode[], listed: readonly unknown[]): ConfigCure[] {
  const replace = (text: string, sure: boolean): ConfigCure => ({ kind: "replace", at, text, sure });
  const takes = (type: string) => nodes.some((node) => acceptsType(node, type));
  const numeric = takes("number") || takes("integer");
  const fallback = nodes.find((node) => node.default !== undefined && typeof node.default !== "object")?.default;
  const cures: ConfigCure[] = [];
  if (typeof got === "string") {
    const number = Number(got.replace(/^(\d+(?:\.\d+)?),(\d+)$/, "$1.$2"));
    if (numeric && got.trim() !== "" && Number.isFinite(number)) cures.push(replace(String(number), true));
    if (takes("boolean") || listed.includes(true)) {
      if (/^(yes|on|y|true)$/i.test(got)) cures.push(replace("true", true));
      if (/^(no|off|n|false)$/i.test(got)) cures.push(replace("false", true));
    }
    const nearest = nearestOf(got, listed.map(String));
    if (nearest !== null) cures.push(replace(nearest, true));
    else for (const value of listed.slice(0, 8)) cures.push(replace(String(value), false));
    const holdsSources = nodes.some((node) => node.properties?.kind !== undefined);
    if (holdsSources) cures.push(replace(`{ kind: folder, path: ${JSON.stringify(got)} }`, true));
  }
  if (typeof got === "number") {
    const bounded = nodes.map((node) => clamp(got, node)).find((value) => value !== null);
    if (bounded !== undefined && bounded !== null) cures.push(replace(String(bounded), false));
  }
  if ((typeof got === "number" || typeof got === "boolean") && takes("string") && !numeric) {
    cures.push(replace(JSON.stringify(String(got)), true));
  }
  const items = nodes.find((node) => acceptsType(node, "array"))?.items;
  if (items !== undefined && typeof got === "string" && acceptsType(items, "string")) {
    cures.push(replace(`[${JSON.stringify(got)}]`, true));
  }
  if (fallback !== undefined && fallback !== null && fallback !== got) {
    cures.push(replace(String(fallback), false));
  } else if (got === null && at.length > 0) cures.push({ kind: "remove", at, sure: false });
  const textOf = (cure: ConfigCure) => (cure.kind === "replace" ? cure.text : cure.kind);
  return cures.filter((cure, index) => cures.findIndex((other) => textOf(other) === textOf(cure)) === index);
}

/** The nearest number that a schema allows; null when the number is no matter of bounds. */
function clamp(got: number, node: SchemaNode): number | null {
  const whole = acceptsType(node, "integer");
  if (!whole && !acceptsType(node, "number")) return null;
  let value = whole ? Math.round(got) : got;
  const { minimum, maximum, exclusiveMinimum } = node;
  if (minimum !== undefined && value < minimum) value = minimum;
  if (maximum !== undefined && value > maximum) value = maximum;
  if (exclusiveMinimum !== undefined && value <= exclusiveMinimum) {
    if (!whole) return null;
    value = exclusiveMinimum + 1;
  }
  return value === got ? null : value;
}

/** A value to start from where a key is added. */
function exampleOf(key: string, node: SchemaNode): string {
  const first = listedValues(node)[0];
  if (first !== undefined) return String(first.value);
  if (key === "train") return "{ kind: folder, path: data }";
  if (acceptsType(node, "object")) {
    const inner = (node.required ?? []).map((name) => `${name}: ${exampleOf(name, node.properties![name]!)}`);
    return inner.length === 0 ? "{}" : `{ ${inner.join(", ")} }`;
  }
  if (acceptsType(node, "array")) return "[]";
  if (acceptsType(node, "string")) return key === "base" ? "models/base" : "data";
  if (key === "count") return "200";
  if (node.maximum === 1) return "0.5";
  return String(Math.max(1, node.minimum ?? 1));
}

/** The reason of the checker without what it received, which is told in our words. */
function reasonOf(issue: z.core.$ZodIssue): string {
  return issue.message
    .replace(/^Invalid input: /, "")
    .replace(/^Too (small|big): /, "")
    .replace(/, received .*$/, "");
}

/** `kind` decides which values can stand beside it, but a wrong `kind` must not hide the right ones. */
function withoutKind(plain: unknown, path: Path): unknown {
  return path.at(-1) === "kind" ? undefined : plain;
}

function sectionName(path: YamlPath): string {
  return path.filter((part) => typeof part === "string").join(".");
}

export function valueAt(plain: unknown, path: YamlPath): unknown {
  let value = plain;
  for (const part of path) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, part)) return undefined;
    value = (value as Record<string | number, unknown>)[part];
  }
  return value;
}

function isRecord(value: unknown): boolean {
  return typeof value === "object" && value !== null;
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}
