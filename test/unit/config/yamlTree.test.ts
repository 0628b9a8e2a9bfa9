/** The piecewise reader against the library's own reading of the whole text. */
import { YamlTree } from "@iad-r1/server/config/yamlTree";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { parseDocument, stringify } from "yaml";

const key = fc.constantFrom("model", "base", "data", "train", "a-b", "with space", "7", "true", "q:r", "#x", "");
const value: fc.Memo<unknown> = fc.memo((depth) =>
  depth <= 1
    ? fc.oneof(
        fc.constantFrom("", "plain", "two\nlines", "colon: inside", "# no comment", "- x", " padded ", "null", "1e-5"),
        fc.integer(),
        fc.double({ noNaN: true, noDefaultInfinity: true }),
        fc.boolean(),
        fc.constant(null),
      )
    : fc.oneof(
        value(depth - 1),
        fc.array(value(depth - 1), { maxLength: 4 }),
        fc.dictionary(key, value(depth - 1), { maxKeys: 4 }),
      ),
);

describe("YamlTree", () => {
  it("reads what the library reads, in block and in bracket style", () => {
    const styles = fc.record({
      indent: fc.integer({ min: 1, max: 4 }),
      collectionStyle: fc.constantFrom("any" as const, "block" as const, "flow" as const),
    });
    fc.assert(
      fc.property(fc.dictionary(key, value(4), { maxKeys: 5 }), styles, (data, style) => {
        const text = stringify(data, style);
        const tree = YamlTree.read(text);
        expect(tree.faults).toEqual([]);
        expect(JSON.stringify(tree.value)).toBe(JSON.stringify(parseDocument(text).toJS()));
      }),
      { numRuns: 400 },
    );
  });

  it("finds every key and value where it stands", () => {
    const text = "a: 1\nlist:\n- x: [1, two]\n  y: 3\n-   \n- plain # why\nlast:\n    deep: 'q'\n";
    const tree = YamlTree.read(text);
    const at = (...path: (string | number)[]) => {
      const { key: found, value: inside } = tree.find(path);
      return [found, inside].map((span) => (span === null ? null : text.slice(span.start, span.end)));
    };
    expect(tree.value).toEqual({ a: 1, list: [{ x: [1, "two"], y: 3 }, null, "plain"], last: { deep: "q" } });
    expect(at("a")).toEqual(["a", "1"]);
    expect(at("list", 0, "x")).toEqual(["x", "[1, two]"]);
    expect(at("list", 0, "x", 1)).toEqual([null, "two"]);
    expect(at("list", 0, "y")).toEqual(["y", "3"]);
    expect(at("list", 1)).toEqual([null, null]);
    expect(at("list", 2)).toEqual([null, "plain"]);
    expect(at("last", "deep")).toEqual(["deep", "'q'"]);
    expect(at("last", "missing")).toEqual([null, null]);
    expect(tree.pathAt(text.indexOf("two") + 1)).toEqual({ path: ["list", 0, "x", 1], onKey: false });
    expect(tree.pathAt(text.indexOf("deep"))).toEqual({ path: ["last", "deep"], onKey: true });
  });

  it("gives the same for an edited text whether or not it knows the text before", () => {
    const lines = Array.from({ length: 30 }, (_, i) => `  - { kind: folder, path: d${i} } # ${i}`);
    const before = YamlTree.read(`data:\n${lines.join("\n")}\n`);
    const text = `data:\n${[...lines.slice(0, 9), "  - kind: synth", "    seed: 4", ...lines.slice(12)].join("\n")}\n`;
    const known = YamlTree.read(text, before);
    const fresh = YamlTree.read(text);
    expect(known.value).toEqual(fresh.value);
    for (const path of [
      ["data", 9, "seed"],
      ["data", 10, "path"],
      ["data", 27],
    ]) {
      expect(known.find(path).value).toEqual(fresh.find(path).value);
    }
    expect(known.value).toEqual(parseDocument(text).toJS());
  });

  it("keeps a half-typed line and a broken entry from the rest", () => {
    const tree = YamlTree.read("a: 1\nhalf\nb: [1, 2\nc:\n  d: 2\n  e\n  f: 3\n");
    expect(tree.value).toMatchObject({ a: 1, c: { d: 2, f: 3 } });
    expect(tree.faults.map(({ start }) => start)).toEqual(expect.arrayContaining([5, 31]));
    expect(tree.root!.children.find(({ key: name }) => name === "half")!.unfinished).toBe(true);
  });

  it("reads anchors, aliases and a first document marker", () => {
    expect(YamlTree.read("a: &x { b: 1 }\nc: *x\n").value).toEqual({ a: { b: 1 }, c: { b: 1 } });
    expect(YamlTree.read("---\na: 1\n").value).toEqual({ a: 1 });
    expect(YamlTree.read("a: 1\n---\nb: 2\n").faults).not.toEqual([]);
  });

  it("points at a key that appears twice, also far apart", () => {
    const text = "a: 1\nb: 2\na: 3\n";
    const { faults } = YamlTree.read(text);
    expect(faults).toEqual([
      { message: "The key appears twice; the keys of a section must be unique.", start: 10, end: 11 },
    ]);
  });
});
