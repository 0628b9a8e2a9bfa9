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

  it("quotes names that would break the table", () => {
    expect(referenceSummary([record('a,"b"/bad/1', "A")]).csv.split("\n")[1]).toBe('"a,""b""",50.0,50.0');
  });
});
