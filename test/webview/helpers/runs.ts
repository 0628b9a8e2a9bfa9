/** Runs as a server would describe them, with points made from a seed. */
import type { EvaluationReport } from "@iad-r1/protocol/runs";
import type { DashboardRun, DashboardState, SeriesPoints } from "@iad-r1/protocol/webview";

export const startMs = Date.UTC(2026, 4, 12, 9, 30);

/** The same numbers for a seed; good enough to look like noise. */
export function noise(seed: number): () => number {
  let state = seed >>> 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return ((state >>> 0) / 2 ** 32) * 2 - 1;
  };
}

export type Curves = Map<string, SeriesPoints>;

export function key(run: string, stage: string, name: string): string {
  return `${run}|${stage}|${name}`;
}

export function makePoints(
  stage: string,
  name: string,
  numPoints: number,
  value: (step: number) => number,
  { first = 1, every = 1, secondsPerStep = 2 } = {},
): SeriesPoints {
  const steps = Float64Array.from({ length: numPoints }, (_, i) => first + i * every);
  return {
    ...{ stage, name, from: 0, steps },
    timesMs: steps.map((step) => startMs + step * secondsPerStep * 1000),
    values: steps.map(value),
  };
}

const rewards = ["iad-r1-strict/consistency", "iad-r1-strict/accuracy"];

/** PA-SFT is over, SC-GRPO is at step `grpoSteps`. */
export function trainingCurves(run: string, seed: number, grpoSteps = 180): Curves {
  const random = noise(seed);
  const curves: Curves = new Map();
  const add = (stage: string, name: string, numPoints: number, value: (step: number) => number, options = {}) =>
    curves.set(key(run, stage, name), makePoints(stage, name, numPoints, value, options));
  add("pa-sft", "loss", 240, (step) => 0.35 + 2.1 * Math.exp(-step / 45) + 0.08 * random());
  add(
    "pa-sft",
    "learning_rate",
    240,
    (step) => 5e-4 * Math.min(1, step / 12) * (0.5 + 0.5 * Math.cos((step / 240) * Math.PI)),
  );
  add("pa-sft", "grad_norm", 240, (step) => 0.6 + 2 * Math.exp(-step / 30) + 0.25 * Math.abs(random()));
  const grpo: [string, (step: number) => number][] = [
    ["reward", (step) => 1.05 + 0.65 * (1 - Math.exp(-step / 70)) + 0.16 * random()],
    ["reward_std", (step) => 0.42 * Math.exp(-step / 160) + 0.05 * Math.abs(random())],
    ["frac_reward_zero_std", (step) => Math.max(0, Math.min(1, 0.18 + step / 600 + 0.14 * random()))],
    ["loss", () => 0.012 * random()],
    ["kl", (step) => 0.0004 * step + 0.006 * Math.abs(random())],
    ["entropy", (step) => 0.5 * Math.exp(-step / 260) + 0.04 * random()],
    ["grad_norm", () => 0.4 + 0.2 * Math.abs(random()) + (random() > 0.97 ? 3 : 0)],
    ["learning_rate", (step) => 1e-5 * Math.min(1, step / 10)],
    ["clip_ratio/low_mean", () => 0.003 * Math.abs(random())],
    ["clip_ratio/high_mean", () => 0.005 * Math.abs(random())],
    ["completions/mean_length", (step) => 74 + 9 * Math.sin(step / 24) + 5 * random()],
    ["completions/clipped_ratio", () => Math.max(0, 0.05 + 0.05 * random())],
    ["epoch", (step) => step / 60],
    ["num_tokens", (step) => step * 5200],
  ];
  for (const name of rewards) {
    grpo.push([`rewards/${name}/mean`, (step) => 0.5 + 0.35 * (1 - Math.exp(-step / 80)) + 0.08 * random()]);
    grpo.push([`rewards/${name}/std`, () => 0.2 + 0.04 * random()]);
  }
  for (const [name, value] of grpo) add("sc-grpo", name, grpoSteps, value);
  add(
    "sc-grpo",
    "eval/balanced_accuracy",
    Math.floor(grpoSteps / 20) + 1,
    (step) => 72 + 7 * (1 - Math.exp(-step / 60)) + random(),
    {
      first: 0,
      every: 20,
    },
  );
  add("sc-grpo", "eval/unparsed", Math.floor(grpoSteps / 20) + 1, (step) => Math.max(0, 4 - step / 30), {
    first: 0,
    every: 20,
  });
  return curves;
}

export function report(balancedAccuracy: number, unparsed: number): EvaluationReport {
  return {
    ...{ numNormal: 100, numAnomalous: 100, numSamples: 200, balancedAccuracy, unparsed },
    ...{ normalAccuracy: balancedAccuracy + 4, anomalousAccuracy: Math.max(0, balancedAccuracy - 4), auroc: 76.2 },
    ...{
      locationAccuracy: 31.4,
      typeScore: 40.2,
      perCategory: {},
      rewards: {},
      rewardTotal: 1.42,
      meanLength: 74,
      seconds: 31,
    },
    // As of 100 pictures of each kind; what no picture tells has none.
    intervals: {
      balancedAccuracy: [Math.max(0, balancedAccuracy - 5.2), balancedAccuracy + 4.9],
      auroc: [69.8, 82.1],
      typeScore: null,
    },
  };
}

