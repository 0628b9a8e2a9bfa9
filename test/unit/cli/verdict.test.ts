/** The line under an inspection. */
import type { Inspection } from "@iad-r1/protocol/inspect";
import { verdict } from "@iad-r1/server/cli/commands/inspect";
import { expect, it } from "vitest";

it("tells an answer that was cut off from one that cannot be read", () => {
  const inspection = {
    ...{ answer: null, location: null, type: null, anomalyScore: null },
    ...{ tokens: { completion: 60 }, timings: { total: 1700 } },
  } as unknown as Inspection;
  expect(verdict({ ...inspection, finish: "length" })).toBe(
    "→ NO VERDICT (the answer was cut off; --max-tokens lets it be longer) · 60 tokens in 1.7 s\n",
  );
  expect(verdict({ ...inspection, finish: "eos" })).toContain("NO VERDICT (the answer could not be read)");
});
