import type { Curve } from "@iad-r1/webview-ui/charts/curve";
import { exchangeMarks } from "@iad-r1/webview-ui/state/exchangeMarks";
import { Pyramid } from "@iad-r1/webview-ui/state/series";
import { expect, it, vi } from "vitest";

const steps = Float64Array.of(5, 10, 15, 20);

function curve(run: string | null, slot = 0): Curve {
  const raw = Float64Array.of(1, 2, 3, 4);
  const pyramid = new Pyramid();
  pyramid.update(raw, 0, 4);
  const source = run === null ? null : ({ run, stage: "sc-grpo", name: "reward" } as Curve["source"]);
  return {
    ...{ id: "c", label: "reward", slot, numPoints: 4, xs: steps.map((step) => step * 10), steps, raw, smoothed: raw },
    ...{ band: null, source, extremes: (from, to) => pyramid.extremes(raw, from, to) },
  };
}

const runs = [
  {
    id: "a",
    rewardExchanges: [
      { stage: "pa-sft", step: 5, names: ["other stage"] },
      { stage: "sc-grpo", step: 10, names: ["place"] },
      { stage: "sc-grpo", step: 20, names: ["no point yet"] },
    ],
  },
  { id: "b", rewardExchanges: [] },
];

it("marks the first point that a new version made, on the curves of its own run", () => {
  expect(exchangeMarks([curve("a", 1), curve("b", 2), curve(null, 3)], runs)).toEqual([
    { x: 150, slot: 1, step: 10, names: ["place"] },
  ]);
});

it("the exported picture has the mark where the live one has it, and the words say it", async () => {
  // The language of a page is known before its code is loaded.
  vi.stubGlobal("document", { documentElement: { lang: "en" } });
  const { chartSvg } = await import("@iad-r1/webview-ui/charts/exportChart");
  const { summarize } = await import("@iad-r1/webview-ui/charts/summary");
  const curves = [curve("a")];
  const model = { title: "reward", curves, marks: exchangeMarks(curves, runs), xAxis: "step" as const };
  const theme = { ...{ muted: "#1", grid: "#2", foreground: "#3", background: "#4", font: "", slots: ["#5"] } };
  const svg = chartSvg(
    { ...model, logX: false, logY: false, clip: false, window: { min: 50, max: 200 } },
    theme as never,
  );
  // 64 to 704 pixels for 50 to 200.
  expect(svg).toContain('<path d="M490.67 36V316"');
  expect(summarize(model)).toContain("Rewards in a new version after step 10: place");
});
