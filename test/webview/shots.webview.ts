/** Pictures of every surface in four themes, for people to look at; written to .cache/webview. Each surface must also be clean for axe-core. */
import { mkdirSync } from "node:fs";
import { dashboardPanel, explorerPanel, inspectorPanel } from "@iad-r1/protocol/webview";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { accessibilityFaults, closeBrowser, until } from "./helpers/browser";
import { FakeHost } from "./helpers/fakeHost";
import { answerChoices, finishedLook, idleLook, inspectorState, sampleFiles } from "./helpers/pictures";
import { explorerAnswers, explorerState, recordedRun } from "./helpers/rollouts";
import { dashboardState, key, makeRun, seriesAnswer, trainingCurves } from "./helpers/runs";
import { type Theme, themeNames } from "./helpers/themes";

const folder = ".cache/webview";
beforeAll(() => void mkdirSync(folder, { recursive: true }));
afterAll(closeBrowser);

async function look(host: { page: FakeHost<never>["page"] }, name: string): Promise<void> {
  await host.page.evaluate(
    () => new Promise<void>((done) => requestAnimationFrame(() => requestAnimationFrame(() => done()))),
  );
  await host.page.screenshot({ path: `${folder}/${name}.png` });
  expect.soft(await accessibilityFaults(host.page), name).toEqual([]);
}

