/**
 * The rollout explorer in the workbench, on rollouts that the embedded model has just made: facets, search, a group, the path of a score
 * through a person's own reward, another text with its rewards.
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { inWorkbench } from "./scenario.mjs";

test("sampled rollouts are filtered, looked at one by one, explained and edited", async () => {
  await inWorkbench("explorer", { viewport: { width: 1600, height: 1000 } }, async ({ window, workspace }) => {
    await window.ready();
    await window.command("IAD-R1: Sample Rollouts…");
    await window.picker("Which model answers?");
    await window.pick("Embedded model");
    const explorer = window.webview();
    const rows = explorer.locator(".groups .list-body .list-row");
    await rows.first().waitFor();
    const status = explorer.locator(".groups [role=status]");
    await expect.poll(() => status.innerText()).toBe("64 rollouts in 8 groups");
    await explorer.locator(".rollout-head h2").waitFor();
    await window.picture("explorer-sampled");

    // A facet leaves as many as it said it would.
    const choice = explorer.locator(".facet-value").first();
    const count = Number(await choice.locator(".facet-count").innerText());
    await choice.click();
    await expect.poll(() => status.innerText()).toMatch(new RegExp(`^${count} (of 64 )?rollouts? `));
    await explorer.getByRole("button", { name: "Clear filter" }).click();
    await expect.poll(() => status.innerText()).toBe("64 rollouts in 8 groups");
    // A word that no model writes leaves nothing.
    await explorer.locator("#rollout-search").fill("xyzzy");
    await explorer.locator(".empty", { hasText: "Nothing passes" }).waitFor();
    await explorer.locator("#rollout-search").fill("");
    await rows.nth(2).click();
    await explorer.locator(".rollout-head h2", { hasText: "Group 2, completion 0" }).waitFor();
    await window.page.keyboard.press("Enter");
    await expect.poll(() => explorer.locator(".completion-card").count()).toBe(8);
    await window.page.keyboard.press("l");
    await explorer.locator(".rollout-head h2", { hasText: "Group 2, completion 1" }).waitFor();

    // The best right answer to each picture is training data for PA-SFT.
    const samples = join(workspace, "samples.json");
    await explorer.getByRole("button", { name: "Export what is listed…" }).click();
    await window.picker("Export rollouts");
    await window.pick("Training samples");
    await window.saveAs(samples);
    await window.page.locator(".notification-list-item-message", { hasText: "training samples written" }).waitFor();
    const kept = JSON.parse(readFileSync(samples, "utf8"));
    expect(kept.length).toBeGreaterThan(1);
    expect(kept.length).toBeLessThanOrEqual(8);
    for (const { images } of kept) expect(existsSync(join(workspace, images))).toBe(true);

    // Why this score? The person's own rewards run only now.
    await explorer.locator("#section-why").click();
    await explorer.getByRole("button", { name: "Start live values" }).click();
    await explorer.locator(".trace-step").first().waitFor();
    await explorer.locator("#section-why", { hasText: /Why [\d.]+/ }).waitFor();
    await window.picture("explorer-why");

    // Another text: its rewards change while it is typed.
    await explorer.locator("#section-whatIf").click();
    await explorer.locator("#what-if").fill("I cannot say.");
    const verdict = explorer.locator(".facts-table tbody tr", { hasText: "Verdict" }).first();
    await expect.poll(() => verdict.innerText()).toMatch(/Unparsed/);
    await explorer.locator(".facts-table .advantage-down").first().waitFor();
    await window.picture("explorer-what-if");
    expect(window.errors).toEqual([]);
    expect([...window.outside]).toEqual([]);
  });
});
