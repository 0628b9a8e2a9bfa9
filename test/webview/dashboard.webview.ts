/** The dashboard's behaviour: points, gaps, choices, keys, exports, rollouts, and a million points. */
import { type DashboardRun, dashboardPanel } from "@iad-r1/protocol/webview";
import { afterAll, afterEach, expect, it } from "vitest";
import { busyMs, closeBrowser, type Made, until } from "./helpers/browser";
import { expectNoFaults, FakeHost } from "./helpers/fakeHost";
import {
  type Curves,
  dashboardState,
  key,
  makePoints,
  makeRun,
  seriesAnswer,
  startMs,
  trainingCurves,
} from "./helpers/runs";

type Host = FakeHost<typeof dashboardPanel>;
let open: Host | null = null;

afterEach(async () => {
  expectNoFaults(open);
  await open?.close();
  open = null;
});
afterAll(closeBrowser);

function tinyCurves(values: number[], name = "loss"): Curves {
  return new Map([
    [key("r", "sc-grpo", name), makePoints("sc-grpo", name, values.length, (step) => values[step - 1]!)],
  ]);
}

async function show(
  curves: Curves,
  change: Partial<DashboardRun> = {},
  more: Parameters<typeof FakeHost.open>[3] = {},
): Promise<Host> {
  const host = await FakeHost.open(
    dashboardPanel,
    dashboardState([makeRun("r", curves, change)]),
    { "series/get": seriesAnswer(curves) },
    more,
  );
  open = host;
  await host.page.locator(".dashboard").waitFor();
  return host;
}

/** What a chart shows, as numbers: through its table. */
async function rows(host: Host, chart: string): Promise<string[][]> {
  const table = host.page.locator(`.chart-card[aria-label="${chart}"] table`);
  await table.waitFor();
  return table.evaluate((element) =>
    [...element.querySelectorAll("tbody tr")].map((row) => [...row.children].map((cell) => cell.textContent ?? "")),
  );
}

it("does not smooth evaluations until their chart is told to", async () => {
  const host = await show(tinyCurves([20, 80], "eval/balanced_accuracy"));
  const card = host.page.locator('.chart-card[aria-label="eval/balanced_accuracy"]');
  await card.locator(".legend-item", { hasText: "80" }).waitFor();
  await card.locator("details.menu summary").first().click();
  await card.locator(".chart-options select").selectOption("ema");
  await card.locator(".legend-item", { hasText: /^\s*(?!80)\d/ }).waitFor();
});

it("shows raw and smoothed values, with the smoothing of TensorBoard", async () => {
  const host = await show(tinyCurves([1, 2, 4]));
  await host.page.keyboard.press("t");
  // Debiased mean of weight 0.8: 1; (0.8·0.2 + 0.2·2) / 0.36; ((0.56)·0.8 + 0.2·4) / 0.488.
  await until(
    () => rows(host, "loss"),
    [
      ["1", "1", "1"],
      ["2", "2", "1.556"],
      ["3", "4", "2.557"],
    ],
  );
  await host.page.locator(".toolbar select").nth(1).selectOption("none");
  await until(
    () => rows(host, "loss"),
    [
      ["1", "1"],
      ["2", "2"],
      ["3", "4"],
    ],
  );
});

it("adds new points at once, and asks for the state again when a message is missing", async () => {
  const curves = tinyCurves([1, 2]);
  const host = await show(curves);
  await host.page.keyboard.press("t");
  await until(async () => (await rows(host, "loss")).length, 2);
  const more = (from: number, value: number) => ({
    run: "r",
    points: [
      {
        ...{ stage: "sc-grpo", name: "loss", from, steps: Float64Array.of(from + 1) },
        ...{ timesMs: Float64Array.of(startMs), values: Float64Array.of(value) },
      },
    ],
  });
  await host.change("run/points", more(2, 9));
  await until(async () => (await rows(host, "loss")).at(-1)?.[1], "9");
  expect(host.count("resync")).toBe(0);

  host.loseMessages(1);
  const longer = tinyCurves([1, 2, 9, 7, 8]);
  host.state = dashboardState([makeRun("r", longer)]);
  for (const [name, points] of longer) curves.set(name, points);
  await host.change("run/points", more(4, 8));
  await until(async () => (await rows(host, "loss")).map((row) => row[1]), ["1", "2", "9", "7", "8"]);
  expect(host.count("resync")).toBe(1);
});

