import { typeScore } from "@iad-r1/server/rewards/defectConcepts";
import { describe, expect, it } from "vitest";

describe("typeScore", () => {
  it.each([
    ["scratch", "scratch"],
    ["Scratches", "scratch"],
    ["a long thin scratch", "scratch"],
    ["cracked", "crack"],
    ["hairline crack", "crack"],
    ["dented", "dent"],
    ["rusty", "rust"],
    ["corrosion", "rust"],
    ["broken", "breakage"],
    ["pits", "pitting"],
    ["dark spot", "spot"],
    ["dark region", "dark area"],
    ["colour anomaly", "color anomaly"],
    ["through-hole", "hole"],
    ["crack damage", "crack"],
    ["non-uniform glaze", "non-uniform glaze"],
    ["划痕", "划痕"],
  ])("%j means %j", (predicted, actual) => {
    expect(typeScore(predicted, actual)).toBe(1);
  });

  it.each([
    ["dent", "deformation"],
    ["breakage", "crack"],
    ["stain", "rust"],
  ])("%j and %j are of one category", (predicted, actual) => {
    expect(typeScore(predicted, actual)).toBe(0.6);
  });

  it.each([
    ["hole", "scratch"],
    ["crack", "stain"],
    ["", "scratch"],
    [".", "scratch"],
    ["!!!", "crack"],
    ["   ", "crack"],
    ["e", "hole"],
    ["-", "hole"],
    ["surface", "wear"],
    ["defect", "scratch"],
    ["surface anomaly", "scratch"],
    ["no scratch", "scratch"],
    ["not a hole", "hole"],
    ["scratch", "划痕"],
  ])("%j earns nothing against %j", (predicted, actual) => {
    expect(typeScore(predicted, actual)).toBe(0);
  });

  it("a list of guesses shares one score", () => {
    expect(typeScore("scratch, hole", "scratch")).toBe(0.5);
    expect(typeScore("stain, hole, scratch, crack, dent, chip", "scratch")).toBeLessThan(0.2);
    expect(typeScore("scratch hole stain crack dent chip wear rust spot pit notch gap fold burn", "scratch")).toBe(0);
  });

  it("several true kinds are each looked for", () => {
    expect(typeScore("crack and dark area", "dark area, crack")).toBe(1);
    expect(typeScore("crack", "crack, dark area")).toBe(0.5);
  });

  it("an unknown true type is compared word by word", () => {
    expect(typeScore("weld porridge", "porridge")).toBe(0.5);
    expect(typeScore("scratch", "porridge")).toBe(0);
  });
});
