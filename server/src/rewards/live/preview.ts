/**
 * A value as a short text, taken at once and without running any code of the value: no getter, no `toString`, no proxy trap. Only
 * texts, numbers and the like are kept as they are, since nothing can change them.
 */
import { types } from "node:util";
import type { Preview } from "../user/recording";

export const maxPreviewLength = 200;
const maxItems = 20;
const maxDepth = 2;

/** Whether the value itself may be kept and described later. */
export function isImmutable(value: unknown): boolean {
  return value === null || (typeof value !== "object" && typeof value !== "function");
}

export function previewOf(value: unknown): Preview {
  const preview: Preview = {
    type: typeName(value),
    text: cut(describe(value, 0), maxPreviewLength),
    truthy: Boolean(value),
  };
  if (typeof value === "number" && Number.isFinite(value)) preview.number = value;
  const length = lengthOf(value);
  if (length !== null) preview.length = length;
  return preview;
}

/** Message of anything that was thrown. */
export function thrownMessage(error: unknown): string {
  if (types.isNativeError(error)) {
    const message = ownData(error, "message");
    const name = typeName(error);
    if (typeof message !== "string" || message === "") return cut(name, maxPreviewLength);
    return cut(`${name}: ${withoutHooks(message)}`, maxPreviewLength);
  }
  return cut(describe(error, 1), maxPreviewLength);
}

/** V8 prints the code in some messages ("$lv(...).x is not a function"); what was inserted is of no interest. */
function withoutHooks(message: string): string {
  return message.replaceAll(/\$l\$*[a-z]\(\.\.\.\)/g, "(...)");
}

/** Never splits a character in two; the end of what is too long shows as an ellipsis. */
export function cut(text: string, limit: number): string {
  if (text.length <= limit) return text;
  const end = limit - 1;
  const last = text.charCodeAt(end - 1);
  return `${text.slice(0, last >= 0xd800 && last <= 0xdbff ? end - 1 : end)}…`;
}

function typeName(value: unknown): string {
  if (value === null) return "null";
  if (typeof value !== "object") return typeof value;
  return className(value);
}

/** Name of the constructor, read without getters; "Object" where there is none. */
function className(value: object): string {
  if (types.isProxy(value)) return "Proxy";
  let prototype: unknown = Object.getPrototypeOf(value);
  while (typeof prototype === "object" && prototype !== null && !types.isProxy(prototype)) {
    const maker = ownData(prototype, "constructor");
    if (typeof maker === "function" && !types.isProxy(maker)) {
      const name = ownData(maker, "name");
      if (typeof name === "string" && name !== "") return name;
    }
    prototype = Object.getPrototypeOf(prototype);
  }
  return "Object";
}

function lengthOf(value: unknown): number | null {
  if (typeof value === "string") return value.length;
  if (typeof value !== "object" || value === null || types.isProxy(value)) return null;
  if (Array.isArray(value)) return value.length;
  if (types.isMap(value) || types.isSet(value)) return sizeOf(value);
  return types.isTypedArray(value) ? typedLength(value) : null;
}

function describe(value: unknown, depth: number): string {
  switch (typeof value) {
    case "string":
      // A longer text is cut anyway; quoting all of it would be wasted.
      return JSON.stringify(value.length > maxPreviewLength ? value.slice(0, maxPreviewLength) : value);
    case "number":
      return Object.is(value, -0) ? "-0" : String(value);
    case "bigint":
      return `${value}n`;
    case "boolean":
    case "undefined":
    case "symbol":
      return String(value);
    case "function": {
      const name = types.isProxy(value) ? null : ownData(value, "name");
      return typeof name === "string" && name !== "" ? `function ${name}` : "function";
    }
    default:
      return value === null ? "null" : describeObject(value as object, depth);
  }
}

function describeObject(value: object, depth: number): string {
  if (types.isProxy(value)) return "Proxy";
  if (types.isRegExp(value)) return describeRegExp(value);
  if (types.isNativeError(value)) return thrownMessage(value);
  if (types.isDate(value)) return `Date ${Date.prototype.getTime.call(value)}`;
  if (types.isPromise(value)) return "Promise";
  if (types.isMap(value) || types.isSet(value)) return `${className(value)}(${sizeOf(value)})`;
  if (types.isTypedArray(value)) return `${className(value)}(${typedLength(value)})`;
  const isList = Array.isArray(value);
  if (depth >= maxDepth) return isList ? `[${value.length}]` : `${className(value)} {…}`;
  return isList ? describeList(value, depth) : describeFields(value, depth);
}

function describeList(list: readonly unknown[], depth: number): string {
  const parts: string[] = [];
  let length = 2;
  for (let i = 0; i < list.length; i++) {
    if (i === maxItems || length > maxPreviewLength) {
      parts.push("…");
      break;
    }
    const part = describeOwn(list, String(i), depth);
    length += part.length + 2;
    parts.push(part);
  }
  return `[${parts.join(", ")}]`;
}

function describeFields(value: object, depth: number): string {
  const parts: string[] = [];
  let length = 2;
  for (const key of Object.keys(value)) {
    if (parts.length === maxItems || length > maxPreviewLength) {
      parts.push("…");
      break;
    }
    const part = `${/^[\w$]+$/.test(key) ? key : JSON.stringify(key)}: ${describeOwn(value, key, depth)}`;
    length += part.length + 2;
    parts.push(part);
  }
  const name = className(value);
  const fields = parts.length === 0 ? "{}" : `{ ${parts.join(", ")} }`;
  return name === "Object" ? fields : `${name} ${fields}`;
}

/** One element or field; a getter is named, not run. */
function describeOwn(owner: object, key: string, depth: number): string {
  const property = Object.getOwnPropertyDescriptor(owner, key);
  if (property === undefined) return "empty";
  return "value" in property ? describe(property.value, depth + 1) : "getter";
}

function describeRegExp(value: RegExp): string {
  const source = Object.getOwnPropertyDescriptor(RegExp.prototype, "source")!.get!;
  const flags = Object.getOwnPropertyDescriptor(RegExp.prototype, "flags")!.get!;
  const own = Object.hasOwn(value, "flags") || Object.getPrototypeOf(value) !== RegExp.prototype;
  return `/${source.call(value)}/${own ? "" : flags.call(value)}`;
}

function ownData(owner: object, key: string): unknown {
  const property = Object.getOwnPropertyDescriptor(owner, key);
  return property !== undefined && "value" in property ? property.value : undefined;
}

const mapSize = Object.getOwnPropertyDescriptor(Map.prototype, "size")!.get!;
const setSize = Object.getOwnPropertyDescriptor(Set.prototype, "size")!.get!;
const arrayLength = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(Uint8Array.prototype), "length")!.get!;

function sizeOf(value: object): number {
  return (types.isMap(value) ? mapSize : setSize).call(value) as number;
}

function typedLength(value: object): number {
  return arrayLength.call(value) as number;
}
