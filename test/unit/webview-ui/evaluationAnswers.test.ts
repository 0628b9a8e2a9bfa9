/** Which pictures became right or wrong between two evaluations. */
import type { EvaluatedAnswer } from "@iad-r1/protocol/webview";
import { expect, it } from "vitest";
import { flipsBetween } from "../../../webview-ui/src/state/evaluationAnswers";

const answer = (
  id: string,
  label: EvaluatedAnswer["label"],
  said: EvaluatedAnswer["answer"],
  anomalyScore: number | null = null,
): EvaluatedAnswer => ({ id, image: `${id}.png`, category: "nut", label, answer: said, anomalyScore });

const short = (found: ReturnType<typeof flipsBetween>) =>
  found.flips.map(({ answer: { id }, before, after }) => [id, before, after]);

it("lists what became wrong first, and nothing that was wrong in another way before", () => {
  const before = [
    answer("a", "anomalous", "no"),
    answer("b", "normal", "no"),
    answer("c", "normal", null),
    answer("d", "anomalous", "yes"),
    answer("e", "anomalous", null),
  ];
  const after = [
    answer("a", "anomalous", "yes"),
    answer("b", "normal", "yes"),
    answer("c", "normal", "yes"),
    answer("d", "anomalous", null),
    answer("e", "anomalous", "yes"),
  ];
  const found = flipsBetween(before, after, null);
  expect(short(found)).toEqual([
    ["b", null, "falseAlarm"],
    ["d", null, "unparsed"],
    ["a", "missed", null],
    ["e", "unparsed", null],
  ]);
  expect(found.numShared).toBe(5);
});

it("judges both by the threshold, and counts only pictures with one known truth that both saw", () => {
  const before = [answer("a", "normal", "yes", 0.4), answer("gone", "normal", "yes", 0.9), answer("x", "normal", "no")];
  const after = [
    answer("a", "normal", "no", 0.6),
    answer("new", "normal", "no", 0.1),
    answer("x", "anomalous", "no"),
    answer("nobody knows", null, "no", 0.1),
  ];
  expect(short(flipsBetween(before, after, null))).toEqual([["a", "falseAlarm", null]]);
  expect(short(flipsBetween(before, after, 0.5))).toEqual([["a", null, "falseAlarm"]]);
  expect(flipsBetween(before, after, 0.5).numShared).toBe(1);
});
