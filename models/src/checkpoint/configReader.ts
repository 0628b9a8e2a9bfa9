/**
 * Reads values out of a parsed JSON configuration and refuses what cannot be true. It knows ranges and types, not what the
 * values mean; every failure is one ModelFileError with the file, the key, what was expected and what was found.
 */
import { ModelFileError } from "../errors";
import { describeJson, isJsonObject, type JsonObject } from "../util/jsonFile";

/** Inclusive bounds of a number. */
export interface Range {
  min: number;
  max: number;
}

/** Typed access to one JSON object. Missing and null are the same thing: the default, or an error when there is none. */
export class ConfigReader {
  private readonly fields: JsonObject;

  /**
   * @param value what JSON.parse gave
   * @param where file and position for messages, such as "config.json" or "config.json: text_config"
   */
  constructor(
    value: unknown,
    readonly where: string,
  ) {
    if (!isJsonObject(value)) {
      throw new ModelFileError("model/config-value", `${where}: expected a JSON object, got ${describeJson(value)}.`, {
        where,
        hint: "Download the file again from where the checkpoint came.",
      });
    }
    this.fields = value;
  }

  /** True when the key is present and not null. */
  has(key: string): boolean {
    return this.raw(key) !== undefined;
  }

  /** The value as parsed; undefined when missing or null. Prototype names such as "constructor" are not keys. */
  raw(key: string): unknown {
    return Object.hasOwn(this.fields, key) ? (this.fields[key] ?? undefined) : undefined;
  }

  /** As `raw`, but null stays null: for keys whose null differs from their absence. */
  rawOrNull(key: string): unknown {
    return Object.hasOwn(this.fields, key) ? this.fields[key] : undefined;
  }

  /** The nested object, or an empty one when missing and `optional`. */
  object(key: string, optional = false): ConfigReader {
    const value = this.raw(key);
    if (value === undefined && !optional) this.fail(key, "an object", value);
    return new ConfigReader(value ?? {}, `${this.where}: ${key}`);
  }

  integer(key: string, range: Range, fallback?: number): number {
    return this.numeric(key, range, fallback, true);
  }

  number(key: string, range: Range, fallback?: number): number {
    return this.numeric(key, range, fallback, false);
  }

  boolean(key: string, fallback?: boolean): boolean {
    const value = this.raw(key) ?? fallback;
    return typeof value === "boolean" ? value : this.fail(key, "true or false", value);
  }

  string(key: string, fallback?: string): string {
    const value = this.raw(key) ?? fallback;
    return typeof value === "string" ? value : this.fail(key, "a string", value);
  }

  /** One of a fixed list of strings. */
  choice<T extends string>(key: string, choices: readonly T[], fallback?: T): T {
    const value = this.raw(key) ?? fallback;
    const found = choices.find((choice) => choice === value);
    return found ?? this.fail(key, `one of ${choices.map((choice) => `"${choice}"`).join(", ")}`, value);
  }

  /** A list of integers; a single integer counts as a list of one. Empty when missing. */
  integers(key: string, range: Range, maxLength = 64): number[] {
    const value = this.raw(key);
    if (value === undefined) return [];
    const list: unknown[] = Array.isArray(value) ? value : [value];
    if (list.length > maxLength || !list.every((item) => isNumberIn(item, range) && Number.isInteger(item))) {
      this.fail(key, `at most ${maxLength} integers from ${range.min} to ${range.max}`, value);
    }
    return list as number[];
  }

  /** Refuses the file: `expected` completes the sentence "expected …, got …". */
  fail(key: string, expected: string, got: unknown, hint?: string): never {
    throw new ModelFileError(
      "model/config-value",
      `${this.where}: ${key}: expected ${expected}, got ${describeJson(got)}.`,
      {
        where: `${this.where}: ${key}`,
        hint: hint ?? "Download the file again from where the checkpoint came, or correct the value.",
        data: { key },
      },
    );
  }

  private numeric(key: string, range: Range, fallback: number | undefined, integral: boolean): number {
    const value = this.raw(key) ?? fallback;
    if (isNumberIn(value, range) && (!integral || Number.isInteger(value))) return value;
    return this.fail(key, `${integral ? "an integer" : "a number"} from ${range.min} to ${range.max}`, value);
  }
}

function isNumberIn(value: unknown, range: Range): value is number {
  return typeof value === "number" && value >= range.min && value <= range.max;
}
