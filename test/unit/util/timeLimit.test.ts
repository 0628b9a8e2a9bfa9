import { TimeLimitError, withTimeLimit } from "@iad-r1/models/util/timeLimit";
import { expect, it } from "vitest";

it("code that computes for ever is interrupted, and the next call works", () => {
  const forever = () => {
    for (;;);
  };
  expect(() => withTimeLimit(50, forever)).toThrow(TimeLimitError);
  expect(withTimeLimit(10_000, () => 7)).toBe(7);
});

it("a process that was kept waiting is not blamed on the code: it begins anew with more time", () => {
  let calls = 0;
  const sleepOnce = () => {
    calls++;
    // Waits and computes nothing, as on a machine whose processors are all taken.
    if (calls === 1) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 60_000);
    return calls;
  };
  expect(withTimeLimit(2000, sleepOnce)).toBe(2);
});

it("what the code throws passes through", () => {
  const failure = new Error("mine");
  const fail = () => {
    throw failure;
  };
  expect(() => withTimeLimit(10_000, fail)).toThrow(failure);
});
