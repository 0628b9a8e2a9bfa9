import { BackOff } from "@iad-r1/client/server/backOff";
import { expect, test } from "vitest";

test("waits twice as long after each failure, up to half a minute", () => {
  const backOff = new BackOff(() => 0);
  const waits = Array.from({ length: 9 }, () => backOff.nextDelayMs(0));
  expect(waits).toEqual([500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000]);
  expect(backOff.count).toBe(9);
});

test("adds up to a quarter of chance", () => {
  expect(new BackOff(() => 1).nextDelayMs(0)).toBe(625);
});

test("starts over after a connection that held for a minute", () => {
  const backOff = new BackOff(() => 0);
  for (let i = 0; i < 5; i++) backOff.nextDelayMs(2000);
  expect(backOff.nextDelayMs(60_000)).toBe(500);
  expect(backOff.count).toBe(1);
});
