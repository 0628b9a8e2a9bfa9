/** The catalogue's numbers of parameters against what the code makes of the real configurations. */
import { numElements } from "@iad-r1/models/graph/dims";
import { describeParameters } from "@iad-r1/models/zoo";
import { realShapes } from "@iad-r1/server/bench/realShapes";
import { catalogEntry } from "@iad-r1/server/modelStore/catalog";
import { expect, test } from "vitest";

test.each(Object.keys(realShapes))("%s has as many parameters as its shape", (name) => {
  const entry = catalogEntry(name.replace("llava-onevision-", "llava-onevision-si-"))!;
  const { shapes } = describeParameters(realShapes[name]!.config);
  const count = [...shapes.values()].reduce((sum, shape) => sum + numElements(shape), 0);
  expect(entry.parameters).toBe(count);
});
