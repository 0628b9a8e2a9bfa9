/** Which completions belong to one prompt, in tables of any length. */
import { groupSizes } from "@iad-r1/server/rollouts/grouping";
import { expect, test } from "vitest";

test("groups of a table with more rows than a call takes arguments", () => {
  const rows = Array.from({ length: 300_000 }, (_, i) => ({
    ...{ prompt: `${i >> 1}`, solution: null, advantage: i % 2 === 0 ? 1 : -1 },
  }));
  expect(groupSizes(rows)).toHaveLength(150_000);
});
