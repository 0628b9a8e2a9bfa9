/** The schema asked by path, and what the published system says about its keys. */

import { experimentSchema } from "@iad-r1/server/config/experiment";
import { referenceValues } from "@iad-r1/server/config/reference";
import { experimentSchemaNode, keysAt, type SchemaNode, schemasAt } from "@iad-r1/server/config/schemaTree";
import { describe, expect, it } from "vitest";
import { parse } from "yaml";

/** Every key of a schema with the path to it. */
function* allKeys(node: SchemaNode, path: string): Generator<[path: string, node: SchemaNode]> {
  for (const inner of [...(node.anyOf ?? []), ...(node.oneOf ?? []), ...(node.items ? [node.items] : [])]) {
    yield* allKeys(inner, path);
  }
  for (const [key, value] of Object.entries(node.properties ?? {})) {
    const here = path === "" ? key : `${path}.${key}`;
    yield [here, value];
    yield* allKeys(value, here);
  }
}

describe("the schema of an experiment", () => {
  it("explains every key and every choice", () => {
    const silent = [...allKeys(experimentSchemaNode(), "")].filter(([, node]) => {
      return !node.description || (node.enum !== undefined && node.enumDescriptions?.length !== node.enum.length);
    });
    expect(silent.map(([path]) => path)).toEqual([]);
  });

  it("is told apart by kind", () => {
    const value = { data: { train: [{ kind: "synth" }, {}] } };
    expect([...keysAt(["data", "train", 0], value).keys()]).toContain("difficulty");
    expect([...keysAt(["data", "train", 0], value).keys()]).not.toContain("path");
    expect(keysAt(["data", "train", 1], value).get("kind")!.node.enum).toHaveLength(6);
    expect(schemasAt(["data", "train", 0, "count"], value)).toMatchObject([{ type: "integer" }]);
    expect(schemasAt(["nothing", 3, "constructor"], value)).toEqual([]);
  });
});

describe("the published values", () => {
  it("belong to keys that there are", () => {
    const known = new Set([...allKeys(experimentSchemaNode(), "")].map(([path]) => path));
    expect([...referenceValues.keys()].filter((path) => !known.has(path))).toEqual([]);
  });

  it("could be written where they are shown", () => {
    for (const [path, { values }] of referenceValues) {
      for (const { text } of values) {
        if (text === null || path === "stages.scGrpo.rewards.weight") continue;
        const value: unknown = path.split(".").reduceRight((inner, key) => ({ [key]: inner }), parse(text) as unknown);
        const rest = { model: { base: "m" }, data: { train: { kind: "folder", path: "p" } } };
        expect(experimentSchema.safeParse({ ...rest, ...(value as object) }).success, `${path}: ${text}`).toBe(true);
      }
    }
  });
});
