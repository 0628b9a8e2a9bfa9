/** Pictures of what a run says about its rewards, in four themes: held by a finding, and gone on with another version. For people to look at. */
import { mkdirSync } from "node:fs";
import { dashboardPanel } from "@iad-r1/protocol/webview";
import { afterAll, beforeAll, expect, it } from "vitest";
import { accessibilityFaults, closeBrowser } from "./helpers/browser";
import { FakeHost } from "./helpers/fakeHost";
import { dashboardState, makeRun, seriesAnswer, trainingCurves } from "./helpers/runs";
import { themeNames } from "./helpers/themes";

const folder = ".cache/webview";
beforeAll(() => void mkdirSync(folder, { recursive: true }));
afterAll(closeBrowser);

const message =
  'RW104: named failed on 8 completions of 32 (25 %): "TypeError: Cannot read properties of null (line 7)".';

it.each(themeNames)("a run that waits for its reward, and the mark where it went on, in %s", async (theme) => {
  const curves = trainingCurves("run-a", 7);
  const held = makeRun("run-a", curves, {
    ...{ state: "paused", reason: message, hasOwnRewards: true },
    rewardChanges: [{ stage: "sc-grpo", step: 60 }],
    findings: [
      {
        ...{ id: "RW104", severity: "warning", title: message, evidence: "named", cure: null },
        ...{ stage: "sc-grpo", step: 180, file: "/project/rewards/named.reward.ts" },
      },
    ],
  });
  const host = await FakeHost.open(
    dashboardPanel,
    dashboardState([held]),
    { "series/get": seriesAnswer(curves) },
    { theme },
  );
  const { page } = host;
  // What waits is said once, and the way on that corrects it is the first.
  await page.locator(".findings .notice", { hasText: "RW104" }).waitFor();
  expect(await page.locator(".reason").count()).toBe(0);
  await page.locator(".button.primary", { hasText: "Resume with corrected reward" }).waitFor();
  await page
    .getByRole("img", { name: /^reward\. .*After step 60 the run went on with another version/ })
    .first()
    .waitFor();
  await page.waitForFunction(() => document.querySelectorAll(".chart-card .empty").length === 0);
  await page.screenshot({ path: `${folder}/reward-held-${theme}.png` });
  expect(await accessibilityFaults(page)).toEqual([]);
  await page.locator(".findings .button", { hasText: "Open reward" }).click();
  expect(await host.waitForTell("reward/open")).toEqual({
    run: "run-a",
    file: "/project/rewards/named.reward.ts",
    reward: "named",
  });
  await page.locator(".button.primary").click();
  expect(await host.waitForTell("run/act")).toEqual({ run: "run-a", action: "resumeWithRewards" });
  await host.close();
});
