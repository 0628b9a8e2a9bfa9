/** Each way to be paid by the published rewards without doing the work, and that the corrected ones do not pay. */
import type { RewardInput } from "@iad-r1/server/rewards/contract";
import { scoreCompletions } from "@iad-r1/server/rewards/evaluate";
import { createRewardRegistry } from "@iad-r1/server/rewards/registry";
import { describe, expect, it } from "vitest";

const anomalous = "<location>bottom right</location><type>scratch</type><answer>Yes</answer>";
const normal = "<answer>No</answer>";

const think = "<think>The surface is even but for one line.</think>";
const saysYes = (location: string, type: string) =>
  `${think}<location>${location}</location><type>${type}</type><answer>Yes</answer>`;
const saysNo = `${think}<answer>No</answer>`;
const perfectYes = saysYes("bottom right", "scratch");

function score(preset: string, completion: string, solution: string, columns: RewardInput["columns"] = {}) {
  return scoreCompletions(createRewardRegistry().resolve([preset]), [{ completion, solution, columns }])[0]!;
}

function total(completion: string, solution: string, columns?: RewardInput["columns"]): number {
  return score("iad-r1-strict", completion, solution, columns).total!;
}

function part(name: string, completion: string, solution: string, columns?: RewardInput["columns"]): number | null {
  return score("iad-r1-strict", completion, solution, columns).scores[`iad-r1-strict/${name}`]!;
}

describe("ceilings", () => {
  it("a perfect answer earns 3 on anomalous and on normal images; the published pair pays 3 and 2", () => {
    expect(total(perfectYes, anomalous)).toBe(3);
    expect(total(saysNo, normal)).toBe(3);
    expect(score("iad-r1", perfectYes, anomalous).total).toBe(3);
    expect(score("iad-r1", saysNo, normal).total).toBe(2);
  });

  it("nothing earns more than the perfect answer", () => {
    const others = [
      saysNo,
      perfectYes + perfectYes,
      `${perfectYes}${normal}`,
      saysYes("bottom right", "scratch, hole"),
      "",
    ];
    for (const other of others) {
      expect(total(other, anomalous)).toBeLessThan(3);
      expect(total(other === saysNo ? perfectYes : other, normal)).toBeLessThan(3);
    }
  });
});

describe("a wrong answer", () => {
  const denied = `${think}<location>bottom right</location><type>scratch</type><answer>No</answer>`;

  it("earns nothing for the right place and type beside it; the published pair pays half of all it has", () => {
    expect(part("location", denied, anomalous)).toBeLessThanOrEqual(0);
    expect(part("type", denied, anomalous)).toBeLessThanOrEqual(0);
    expect(total(denied, anomalous)).toBeLessThan(total(saysNo, anomalous));
    expect(score("iad-r1", denied, anomalous).total).toBe(2);
  });

  it("earns nothing for the structure that the truth would call for", () => {
    // The published structure reward looks at the truth and pays 1 here.
    expect(part("format", denied, anomalous)).toBe(0);
    expect(score("iad-r1", denied, anomalous).scores["iad-r1/consistency"]).toBe(1);
  });

  it("is worth least of all as a missed defect with a named place on it", () => {
    expect(total(denied, anomalous)).toBe(-1);
  });

  it("on a normal image earns the form alone", () => {
    expect(total(perfectYes, normal)).toBe(1);
  });
});

describe("types", () => {
  it.each([".", "!!!", "", "   ", "-", "…"])("%j earns nothing", (type) => {
    expect(part("type", saysYes("bottom right", type), anomalous)).toBe(0);
    expect(part("format", saysYes("bottom right", type), anomalous)).toBe(0);
  });

  it("punctuation earns 0.85 with the published reward", () => {
    expect(score("iad-r1/type", saysYes("bottom right", "."), anomalous).total).toBe(0.85);
  });

  it.each(["e", "s", "surface", "scr"])("the fragment %j earns nothing", (type) => {
    expect(part("type", saysYes("bottom right", type), anomalous)).toBe(0);
  });

  it.each([
    ["crack", "cracks"],
    ["dent", "a small dent"],
    ["rust", "corrosion"],
    ["broken", "breakage"],
    ["pitting", "pits"],
    ["spot", "dark spot"],
    ["dark area", "dark region"],
  ])("%j, unknown to the published reward, is known here and matched by %j", (truth, said) => {
    const solution = `<location>center</location><type>${truth}</type><answer>Yes</answer>`;
    expect(part("type", saysYes("center", said), solution)).toBe(1);
    expect(part("type", saysYes("center", "hole"), solution)).toBeLessThan(0.7);
  });

  it("a list of every type earns less than one guess of eight", () => {
    const everything = "stain, debris, scratch, notch, dent, hole, crack, wear";
    expect(part("type", saysYes("center", everything), anomalous)).toBeLessThanOrEqual(1 / 8);
  });
});

