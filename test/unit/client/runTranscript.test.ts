import { problemPattern } from "@iad-r1/client/manifest";
import { RunModel } from "@iad-r1/client/runs/runModel";
import { failureLines, overwrite, RunTranscript, type Words } from "@iad-r1/client/tasks/runTranscript";
import type { RunEvent, RunListing, RunManifest } from "@iad-r1/protocol/runs";
import { type PointsHeader, pointBytes } from "@iad-r1/protocol/stream";
import { describe, expect, test } from "vitest";

const words: Words = {
  ...{ balancedColumn: () => "balanced", falseAlarmColumn: () => "false alarms", missedColumn: () => "missed" },
  ...{ runState: (state) => state, stepOf: (step, total) => `step ${step} of ${total}` },
  ...{ timeLeft: (text) => `${text} left`, unparsedColumn: () => "unparsed" },
};
const listing: RunListing = {
  ...{ id: "r", kind: "post-train", project: "demo", state: "running", reason: null, attempt: 1 },
  ...{ createdMs: 1, updatedMs: 2, plan: [], finishedStages: [], lastStage: null, lastStep: 0, last: {} },
  ...{ progress: null, folder: "/runs/r", lineage: null, findings: [] },
};
const manifest = { id: "r", config: {}, plan: [] } as unknown as RunManifest;
const event = (body: object): RunEvent => ({ runId: "r", seq: 0, timeMs: 5, ...body }) as RunEvent;
const started = event({ type: "stage", stage: "pa-sft", kind: "pa-sft", phase: "started", step: 0, timeMs: 3 });
const warning = event({ type: "log", level: "warning", code: "data/truncated", message: "one answer was cut" });
const progress = (step: number) =>
  event({
    ...{ type: "progress", stage: "pa-sft", step, totalSteps: 40, activity: "update", tokensPerSecond: 10 },
    secondsLeft: 40 - step,
  });
const state = (name: string) => event({ type: "state", state: name, attempt: 1, reason: null, error: null, timeMs: 9 });

/** A terminal that shows what is written to it: an overwritten line is gone, colours are not seen. */
class Terminal {
  lines = [""];
  write(text: string): void {
    const plain = text.replaceAll(overwrite, "\r").replace(new RegExp(`${String.fromCharCode(27)}\\[\\d+m`, "g"), "");
    for (const [, piece = "", end] of plain.matchAll(/([^\r\n]*)(\r\n|\r|$)/g)) {
      this.lines[this.lines.length - 1] += piece;
      if (end === "\r\n") this.lines.push("");
      else if (end === "\r") this.lines[this.lines.length - 1] = "";
    }
  }
}

function follow() {
  const model = new RunModel();
  const transcript = new RunTranscript(words);
  const terminal = new Terminal();
  return {
    ...{ model, transcript, terminal },
    snapshot(events: RunEvent[]) {
      const columns = [{ stage: "pa-sft", name: "loss" }];
      const update = model.applySnapshot({ listing, manifest, events, columns, numPoints: 0, generation: 1 });
      terminal.write(transcript.text(model, update));
    },
    events(...events: RunEvent[]) {
      terminal.write(transcript.text(model, model.applyDeltas(events.map((each) => ({ type: "event", event: each })))));
    },
    loss(value: number) {
      const view = new DataView(new ArrayBuffer(pointBytes));
      view.setFloat64(16, value, true);
      const header: PointsHeader = { topic: "run/r", generation: 1, offset: 0, count: 1 };
      terminal.write(transcript.text(model, model.applyPoints(header, view)));
    },
  };
}

describe("the terminal of a run", () => {
  test("says each thing once, and how far it is on a line that is written over", () => {
    const run = follow();
    run.snapshot([started]);
    run.events(progress(1));
    run.loss(1.2345);
    run.events(progress(2), warning);
    expect(run.terminal.lines).toEqual([
      "pa-sft started at step 0",
      "one answer was cut",
      "  pa-sft step 2 of 40 · loss 1.23 · 38 s left · update",
    ]);
    // The connection broke: the whole journal comes again.
    run.snapshot([started, warning]);
    expect(run.terminal.lines.filter((line) => line !== "")).toEqual([
      "pa-sft started at step 0",
      "one answer was cut",
    ]);
    expect(run.transcript.final).toBeNull();
  });

  test("ends with what was reached and how it ended", () => {
    const run = follow();
    run.snapshot([started]);
    const report = { balancedAccuracy: 75, normalAccuracy: 90, anomalousAccuracy: 60, unparsed: 0 };
    run.events(event({ type: "evaluation", stage: "e", step: 0, label: "pa-sft", best: true, report }));
    run.model.applyDeltas([{ type: "listing", listing: { ...listing, state: "completed" } }]);
    run.events(state("completed"));
    expect(run.terminal.lines.slice(1)).toEqual([
      "pa-sft: balanced 75.0 · false alarms 10.0 · missed 40.0 · unparsed 0.0",
      "completed",
      "",
    ]);
    expect(run.transcript.final).toBe("completed");
  });
});

describe("the problem matcher of the tasks", () => {
  const match = (line: string) => new RegExp(problemPattern).exec(line)?.slice(1);

  test("finds places as the server writes them, and nothing in other lines", () => {
    expect(match("/w/my data/iadr1.yaml:12:3 Unknown key stpes.")).toEqual([
      ...["/w/my data/iadr1.yaml", "12", "3", undefined, "Unknown key stpes."],
    ]);
    expect(match("data/train.jsonl:7:1: error: No such picture. Mend it.")).toEqual([
      ...["data/train.jsonl", "7", "1", "error", "No such picture. Mend it."],
    ]);
    expect(match("C:\\w\\iadr1.yaml:2:9 Expected a number.")?.slice(0, 3)).toEqual(["C:\\w\\iadr1.yaml", "2", "9"]);
    expect(match("✗ Training data: 1 error, the first: data/train.jsonl:7:1: error: No such picture.")?.[0]).toBe(
      "data/train.jsonl",
    );
    expect(match("pa-sft step 2 of 40 · loss 1.23")).toBeUndefined();
    expect(match("✓ Model: 1.2 million weights in nano")).toBeUndefined();
  });

  test("gets each place on a line of its own", () => {
    expect(failureLines("a.yaml:1:1 x\nb.yaml:2:2 y").match(/\r\n/g)).toHaveLength(2);
  });
});
