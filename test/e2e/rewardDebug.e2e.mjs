/** A debugger in a TypeScript reward shows the person's own file with its types, not the copy without them that runs. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { locationReward, locationRollouts } from "../helpers/rewardFixture";
import { inWorkbench } from "./scenario.mjs";

const reward = locationReward.replace("const found =", "const found: RegExpExecArray | null =");

test("the debugger stops in the file that the person wrote", async () => {
  const settings = { "editor.stickyScroll.enabled": false };
  await inWorkbench("rewardDebug", { settings }, async ({ window, workspace }) => {
    mkdirSync(join(workspace, ".iadr1", "rollouts"), { recursive: true });
    writeFileSync(join(workspace, "rewards", "location.reward.ts"), reward);
    const lines = locationRollouts().map((row) => JSON.stringify(row));
    writeFileSync(join(workspace, ".iadr1", "rollouts", "first.jsonl"), `${lines.join("\n")}\n`);
    await window.ready();
    await window.openFile("location.reward.ts");
    await window.command("IAD-R1: Start Live Values");
    const hover = await window.hover("export const location", "location", "Debug worst rollout");
    await hover.getByText("Debug worst rollout").click();
    await window.stoppedLine.first().waitFor();
    await window.page.locator(".debug-toolbar").waitFor();
    // One tab, and the stop is on the line with its type.
    expect(await window.tab("location.reward.ts").count()).toBe(1);
    await window.page.locator(".statusbar-item", { hasText: "Ln 8" }).waitFor();
    const typed = window.page.locator(".editor-instance .view-line", { hasText: "RegExpExecArray | null" });
    await typed.first().waitFor();
    expect(await window.page.locator(".tabs-container .tab", { hasText: ".js" }).count()).toBe(0);
    await window.picture("reward-debug-types");
    await window.command("Debug: Stop");
    await window.page.locator(".debug-toolbar").waitFor({ state: "hidden" });
    expect(window.errors).toEqual([]);
  });
});