it("asks for points that it lacks when a change begins behind its end", async () => {
  const curves = tinyCurves([1, 2]);
  const host = await show(curves);
  await host.page.keyboard.press("t");
  await until(async () => (await rows(host, "loss")).length, 2);
  for (const [name, points] of tinyCurves([1, 2, 3, 4])) curves.set(name, points);
  await host.change("run/points", {
    run: "r",
    points: [
      {
        stage: "sc-grpo",
        name: "loss",
        from: 3,
        steps: Float64Array.of(4),
        timesMs: Float64Array.of(startMs),
        values: Float64Array.of(4),
      },
    ],
  });
  await until(async () => (await rows(host, "loss")).map((row) => row[1]), ["1", "2", "3", "4"]);
});

it("asks again for a curve that could not be read, and says so once", async () => {
  const curves = tinyCurves([1, 2]);
  const answer = seriesAnswer(curves);
  let numAsked = 0;
  open = await FakeHost.open(dashboardPanel, dashboardState([makeRun("r", curves)]), {
    "series/get": (params: never) => (++numAsked < 3 ? Promise.reject(new Error("the disk is away")) : answer(params)),
  });
  await open.page.locator(".dashboard").waitFor();
  await open.page.keyboard.press("t");
  await until(async () => (await rows(open!, "loss")).map((row) => row[1]), ["1", "2"]);
  await open.page.getByRole("tab", { name: /Log/ }).click();
  expect(await open.page.getByText("the disk is away").count()).toBe(1);
});

it("gives long labels of the y-axis the room that they need, and all others the same", async () => {
  const host = await show(new Map([...tinyCurves([1, 2]), ...tinyCurves([12_345_670, 12_345_690], "reward")]));
  const left = (name: string) =>
    host.page
      .locator(`.chart-card[aria-label="${name}"] .u-over`)
      .evaluate((element) => (element as HTMLElement).offsetLeft);
  await until(() => left("loss"), 52);
  const labels = await left("reward");
  expect(labels).toBeGreaterThan(52);
  expect(labels).toBeLessThan(120);
});

it("holds the curves still while paused, and catches up", async () => {
  const curves = tinyCurves([1, 2]);
  const host = await show(curves);
  await host.page.keyboard.press("t");
  await until(async () => (await rows(host, "loss")).length, 2);
  await host.page.getByRole("button", { name: /Pause the curves/ }).click();
  for (const [name, points] of tinyCurves([1, 2, 3])) curves.set(name, points);
  await host.change("run/points", {
    run: "r",
    points: [
      {
        stage: "sc-grpo",
        name: "loss",
        from: 2,
        steps: Float64Array.of(3),
        timesMs: Float64Array.of(startMs),
        values: Float64Array.of(3),
      },
    ],
  });
  await host.page.locator(".live", { hasText: "paused" }).waitFor();
  expect((await rows(host, "loss")).length).toBe(2);
  await host.page.getByRole("button", { name: /Show new points/ }).click();
  await until(async () => (await rows(host, "loss")).length, 3);
});

it("does not trust what is no message of the host", async () => {
  const host = await show(tinyCurves([1, 2]));
  await host.page.locator("iad-chart").first().waitFor();
  await host.raw({ kind: "change", seq: 1, type: "run/changed", body: { run: "r", change: { state: "exploded" } } });
  await until(async () => host.count("resync"), 1);
  await host.raw({ kind: "snapshot", seq: 5, state: { runs: "<b>no</b>" } });
  await host.raw({ kind: "unheard-of" });
  await host.page.locator(".run-header", { hasText: "Running" }).waitFor();
});

it("offers every x-axis, and leaves pauses out of the process time", async () => {
  const curves = new Map([
    ...tinyCurves([1, 2, 3, 4]),
    [key("r", "sc-grpo", "num_tokens"), makePoints("sc-grpo", "num_tokens", 4, (step) => step * 500)] as const,
    [key("r", "sc-grpo", "epoch"), makePoints("sc-grpo", "epoch", 4, (step) => step / 4)] as const,
  ]);
  const host = await show(curves, { pauses: [[startMs + 5000, startMs + 6000]] });
  await host.page.keyboard.press("t");
  const axis = async (name: string) => {
    await host.page.locator(".toolbar select").first().selectOption(name);
    return (await rows(host, "loss")).map((row) => row[0]);
  };
  await until(() => axis("tokens"), ["500", "1,000", "1,500", "2,000"]);
  await until(() => axis("epoch"), ["0.25", "0.5", "0.75", "1"]);
  await until(() => axis("samples"), ["4", "8", "12", "16"]);
  await until(() => axis("relative"), ["2 s", "4 s", "6 s", "8 s"]);
  // One second of pause lies before the third point.
  await until(() => axis("process"), ["2 s", "4 s", "5 s", "7 s"]);
  await until(async () => /\d\d:\d\d:\d\d/.test((await axis("wall"))[0]!), true);
});

