/**
 * Questions to the schema of `iadr1.yaml`, asked by path: which keys and values can stand here, what do they mean, what is their
 * default. Reads the JSON Schema that `iad-r1 data schema` prints, so that checks, completion, hovers and other editors say the same.
 */
import { experimentJsonSchema } from "./experiment";
import type { YamlPath } from "./yamlTree";

/** The part of JSON Schema that ours uses. */
export interface SchemaNode {
  type?: string | string[];
  description?: string;
  default?: unknown;
  properties?: Record<string, SchemaNode>;
  required?: string[];
  items?: SchemaNode;
  enum?: unknown[];
  /** A sentence for each value of `enum`. */
  enumDescriptions?: string[];
  const?: unknown;
  anyOf?: SchemaNode[];
  oneOf?: SchemaNode[];
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: number;
  exclusiveMaximum?: number;
}

let root: SchemaNode | null = null;

export function experimentSchemaNode(): SchemaNode {
  root ??= experimentJsonSchema() as SchemaNode;
  return root;
}

/**
 * Shapes that can stand at a path. Where a list or its only item may be written, both are named; where the value of `kind`
 * decides, `value` (the plain content of the file) is asked.
 */
export function schemasAt(path: YamlPath, value: unknown): SchemaNode[] {
  let nodes = shapes(experimentSchemaNode(), value);
  let content = value;
  for (const part of path) {
    content = isKeyed(content) ? content[part] : undefined;
    nodes = nodes.flatMap((node) => {
      const next = typeof part === "number" ? node.items : own(node.properties, part);
      return next === undefined ? [] : shapes(next, content);
    });
  }
  return nodes;
}

/** Keys that can stand in a map at a path. Several shapes may name one key; the first is taken. */
export function keysAt(path: YamlPath, value: unknown): Map<string, { node: SchemaNode; required: boolean }> {
  const keys = new Map<string, { node: SchemaNode; required: boolean }>();
  for (const shape of schemasAt(path, value)) {
    for (const [key, node] of Object.entries(shape.properties ?? {})) {
      if (!keys.has(key)) keys.set(key, { node, required: shape.required?.includes(key) === true });
      else if (key === "kind") keys.set(key, { node: joined(keys.get(key)!.node, node), required: true });
    }
  }
  return keys;
}

/** Values that a schema lists, with their meaning. */
export function listedValues(node: SchemaNode): { value: unknown; description: string }[] {
  if (node.const !== undefined) return [{ value: node.const, description: node.description ?? "" }];
  if (node.enum !== undefined) {
    return node.enum.map((value, k) => ({ value, description: node.enumDescriptions?.[k] ?? "" }));
  }
  const inner = [...(node.anyOf ?? []), ...(node.oneOf ?? [])].flatMap(listedValues);
  if (inner.length > 0) return inner;
  if (node.type === "boolean") return [true, false].map((value) => ({ value, description: "" }));
  return [];
}

export function acceptsType(node: SchemaNode, type: string): boolean {
  return Array.isArray(node.type) ? node.type.includes(type) : node.type === type;
}

/** "number from 0 to 1", in words for a person. */
export function typeInWords(node: SchemaNode): string {
  const listed = listedValues(node).map(({ value }) => String(value));
  if (listed.length > 0) return listed.join(" | ");
  const inner = node.anyOf ?? node.oneOf;
  if (inner !== undefined) return [...new Set(inner.map(typeInWords))].join(" or ");
  if (acceptsType(node, "object")) return "section";
  if (acceptsType(node, "array"))
    return node.items === undefined ? "list" : `list of ${plural(typeInWords(node.items))}`;
  if (acceptsType(node, "string")) return acceptsType(node, "null") ? "text or null" : "text";
  const name = acceptsType(node, "integer") ? "whole number" : "number";
  return `${name}${bounds(node)}`;
}

function bounds({ minimum, maximum, exclusiveMinimum, exclusiveMaximum, type }: SchemaNode): string {
  const safe = (bound: number | undefined) =>
    bound !== undefined && Math.abs(bound) < 2 ** 53 - 1 ? bound : undefined;
  const whole = type === "integer" && exclusiveMinimum !== undefined ? exclusiveMinimum + 1 : undefined;
  const [low, high] = [whole ?? safe(minimum), safe(maximum)];
  if (low !== undefined && high !== undefined) return ` from ${low} to ${high}`;
  if (low !== undefined) return `, at least ${low}`;
  const over = safe(exclusiveMinimum);
  const upTo = high === undefined ? "" : `, at most ${high}`;
  if (over !== undefined) return `, more than ${over}${upTo}`;
  return exclusiveMaximum === undefined ? upTo : `, less than ${exclusiveMaximum}`;
}

/** The alternatives of a schema that fit what stands there. */
function shapes(node: SchemaNode, value: unknown): SchemaNode[] {
  const inner = node.anyOf ?? node.oneOf;
  if (inner === undefined) return [node];
  const kind = isKeyed(value) && !Array.isArray(value) ? value.kind : undefined;
  const chosen = inner.filter((shape) => kind !== undefined && shape.properties?.kind?.const === kind);
  return (chosen.length > 0 ? chosen : inner).flatMap((shape) => shapes(shape, value));
}

function joined(a: SchemaNode, b: SchemaNode): SchemaNode {
  const values = [...listedValues(a), ...listedValues(b)];
  return {
    description: "What the source is.",
    enum: values.map(({ value }) => value),
    enumDescriptions: values.map(({ description }) => description),
  };
}

function plural(name: string): string {
  // A choice of words has no plural.
  return name.includes(" | ") ? name : `${name}s`;
}

function isKeyed(value: unknown): value is Record<string | number, unknown> {
  return typeof value === "object" && value !== null;
}

function own<T>(record: Record<string, T> | undefined, key: string): T | undefined {
  return record !== undefined && Object.hasOwn(record, key) ? record[key] : undefined;
}
