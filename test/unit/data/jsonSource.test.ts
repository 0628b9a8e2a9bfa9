/** JSON with places: values as JSON.parse gives them, and the line and column of every part. */
import { parseJsonSource } from "@iad-r1/server/data/jsonSource";
import fc from "fast-check";
import { describe, expect, it } from "vitest";

describe("parseJsonSource", () => {
  it("reads every JSON document as JSON.parse does", () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 6 }), fc.constantFrom(undefined, 1, "\t"), (text, indent) => {
        const value: unknown = JSON.parse(text);
        const { value: read, errors } = parseJsonSource(JSON.stringify(value, null, indent));
        expect(errors).toEqual([]);
        expect(JSON.stringify(read)).toBe(JSON.stringify(value));
      }),
      { numRuns: 200 },
    );
  });

  it("refuses what JSON.parse refuses", () => {
    const texts = [
      "",
      " ",
      "{",
      "[1,]",
      "{a:1}",
      '{"a" 1}',
      "[1 2]",
      "01",
      "+1",
      "1.",
      ".5",
      "1e",
      "nul",
      "truex",
      '"\t"',
      '"\\x"',
      '"a',
      "'a'",
      "[1]]",
      "\u00a01",
      '{"a":1,}',
      "-",
      "NaN",
      '"\\u12"',
    ];
    for (const text of texts) {
      expect(() => JSON.parse(text), text).toThrow();
      const { value, errors } = parseJsonSource(text);
      expect(value, text).toBeUndefined();
      expect(
        errors.map((error) => error.code),
        text,
      ).toEqual(["data/broken-json"]);
    }
  });

  it("knows where containers, keys and items stand", () => {
    const source = parseJsonSource('[\n  {"a": 1},\n  {"a": [10,\n    20], "b": "x"}\n]');
    const list = source.value as { a: unknown }[];
    expect(source.at(list, 1)).toEqual({ line: 3, column: 3 });
    expect(source.at(list[0]!, "a")).toEqual({ line: 2, column: 9 });
    expect(source.at(list[1]!.a as number[], 1)).toEqual({ line: 4, column: 5 });
    expect(source.at(list[1]!, "missing")).toEqual({ line: 3, column: 3 });
  });

  it("places a syntax error at its line and says what it expected", () => {
    const { errors } = parseJsonSource('[\n  {"a": 1},\n  {"b" 2}\n]');
    expect(errors).toEqual([
      { code: "data/broken-json", message: 'Expected ":" after the key, got "2}\\n]".', line: 3, column: 8 },
    ]);
  });

  it("ends endless nesting and endless lists with an error instead of a crash", () => {
    const deep = parseJsonSource("[".repeat(1_000_000));
    expect(deep.errors[0]).toMatchObject({ code: "data/too-deep", line: 1, column: 66 });
    const long = parseJsonSource(`[${"0,".repeat(100)}0]`, { maxValues: 50 });
    expect(long.errors[0]!.code).toBe("data/too-many-values");
  });

  it("reports a key that appears twice and keeps the last value", () => {
    const { value, errors } = parseJsonSource('{"a": 1,\n "a": 2}');
    expect(value).toEqual({ a: 2 });
    expect(errors).toEqual([{ code: "data/repeated-key", message: 'The key "a" appears twice.', line: 2, column: 2 }]);
  });

  it("does not let a key change the prototype", () => {
    const { value } = parseJsonSource('{"__proto__": {"polluted": true}}');
    expect((value as { polluted?: boolean }).polluted).toBeUndefined();
    expect(Object.keys(value as object)).toEqual(["__proto__"]);
  });
});
