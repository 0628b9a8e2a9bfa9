/** Pictures of every surface in light, dark and high contrast, for people to look at; written to .cache/webview. */
import { mkdirSync } from "node:fs";
import { dashboardPanel } from "@iad-r1/protocol/webview";
import { afterAll, beforeAll, expect, it } from "vitest";
import { closeBrowser } from "./helpers/browser";
import { FakeHost } from "./helpers/fakeHost";
import { dashboardState, makeRun, rolloutsAnswer, seriesAnswer, trainingCurves } from "./helpers/runs";
import { type Theme, themeNames } from "./helpers/themes";

const folder = ".cache/webview";
beforeAll(() => void mkdirSync(folder, { recursive: true }));
afterAll(closeBrowser);

it.each(themeNames)("shows the dashboard in %s", async (theme: Theme) => {
  const curves = trainingCurves("run-a", 7);
  const host = await FakeHost.open(
    dashboardPanel,
    dashboardState([makeRun("run-a", curves)]),
    { "series/get": seriesAnswer(curves), "rollouts/get": rolloutsAnswer(32) },
    { theme },
  );
  await host.page.locator("iad-chart").first().waitFor();
  await host.page.waitForFunction(() => document.querySelectorAll(".chart-card .empty").length === 0);
  await new Promise((done) => setTimeout(done, 300));
  await host.page.screenshot({ path: `${folder}/dashboard-${theme}.png` });
  expect(host.panel.faults).toEqual([]);
  await host.close();
});