it("says each point that a key moves to, and promises rollouts only where there are some", async () => {
  const supervised = makePoints("pa-sft", "loss", 2, (step) => step);
  const host = await show(new Map([...tinyCurves([1, 2, 4], "reward"), [key("r", "pa-sft", "loss"), supervised]]));
  const chart = (name: string) => host.page.locator(`.chart-card[aria-label="${name}"] iad-chart`);
  await chart("reward").locator(".u-over").waitFor();
  await chart("reward").focus();
  await host.page.keyboard.press("ArrowRight");
  await host.page.keyboard.press("ArrowRight");
  await host.page
    .getByRole("status")
    .filter({ hasText: /^Step 2; .+ Smoothed 1\.\d+, Raw 2$/ })
    .waitFor();
  await host.page.keyboard.press("ArrowRight");
  await host.page
    .getByRole("status")
    .filter({ hasText: /^Step 3; .+, Raw 4$/ })
    .waitFor();
  await until(
    () =>
      chart("reward")
        .getAttribute("aria-label")
        .then((said) => /Enter opens/.test(said!)),
    true,
  );
  await until(
    () =>
      chart("loss")
        .getAttribute("aria-label")
        .then((said) => /Arrow keys/.test(said!)),
    true,
  );
  expect(await chart("loss").getAttribute("aria-label")).not.toMatch(/Enter opens/);
});

it("says that a run is gone when its folder was deleted", async () => {
  const host = await show(tinyCurves([1, 2]));
  await host.change("chosen/changed", []);
  await host.change("run/hidden", { run: "r" });
  await host.page.getByRole("status").filter({ hasText: "Run r is not there any more" }).waitFor();
});

it("sets the lines on which a long value goes on apart from the first", async () => {
  const config = { data: { train: Array.from({ length: 40 }, (_, i) => `folder-${i}`) } };
  const host = await show(tinyCurves([1, 2]), { config });
  await host.page.getByRole("tab", { name: "Configuration" }).click();
  const lefts = await host.page
    .locator(".hanging td code")
    .first()
    .evaluate((code) => {
      const range = document.createRange();
      range.selectNodeContents(code);
      return [...new Set([...range.getClientRects()].map(({ left }) => Math.round(left)))];
    });
  expect(lefts).toHaveLength(2);
  expect(lefts[1]! - lefts[0]!).toBeGreaterThan(8);
});

it("opens the rollouts of the step whose point is clicked, or chosen by keyboard, or named in the list", async () => {
  const host = await show(tinyCurves([1, 2, 3, 4, 5]));
  const chart = host.page.locator("iad-chart").first();
  // Keys mean something to a chart once it has drawn.
  await chart.locator(".u-over").waitFor();
  await chart.focus();
  await host.page.keyboard.press("ArrowRight");
  await host.page.keyboard.press("ArrowRight");
  await host.page.keyboard.press("Enter");
  expect(await host.waitForTell("rollouts/explore")).toEqual({ run: "r", stage: "sc-grpo", step: 2 });
  const over = host.page.locator("iad-chart .u-over").first();
  const box = (await over.boundingBox())!;
  await host.page.mouse.click(box.x + box.width * 0.76, box.y + box.height / 2);
  expect(await host.waitForTell("rollouts/explore", 1)).toEqual({ run: "r", stage: "sc-grpo", step: 4 });
  await host.page.getByRole("tab", { name: /Rollouts/ }).click();
  await host.page.getByRole("button", { name: "Explore", exact: true }).first().click();
  const last = host.state.runs[0]!.rolloutSteps.at(-1)!;
  expect(await host.waitForTell("rollouts/explore", 2)).toEqual({ run: "r", stage: last.stage, step: last.step });
});

