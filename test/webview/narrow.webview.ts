/** Every panel in a narrow column and in Simplified Chinese: nothing sticks out of the page; pictures for people to look at. */
import { mkdirSync } from "node:fs";
import { dashboardPanel, explorerPanel, inspectorPanel } from "@iad-r1/protocol/webview";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { closeBrowser, until } from "./helpers/browser";
import { FakeHost } from "./helpers/fakeHost";
import { answerChoices, finishedLook, inspectorState, sampleFiles } from "./helpers/pictures";
import { explorerAnswers, explorerState, recordedRun } from "./helpers/rollouts";
import { dashboardState, makeRun, seriesAnswer, trainingCurves } from "./helpers/runs";

const folder = ".cache/webview";
beforeAll(() => void mkdirSync(folder, { recursive: true }));
afterAll(closeBrowser);

const shapes = [
  { name: "narrow", locale: "en", theme: "light", viewport: { width: 350, height: 900 } },
  { name: "chinese", locale: "zh-cn", theme: "light", viewport: { width: 1280, height: 860 } },
  { name: "narrow-chinese", locale: "zh-cn", theme: "dark", viewport: { width: 350, height: 900 } },
] as const;

type Page = FakeHost<typeof inspectorPanel>["page"];

async function look(page: Page, name: string): Promise<void> {
  // What is wider than the page; a box that scrolls for itself holds its own.
  const sticksOut = () =>
    page.evaluate(() => {
      const scrolls = (element: Element | null): boolean =>
        element !== null &&
        element !== document.body &&
        (/auto|scroll|hidden|clip/.test(getComputedStyle(element).overflowX) || scrolls(element.parentElement));
      return [...document.body.querySelectorAll("*")]
        .filter(
          (element) =>
            element.getBoundingClientRect().right > innerWidth + 1 &&
            !scrolls(element.parentElement) &&
            element.checkVisibility(),
        )
        .map((element) => `${element.tagName.toLowerCase()}.${element.className}`);
    });
  await until(sticksOut, []);
  expect(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth)).toBeLessThanOrEqual(0);
  await page.screenshot({ path: `${folder}/${name}.png` });
}

describe.each(shapes)("$name", ({ name, ...shape }) => {
  it("shows the dashboard", async () => {
    const curves = new Map([...trainingCurves("run-a", 7), ...trainingCurves("run-b", 11, 260)]);
    const ofRun = (id: string) => new Map([...curves].filter(([each]) => each.startsWith(`${id}|`)));
    const runs = [makeRun("run-a", ofRun("run-a")), makeRun("run-b", ofRun("run-b"), { project: "wider" })];
    const host = await FakeHost.open(
      dashboardPanel,
      dashboardState(runs),
      { "series/get": seriesAnswer(curves) },
      shape,
    );
    const { page } = host;
    await page.waitForFunction(() => document.querySelectorAll(".legend-item").length > 3);
    await look(page, `dashboard-${name}`);
    for (const [at, tab] of ["rollouts", "evaluations", "config", "log"].entries()) {
      await page
        .locator("[role=tab]")
        .nth(at + 1)
        .click();
      await page.locator(`[role=tab][aria-selected=true]`).nth(0).waitFor();
      await look(page, `${tab}-${name}`);
    }
    expect(host.panel.faults).toEqual([]);
    await host.close();
  });

  it("shows the inspector", async () => {
    const host = await FakeHost.open(
      inspectorPanel,
      inspectorState({ looks: [finishedLook({ choices: answerChoices })] }),
      {},
      { ...shape, files: sampleFiles() },
    );
    const { page } = host;
    await page.locator("iad-picture").waitFor();
    await page.waitForFunction(
      () => (document.querySelector("iad-picture") as unknown as { isSettled: boolean }).isSettled,
    );
    await look(page, `inspector-${name}`);
    await page.locator("iad-picture").focus();
    await page.keyboard.press("p");
    await page.locator(".token").first().waitFor();
    await page.keyboard.press("c");
    await page.locator(".correction").waitFor();
    await look(page, `inspector-correct-${name}`);
    expect(host.panel.faults).toEqual([]);
    await host.close();
  });

  it("shows the explorer", async () => {
    const run = await recordedRun();
    const host = await FakeHost.open(explorerPanel, explorerState(run), explorerAnswers(run), shape);
    const { page } = host;
    await page.locator(".rollout-head").waitFor();
    await page.locator("iad-picture").waitFor();
    await look(page, `explorer-${name}`);
    if (shape.viewport.width < 900) {
      // The filters make room for what they filter, and come when asked for.
      const filters = page.locator(".facets .facet").first();
      expect(await filters.isVisible()).toBe(false);
      await page.locator(".facets-toggle").click();
      await filters.waitFor();
      await look(page, `explorer-filters-${name}`);
      await page.locator(".facets-toggle").click();
      await filters.waitFor({ state: "hidden" });
    }
    await host.command("compareAdvantages");
    await page.locator(".advantages-table").waitFor();
    await host.command("toggleProbabilities");
    await page.locator(".token").first().waitFor();
    await look(page, `explorer-advantages-${name}`);
    expect(host.panel.faults).toEqual([]);
    await host.close();
  });
});