export function makeRun(id: string, curves: Curves, change: Partial<DashboardRun> = {}): DashboardRun {
  const columns = [...curves.values()].map(({ stage, name, values }) => ({ stage, name, numPoints: values.length }));
  return {
    ...{ id, project: "demo", kind: "post-train", createdMs: startMs, canControl: true, device: "cpu · 2 threads" },
    config: {
      model: { base: "models/nano/base" },
      "pa-sft": { learningRate: 5e-4, batchSize: 8 },
      "sc-grpo": { learningRate: 1e-5, groupSize: 8, beta: 0.04, lossType: "dr_grpo" },
      rewards,
    },
    configFile: "iadr1.yaml",
    samplesPerStep: { "pa-sft": 8, "sc-grpo": 4 },
    columns,
    log: [
      { timeMs: startMs + 900, level: "info", text: "starting on cpu with 2 threads" },
      { timeMs: startMs + 4000, level: "warning", text: "3 sequences were longer than 512 tokens and were cut." },
    ],
    ...{ state: "running", attempt: 1, reason: null, error: null, lastEventMs: Date.now() },
    plan: [
      { id: "evaluate-base", kind: "evaluate", title: "Evaluate the base model", totalSteps: 200 },
      { id: "pa-sft", kind: "pa-sft", title: "PA-SFT", totalSteps: 240 },
      { id: "evaluate-pa-sft", kind: "evaluate", title: "Evaluate after PA-SFT", totalSteps: 200 },
      { id: "sc-grpo", kind: "sc-grpo", title: "SC-GRPO", totalSteps: 400 },
      { id: "evaluate-sc-grpo", kind: "evaluate", title: "Evaluate after SC-GRPO", totalSteps: 200 },
    ],
    finishedStages: ["evaluate-base", "pa-sft", "evaluate-pa-sft"],
    progress: {
      stage: "sc-grpo",
      step: 180,
      totalSteps: 400,
      activity: "rollouts 24/32",
      tokensPerSecond: 1830,
      secondsLeft: 431,
    },
    pauses: [],
    evaluations: [
      { stage: "evaluate-base", step: 0, label: "base", timeMs: startMs, best: false, report: report(0, 100) },
      {
        stage: "evaluate-pa-sft",
        step: 0,
        label: "pa-sft",
        timeMs: startMs + 5e5,
        best: true,
        report: report(75.1, 1.5),
      },
    ],
    checkpoints: [
      {
        stage: "pa-sft",
        step: 240,
        path: "checkpoints/pa-sft/step-000240",
        balancedAccuracy: 75.1,
        best: true,
        sizeBytes: 4_100_000,
      },
      {
        stage: "sc-grpo",
        step: 160,
        path: "checkpoints/sc-grpo/step-000160",
        balancedAccuracy: 78.3,
        best: true,
        sizeBytes: 4_100_000,
      },
    ],
    rolloutSteps: Array.from({ length: 180 }, (_, i) => ({
      ...{ stage: "sc-grpo", step: i + 1, numRollouts: 32, numGroups: 4, rewardMean: 1.2, zeroVarianceShare: 0.25 },
    })),
    findings: [
      {
        ...{ id: "health/flat-groups", severity: "warning", title: "Half of the groups teach nothing" },
        evidence:
          "In 51 % of the groups of the last 20 steps all completions have the same reward, so their advantage is 0.",
        ...{ file: null, cure: "Raise the temperature or set dynamicSampling: true.", stage: "sc-grpo", step: 180 },
      },
    ],
    ...{ rewardChanges: [], hasOwnRewards: false },
    ...change,
  };
}

export function dashboardState(runs: DashboardRun[], change: Partial<DashboardState> = {}): DashboardState {
  return {
    settings: { smoothing: 0.8, smoothingMethod: "ema", xAxis: "step", staleAfterMs: 60_000 },
    ...{ chosen: runs.map(({ id }) => id), runs, baseline: null },
    available: [
      { id: "2026-05-11-older", project: "demo", kind: "post-train", state: "completed", createdMs: startMs - 864e5 },
    ],
    ...change,
  };
}

/** Answers to `series/get` from these curves. */
export function seriesAnswer(curves: Curves): (body: never) => SeriesPoints {
  return (body: { run: string; stage: string; name: string; from: number }) => {
    const points = curves.get(key(body.run, body.stage, body.name));
    if (points === undefined) throw new Error(`no such column: ${body.stage}/${body.name}`);
    const { from } = body;
    return {
      ...{ stage: points.stage, name: points.name, from },
      ...{ steps: points.steps.slice(from), timesMs: points.timesMs.slice(from), values: points.values.slice(from) },
    };
  };
}
