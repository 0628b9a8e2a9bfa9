/** The explorer's behaviour, with the server's own index behind it: filters, groups, keys, what-if, comparing, and a hundred thousand rollouts. */
import { explorerPanel } from "@iad-r1/protocol/webview";
import { defaultQuery } from "@iad-r1/webview-ui/apps/explorer/view";
import { afterAll, afterEach, expect, it } from "vitest";
import { closeBrowser, until } from "./helpers/browser";
import { expectNoFaults, FakeHost } from "./helpers/fakeHost";
import { explorerAnswers, explorerState, recordedRun } from "./helpers/rollouts";

let open: FakeHost<typeof explorerPanel> | null = null;
afterEach(async () => {
  expectNoFaults(open as never);
  await open?.close();
  open = null;
});
afterAll(closeBrowser);

async function show(change: Parameters<typeof explorerState>[1] = {}, locale?: string) {
  const run = await recordedRun();
  open = await FakeHost.open(explorerPanel, explorerState(run, change), explorerAnswers(run), {
    viewport: { width: 1440, height: 900 },
    ...(locale !== undefined && { locale }),
  });
  await open.page.locator(".groups .list-body .list-row").first().waitFor();
  return open;
}

const status = (host: FakeHost<typeof explorerPanel>) => host.page.locator(".groups [role=status]").innerText();

it("counts what every choice would leave, and lists only what passes", async () => {
  const host = await show();
  await until(() => status(host), "1,280 rollouts in 160 groups");
  const choice = (name: string) => host.page.locator(".facet-value", { hasText: name });
  const missed = Number(await choice("Missed").locator(".facet-count").innerText());
  expect(missed).toBeGreaterThan(0);
  await choice("Missed").click();
  await until(async () => (await status(host)).split(" ")[0], String(missed));
  // The other verdicts can still be added; their counts are of what the other filters let through.
  const alarms = Number(await choice("False alarm").locator(".facet-count").innerText());
  await choice("False alarm").click();
  await until(async () => (await status(host)).split(" ")[0], String(missed + alarms));
  await host.page.getByRole("button", { name: "Clear filter" }).click();
  await until(() => status(host), "1,280 rollouts in 160 groups");
});

it("filters by text while it is typed, and by a stretch of a reward", async () => {
  const host = await show();
  await host.page.keyboard.press("f");
  await host.page.keyboard.type("NOT CLEAR");
  const numberIn = (text: string) => Number(text.split(" ")[0]!.replaceAll(",", ""));
  const unparsed = host.page.locator(".facet-value", { hasText: "Unparsed" }).locator(".facet-count");
  // Each letter asks anew; when the last answer is there, all that is left are texts that were cut off, so all are unparsed.
  await until(async () => {
    const text = await status(host);
    const hits = numberIn(text);
    return text.includes("of 1,280") && hits > 0 && hits === numberIn(await unparsed.innerText());
  }, true);
  const from = host.page.locator("input[aria-label='Length, from']");
  await from.fill("5000");
  await from.press("Enter");
  await host.page.locator(".empty", { hasText: "Nothing passes" }).waitFor();
});

it("goes through groups and completions by keys, and does with them what its buttons do", async () => {
  const host = await show();
  const { page } = host;
  const title = page.locator(".rollout-head h2");
  await until(() => title.innerText(), "Group 0, completion 0");
  await page.keyboard.press("j");
  await until(() => title.innerText(), "Group 1, completion 0");
  await page.keyboard.press("l");
  await page.keyboard.press("l");
  await page.keyboard.press("h");
  await until(() => title.innerText(), "Group 1, completion 1");
  await page.keyboard.press("Enter");
  await page.locator(".completion-card.selected .card-head[aria-current=true]").waitFor();
  expect(await page.locator(".completion-card").count()).toBe(8);
  const key = { step: 1, group: "1/1", index: 1 };
  await page.keyboard.press("p");
  expect(await host.waitForTell("rollout/pin")).toEqual(key);
  await host.change("pinned/changed", key);
  await page.locator(".chip", { hasText: "pinned" }).waitFor();
  await page.keyboard.press("p");
  expect(await host.waitForTell("rollout/pin", 1)).toBeNull();
  await page.keyboard.press("d");
  expect(await host.waitForTell("rollout/debug")).toMatchObject({ rollout: key, function: { name: "locationReward" } });
  await host.command("addProbe");
  expect(await host.waitForTell("probe/add")).toMatchObject({ rollout: key });
  await page.keyboard.press("k");
  await until(() => title.innerText(), "Group 0, completion 0");
});

