import { formatPythonFloat, referenceSummary } from "@iad-r1/server/evaluate/referenceSummary";
import { describe, expect, it } from "vitest";

describe("formatPythonFloat", () => {
  it.each([
    [0, "0.0"],
    [-0, "-0.0"],
    [50, "50.0"],
    [-2.5, "-2.5"],
    [66.66666666666666, "66.66666666666666"],
    [0.1, "0.1"],
    [0.0001, "0.0001"],
    [0.00012, "0.00012"],
    [0.00001, "1e-05"],
    [1.5e-7, "1.5e-07"],
    [1e-200, "1e-200"],
    [1234567890123456, "1234567890123456.0"],
    [1e16, "1e+16"],
    [1.25e22, "1.25e+22"],
    [Number.NaN, "nan"],
    [Number.NEGATIVE_INFINITY, "-inf"],
  ])("%d is %s", (value, text) => {
    expect(formatPythonFloat(value)).toBe(text);
  });
});

describe("referenceSummary", () => {
  const record = (image: string, given: unknown, correct = "A") => ({
    image,
    question_type: "Anomaly Detection",
    correct_answer: correct,
    gpt_answer: given,
  });

  it("a record that cannot be counted hides the one behind it", () => {
    const { removed, questionStats } = referenceSummary([record("X/bad/1", "?"), record("X/bad/2", "A")]);
    expect(removed).toBe(1);
    expect(questionStats.X!["Anomaly Detection"]!.total).toBe(0);
  });

  // Set k has one right answer among k + 3; by pandas 3.0: DataFrame({"a": [(0 + 1 / (k + 3)) / 2 * 100 for k in range(n)]}).mean()
  it.each([
    [20, "5.477033125543187"],
    [200, "1.0969891418872646"],
    [300, "0.7982162329523101"],
  ])("averages %d data sets to the last digit of pandas", (count, average) => {
    const sets = Array.from({ length: count }, (_, k) =>
      Array.from({ length: k + 3 }, (_, i) => record(`S${k}/bad/${i}`, i === 0 ? "A" : "B")),
    );
    const lines = referenceSummary(sets.flat()).csv.trimEnd().split("\n");
    expect(lines.at(-1)).toBe(`Average,${average},${average}`);
  });

  it("quotes names that would break the table", () => {
    expect(referenceSummary([record('a,"b"/bad/1', "A")]).csv.split("\n")[1]).toBe('"a,""b""",50.0,50.0');
  });
});
