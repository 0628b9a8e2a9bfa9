/** Scrolling through the groups of a hundred thousand rollouts: rows are there before they come into sight. */
import type { ExploreQuery, GroupRow } from "@iad-r1/protocol/rollouts";
import { explorerPanel } from "@iad-r1/protocol/webview";
import { afterAll, expect, it } from "vitest";
import { closeBrowser } from "./helpers/browser";
import { expectNoFaults, FakeHost } from "./helpers/fakeHost";
import { explorerAnswers, explorerState, recordedRun } from "./helpers/rollouts";

afterAll(closeBrowser);

const numGroups = 12_500;

function groupRow(place: number): GroupRow {
  return {
    ...{ step: Math.floor(place / 10), group: `${Math.floor(place / 10)}/${place % 10}`, sampleId: `row ${place}` },
    ...{ prompt: "", picture: null, label: "normal", size: 8, matches: 8, std: 0.5, mean: 1 },
    ...{ totals: [0, 0, 1, 1, 1, 1, 2, 2], advantages: [-1, -1, 0, 0, 0, 0, 1, 1] },
  };
}

it("shows no empty row while a person scrolls on, and the rows of a far place soon after a jump", async () => {
  const run = await recordedRun();
  const real = explorerAnswers(run);
  const asked: number[] = [];
  let numUnanswered = 0;
  let gate = Promise.resolve();
  const host = await FakeHost.open(
    explorerPanel,
    explorerState(run),
    {
      ...real,
      "query/get": async (query: never) => {
        const answer = await (real["query/get"]!(query) as Promise<object>);
        return { ...answer, numGroups, numRollouts: numGroups * 8 };
      },
      "groups/get": async ({ offset, limit }: { query: ExploreQuery; offset: number; limit: number }) => {
        asked.push(offset);
        numUnanswered++;
        await gate;
        numUnanswered--;
        const count = Math.min(limit, numGroups - offset);
        return { total: numGroups, rows: Array.from({ length: count }, (_, i) => groupRow(offset + i)) };
      },
      "place/get": () => 0,
    },
    { viewport: { width: 1440, height: 900 } },
  );
  const { page } = host;
  await page.locator(".list-row", { hasText: "row 3" }).first().waitFor();
  await page.evaluate(() => {
    // Looks after every drawing whether a row in sight has nothing in it yet.
    const body = document.querySelector(".groups .list-body")!;
    const seen = { blank: 0, frames: 0, blankSinceMs: 0, longestBlankMs: 0 };
    Object.assign(window, { seen });
    const look = () => {
      const { top, bottom } = body.getBoundingClientRect();
      const inSight = [...body.querySelectorAll(".list-row")].filter((row) => {
        const box = row.getBoundingClientRect();
        return box.bottom > top && box.top < bottom;
      });
      const isBlank = inSight.length === 0 || inSight.some((row) => row.querySelector(".group-name") === null);
      seen.frames++;
      if (isBlank) {
        seen.blank++;
        if (seen.blankSinceMs === 0) seen.blankSinceMs = performance.now();
        seen.longestBlankMs = Math.max(seen.longestBlankMs, performance.now() - seen.blankSinceMs);
      } else seen.blankSinceMs = 0;
      requestAnimationFrame(look);
    };
    requestAnimationFrame(look);
  });
  type Seen = { blank: number; frames: number; longestBlankMs: number };
  const seen = () => page.evaluate(() => ({ ...(window as unknown as { seen: Seen }).seen }));
  for (let turn = 0; turn < 120; turn++) {
    // Ten rows at a turn.
    await page.locator(".groups .list-body").evaluate((body) => {
      body.scrollTop += 460;
    });
    await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
    // What is asked for with this turn is there before the next: how long this process takes to answer says nothing about the page.
    while (numUnanswered > 0) await new Promise((done) => setTimeout(done, 1));
  }
  const steady = await seen();
  expect(steady.frames).toBeGreaterThan(120);
  expect(steady.blank, `of ${steady.frames} drawings`).toBe(0);
  await page.locator(".list-row", { hasText: "row 1200" }).first().waitFor();

  // Dragging the bar from end to end does not ask for all that lies between: while nothing comes back, two pages are on their way.
  const before = asked.length;
  let open = () => {};
  gate = new Promise((resolve) => {
    open = resolve;
  });
  for (let place = 1; place <= 60; place++) {
    const target = (place / 60) * numGroups * 46;
    await page.locator(".groups .list-body").evaluate((body, at) => {
      body.scrollTop = at;
      return new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
    }, target);
  }
  expect(asked.length - before).toBe(2);
  open();
  await page.locator(".list-row", { hasText: `row ${numGroups - 1}` }).waitFor();
  expect(asked.length - before).toBeLessThan(10);
  const { longestBlankMs } = await seen();
  expect(longestBlankMs).toBeGreaterThan(0);
  expectNoFaults(host as never);
  await host.close();
});
