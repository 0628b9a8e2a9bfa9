/** What a threshold is worth on pictures with a known truth, and which one is worth most. */
import { describe, expect, it } from "vitest";
import { bestThreshold, worthOf } from "../../../webview-ui/src/state/threshold";

type Item = Parameters<typeof worthOf>[0][number];
const item = (label: Item["label"], answer: Item["answer"], anomalyScore: number | null): Item => ({
  ...{ label, answer, anomalyScore },
  outcome: answer === null ? "unparsed" : "answered",
});

/** Two sound and two faulty pictures; the model is timid: it says yes to one only. */
const items = [
  item("normal", "no", 0.1),
  item("normal", "no", 0.3),
  item("anomalous", "no", 0.4),
  item("anomalous", "yes", 0.9),
];

describe("worthOf", () => {
  it("is the balanced accuracy of the written answers without a threshold", () => {
    expect(worthOf(items, null)).toEqual({
      ...{ balanced: 0.75, numNormal: 2, numAnomalous: 2, falseAlarms: 0, missed: 1, unparsed: 0 },
    });
  });

  it("lets the score decide from the threshold on", () => {
    expect(worthOf(items, 0.4)).toMatchObject({ balanced: 1, falseAlarms: 0, missed: 0 });
    expect(worthOf(items, 0.3)).toMatchObject({ balanced: 0.75, falseAlarms: 1, missed: 0 });
    expect(worthOf(items, 0)).toMatchObject({ balanced: 0.5, falseAlarms: 2, missed: 0 });
  });

  it("never counts an answer that cannot be read as right, nor as an alarm or a miss", () => {
    const unread = [item("normal", null, null), item("anomalous", null, null)];
    expect(worthOf(unread, null)).toMatchObject({ balanced: 0, falseAlarms: 0, missed: 0, unparsed: 2 });
    expect(worthOf(unread, 0.5)).toMatchObject({ balanced: 0, unparsed: 2 });
  });

  it("leaves out what was not looked at and what has no truth", () => {
    const others: Item[] = [
      { ...item("normal", null, null), outcome: "pending" },
      { ...item("anomalous", null, 0.5), outcome: "running" },
      { ...item("anomalous", null, null), outcome: "failed" },
      item(null, "yes", 0.9),
    ];
    expect(worthOf([...items, ...others], null)).toEqual(worthOf(items, null));
    expect(worthOf(others, 0.5).balanced).toBeNull();
  });
});

describe("bestThreshold", () => {
  it("parts the two kinds where they can be parted", () => {
    const best = bestThreshold(items)!;
    expect(best).toBeCloseTo(0.35, 12);
    expect(worthOf(items, best).balanced).toBe(1);
  });

  it("is never worse than any other threshold", () => {
    let state = 7;
    const random = () => {
      state = (state * 48271) % 2147483647;
      return state / 2147483647;
    };
    for (let round = 0; round < 50; round++) {
      // Few different scores: ties are the hard part.
      const many = Array.from({ length: 30 }, () => {
        const label = random() < 0.5 ? "normal" : "anomalous";
        return item(label, "no", Math.round((random() + (label === "normal" ? 0 : 0.3)) * 8) / 10.4);
      });
      const reached = worthOf(many, bestThreshold(many)).balanced!;
      for (let at = -0.01; at <= 1.01; at += 0.003) {
        expect(reached).toBeGreaterThanOrEqual(worthOf(many, at).balanced! - 1e-12);
      }
    }
  });

  it("needs both kinds", () => {
    expect(bestThreshold(items.slice(0, 2))).toBeNull();
    expect(bestThreshold([])).toBeNull();
  });
});
