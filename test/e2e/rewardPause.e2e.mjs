/**
 * A training run that waits because its reward is wrong, the reward is corrected in the editor, and the run goes on with it: all by what a
 * person sees and clicks. The run keeps both versions, its curves mark the change, and the two can be compared.
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { inWorkbench, runReaches } from "./scenario.mjs";

/** Parts without a defect have no type: it throws on them. */
const reward = `import { defineReward } from "iad-r1/reward";

export const named = defineReward({
  name: "named",
  range: { min: 0, max: 1 },
  score({ completion, solution }: { completion: string; solution: string }) {
    const wanted = /<type>(.*?)<\\/type>/s.exec(solution)![1];
    return completion.includes(wanted) ? 1 : 0;
  },
});
`;

function addReward(workspace) {
  mkdirSync(join(workspace, "rewards"), { recursive: true });
  writeFileSync(join(workspace, "rewards", "named.reward.ts"), reward);
  const file = join(workspace, "iadr1.yaml");
  const text = readFileSync(file, "utf8");
  const steps = text
    .replace(/promptsPerStep: 2\n/, "promptsPerStep: 4\n")
    .replace(
      /( +)rewards:\n(?: +- .*\n)+/,
      "$1rewards:\n$1  - { name: rewards/named.reward.ts#named }\n$1  - { name: iad-r1/consistency }\n",
    );
  expect(steps).toContain("named.reward.ts#named");
  writeFileSync(file, steps.replace(/(scGrpo:[\s\S]*?)steps: \d+/, "$1steps: 6"));
}

function manifest(workspace) {
  const runs = join(workspace, ".iadr1", "runs");
  const newest = readdirSync(runs).sort().at(-1);
  return JSON.parse(readFileSync(join(runs, newest, "run.json"), "utf8"));
}

test("a run waits for its reward to be corrected, and goes on with it", async () => {
  const settings = { "iadr1.training.pauseOn": ["RW104"], "editor.stickyScroll.enabled": false };
  await inWorkbench("rewardPause", { settings }, async ({ window, workspace }) => {
    addReward(workspace);
    await window.ready();
    await window.command("IAD-R1: Start SC-GRPO");
    const dashboard = window.webview();
    await dashboard.locator(".run-header").waitFor();

    // It waits, and says why: in a message, on the dashboard, in Problems.
    await runReaches(workspace, "paused");
    await dashboard.locator(".run-header .state", { hasText: "Paused" }).waitFor();
    await dashboard.locator(".findings .notice", { hasText: "RW104" }).waitFor();
    // What can be done about it stands behind the status item too, and what the page does are commands.
    await window.status.click();
    await window.picker("The server is ready");
    await expect
      .poll(() => window.rows.allInnerTexts().then((rows) => rows.map((row) => row.split("\n")[0].trim())))
      .toEqual(expect.arrayContaining(["Resume Run", "Resume With Corrected Reward", "Stop After This Step"]));
    await window.page.keyboard.press("Escape");
    await window.command("IAD-R1: Dashboard: Toggle Tables");
    await dashboard.getByRole("button", { name: "Show tables instead of curves", pressed: true }).waitFor();
    await window.command("IAD-R1: Dashboard: Toggle Tables");
    await window.told("waits for you");
    await window.picture("reward-pause-dashboard");
    await window.accept("waits for you", "Open Reward");
    await window.tab("named.reward.ts").waitFor();
    // At the function, not at the top of the file.
    await window.page.locator(".statusbar-item", { hasText: "Ln 3, Col 14" }).waitFor();
    await window.page.locator(".squiggly-error, .squiggly-warning").first().waitFor();
    await window.picture("reward-pause-problem");

    // The correction: parts without a defect are not asked for a type. It need not be saved: resuming does that.
    const line = window.page.locator(".editor-instance .view-line", { hasText: "exec(solution)!" }).first();
    await line.click();
    await window.page.keyboard.press("End");
    await window.page.keyboard.press("ArrowLeft");
    for (let i = 0; i < "![1]".length; i++) await window.page.keyboard.press("Backspace");
    await window.page.keyboard.type("?.[1] ?? ");
    await window.page.keyboard.type('"none"');
    await window.command("IAD-R1: Resume Run With Corrected Reward");
    await runReaches(workspace, "completed");
    await dashboard.locator(".run-header .state", { hasText: "Completed" }).waitFor();
    await dashboard
      .getByRole("img", { name: /^reward\. .*another version of its rewards/ })
      .first()
      .waitFor();
    await window.picture("reward-pause-resumed");

    // Both versions are on record, with the step of the change.
    const { rewardLineage } = manifest(workspace);
    expect(rewardLineage).toHaveLength(2);
    expect(rewardLineage[0].step).toBe(0);
    expect(rewardLineage[1].step).toBeGreaterThan(0);
    expect(rewardLineage[1].rewards[0].version).not.toBe(rewardLineage[0].rewards[0].version);
    expect(readFileSync(join(workspace, "rewards", "named.reward.ts"), "utf8")).toContain('?? "none"');

    // And can be compared on what the run recorded.
    await window.command("IAD-R1: Start Live Values");
    await window.tab("named.reward.ts").click();
    await window.command("IAD-R1: Compare Reward Versions…");
    await window.picker("Compare which version");
    await window.rows.filter({ hasText: "run " }).first().click();
    await window.tab("Versions of named.reward.ts").waitFor();
    await window.webview().getByRole("heading", { name: "Versions of named.reward.ts" }).waitFor();
    await window.webview().getByRole("cell", { name: "GDPO" }).waitFor();
    await window.picture("reward-versions");

    // The tree of rewards knows the function, its weight and what it came to.
    await window.showView();
    await window.treeRows
      .filter({ hasText: /^named/ })
      .first()
      .waitFor();
    await window.treeRows
      .filter({ hasText: /^consistency/ })
      .first()
      .waitFor();
    await window.picture("reward-tree");
    expect(window.errors).toEqual([]);
  });
});
