import { closestMatch, matchText, ratio, ratioAtLeast } from "@iad-r1/server/rewards/similarity";
import { describe, expect, it } from "vitest";

describe("ratio", () => {
  it("is twice the matched code points over both lengths", () => {
    expect(ratio("", "")).toBe(1);
    expect(ratio("abc", "")).toBe(0);
    expect(ratio("scratches", "scratch")).toBe(14 / 16);
    expect(ratio("a😀b", "a😀c")).toBe(4 / 6);
  });

  it("depends on the order of its arguments", () => {
    // The example of Python's documentation.
    expect(ratio("tide", "diet")).toBe(0.25);
    expect(ratio("diet", "tide")).toBe(0.5);
  });

  it("drops characters that fill more than a hundredth of a long second text", () => {
    const text = "ab".repeat(100);
    expect(matchText(text, text)).toEqual({ ratio: 1, matches: 200, popular: 2 });
    expect(matchText(`x${text}`, text)).toEqual({ ratio: 0, matches: 0, popular: 2 });
    expect(matchText(`x${text}`, text, { autojunk: false })).toEqual({ ratio: 400 / 401, matches: 200, popular: 0 });
  });
});

describe("ratioAtLeast", () => {
  it("is the ratio from the cutoff on, and null below it", () => {
    expect(ratioAtLeast("scratches", "scratch", 0.875)).toBe(0.875);
    expect(ratioAtLeast("scratches", "scratch", 0.876)).toBeNull();
    expect(ratioAtLeast("abcd", "dcba", 0.3)).toBeNull();
    expect(ratioAtLeast("", "", 1)).toBe(1);
  });
});

describe("closestMatch", () => {
  it("takes the greatest text by code points among equals", () => {
    expect(closestMatch("", ["No.", "Yes."])).toBe("Yes.");
    expect(closestMatch("", ["\uff5e", "😀"])).toBe("😀");
    expect(closestMatch("no", ["Yes.", "No."])).toBe("No.");
    expect(closestMatch("no", [])).toBeUndefined();
  });
});