describe.each(themeNames)("in %s", (theme: Theme) => {
  it("shows the dashboard, readable by everyone", async () => {
    const curves = new Map([...trainingCurves("run-a", 7), ...trainingCurves("run-b", 11, 260)]);
    const ofRun = (id: string) => new Map([...curves].filter(([each]) => each.startsWith(`${id}|`)));
    expect(curves.has(key("run-b", "sc-grpo", "reward"))).toBe(true);
    const first = makeRun("run-a", ofRun("run-a"));
    const host = await FakeHost.open(
      dashboardPanel,
      dashboardState([first]),
      { "series/get": seriesAnswer(curves) },
      { theme },
    );
    const { page } = host;
    await page.locator("iad-chart").first().waitFor();
    await page.waitForFunction(() => document.querySelectorAll(".chart-card .empty").length === 0);
    await look(host, `dashboard-${theme}`);
    const other = makeRun("run-b", ofRun("run-b"), { state: "completed", project: "wider", findings: [] });
    await host.change("run/shown", { ...other, config: { "sc-grpo": { learningRate: 3e-5, groupSize: 16 } } });
    await host.change("baseline/changed", "run-a");
    await page.locator(".run-pill").nth(1).waitFor();
    await page.waitForFunction(() => document.querySelectorAll(".legend-item").length > 8);
    await until(async () => {
      // A chart may still move or be made anew while the second run comes in.
      const box = (await page.locator("iad-chart").first().boundingBox())!;
      await page.mouse.move(box.x + box.width * 0.5, box.y + box.height / 2);
      await page.mouse.move(box.x + box.width * 0.6, box.y + box.height / 2);
      return (await page.locator(".chart-tooltip:not([hidden])").count()) > 0;
    }, true);
    await look(host, `compare-${theme}`);
    await page.getByRole("tab", { name: /Configuration/ }).click();
    await look(host, `config-${theme}`);
    await page.getByRole("tab", { name: /Evaluations/ }).click();
    await look(host, `evaluations-${theme}`);
    await page.getByRole("tab", { name: /Log/ }).click();
    await look(host, `log-${theme}`);
    await page.getByRole("tab", { name: /Rollouts/ }).click();
    await page.getByRole("button", { name: "Explore the latest step" }).waitFor();
    await look(host, `rollouts-${theme}`);
    expect(host.panel.faults).toEqual([]);
    expect(host.panel.refused).toEqual([]);
    expect(host.badMessages).toEqual([]);
    await host.close();
  });

  it("shows the explorer, readable by everyone", async () => {
    const run = await recordedRun();
    const host = await FakeHost.open(explorerPanel, explorerState(run), explorerAnswers(run), {
      ...{ theme, viewport: { width: 1440, height: 900 } },
    });
    const { page } = host;
    await page.locator(".groups .list-body .list-row").nth(4).click();
    await page.waitForFunction(() => document.querySelectorAll("img.thumbnail").length > 5);
    const settled = () =>
      page.waitForFunction(() =>
        [...document.querySelectorAll("iad-picture")].every(
          (each) => (each as unknown as { isSettled: boolean }).isSettled,
        ),
      );
    await page.locator("iad-picture").waitFor();
    await settled();
    await look(host, `explorer-${theme}`);
    await page.keyboard.press("u");
    await page.locator('.rollout .token[tabindex="0"]').focus();
    await page.keyboard.press("ArrowRight");
    await page.locator(".token-detail tr").waitFor();
    await look(host, `explorer-probabilities-${theme}`);
    await page.keyboard.press("u");
    await page.locator(".rollout .token").first().waitFor({ state: "detached" });
    await page.keyboard.press("Enter");
    await page.locator(".completion-card").first().waitFor();
    await host.command("explainScore");
    await page.locator(".trace-step").first().waitFor();
    await host.command("compareAdvantages");
    await page.locator(".advantages-table").waitFor();
    await look(host, `explorer-advantages-${theme}`);
    await host.command("editCompletion");
    await page.locator("#what-if").waitFor();
    await page.keyboard.press("Control+a");
    await page.keyboard.type("<think>Even.</think><answer>No</answer>");
    await page.locator(".facts-table .advantage").first().waitFor();
    await page.keyboard.press("Escape");
    await page.keyboard.press("x");
    await page.locator(".strip-title").waitFor();
    await settled();
    await look(host, `explorer-whatif-${theme}`);
    expect(host.panel.faults).toEqual([]);
    expect(host.panel.refused).toEqual([]);
    expect(host.badMessages).toEqual([]);
    await host.close();
  });

  it("shows the inspector, readable by everyone", async () => {
    const heat = {
      method: "occlusion",
      columns: 6,
      rows: 8,
      values: Array.from({ length: 48 }, (_, i) => (i < 14 ? 0.3 : -0.04)),
      baseScore: 0.93,
    };
    const host = await FakeHost.open(
      inspectorPanel,
      inspectorState(),
      { "heat/get": () => heat },
      { theme, files: sampleFiles() },
    );
    const { page } = host;
    const settled = () =>
      page.waitForFunction(() =>
        [...document.querySelectorAll("iad-picture")].every(
          (each) => (each as unknown as { isSettled: boolean }).isSettled,
        ),
      );
    await page.locator("iad-picture").waitFor();
    await settled();
    await look(host, `inspector-${theme}`);
    await host.change("looks/replaced", [
      finishedLook({ phase: "writing", text: finishedLook().text.slice(0, 130), result: null, anomalyScore: null }),
    ]);
    await page.locator(".caret").waitFor();
    await look(host, `inspector-writing-${theme}`);
    await host.change("looks/replaced", [finishedLook({ choices: answerChoices })]);
    await page.locator("iad-picture").focus();
    await page.keyboard.press("p");
    await page.locator(".token", { hasText: "splits" }).focus();
    await page.locator(".token-detail", { hasText: "hole" }).waitFor();
    await look(host, `inspector-probabilities-${theme}`);
    await page.keyboard.press("p");
    await host.change("looks/replaced", [
      finishedLook(),
      finishedLook({
        model: "grpo",
        text: "<think>The surface is even.</think><answer>No</answer>",
        anomalyScore: 0.21,
      }),
    ]);
    await page.keyboard.press("t");
    await page.keyboard.press("h");
    await page.locator(".picture-foot", { hasText: "Occlusion" }).waitFor();
    await settled();
    await look(host, `inspector-compare-${theme}`);
    await host.change("looks/replaced", [
      idleLook({
        phase: "failed",
        error: {
          code: "model/missing",
          message: "The folder models/gone holds no checkpoint.",
          hint: "Choose another model.",
        },
      }),
    ]);
    await page.keyboard.press("h");
    await page.keyboard.press("r");
    await page.keyboard.press("c");
    await page.locator(".correction").waitFor();
    await settled();
    await look(host, `inspector-correct-${theme}`);
    expect(host.panel.faults).toEqual([]);
    expect(host.panel.refused).toEqual([]);
    expect(host.badMessages).toEqual([]);
    await host.close();
  });
});
