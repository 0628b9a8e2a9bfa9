/** Keeping up with a run folder that another process writes: every event once, also behind a line that a crash cut off. */
import { appendFileSync } from "node:fs";
import { join } from "node:path";
import type { RunEvent } from "@iad-r1/protocol/runs";
import { RunFollower } from "@iad-r1/server/runs/follow";
import { openJournal } from "@iad-r1/server/runs/journal";
import { expect, test } from "vitest";
import { temporaryFolder } from "../../helpers/temporaryFolder";

function log(seq: number, message: string): RunEvent {
  return { runId: "r", seq, timeMs: 1, type: "log", level: "info", code: "a", message };
}

function append(path: string, ...events: RunEvent[]): void {
  const journal = openJournal(path);
  for (const event of events) journal.append(event);
  journal.close();
}

test("a line that a crash cut off takes none of those with it that are written in its place", async () => {
  const folder = temporaryFolder();
  const path = join(folder, "events.jsonl");
  append(path, log(1, "before"));
  const cut = Buffer.from(JSON.stringify(log(2, "断")));
  appendFileSync(path, cut.subarray(0, cut.lastIndexOf("断") + 2));
  const follower = new RunFollower(folder);
  expect((await follower.look()).events.map(({ seq }) => seq)).toEqual([1]);
  append(path, log(2, "a longer text than the one before"), log(3, "断"));
  expect((await follower.look()).events).toEqual([log(2, "a longer text than the one before"), log(3, "断")]);
});

test("a line longer than what is read at once is read whole", async () => {
  const folder = temporaryFolder();
  const path = join(folder, "events.jsonl");
  const long = log(1, "断".repeat(300_000));
  append(path, long, log(2, "behind"));
  const follower = new RunFollower(folder);
  await follower.look();
  expect(follower.events).toEqual([long, log(2, "behind")]);
});