describe("places", () => {
  it.each([
    ["bright spot", "right"],
    ["upright", "right"],
    ["leftover", "left"],
    ["flower", "bottom"],
    ["stop", "top"],
  ])("%j is not %j", (phrase, truth) => {
    const solution = `<location>${truth}</location><type>scratch</type><answer>Yes</answer>`;
    expect(part("location", saysYes(phrase, "scratch"), solution)).toBe(0);
    expect(score("iad-r1/location", saysYes(phrase, "scratch"), solution).total).toBe(1);
  });

  it.each(["", "somewhere", "edge", "."])("%j is not the centre", (phrase) => {
    const solution = "<location>center</location><type>scratch</type><answer>Yes</answer>";
    expect(part("location", saysYes(phrase, "scratch"), solution)).toBe(0);
  });

  it("synonyms are the same place", () => {
    const solution = "<location>top center</location><type>scratch</type><answer>Yes</answer>";
    expect(part("location", saysYes("upper middle", "scratch"), solution)).toBe(1);
  });

  it("naming several places earns nothing", () => {
    expect(part("location", saysYes("top left or bottom right", "scratch"), anomalous)).toBe(0);
  });

  it("any of the places in the column `locations` is accepted", () => {
    const columns = { locations: ["bottom center", "bottom right"] };
    expect(part("location", saysYes("bottom center", "scratch"), anomalous, columns)).toBe(1);
    expect(part("location", saysYes("top center", "scratch"), anomalous, columns)).toBe(0);
    expect(part("location", saysYes("top center", "scratch"), anomalous, { locations: 5 })).toBe(0);
  });
});

describe("white space", () => {
  it("between tags and in bodies costs nothing; the published structure reward gives 0", () => {
    const airy = perfectYes.replaceAll("><", ">\n\n<").replaceAll("</", "\n</");
    expect(total(airy, anomalous)).toBe(3);
    expect(total(saysNo.replaceAll("><", "> <"), normal)).toBe(3);
    expect(score("iad-r1", airy, anomalous).total).toBe(0);
  });
});

describe("repeated and contradicting tags", () => {
  it.each([
    ["both answers", `${perfectYes}<answer>No</answer>`],
    ["no first", `<answer>No</answer>${perfectYes}`],
    ["the same answer twice", `${perfectYes}<answer>Yes</answer>`],
    ["an answer inside the reasoning", `<think>a <answer>No</answer> b</think>${perfectYes.slice(think.length)}`],
  ])("%s: earns nothing on either kind of image", (_, completion) => {
    expect(total(completion, anomalous)).toBe(-1);
    expect(total(completion, normal)).toBe(0);
  });

  it("every place in its own tag earns nothing for the place", () => {
    const all = saysYes("bottom right", "scratch").replace("<type>", "<location>top left</location><type>");
    expect(part("location", all, anomalous)).toBe(0);
    expect(part("format", all, anomalous)).toBe(0);
  });

  it("a normal image described as defective and then denied earns neither form nor place nor type", () => {
    const both = `${think}<location>left</location><type>hole</type><answer>No</answer>`;
    expect(total(both, normal)).toBe(1);
  });
});

describe("form", () => {
  it.each([
    ["no reasoning", "<answer>No</answer>"],
    ["empty reasoning", "<think> </think><answer>No</answer>"],
    ["text outside", `Sure! ${saysNo}`],
    ["wrong order", `<answer>No</answer>${think}`],
    ["not closed", `${think}<answer>No`],
    ["upper case", saysNo.toUpperCase()],
    ["yes without place and type", `${think}<answer>Yes</answer>`],
    ["no tags", "No."],
    ["nothing", ""],
  ])("%s: 0", (_, completion) => {
    expect(part("format", completion, normal)).toBe(0);
  });

  it("is the same whatever the truth", () => {
    for (const completion of [saysNo, perfectYes]) {
      expect(part("format", completion, normal)).toBe(1);
      expect(part("format", completion, anomalous)).toBe(1);
    }
  });
});

