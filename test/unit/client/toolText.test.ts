import {
  chooseCurves,
  inspectionText,
  maxCurves,
  rewardText,
  rolloutQuery,
  rolloutsText,
  runListText,
  runText,
} from "@iad-r1/client/tools/toolText";
import type { ExploredGroup } from "@iad-r1/protocol/rollouts";
import type { Inspection } from "@iad-r1/protocol/inspect";
import type { EvaluationReport, RunDetails, RunListing } from "@iad-r1/protocol/runs";
import { describe, expect, test } from "vitest";

const listing: RunListing = {
  ...{ id: "20261126-r", kind: "post-train", project: "demo", state: "completed", reason: null, attempt: 1 },
  ...{ createdMs: 0, updatedMs: 2, plan: [], finishedStages: ["pa-sft"], lastStage: "pa-sft", lastStep: 100 },
  ...{ last: { loss: 1 / 3 }, progress: null, folder: "/secret/runs/r", lineage: null, findings: [] },
};
const curve = (name: string, length = 3) => ({
  ...{ stage: "pa-sft", name, steps: Array.from({ length }, (_, i) => i + 1) },
  values: Array.from({ length }, (_, i) => (i + 1) / 3),
});
const report = { numSamples: 40, balancedAccuracy: 75, perCategory: { nut: {} } } as unknown as EvaluationReport;
const details: RunDetails = {
  listing,
  manifest: { device: "cpu" } as RunDetails["manifest"],
  checkpoints: [],
  evaluations: [{ label: "pa-sft", stage: "e", step: 0, report, samplesFile: "x" }],
  log: "",
};

describe("what a language model is told", () => {
  test("about a picture: verdict and reasoning, also where the answer cannot be read", () => {
    const look = {
      image: "a.png",
      answer: "yes",
      location: "center",
      type: "crack",
      think: "A line.",
      anomalyScore: 0.9,
    };
    expect(JSON.parse(inspectionText(look as Inspection))).toEqual({
      ...{ image: "a.png", verdict: "defect", location: "center", type: "crack", anomalyScore: 0.9 },
      reasoning: "A line.",
    });
    expect(inspectionText({ ...look, answer: null } as Inspection)).toContain("unreadable");
  });

  test("about runs: a bounded list without folders", () => {
    const text = runListText(Array.from({ length: 30 }, () => listing));
    expect(JSON.parse(text)).toMatchObject({ numRuns: 30, runs: { length: 20, 0: { last: { loss: 0.3333 } } } });
    expect(text).not.toContain("/secret");
  });

  test("about a run: numbers of evaluations, and curves with their ends", () => {
    const told = JSON.parse(runText(details, [curve("loss", 1000)], ["pa-sft loss"]));
    expect(told.evaluations).toEqual([{ label: "pa-sft", stage: "e", step: 0, numSamples: 40, balancedAccuracy: 75 }]);
    const [{ numPoints, stepsAndValues }] = told.curves;
    expect([numPoints, stepsAndValues.length]).toEqual([1000, 24]);
    expect([stepsAndValues[0], stepsAndValues[23]]).toEqual([
      [1, 0.3333],
      [1000, 333.3],
    ]);
  });

  test("about completions: those that were asked for, bounded, and where the next ones begin", () => {
    const rollout = (index: number, matches: boolean, completion = `<answer>No</answer> ${index}`) =>
      ({
        ...{ key: { step: 3, group: "3/0", index }, completion, verdict: "missed", matches, finish: "eos" },
        ...{ total: 1 / 3, advantage: null, rewards: { "rewards/a": 2 / 3, b: null }, notes: { secret: "long" } },
      }) as unknown as ExploredGroup["rollouts"][number];
    const row = { step: 3, group: "3/0", sampleId: "nut_1", label: "anomalous", mean: 1 / 3, std: null };
    const group = {
      ...{ row, prompt: "a long prompt", solution: "<answer>Yes</answer>" },
      rollouts: [
        rollout(0, false),
        rollout(1, true, "x".repeat(5000)),
        ...Array.from({ length: 20 }, (_, i) => rollout(i + 2, true)),
      ],
    } as unknown as ExploredGroup;
    const text = rolloutsText("r", 5, 2, [group, group]);
    const told = JSON.parse(text);
    expect(told).toMatchObject({ run: "r", numGroups: 5, offset: 2, nextOffset: 4 });
    expect(told.groups[0]).toMatchObject({
      sample: "nut_1",
      truth: "<answer>Yes</answer>",
      numCompletions: 22,
      notShown: 5,
    });
    const [first, second] = told.groups[0].completions;
    expect(told.groups[0].completions).toHaveLength(16);
    expect([first.index, first.text.length, first.text.endsWith(" [cut]")]).toEqual([1, 1506, true]);
    expect(second).toEqual({
      ...{ index: 2, text: "<answer>No</answer> 2", verdict: "missed", finish: "eos", total: 0.3333, advantage: null },
      rewards: { "rewards/a": 0.6667, b: null },
    });
    expect(text).not.toMatch(/secret|long prompt/);
    expect(JSON.parse(rolloutsText("r", 4, 2, [group, group])).nextOffset).toBeNull();
    expect(JSON.parse(rolloutsText("r", 4, 9, [])).nextOffset).toBeNull();
  });

  test("about completions: a wish as a filter of the explorer", () => {
    expect(rolloutQuery({}).filter).toEqual({ facets: {}, ranges: [], text: "", only: null });
    expect(rolloutQuery({ step: 4, verdict: "missed", text: "crack" }).filter).toEqual({
      ...{ facets: { verdict: ["missed"] }, ranges: [{ column: "step", min: 4, max: 4 }], text: "crack", only: null },
    });
  });

  test("about a reward: its report, or that there is none, and its problems", () => {
    const problems = [{ line: 3, severity: "warning", code: "RW105", message: "It pays nobody." }];
    expect(JSON.parse(rewardText("r.py", [{ name: "f", report: null }], problems))).toMatchObject({
      problems,
      rewards: [{ name: "f", scored: expect.stringContaining("no recorded rollouts") }],
    });
  });
});

describe("curves for a language model", () => {
  const all = ["reward", "loss", "lr", "rewards/a/mean", "rewards/b/mean", "kl"].map((name) => curve(name));

  test("are those that say most when none is asked for", () => {
    expect(chooseCurves(all, []).map(({ name }) => name)).toEqual(["loss", "reward", "kl"]);
  });

  test("are found by a part of their name, each once and not too many", () => {
    expect(chooseCurves(all, ["REWARDS/", "rewards/a"]).map(({ name }) => name)).toEqual([
      "rewards/a/mean",
      "rewards/b/mean",
    ]);
    expect(chooseCurves(all, ["nothing"])).toEqual([]);
    expect(
      chooseCurves(
        Array.from({ length: 50 }, (_, i) => curve(`x${i}`)),
        ["x"],
      ),
    ).toHaveLength(maxCurves);
  });
});
