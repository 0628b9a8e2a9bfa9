import { judgeSavedProbe, meets, parseProbeFile, probeFileOf } from "@iad-r1/server/rewards/analysis/probeFile";
import { failed, notApplicable, type RewardOutcome, scored } from "@iad-r1/server/rewards/contract";
import { expect, it } from "vitest";

const probe = (expect: { score?: string; total?: string }) =>
  parseProbeFile(
    JSON.stringify({ format: "iad-r1/probes", version: 1, probes: [{ name: "p", completion: "c", expect }] }),
    "x.probes.json",
  )[0]!;

it("probes lie beside their reward file", () => {
  expect(["/a/b.reward.ts", "/a/b.py", "/a.b/c.mts"].map(probeFileOf)).toEqual([
    "/a/b.probes.json",
    "/a/b.probes.json",
    "/a.b/c.probes.json",
  ]);
});

it.each([
  [1, ">=1", true],
  [0.3, "=0.3", true],
  [0.1 + 0.2, "= 0.3", true],
  [1, ">1", false],
  [-2, "<= -1.5", true],
  [0, "<0", false],
  [null, "n/a", true],
  [0, "n/a", false],
  [null, "=0", false],
  [undefined, "n/a", false],
])("a score of %s against %s: %s", (score, wanted, ok) => {
  expect(meets(score, wanted)).toBe(ok);
});

it("a failure meets nothing, and makes the total unknown", () => {
  const outcomes = new Map<string, RewardOutcome>([
    ["a", scored(1)],
    ["b", failed("broke")],
    ["c", notApplicable("none")],
  ]);
  const weights = new Map([["a", 2]]);
  expect(
    judgeSavedProbe(probe({ score: ">=0", total: "=2" }), outcomes, weights).map(({ function: name, ok }) => [
      name,
      ok,
    ]),
  ).toEqual([
    ["a", true],
    ["b", false],
    ["c", false],
    [null, false],
  ]);
  outcomes.delete("b");
  expect(judgeSavedProbe(probe({ total: "=2" }), outcomes, weights)).toMatchObject([
    { function: null, got: "2", ok: true },
  ]);
});

it.each([
  ["{", /not JSON/],
  [
    '{"format": "iad-r1/probes", "version": 1, "probes": [{"name": "p", "completion": "c", "expect": {"score": "one"}}]}',
    /probes\.0\.expect\.score/,
  ],
  ['{"format": "iad-r1/probes", "version": 1, "probes": [{"name": "p", "expect": {}}]}', /probes\.0\.completion/],
])("a damaged file is refused with its place: %s", (text, message) => {
  expect(() => parseProbeFile(text, "x.probes.json")).toThrow(message);
});
