import { afterEvent, idleLook, isBusy, isOver, outcomeOf, truthOf } from "@iad-r1/client/panels/inspectorState";
import type { Inspection, InspectJobEvent } from "@iad-r1/protocol/inspect";
import type { Look } from "@iad-r1/protocol/webview";
import { describe, expect, test } from "vitest";

const result: Inspection = {
  ...{ image: "a.png", answer: "yes", location: "center", type: "scratch", think: "…", text: "<think>ab</think>" },
  ...{ anomalyScore: 0.9, finish: "eos", tokens: { prompt: 10, image: 5, completion: 3 } },
  timings: { preprocess: 1, vision: 1, prefill: 1, firstToken: 3, decode: 2, total: 6 },
};

const text = (piece: string, numTokens: number, ms: number): InspectJobEvent => ({
  type: "inspect",
  event: { type: "text", text: piece, anomalyScore: null, numTokens, ms, choices: [] },
});

const finished: Look = { ...idleLook("nano"), phase: "finished", result, text: result.text, anomalyScore: 0.9 };

describe("look of a model at a picture", () => {
  test("goes from loading to reading, writing and finished", () => {
    const events: InspectJobEvent[] = [
      { type: "state", state: "loading", error: null },
      { type: "state", state: "running", error: null },
      text("<think>", 1, 0),
      text("ab", 3, 100),
      { type: "inspect", event: { type: "finished", result } },
      { type: "state", state: "finished", error: null },
    ];
    const phases: string[] = [];
    let look = idleLook("nano");
    for (const event of events) {
      look = afterEvent(look, event);
      phases.push(look.phase);
    }
    expect(phases).toEqual(["loading", "reading", "writing", "writing", "finished", "finished"]);
    expect(look.text).toBe("<think>ab</think>");
  });

  test("keeps the tokens with their alternatives, in order", () => {
    const choice = (piece: string) => ({ text: piece, probability: 0.5, alternatives: [] });
    const piece = (written: string): InspectJobEvent => ({
      type: "inspect",
      event: { type: "text", text: written, anomalyScore: null, numTokens: 1, ms: 0, choices: [choice(written)] },
    });
    const look = afterEvent(afterEvent(idleLook("nano"), piece("a")), piece("b"));
    expect(look.choices).toEqual([choice("a"), choice("b")]);
  });

  test("counts the rate from the first token on", () => {
    expect(afterEvent(idleLook("nano"), text("a", 1, 0)).tokensPerSecond).toBeNull();
    expect(afterEvent(idleLook("nano"), text("a", 11, 500)).tokensPerSecond).toBe(20);
  });

  test("keeps what was written when it is stopped", () => {
    const look = afterEvent(afterEvent(idleLook("nano"), text("half", 2, 10)), {
      ...{ type: "state", state: "cancelled", error: null },
    });
    expect(look).toMatchObject({ phase: "stopped", text: "half" });
    expect([isOver(look), isBusy(look)]).toEqual([true, false]);
  });
});

describe("outcome of a look", () => {
  test.each([
    ["yes", "anomalous", "correct"],
    ["no", "normal", "correct"],
    ["no", "anomalous", "missed"],
    ["yes", "normal", "false-alarm"],
    [null, "normal", "unparsed"],
    ["yes", null, "answered"],
  ] as const)("%s on a %s picture is %s", (answer, label, outcome) => {
    expect(outcomeOf({ ...finished, result: { ...result, answer } }, label, null)).toBe(outcome);
  });

  test("the score decides once there is a threshold", () => {
    const look = { ...finished, anomalyScore: 0.4, result: { ...result, answer: "yes" as const } };
    expect(outcomeOf(look, "anomalous", 0.5)).toBe("missed");
    expect(outcomeOf(look, "anomalous", 0.4)).toBe("correct");
  });

  test("a picture no one has looked at is pending, one that broke is failed", () => {
    expect(outcomeOf(undefined, "normal", null)).toBe("pending");
    expect(outcomeOf({ ...finished, phase: "failed" }, "normal", null)).toBe("failed");
  });
});

test("the truth names grid cells only, the main one first", () => {
  const sample = {
    ...{ id: "1", image: "/a.png", references: [], category: "nut", label: "anomalous" as const },
    ...{ defectType: "scratch", locations: ["Center right", "near the hole", "top left"], mask: "/m.png" },
  };
  expect(truthOf(sample, "uri:m")).toEqual({
    ...{ label: "anomalous", locations: ["center right", "top left"], type: "scratch", mask: "uri:m", boxes: [] },
  });
});
