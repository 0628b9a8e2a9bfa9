/**
 * Shapes of plain data: one value that is both the TypeScript type of a message and its check at run time. Messages between an
 * extension host and a web view are untrusted in both directions; `fault` says what is wrong and where. It checks, it never converts.
 */

/** A description of values of type T. */
export interface Shape<T> {
  /** null when the value fits; otherwise "items[3].name: expected text, got number". */
  fault(value: unknown, path?: string): string | null;
  /** Only for the compiler. */
  readonly type?: T;
}

/** The type that a shape describes. */
export type TypeOf<S> = S extends Shape<infer T> ? T : never;

type Fields = Record<string, Shape<unknown>>;
type StructOf<F extends Fields> = { [K in keyof F]: TypeOf<F[K]> };

/** Longest text of a message, in UTF-16 units. */
const maxText = 4_000_000;
/** Most entries of a list or a record. */
const maxEntries = 1_000_000;

function simple<T>(expected: string, fits: (value: unknown) => boolean): Shape<T> {
  return { fault: (value, path = "") => (fits(value) ? null : wrong(path, expected, value)) };
}

function wrong(path: string, expected: string, value: unknown): string {
  return `${path === "" ? "message" : path}: expected ${expected}, got ${nameOf(value)}`;
}

function nameOf(value: unknown): string {
  if (value === null) return "null";
  if (typeof value === "string") return value.length > 40 ? "text" : JSON.stringify(value);
  if (typeof value === "number") return String(value);
  return Array.isArray(value) ? "list" : typeof value;
}

export const text: Shape<string> = simple("text", (value) => typeof value === "string" && value.length <= maxText);

/** A finite number. */
export const number: Shape<number> = simple("finite number", (value) => Number.isFinite(value));

/** A whole number, 0 or more. */
export const count: Shape<number> = simple(
  "whole number, 0 or more",
  (value) => Number.isSafeInteger(value) && (value as number) >= 0,
);

export const flag: Shape<boolean> = simple("true or false", (value) => typeof value === "boolean");

/** Anything that the structured clone carries; the reader must look at it before it trusts it. */
export const anything: Shape<unknown> = { fault: () => null };

export const bytes: Shape<Uint8Array> = simple("bytes", (value) => value instanceof Uint8Array);
export const doubles: Shape<Float64Array> = simple("64-bit floats", (value) => value instanceof Float64Array);

export function oneOf<const T extends string>(...choices: readonly T[]): Shape<T> {
  return simple(`one of ${choices.join(", ")}`, (value) => choices.includes(value as T));
}

export function nullable<T>(inner: Shape<T>): Shape<T | null> {
  return { fault: (value, path) => (value === null ? null : inner.fault(value, path)) };
}

export function list<T>(inner: Shape<T>): Shape<T[]> {
  return {
    fault(value, path = "") {
      if (!Array.isArray(value) || value.length > maxEntries) return wrong(path, "list", value);
      for (let i = 0; i < value.length; i++) {
        const fault = inner.fault(value[i], `${path}[${i}]`);
        if (fault !== null) return fault;
      }
      return null;
    },
  };
}

/** A list of exactly these shapes. */
export function tuple<const T extends readonly Shape<unknown>[]>(
  ...inner: T
): Shape<{ -readonly [K in keyof T]: TypeOf<T[K]> }> {
  return {
    fault(value, path = "") {
      if (!Array.isArray(value) || value.length !== inner.length) {
        return wrong(path, `list of ${inner.length}`, value);
      }
      return firstFault(inner, (shape, i) => shape.fault(value[i], `${path}[${i}]`));
    },
  };
}

/** Names to values. */
export function record<T>(inner: Shape<T>): Shape<Record<string, T>> {
  return {
    fault(value, path = "") {
      if (!isObject(value)) return wrong(path, "object", value);
      const entries = Object.entries(value);
      if (entries.length > maxEntries) return `${path}: too many entries`;
      return firstFault(entries, ([name, item]) => inner.fault(item, join(path, name)));
    },
  };
}

/** An object with these fields; unknown fields are allowed and must not be read. */
export function struct<F extends Fields>(fields: F): Shape<StructOf<F>> {
  const entries = Object.entries(fields);
  return {
    fault(value, path = "") {
      if (!isObject(value)) return wrong(path, "object", value);
      return firstFault(entries, ([name, shape]) => shape.fault(value[name], join(path, name)));
    },
  };
}

/** The same fields, each of which may be missing. */
export function partial<F extends Fields>(fields: F): Shape<Partial<StructOf<F>>> {
  const entries = Object.entries(fields);
  return {
    fault(value, path = "") {
      if (!isObject(value)) return wrong(path, "object", value);
      return firstFault(entries, ([name, shape]) =>
        value[name] === undefined ? null : shape.fault(value[name], join(path, name)),
      );
    },
  };
}

/** A shape for an interface that is written elsewhere: the compiler sees to it that the fields exist there with these types. */
export function fitting<T>(shape: Shape<{ [K in keyof T]?: T[K] }>): Shape<T> {
  return shape as Shape<T>;
}

function firstFault<T>(items: readonly T[], check: (item: T, index: number) => string | null): string | null {
  for (let i = 0; i < items.length; i++) {
    const fault = check(items[i]!, i);
    if (fault !== null) return fault;
  }
  return null;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value) && !ArrayBuffer.isView(value);
}

function join(path: string, name: string): string {
  return path === "" ? name : `${path}.${name}`;
}