it("shows the rewards of another text while it is typed", async () => {
  const host = await show();
  const { page } = host;
  await page.locator(".rollout-head").waitFor();
  await page.keyboard.press("e");
  await page.locator("#what-if").waitFor();
  await page.keyboard.press("Control+a");
  await page.keyboard.type("no answer at all");
  const row = (name: string) => page.locator(".facts-table tbody tr", { hasText: name });
  await until(async () => (await row("consistency").innerText()).split("\t")[2], "0");
  await until(async () => (await row("Verdict").innerText()).split("\t")[2], "Unparsed");
  await page.getByRole("button", { name: "Back to the recorded text" }).click();
  await until(async () => page.locator(".facts-table .advantage").count(), 0);
});

it("sets the same picture at the next step beside it", async () => {
  const host = await show();
  const { page } = host;
  await page.locator(".rollout-head").waitFor();
  await page.keyboard.press("x");
  await page.locator(".strip-title", { hasText: "The same picture at step 7" }).waitFor();
  expect(await page.locator(".completion-card").count()).toBe(16);
  await page.keyboard.press("x");
  await page.locator(".strip-title", { hasText: "step 13" }).waitFor();
});

it("gives the advantages by other rules, and the path of an own reward", async () => {
  const host = await show();
  const { page } = host;
  await page.locator(".groups .list-body .list-row").nth(1).click();
  await host.command("compareAdvantages");
  const table = page.locator(".advantages-table");
  await table.waitFor();
  expect(await table.locator("tbody tr").count()).toBe(8);
  // GRPO is what was recorded.
  const cells = (await table.locator("tbody tr").first().innerText()).split("\t");
  expect(cells[3]).toBe(cells[2]);
  await host.command("explainScore");
  await page.locator(".trace-step").nth(3).waitFor();
  await page.locator(".trace-line").first().click();
  expect(await host.waitForTell("source/open")).toMatchObject({ line: 11 });
});

it("shows how sure the model was of each token, or what a reward reads, one at a time", async () => {
  const host = await show();
  const { page } = host;
  await page.locator(".rollout-head").waitFor();
  await page.keyboard.press("u");
  const token = page.locator(".rollout .token");
  await token.nth(3).waitFor();
  const written = (await token.allInnerTexts()).join("").replace(/\s/g, "");
  const text = (await page.locator(".rollout .tagged .tag-body").allInnerTexts()).slice(0, 4).join("");
  expect(text.replace(/\s/g, "")).toContain(written.slice(0, 40));
  // By keys; there is one line, of the word that was written.
  await page.locator('.rollout .token[tabindex="0"]').focus();
  await page.keyboard.press("ArrowRight");
  await page.locator('.rollout .token[aria-pressed="true"]').waitFor();
  const lines = page.locator(".token-detail tr");
  await until(() => lines.count(), 1);
  expect(await lines.first().innerText()).toMatch(/\(written\)\s+\d+\.\d %/);
  const chip = page.locator(".reward-chip").first();
  await chip.click();
  await until(() => token.count(), 0);
  expect(await chip.getAttribute("aria-pressed")).toBe("true");
  await host.command("toggleProbabilities");
  await token.first().waitFor();
  expect(await chip.getAttribute("aria-pressed")).toBe("false");
  // Another completion: no word is chosen yet.
  await page.keyboard.press("j");
  await until(() => page.locator(".rollout-head h2").innerText(), "Group 1, completion 0");
  await page.locator(".token-detail", { hasText: "is not recorded" }).waitFor();
  await page.keyboard.press("u");
  await until(() => token.count(), 0);
});

it("opens where a command points, and keeps its place when it is hidden", async () => {
  const query = { ...defaultQuery, filter: { ...defaultQuery.filter, facets: { verdict: ["missed"] } } };
  const host = await show({ wanted: { turn: 1, query, rollout: { step: 12, group: "12/2", index: 3 }, reward: null } });
  const { page } = host;
  await until(() => page.locator(".rollout-head h2").innerText(), "Group 2, completion 3");
  expect(
    await page
      .locator(".facet-value", { hasText: "Missed" })
      .locator("input")
      .evaluate((box) => (box as HTMLInputElement).checked),
  ).toBe(true);
  const saved = await page.evaluate(() => (window as unknown as { savedState: unknown }).savedState);
  expect(saved).toMatchObject({ source: { kind: "run", run: "demo" }, group: { step: 12, group: "12/2" }, place: 3 });
});