describe("policies on equally many images of both kinds", () => {
  const cells = [
    "top left",
    "top center",
    "center left",
    "center",
    "center right",
    "bottom left",
    "bottom center",
    "bottom right",
  ];
  const types = ["scratch", "stain", "hole", "crack", "dent", "chip", "wear", "rust"];
  const numEach = 200;
  const truths = Array.from({ length: numEach }, (_, i) => ({
    location: cells[i % cells.length]!,
    // Every cell with every type.
    type: types[Math.floor(i / cells.length) % types.length]!,
  }));

  /** Mean total of a policy that sees the truth and its number. */
  function meanTotal(
    preset: string,
    onAnomalous: (truth: { location: string; type: string }, i: number) => string,
    onNormal: (i: number) => string,
  ): number {
    const inputs = truths.flatMap((truth, i) => [
      {
        completion: onAnomalous(truth, i),
        solution: `<location>${truth.location}</location><type>${truth.type}</type><answer>Yes</answer>`,
        columns: {},
      },
      { completion: onNormal(i), solution: normal, columns: {} },
    ]);
    const rows = scoreCompletions(createRewardRegistry().resolve([preset]), inputs);
    return rows.reduce((sum, row) => sum + row.total!, 0) / rows.length;
  }
  const always = (completion: string) =>
    meanTotal(
      "iad-r1-strict",
      () => completion,
      () => completion,
    );
  /** Right in the share `skill` of the images of each kind; place and type of every yes by `describe`. */
  const honest = (skill: number, describe: (truth: { location: string; type: string }) => [string, string]) =>
    meanTotal(
      "iad-r1-strict",
      (truth, i) => (i % 10 < skill * 10 ? saysYes(...describe(truth)) : saysNo),
      (i) => (i % 10 < skill * 10 ? saysNo : saysYes(...describe(truths[i]!))),
    );
  const blind = (): [string, string] => ["top right", "melted"];

  it("without skill at places, the mean is 0.5 + 2 · balanced accuracy", () => {
    expect(always(saysNo)).toBeCloseTo(1.5, 12);
    for (const skill of [0, 0.3, 0.5, 0.8, 1]) {
      // "melted" shares its category with "dent", one truth in eight: 0.6 / 8 of half a point on every right yes.
      const luck = (0.5 * skill * (0.5 * 0.6)) / 8;
      expect(honest(skill, blind)).toBeCloseTo(0.5 + 2 * skill + luck, 2);
    }
  });

  it("no constant answer beats an honest policy that is right in 6 of 10 images", () => {
    const best = Math.max(
      always(saysNo),
      ...cells.flatMap((cell) => types.map((type) => always(saysYes(cell, type)))),
      always("<think>x</think><answer>yes</answer>"),
      always(""),
    );
    expect(best).toBeLessThan(1.7);
    expect(honest(0.6, blind)).toBeGreaterThan(best);
    expect(honest(0.6, () => ["center", "crack"])).toBeGreaterThan(best);
  });

  it("finding the place is worth more than not finding it", () => {
    expect(honest(0.8, ({ location, type }) => [location, type])).toBeGreaterThan(honest(0.8, blind) + 0.3);
  });

  it("the published pair prefers always-yes to always-no", () => {
    const yes = saysYes("center", "crack");
    const published = (completion: string) =>
      meanTotal(
        "iad-r1",
        () => completion,
        () => completion,
      );
    expect(published(yes)).toBeGreaterThan(published(saysNo));
  });
});

describe("what cannot be scored", () => {
  it("a truth that is neither yes nor no leaves the completion unscored", () => {
    const row = score("iad-r1-strict", saysNo, "<answer>maybe</answer>");
    expect(new Set(Object.values(row.status))).toEqual(new Set(["not-applicable"]));
    expect(row.total).toBeNull();
  });

  it("a truth without a place says nothing about places, but a denial is still wrong", () => {
    const row = score("iad-r1-strict", perfectYes, "<answer>Yes</answer>");
    expect(row.status["iad-r1-strict/location"]).toBe("not-applicable");
    expect(row.total).toBe(2);
    expect(part("location", saysNo, "<answer>Yes</answer>")).toBe(-1);
  });

  it("a bare yes or no is a solution", () => {
    expect(total(saysNo, "No")).toBe(3);
  });

  it("records that hold no text are errors", () => {
    const [row] = scoreCompletions(createRewardRegistry().resolve(["iad-r1-strict"]), [
      { completion: null, solution: normal, columns: {} },
    ]);
    expect(new Set(Object.values(row!.status))).toEqual(new Set(["error"]));
  });
});
