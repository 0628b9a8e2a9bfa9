/** The reward debugger as a person meets it: a hover, a problem with its quick fix and what it flips, and a debugger in the reward. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { locationReward, locationRollouts } from "../helpers/rewardFixture";
import { inWorkbench } from "./scenario.mjs";

/** A reward with a fault, and rollouts that show it. */
function addReward(workspace) {
  mkdirSync(join(workspace, "rewards"), { recursive: true });
  mkdirSync(join(workspace, ".iadr1", "rollouts"), { recursive: true });
  writeFileSync(join(workspace, "rewards", "location.reward.ts"), locationReward);
  const lines = locationRollouts().map((row) => JSON.stringify(row));
  writeFileSync(join(workspace, ".iadr1", "rollouts", "first.jsonl"), `${lines.join("\n")}\n`);
}

test("a hover shows what a reward did, the quick fix flips scores, and the debugger stops in the function", async () => {
  await inWorkbench(
    "rewards",
    { settings: { "editor.stickyScroll.enabled": false } },
    async ({ window, workspace }) => {
      addReward(workspace);
      await window.ready();
      await window.openFile("location.reward.ts");
      // Nothing of the folder has run: only what was recorded.
      await window.hover("export const location", "location", "96 rollouts · recorded");
      await window.picture("reward-recorded");
      await window.command("IAD-R1: Start Live Values");
      await window.hover("export const location", "location", "re-scored with the code on screen");
      await window.page.getByText("Score with…").first().waitFor();
      await window.picture("reward-hover");

      // The problem, its quick fix, and what that changes, before anything is saved.
      await window.page.locator(".squiggly-warning").first().waitFor();
      const line = locationReward.split("\n").findIndex((text) => text.includes("exec(completion)"));
      await window.quickFix("location.reward.ts", line + 1, 25, "match line breaks");
      await window.hover("export const location", "location", "This edit flips 48 of 96 scores");
      await window.picture("reward-flips");

      // A debugger with the arguments of one rollout.
      const hover = await window.hover("export const location", "location", "Debug worst rollout");
      await hover.getByText("Debug worst rollout").click();
      await window.stoppedLine.first().waitFor();
      await window.page.locator(".debug-toolbar").waitFor();
      // In the file that was written, types and all: no second tab with a copy.
      expect(await window.tab("location.reward.ts").count()).toBe(1);
      await window.page
        .locator(".editor-instance .view-line", { hasText: "{ completion: string; solution: string }" })
        .first()
        .waitFor();
      await window.picture("reward-debug");
      await window.command("Debug: Stop");
      await window.page.locator(".debug-toolbar").waitFor({ state: "hidden" });
      expect(window.errors).toEqual([]);
    },
  );
});