it("opens where a command points also when the page was there before its rollouts", async () => {
  const run = await recordedRun();
  const query = { ...defaultQuery, filter: { ...defaultQuery.filter, facets: { verdict: ["missed"] } } };
  const wanted = { turn: 1, query, rollout: { step: 12, group: "12/2", index: 3 }, reward: null };
  const { overview, ...early } = explorerState(run, { wanted });
  open = await FakeHost.open(explorerPanel, { ...early, overview: null }, explorerAnswers(run), {});
  await open.page.locator(".empty", { hasText: "Loading" }).waitFor();
  await open.change("overview/changed", { overview, error: null });
  await until(() => open!.page.locator(".rollout-head h2").innerText(), "Group 2, completion 3");
  await until(async () => (await status(open!)).includes("of 1,280"), true);
});

it("explains the reward that set a completion apart, else the one that a person came from", async () => {
  const run = await recordedRun();
  const reward = (name: string) => ({ name, uri: `file:///rewards/${name}.reward.ts` });
  const functions = ["another", "iad-r1/accuracy", "iad-r1/consistency"].map(reward);
  const group = await run.explorer.group(run.folder, 2, "2/0", defaultQuery);
  const scores = (name: string) => group.rollouts.map(({ rewards }) => rewards[name] ?? 0);
  const pull = (name: string, at: number) =>
    Math.abs(scores(name)[at]! - scores(name).reduce((sum, each) => sum + each, 0) / scores(name).length);
  const rollout = { step: 2, group: "2/0", index: 0 };
  const names = ["iad-r1/accuracy", "iad-r1/consistency"];
  const telling = names.sort((a, b) => pull(b, 0) - pull(a, 0))[0]!;
  const host = await show({ functions, wanted: { turn: 1, query: null, rollout, reward: null } });
  const { page } = host;
  await until(() => page.locator(".rollout-head h2").innerText(), "Group 0, completion 0");
  await page.keyboard.press("d");
  expect(await host.waitForTell("rollout/debug")).toMatchObject({ rollout, function: { name: telling } });
  await host.change("wanted/changed", { turn: 2, query: null, rollout: null, reward: functions[0]! });
  await page.keyboard.press("d");
  expect(await host.waitForTell("rollout/debug", 1)).toMatchObject({ rollout, function: { name: "another" } });
});

it("runs no code of a person before they started live values", async () => {
  const host = await show({ canRun: false });
  await host.page.locator(".rollout-head").waitFor();
  await host.command("explainScore");
  await host.page.getByRole("button", { name: "Start live values" }).click();
  await host.waitForTell("live/start");
  expect(host.received.filter((message) => message.kind === "ask" && message.type === "trace/get")).toEqual([]);
});

it("speaks Chinese", async () => {
  const host = await show({}, "zh-cn");
  await until(() => status(host), "160 组共 1,280 个回答");
  await host.page.locator(".facet-value", { hasText: "漏检" }).waitFor();
});

it("says that a picture has gone since the run, and shows the rest", async () => {
  const run = await recordedRun();
  const answers = { ...explorerAnswers(run), "picture/get": () => Promise.reject(new Error("there is no such file")) };
  open = await FakeHost.open(explorerPanel, explorerState(run, {}), answers, {});
  await open.page.locator(".rollout p", { hasText: "The picture is not there any more" }).waitFor();
  await open.page.locator(".rollout .reward-chip").first().waitFor();
});

it("says the row that a key moves to, also one that was not in sight", async () => {
  const host = await show();
  await host.page.locator(".groups .list-body").focus();
  const said = (end: RegExp) => host.page.getByRole("status").filter({ hasText: end }).waitFor();
  await host.page.keyboard.press("Home");
  await said(/ step \d+ · group 0 .*, 1 of 160$/);
  await host.page.keyboard.press("ArrowDown");
  await said(/ group 1 .*, 2 of 160$/);
  await host.page.keyboard.press("PageDown");
  await said(/ group \d+ .*, \d+ of 160$/);
});

it("keeps nothing of a source when another one is chosen, and comes back with the new one", async () => {
  const host = await show({ flips: "edited" });
  const { page } = host;
  await until(() => page.locator(".rollout-head h2").innerText(), "Group 0, completion 0");
  await page.keyboard.press("j");
  await until(() => page.locator(".rollout-head h2").innerText(), "Group 1, completion 0");
  await page.locator(".facet-value", { hasText: "Missed" }).click();
  const { overview } = explorerState(await recordedRun());
  await host.change("source/changed", { kind: "file", path: "/other.jsonl" });
  await page.locator(".empty", { hasText: "Loading" }).waitFor();
  await host.change("overview/changed", { overview, error: null });
  await until(() => status(host), "1,280 rollouts in 160 groups");
  await until(() => page.locator(".rollout-head h2").innerText(), "Group 0, completion 0");
  expect(await page.locator(".chip", { hasText: "edited" }).count()).toBe(0);
});
