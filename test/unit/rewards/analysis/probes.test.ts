import { buildProbes, judgeProbes, type Probe } from "@iad-r1/server/rewards/analysis/probes";
import { parseTags } from "@iad-r1/server/rewards/tags";
import type { RolloutRow } from "@iad-r1/server/rollouts/row";
import { expect, it } from "vitest";

function row(solution: string | null, columns: Record<string, unknown> = {}, prompt: unknown = null): RolloutRow {
  return { group: "g", index: 0, prompt, completion: "", solution, columns };
}
const defect = row("<location>upper right</location><type>scratch</type><answer>Yes</answer>", {}, "Is it whole?");
const siblings = [defect, row("<location>bottom left</location><type>hole</type><answer>Yes</answer>")];
const names = (probes: readonly Probe[]) => probes.map(({ name }) => name);
const completionOf = (probes: readonly Probe[], name: string) =>
  probes.find((probe) => probe.name === name)!.completion;

/** Judges the battery with a function of the completion. */
function judge(probes: readonly Probe[], score: (completion: string) => number | null, judgesTruth = true) {
  const outcomes = probes.map(({ completion }) => {
    const value = score(completion);
    return { score: value, status: value === null ? ("na" as const) : ("ok" as const) };
  });
  return judgeProbes(probes, outcomes, judgesTruth);
}
const faults = (results: ReturnType<typeof judge>) =>
  results.filter(({ verdict }) => verdict === "fault").map(({ name }) => name);

it("the battery begins with the true answer and spoils one part at a time", () => {
  const probes = buildProbes(defect, siblings);
  expect(probes[0]).toMatchObject({ name: "gold", relation: "gold" });
  const swapped = parseTags(completionOf(probes, "swapped-answer"));
  expect([swapped.answer, swapped.location, swapped.type]).toEqual(["no", "upper right", "scratch"]);
  expect(parseTags(completionOf(probes, "wrong-location")).location).toBe("bottom left");
  expect(parseTags(completionOf(probes, "wrong-type")).type).toBe("hole");
  expect(parseTags(completionOf(probes, "hidden-place")).location).toBe("supper bright");
  expect(completionOf(probes, "prompt-copy")).toBe("Is it whole?");
  expect(completionOf(probes, "long-reasoning").length).toBeGreaterThan(completionOf(probes, "gold").length * 1.5);
});

it("in other languages it is made of the rows' own words, without the English ones", () => {
  const probes = buildProbes(row("<location>左上</location><type>划痕</type><answer>Yes</answer>"), [
    row("<location>右下</location><type>凹坑</type><answer>Yes</answer>"),
  ]);
  expect(parseTags(completionOf(probes, "wrong-location")).location).toBe("右下");
  expect(parseTags(completionOf(probes, "wrong-type")).type).toBe("凹坑");
  expect(names(probes).filter((name) => name === "hidden-place" || name.startsWith("synonym"))).toEqual([]);
});

it("without a truth there are no probes, with a number there are several forms of it", () => {
  expect(buildProbes(row(null), [])).toEqual([]);
  const probes = buildProbes(row(null, { answer: "… so #### 42" }), [row("7"), row("8"), row("9")]);
  expect(probes.filter(({ relation }) => relation === "gold").map(({ completion }) => completion)).toEqual(
    expect.arrayContaining([
      "42",
      expect.stringContaining("\\boxed{42}"),
      expect.stringContaining("<answer>42</answer>"),
    ]),
  );
  expect(completionOf(probes, "all-guesses")).toContain("7, 8, 42, 9");
});

it("a sound reward has no fault, a reward for form alone is not blamed for wrong answers", () => {
  const probes = buildProbes(defect, siblings);
  const sound = (completion: string) => {
    const tags = parseTags(completion);
    if (tags.answer !== "yes") return 0;
    const isType = ["scratch", "scor", "scrape", "linear"].some((word) => (tags.type ?? "").includes(word));
    return 0.5 + 0.25 * Number(tags.location === "upper right") + 0.25 * Number(isType);
  };
  expect(faults(judge(probes, sound))).toEqual([]);
  const form = (completion: string) => Number(/<think>[\s\S]*<answer>/.test(completion));
  expect(faults(judge(probes, form, false))).toEqual([]);
});

it("parts paid beside a wrong verdict, and places by substring, are faults with what they earned", () => {
  const probes = buildProbes(defect, siblings);
  const loose = (completion: string) => {
    const { answer, location, type } = parseTags(completion);
    const place = Number((location ?? "").includes("upper") || (location ?? "").includes("supper"));
    return Number(answer === "yes") + place + Number(type === "scratch");
  };
  const results = judge(probes, loose);
  expect(faults(results)).toEqual(expect.arrayContaining(["swapped-answer", "hidden-place"]));
  expect(results.find(({ name }) => name === "swapped-answer")).toMatchObject({ score: 2, finding: "RW119" });
});