it("zooms by dragging and by keys, moves by shift and drag, and comes back", async () => {
  const host = await show(trainingCurves("r", 3));
  const over = host.page.locator("iad-chart .u-over").first();
  await over.waitFor();
  const box = (await over.boundingBox())!;
  const { mouse } = host.page;
  const reset = host.page.getByRole("button", { name: "Whole range" });
  const saved = () =>
    host.page.evaluate(
      () =>
        (window as unknown as { savedState?: { windows: Record<string, { min: number; max: number }> } }).savedState
          ?.windows["sc-grpo"],
    );
  await mouse.move(box.x + box.width * 0.25, box.y + 40);
  await mouse.down();
  await mouse.move(box.x + box.width * 0.5, box.y + 60, { steps: 5 });
  await mouse.up();
  await reset.waitFor();
  const zoomed = (await saved())!;
  expect(zoomed.min).toBeGreaterThan(40);
  expect(zoomed.max).toBeLessThan(96);
  await host.page.keyboard.down("Shift");
  await mouse.move(box.x + box.width * 0.5, box.y + 40);
  await mouse.down();
  await mouse.move(box.x + box.width * 0.25, box.y + 40, { steps: 5 });
  await mouse.up();
  await host.page.keyboard.up("Shift");
  await until(async () => (await saved())!.min > zoomed.min + 5, true);
  await host.page.locator("iad-chart").first().focus();
  await host.page.keyboard.press("0");
  await reset.waitFor({ state: "hidden" });
});

