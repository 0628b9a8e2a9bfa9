/** Rules on curves: told once, after so many values in a row, and through the whole of a run's folder. */
import { join } from "node:path";
import { findingsOf } from "@iad-r1/client/runs/runModel";
import type { RunEvent, RunManifest } from "@iad-r1/protocol/runs";
import { parseExperiment } from "@iad-r1/server/config/parseExperiment";
import { AlertWatch } from "@iad-r1/server/runs/alerts";
import { RunRecorder } from "@iad-r1/server/runs/recorder";
import { alertsOf } from "@iad-r1/server/runs/listing";
import { listRuns } from "@iad-r1/server/runs/store";
import { describe, expect, it } from "vitest";
import { temporaryFolder } from "../../helpers/temporaryFolder";

/** Steps at which a rule is told, given one value a step. */
function told(rule: object, values: number[], stage = "sc-grpo") {
  const watch = AlertWatch.of({ alerts: [{ metric: "kl", ...rule }] });
  return values.flatMap((kl, i) => watch.check(stage, i + 1, { kl, loss: 1 }).map(({ step }) => step));
}

describe("a rule on a curve", () => {
  it("is told when the value is beyond its limit, once", () => {
    expect(told({ above: 0.5 }, [0.4, 0.5, 0.6, 0.7, 0.1, 0.9])).toEqual([3]);
    expect(told({ below: 0.2 }, [0.4, 0.2, 0.1])).toEqual([3]);
    expect(told({ above: 1, below: 0 }, [0.5, -1])).toEqual([2]);
  });

  it("waits for so many values in a row", () => {
    expect(told({ above: 0.5, steps: 3 }, [0.6, 0.6, 0.1, 0.6, 0.7, 0.8, 0.9])).toEqual([6]);
    expect(told({ above: 0.5, steps: 3 }, [0.6, 0.6])).toEqual([]);
  });

  it("is about its stage, and counts each stage for itself", () => {
    expect(told({ above: 0, stage: "pa-sft" }, [1])).toEqual([]);
    const watch = AlertWatch.of({ alerts: [{ metric: "loss", above: 0, steps: 2 }] });
    const stages = ["pa-sft", "sc-grpo", "pa-sft", "sc-grpo", "pa-sft"];
    expect(stages.map((stage, i) => watch.check(stage, i, { loss: 1 }).length)).toEqual([0, 0, 1, 1, 0]);
  });

  it("says what it is called, the value and the limit", () => {
    const watch = AlertWatch.of({ alerts: [{ metric: "kl", above: 0.5, steps: 2, name: "Too far" }] });
    watch.check("sc-grpo", 1, { kl: 1 });
    expect(watch.check("sc-grpo", 2, { kl: 2 / 3 })).toEqual([
      {
        ...{ stage: "sc-grpo", step: 2, rule: 0, name: "Too far", metric: "kl", value: 2 / 3 },
        message: "Too far: kl is 0.6667, above 0.5 for 2 steps.",
      },
    ]);
  });

  it("does nothing in a configuration that has none, or that cannot be read", () => {
    for (const config of [null, {}, { alerts: "no" }, { alerts: [{ above: 1 }] }]) {
      expect(AlertWatch.of(config).check("pa-sft", 1, { loss: 9 })).toEqual([]);
    }
  });
});

it("is checked where it is written", () => {
  const text = `model: {base: nano-base}
data: {train: {kind: synth, seed: 1, count: 8}}
alerts:
  - {metric: kl, above: 0.5, steps: 3}
  - metric: reward
`;
  const { problems } = parseExperiment(text, { folder: "/" });
  expect(problems.map(({ line, message }) => [line, message])).toEqual([
    [5, "alerts.1: expected above, below or both, got neither."],
  ]);
});

const manifestOf = (config: object): RunManifest => ({
  ...{ format: "iad-r1/run", version: 1, id: "run", kind: "post-train", project: "test", state: "queued", attempt: 1 },
  ...{ createdMs: 1, updatedMs: 1, config, configFile: null, plan: [], finishedStages: [], stageModels: {} },
  hashes: { config: "", code: "", model: "", data: {}, rewards: {} },
  ...{ versions: {}, device: "cpu", threads: 1, lineage: null },
});

it("stands in the journal, the list of runs and the dashboard's findings", () => {
  const folder = join(temporaryFolder(), "run");
  const config = { alerts: [{ metric: "loss", above: 2 }] };
  const events: RunEvent[] = [];
  const recorder = RunRecorder.create(folder, manifestOf(config), (event) => events.push(event));
  recorder.enter("starting");
  recorder.enter("running");
  for (const [step, loss] of [1.5, 2.5, 3.5].entries())
    recorder.emit({ type: "scalars", stage: "pa-sft", step: step + 1, values: { loss } });
  recorder.finish("completed", null);
  expect(events.filter(({ type }) => type === "alert")).toMatchObject([{ step: 2, message: "loss is 2.5, above 2." }]);
  const message = "loss is 2.5, above 2.";
  const alert = { stage: "pa-sft", step: 2, rule: 0, name: null, metric: "loss", value: 2.5, message };
  expect(listRuns(join(folder, "..")).map(({ alerts }) => alerts)).toEqual([[alert]]);
  expect(findingsOf(events)).toMatchObject([{ id: "alert", severity: "warning", stage: "pa-sft", step: 2 }]);
});

it("keeps two rules without names on the same curve apart, and takes the newest word of each", () => {
  const watch = AlertWatch.of({
    alerts: [
      { metric: "kl", above: 0.5 },
      { metric: "kl", below: 0.1 },
    ],
  });
  let seq = 0;
  const eventsOf = (values: number[]): RunEvent[] =>
    values.flatMap((kl, i) =>
      watch
        .check("sc-grpo", i + 1, { kl })
        .map((alert) => ({ type: "alert" as const, ...alert, runId: "run", seq: seq++, timeMs: 0 })),
    );
  const events = eventsOf([0.6, 0.05]);
  const again = { ...events[0]!, step: 9 } as RunEvent;
  const listed = alertsOf([...events, again]);
  expect(listed.map(({ rule, step, message }) => [rule, step, message])).toEqual([
    [0, 9, "kl is 0.6, above 0.5."],
    [1, 2, "kl is 0.05, below 0.1."],
  ]);
  expect(findingsOf([...events, again]).map(({ title }) => title)).toEqual(listed.map(({ message }) => message));
  // A journal of an earlier version does not say which rule it was: told once by name and curve, as then.
  const old = events.map((event) => ({ ...event, rule: undefined }) as RunEvent);
  expect(alertsOf(old).map(({ step }) => step)).toEqual([2]);
});
