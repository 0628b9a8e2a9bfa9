import { patternReport } from "@iad-r1/server/rewards/static/patternReport";
import type { Site, SiteRecord } from "@iad-r1/server/rewards/user/recording";
import { describe, expect, it } from "vitest";

const site = (pattern: string, flags: string): Site => ({
  ...{ id: 0, kind: "regex", start: 0, end: 9, function: "r" },
  regex: { pattern, flags, start: 0, end: 9, anchor: "search" },
});

const record = (matched: number, missed: string[]): SiteRecord => ({
  ...{ reached: matched + missed.length, values: [], thrown: [] },
  regex: { matched, missed: missed.map((text, row) => ({ row: row + 10, text })) },
});

describe("the report of a pattern", () => {
  it("explains a text that shares something with it, and ranks rewrites by what they match", () => {
    const missed = [
      "no tags at all",
      "<think>a\nb</think><answer>Yes</answer>",
      "<think>a</think>\n<answer>No</answer>",
    ];
    const report = patternReport(site("<think>.*?</think><answer>.*?</answer>", ""), record(1, missed), "python");
    expect(report).toMatchObject({ tested: 4, matched: 1, warning: null });
    expect(report!.failure).toMatchObject({ row: 11, expected: "</think>", saw: expect.stringMatching(/^\nb/) });
    expect(report!.trials.map(({ id, matched }) => [id, matched])).toEqual([
      ["all", 3],
      ["white-space", 2],
      ["dot-all", 2],
    ]);
  });

  it("is null for a call whose pattern is not known", () => {
    const { regex: _, ...unknown } = site("a", "");
    expect(patternReport(unknown, record(0, ["b"]), "python")).toBeNull();
  });

  it("warns of a form that can hang", () => {
    expect(patternReport(site("^(\\w+\\s?)+$", ""), record(3, []), "typescript")!.warning).toContain("(\\w+\\s?)+");
  });
});