it("saves a chart as SVG, PNG, CSV and JSON, with every point in the last two", async () => {
  const host = await show(tinyCurves([1, 2, 4]));
  await host.page.locator("iad-chart").first().waitFor();
  const save = async (item: string, after: number) => {
    await host.page.locator('summary[aria-label="Export loss"]').click();
    await host.page.getByRole("button", { name: item }).click();
    const { name, data } = await host.waitForTell("file/save", after);
    return { name, text: Buffer.from(data).toString("latin1") };
  };
  const csv = await save("Save as CSV…", 0);
  expect(csv.name).toBe("sc-grpo-loss.csv");
  expect(csv.text.split("\n")[1]).toBe(`sc-grpo/loss,demo,1,${startMs + 2000},1,1`);
  expect(csv.text.trim().split("\n").length).toBe(4);
  const json = JSON.parse((await save("Save as JSON…", 1)).text) as {
    curves: { values: number[]; metric: string }[];
  }[];
  expect(json[0]!.curves[0]).toMatchObject({ metric: "loss", values: [1, 2, 4] });
  const svg = await save("Save as SVG…", 2);
  expect(svg.text).toMatch(/^<svg [^>]*width="720"[\s\S]*<path d="M[\s\S]*<\/svg>$/);
  const png = await save("Save as PNG…", 3);
  expect(png.text.slice(1, 4)).toBe("PNG");
  expect(png.text.length).toBeGreaterThan(4000);
});

it("labels the ticks of a saved chart with all their digits", async () => {
  const host = await show(tinyCurves([1.0201, 1.0299]));
  await host.page.locator("iad-chart").first().waitFor();
  await host.page.locator('summary[aria-label="Export loss"]').click();
  await host.page.getByRole("button", { name: "Save as SVG…" }).click();
  const { data } = await host.waitForTell("file/save");
  const svg = Buffer.from(data).toString("utf8");
  for (const label of ["1.022", "1.024", "1.026", "1.028"]) expect(svg).toContain(`>${label}</text>`);
});

it("filters, pins and folds charts, and says when nothing has the name", async () => {
  const host = await show(trainingCurves("r", 3));
  const names = () =>
    host.page.evaluate(() => [...document.querySelectorAll(".chart-card h3")].map((each) => each.textContent));
  await host.page.locator("iad-chart").first().waitFor();
  await host.page.keyboard.press("/");
  await host.page.keyboard.type("entropy");
  await until(names, ["entropy"]);
  await host.page.getByRole("button", { name: "Pin entropy to the top" }).click();
  await host.page.locator(".section-title", { hasText: "Pinned" }).waitFor();
  await host.page.locator("#chart-filter").fill("/^sc-grpo/(kl|entropy)$/");
  await until(names, ["entropy", "kl"]);
  await host.page.locator("#chart-filter").fill("/(/");
  await until(() => host.page.locator("#chart-filter").getAttribute("aria-invalid"), "true");
  await host.page.locator("#chart-filter").fill("no such chart");
  await host.page.locator(".empty", { hasText: "No chart has this name" }).waitFor();
});

it("groups runs by a key of their configuration and measures against a baseline", async () => {
  const curves: Curves = new Map();
  const runs = [10, 20, 40].map((value, i) => {
    const id = `r${i}`;
    const points = makePoints("sc-grpo", "loss", 3, () => value);
    curves.set(key(id, "sc-grpo", "loss"), points);
    return makeRun(id, new Map([[key(id, "sc-grpo", "loss"), points]]), { config: { beta: i === 2 ? 1 : 0 } });
  });
  open = await FakeHost.open(dashboardPanel, dashboardState(runs), { "series/get": seriesAnswer(curves) });
  const host = open;
  await host.page.locator(".legend-item", { hasText: "40" }).waitFor();
  await host.page.getByRole("button", { name: "Measure the others against r0" }).click();
  expect(await host.waitForTell("baseline/set")).toEqual({ run: "r0" });
  await host.change("baseline/changed", "r0");
  await host.page.locator(".legend-item", { hasText: "40 (+30)" }).waitFor();
  await host.page.locator(".runs-bar select").nth(1).selectOption("beta");
  await host.page.keyboard.press("t");
  // The mean of 10 and 20, and the third run alone, each raw and smoothed.
  await until(async () => (await rows(host, "loss"))[0], ["1", "15", "15", "40", "40"]);
});

it("hands actions to the host, and offers only what the run's state allows", async () => {
  const host = await show(tinyCurves([1, 2]));
  await host.page.getByRole("button", { name: "Stop after this step" }).click();
  expect(await host.waitForTell("run/act")).toEqual({ run: "r", action: "stopAfterStep" });
  await host.change("run/changed", {
    run: "r",
    change: {
      state: "failed",
      error: { code: "disk/full", message: "The disk is full.", hint: "Free 2 GB." },
      progress: null,
    },
  });
  await host.page.locator(".notice-error", { hasText: "Free 2 GB." }).waitFor();
  expect(await host.page.getByRole("button", { name: "Stop now" }).count()).toBe(0);
  await host.page.getByRole("button", { name: "Resume" }).click();
  expect(await host.waitForTell("run/act", 1)).toEqual({ run: "r", action: "resume" });
});

it("says once why a run failed, and promises no points of a run that is over", async () => {
  const message = "its process was killed by the system";
  const host = await show(new Map(), {
    ...{ state: "failed", error: { code: "worker/killed", message, hint: "Resume it." } },
    findings: [
      {
        id: "worker/killed",
        severity: "error",
        title: message,
        evidence: "",
        cure: "Resume it.",
        stage: null,
        step: null,
        file: null,
      },
    ],
  });
  await host.page.locator(".notice-error strong", { hasText: /^Its process was killed/ }).waitFor();
  expect(await host.page.locator(".notice").count()).toBe(1);
  await host.page.getByText("This run has recorded no points.").waitFor();
});

it("says one of a thing as one, and of a stage without progress that it begins", async () => {
  const step = { stage: "sc-grpo", step: 1, numRollouts: 1, numGroups: 1, rewardMean: 1.2, zeroVarianceShare: 1 };
  const { page } = await show(tinyCurves([1]), {
    ...{ rolloutSteps: [step], finishedStages: ["evaluate-base", "pa-sft", "evaluate-pa-sft"] },
    progress: { stage: "evaluate-pa-sft", step: 51, totalSteps: 51, activity: "", tokensPerSecond: 90, secondsLeft: 0 },
  });
  expect(await page.locator(".stage-current").allInnerTexts()).toEqual(["SC-GRPO\nStarting"]);
  await page.getByRole("tab", { name: /Rollouts/ }).click();
  await page.getByText("1 completion in 1 group · mean reward 1.2").waitFor();
  expect(await page.locator("tbody th").allInnerTexts()).toEqual(["SC-GRPO · 1"]);
});

it("offers to go on with a corrected reward, leads to the reward of a finding, and marks where rewards became others", async () => {
  const file = "/project/rewards/verdict.reward.ts";
  const host = await show(tinyCurves([1, 2, 3, 4, 5, 6]), {
    ...{ state: "paused", hasOwnRewards: true },
    findings: [
      {
        ...{ id: "RW105", severity: "warning", title: "RW105: It gave 0 for all.", evidence: "verdict", cure: null },
        ...{ stage: "sc-grpo", step: 3, file },
      },
      {
        ...{ id: "RW102", severity: "error", title: "RW102: It gave no number.", evidence: "place", cure: null },
        ...{ stage: "sc-grpo", step: 4, file },
      },
    ],
  });
  // Two rewards of one file: each link leads to its own.
  const links = host.page.getByRole("button", { name: "Open reward" });
  await links.nth(1).click();
  expect(await host.waitForTell("reward/open")).toEqual({ run: "r", file, reward: "place" });
  await links.first().click();
  expect(await host.waitForTell("reward/open", 1)).toEqual({ run: "r", file, reward: "verdict" });
  await host.page.getByRole("button", { name: "Resume with corrected reward" }).click();
  expect(await host.waitForTell("run/act")).toEqual({ run: "r", action: "resumeWithRewards" });
  const chart = host.page.locator("iad-chart").first();
  expect(await chart.getAttribute("aria-label")).not.toContain("another version");
  const rewardChanges = [{ stage: "sc-grpo", step: 3 }];
  await host.change("run/changed", { run: "r", change: { state: "running", findings: [], rewardChanges } });
  await until(
    async () =>
      ((await chart.getAttribute("aria-label")) ?? "").includes("After step 3 the run went on with another version"),
    true,
  );
  await host.page.locator(".findings").waitFor({ state: "detached" });
  // The line with the flag stands at the fourth of six points; the curve itself lies elsewhere at this height.
  const isMarked = () =>
    chart.evaluate((element) => {
      const canvas = element.querySelector("canvas")!;
      const over = element.querySelector<HTMLElement>(".u-over")!;
      const ratio = canvas.width / canvas.clientWidth;
      const x = Math.round((over.offsetLeft + over.clientWidth * 0.6) * ratio);
      const y = Math.round((over.offsetTop + 4) * ratio);
      const { data } = canvas.getContext("2d")!.getImageData(x + Math.round(3 * ratio), y, 1, 1);
      return data[3]! > 0;
    });
  await until(isMarked, true);
  await host.page.locator('summary[aria-label="Export loss"]').click();
  await host.page.getByRole("button", { name: "Save as SVG…" }).click();
  const { data } = await host.waitForTell("file/save");
  expect(Buffer.from(data).toString()).toContain(
    "<title>After step 3 the run went on with another version of its rewards</title>",
  );
});

it("says what a threshold is worth on the answers of an evaluation, and leads to the pictures that are judged wrongly", async () => {
  const answers = Array.from({ length: 8 }, (_, i) => ({
    ...{ id: `part_${i}`, image: `/data/images/part_${i}.png`, category: "part" },
    ...{ label: i < 4 ? "normal" : "anomalous", answer: i === 7 ? "yes" : i === 0 ? null : "no" },
    anomalyScore: (i + 1) / 10,
  }));
  const asked: unknown[] = [];
  const curves = tinyCurves([1, 2]);
  const host = await FakeHost.open(dashboardPanel, dashboardState([makeRun("r", curves)]), {
    "series/get": seriesAnswer(curves),
    "answers/get": (body: unknown) => {
      asked.push(body);
      return answers;
    },
  });
  open = host;
  await host.page.getByRole("tab", { name: /Evaluations/ }).click();
  await host.page.getByRole("button", { name: /^Answers of PA-SFT/ }).click();
  const worth = host.page.locator(".threshold-worth");
  // Of four sound pictures one is unparsed; of four faulty ones one is found.
  await worth.filter({ hasText: "balanced accuracy 50 % on 8 pictures · false alarms: 0, missed: 3" }).waitFor();
  expect(asked).toEqual([{ run: "r", stage: "evaluate-pa-sft", step: 0 }]);
  await host.page.getByText("pictures the answers to 8 are looked at here").waitFor();
  const kinds = () => host.page.locator(".answers-table tbody tr td:nth-child(3)").allInnerTexts();
  await until(kinds, ["Unparsed", "Missed", "Missed", "Missed"]);
  await host.page.getByRole("button", { name: "Best", exact: true }).click();
  await worth.filter({ hasText: "balanced accuracy 100 % on 8 pictures" }).waitFor();
  await host.page.getByText("No picture is judged wrongly.").waitFor();
  const slider = host.page.getByRole("slider", { name: /^Threshold/ });
  await slider.evaluate((element) => {
    (element as HTMLInputElement).value = "0.65";
    element.dispatchEvent(new Event("input", { bubbles: true }));
  });
  await until(kinds, ["Missed", "Missed"]);
  await host.page.getByRole("button", { name: "part_5" }).click();
  expect(await host.waitForTell("image/open")).toEqual({ image: "/data/images/part_5.png" });
  await host.page.getByRole("button", { name: /^Answers of PA-SFT/ }).click();
  await host.page.locator(".answers-table").waitFor({ state: "detached" });
});

it("shows which pictures became right or wrong since another evaluation, and how far its numbers may be off", async () => {
  const answer = (id: string, label: "normal" | "anomalous", said: "yes" | "no" | null, anomalyScore: number) => ({
    ...{ id, image: `/data/images/${id}.png`, category: "nut", label, answer: said, anomalyScore },
  });
  const before = [
    answer("mended", "anomalous", "no", 0.2),
    answer("spoilt", "normal", "no", 0.6),
    answer("same", "normal", "yes", 0.7),
    answer("only-before", "normal", "yes", 0.7),
    answer("read-now", "normal", null, 0.1),
  ];
  const after = [
    answer("mended", "anomalous", "yes", 0.9),
    answer("spoilt", "normal", "yes", 0.8),
    answer("same", "normal", "yes", 0.7),
    answer("read-now", "normal", "no", 0.1),
  ];
  const curves = tinyCurves([1, 2]);
  const host = await FakeHost.open(dashboardPanel, dashboardState([makeRun("r", curves)]), {
    "series/get": seriesAnswer(curves),
    "answers/get": (body: unknown) => ((body as { stage: string }).stage === "evaluate-base" ? before : after),
  });
  open = host;
  const { page } = host;
  await page.getByRole("tab", { name: /Evaluations/ }).click();
  const cell = page.locator("td", { hasText: "75.1" }).first();
  expect((await cell.innerText()).split("\n").map((line) => line.trim())).toContain("69.9–80");
  await page.getByRole("button", { name: /^Answers of PA-SFT/ }).click();
  const choice = page.getByRole("combobox", { name: "Compare with" });
  await choice.selectOption("Base");
  await page.getByText("Of 4 pictures that both saw, 2 became right and 1 wrong").waitFor();
  const rows = () => page.locator(".flips-table tbody tr").allInnerTexts();
  await until(
    async () => (await rows()).map((row) => row.split("\t").map((text) => text.trim())),
    [
      ["spoilt", "nut", "Right", "False alarm"],
      ["mended", "nut", "Missed", "Right"],
      ["read-now", "nut", "Unparsed", "Right"],
    ],
  );
  await page.getByRole("button", { name: "spoilt" }).click();
  expect(await host.waitForTell("image/open")).toEqual({ image: "/data/images/spoilt.png" });
  // Both are judged by the same threshold, which needs no word: only the one with a low score before was wrong.
  await page.getByRole("button", { name: "Best", exact: true }).click();
  await page.getByText("Of 4 pictures that both saw, 1 became right and 0 wrong").waitFor();
  await choice.selectOption("Nothing");
  await page.getByText("No picture is judged wrongly.").waitFor();
});

it("says what a curve measures", async () => {
  const host = await show(trainingCurves("r", 3));
  const heading = (name: string) => host.page.locator(".chart-card h3", { hasText: new RegExp(`^${name}$`) }).first();
  await heading("frac_reward_zero_std").waitFor();
  expect(await heading("frac_reward_zero_std").getAttribute("title")).toBe(
    "sc-grpo/frac_reward_zero_std: Share of the groups whose completions all got the same reward: they teach nothing",
  );
  expect(await heading("eval/balanced_accuracy").getAttribute("title")).toContain("chance is 50");
});

it("warns when the writer of a running run is silent", async () => {
  const host = await show(tinyCurves([1, 2]), { lastEventMs: Date.now() - 200_000 });
  await host.page.locator(".live.stale", { hasText: /Silent for \d+ min/ }).waitFor();
});

it("keeps what was chosen when the panel is hidden and shown again", async () => {
  const host = await show(
    trainingCurves("r", 3),
    {},
    { saved: { filter: "kl", smoothing: 0.95, xAxis: "nonsense", pins: [3] } },
  );
  await host.page.locator(".chart-card").first().waitFor();
  expect(await host.page.locator("#chart-filter").inputValue()).toBe("kl");
  expect(await host.page.locator(".toolbar output").first().textContent()).toBe("0.95");
  expect(await host.page.locator(".toolbar select").first().inputValue()).toBe("step");
});

it("keeps which runs it is for before they have come, and every one of them", async () => {
  const run = makeRun("r", tinyCurves([1, 2]));
  const state = dashboardState([], { chosen: ["r", "late"] });
  open = await FakeHost.open(dashboardPanel, state, { "series/get": seriesAnswer(tinyCurves([1, 2])) });
  const { page } = open;
  const kept = () =>
    page.evaluate(() => (window as unknown as { savedState?: { runs: string[] } }).savedState?.runs.join(" "));
  await until(kept, "r late");
  // One has come, the other is still on its way.
  await open.change("run/shown", run);
  await page.locator(".run-header").waitFor();
  expect(await kept()).toBe("r late");
  await open.change("chosen/changed", ["late"]);
  await until(kept, "late");
});

it("speaks Simplified Chinese", async () => {
  const plan = [
    { id: "pa-sft", kind: "pa-sft" as const, title: "PA-SFT: learn to reason and answer", totalSteps: 40 },
    { id: "own", kind: "sc-grpo" as const, title: "my second try", totalSteps: 40 },
  ];
  const progress = { stage: "pa-sft", step: 3, totalSteps: 40, activity: "evaluating 3/9", tokensPerSecond: null };
  const change = { plan, finishedStages: [], progress: { ...progress, secondsLeft: 30 } };
  const host = await show(trainingCurves("r", 3), change, { locale: "zh-cn" });
  await host.page.getByRole("tab", { name: "曲线" }).waitFor();
  // What the run says in English as well; a name that somebody gave stays.
  await host.page.locator('.stage-title[title="PA-SFT：学习推理与作答"]').waitFor();
  await host.page.locator(".stage-text", { hasText: "评估 3/9" }).waitFor();
  await host.page.locator(".stage", { hasText: "my second try" }).waitFor();
  expect(await host.page.evaluate(() => document.body.innerText)).not.toMatch(/\b(Curves|Smoothing|Live|Running)\b/);
});

it("moves through a million points without dropping frames", async () => {
  const count = 1_000_000;
  const long = (seed: number | null): Made => ({ made: { count, seed } });
  const column = { stage: "sc-grpo", name: "reward" };
  open = await FakeHost.open(
    dashboardPanel,
    dashboardState([makeRun("r", new Map(), { columns: [{ ...column, numPoints: count }] })]),
    {
      "series/get": () => ({ ...column, from: 0, steps: long(null), timesMs: long(null), values: long(9) }),
    },
  );
  const chart = open.page.locator("iad-chart").first();
  await chart.waitFor();
  // The extremes of the whole curve stand in the chart's own description: nothing was thinned out. The wave ends at 2 at most.
  await until(async () => /1,000,000|1000000/.test((await chart.getAttribute("aria-label")) ?? ""), true);
  expect(await chart.getAttribute("aria-label")).toMatch(/lowest -1, highest 2\b/);
  const numFrames = 90;
  let frames: number[] = [];
  const took = await busyMs(open.page, async () => {
    frames = await chart.evaluate(async (element, count) => {
      const times: number[] = [];
      const chartElement = element as unknown as { showWindow(window: { min: number; max: number }): void };
      for (let i = 0; i < count; i++) {
        // Zooms in and moves: from everything to a tenth, and along it.
        const width = 1_000_000 * (i < 45 ? 1 - i / 50 : 0.1);
        const min = i < 45 ? i * 1000 : (i - 45) * 18_000;
        chartElement.showWindow({ min, max: min + width });
        times.push(await new Promise<number>(requestAnimationFrame));
      }
      return times;
    }, numFrames);
  });
  const each = took / numFrames;
  const intervals = frames.slice(1).map((time, i) => time - frames[i]!);
  const late = intervals.filter((ms) => ms > 25).length;
  const median = intervals.sort((a, b) => a - b)[intervals.length >> 1]!;
  console.log(
    `dashboard: a million points, ${each.toFixed(1)} ms of work a frame on average, of 16.7 ms; ` +
      `${(1000 / median).toFixed(0)} frames a second painted (median), ${late} of ${intervals.length} late`,
  );
  // Script, layout and painting of the page's thread; how many frames a busy machine then paints says nothing about the page.
  expect(each).toBeLessThan(1000 / 60);
});
