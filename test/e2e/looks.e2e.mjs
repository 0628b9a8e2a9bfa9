/**
 * Every surface in the real workbench, in light, dark and both kinds of high contrast: nothing breaks the content policy, and the pictures
 * (.cache/e2e/pictures) are for people to look at.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { inWorkbench, runReaches } from "./scenario.mjs";

/** Class of the workbench, and name in the list of themes. */
const themes = {
  dark: { kind: "vs-dark", label: "Dark Modern" },
  "high-contrast": { kind: "hc-black", label: "Dark High Contrast" },
  "high-contrast-light": { kind: "hc-light", label: "Light High Contrast" },
  light: { kind: "vs", label: "Light Modern" },
};

async function setTheme({ window }, theme) {
  const { kind, label } = themes[theme];
  await window.insist(`The theme does not become “${label}”`, async (timeout) => {
    await window.palette(">Preferences: Color Theme", timeout);
    await window.rows.filter({ hasText: "Preferences: Color Theme" }).first().click({ timeout });
    await window.page
      .locator('.quick-input-widget:visible input[placeholder^="Select Color Theme"]')
      .fill(label, { timeout });
    await window.rows.filter({ hasText: label }).first().click({ timeout });
    await window.page.locator(`.monaco-workbench.${kind}`).first().waitFor({ timeout });
  });
  await window.input.waitFor({ state: "hidden" });
}

/** A picture of what is shown in each theme. */
async function pictures(scenario, name) {
  for (const theme of Object.keys(themes)) {
    await setTheme(scenario, theme);
    await scenario.window.picture(`look-${name}-${theme}`);
  }
}

/** Opens the pictures of the data set as a strip, from the tree. */
async function openStrip(window) {
  await window.showView();
  await window.page.locator(".sidebar .pane-header", { hasText: "Data" }).waitFor();
  const row = window.treeRows.filter({ hasText: "sample" }).first();
  await row.waitFor();
  await row.hover();
  await row.locator('.action-label[aria-label^="Inspect Folder"]').click();
  await window.webview().locator("iad-strip .strip-item").first().waitFor();
}

/** Writes a key that does not exist at the end of the experiment file that is open. */
async function misspell(window) {
  await window.focusEditor("iadr1.yaml");
  await window.page.keyboard.press("Control+End");
  await window.page.keyboard.press("Enter");
  await window.page.keyboard.type("grupSize: 4");
}

test("every surface in four themes", async () => {
  await inWorkbench("looks", { steps: 6 }, async (scenario) => {
    const { window, workspace } = scenario;
    await window.ready();

    await window.command("IAD-R1: Open First Steps");
    await window.page.getByText("First steps with IAD-R1").first().waitFor();
    await pictures(scenario, "walkthrough");

    await window.command("IAD-R1: Check This Machine");
    await window.page.locator(".tab", { hasText: "What this machine can do" }).waitFor();
    await window.webview().getByRole("heading", { name: "What this machine can do" }).waitFor();
    await pictures(scenario, "doctor");

    // The experiment file with a mistake that is marked, and an explanation.
    const file = join(workspace, "iadr1.yaml");
    const sound = readFileSync(file, "utf8");
    await window.openFile("iadr1.yaml");
    await misspell(window);
    await window.page.locator(".squiggly-error").first().waitFor();
    await pictures(scenario, "experiment");
    // The workbench in a browser saves by itself; so it does after the mistake is taken back.
    await expect
      .poll(async () => {
        await window.focusEditor("iadr1.yaml");
        await window.page.keyboard.press("Control+Z");
        await window.page.keyboard.press("Control+S");
        return readFileSync(file, "utf8");
      })
      .toBe(sound);

    await window.command("IAD-R1: Run Both Stages");
    await runReaches(workspace, "completed");
    const dashboard = window.webview();
    await dashboard.locator(".run-header .state", { hasText: "Completed" }).waitFor();
    await pictures(scenario, "dashboard");
    await dashboard.getByRole("tab", { name: /^Evaluations/ }).click();
    await pictures(scenario, "evaluations");
    await dashboard.getByRole("tab", { name: /^Rollouts/ }).click();
    await dashboard.getByRole("button", { name: "Explore the latest step" }).waitFor();
    await pictures(scenario, "rollouts");

    // A checkpoint answers the held-out pictures again, in a run of its own.
    await window.command("IAD-R1: Evaluate Checkpoint…");
    await window.picker("Which checkpoint?");
    await window.rows.first().click();
    await window.webview().getByText("Evaluate the model").first().waitFor();
    await runReaches(workspace, "completed");
    await window.webview().locator(".run-header .state", { hasText: "Completed" }).waitFor();
    await window
      .webview()
      .getByRole("tab", { name: /^Evaluations/ })
      .click();
    // What is behind the numbers: a threshold, and the pictures that are judged wrongly.
    await window
      .webview()
      .getByRole("button", { name: /^Answers of/ })
      .first()
      .click();
    await window.webview().locator(".answers-table").waitFor();
    await window.webview().locator(".threshold-worth").waitFor();
    await pictures(scenario, "evaluation-of-checkpoint");

    await openStrip(window);
    const strip = window.webview();
    await strip.getByRole("button", { name: "Inspect", exact: true }).click();
    await strip.locator(".verdict").waitFor();
    await strip.getByRole("button", { name: /^Again/ }).waitFor();
    await strip.getByRole("checkbox", { name: "Let the anomaly score decide" }).click();
    await strip.getByRole("slider", { name: /^Threshold/ }).waitFor();
    await strip.locator("iad-picture").focus();
    await window.page.keyboard.press("t");
    await pictures(scenario, "inspector-strip");

    await strip.getByRole("button", { name: /^Compare with another model/ }).click();
    await window.picker("Which model to compare with?");
    await window.pick("Embedded model, after PA-SFT");
    await strip
      .locator(".look")
      .nth(1)
      .getByRole("button", { name: /^Again/ })
      .waitFor();
    await pictures(scenario, "inspector-compare");

    // Comparing all pictures: what it finds stands in the tree too.
    await window.command("IAD-R1: Find Duplicates and Leaks Between Splits");
    await window
      .webview()
      .getByRole("heading", { name: /^Pictures that are twice/ })
      .waitFor();
    await window.treeRows
      .filter({ hasText: /leaks between splits/ })
      .first()
      .waitFor();
    await pictures(scenario, "leaks");

    await window.command("IAD-R1: Collect Diagnostics for a Bug Report");
    await window.page.locator(".view-line", { hasText: "Versions" }).first().waitFor();
    await window.picture("look-diagnostics");

    expect([...window.outside]).toEqual([]);
    expect(window.errors).toEqual([]);
  });
});
