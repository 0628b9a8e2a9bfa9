/** Wishes of a person for a run, as the run hears them. */
import { getEventListeners } from "node:events";
import { RunControl, writeWish } from "@iad-r1/server/runs/control";
import { expect, onTestFinished, test } from "vitest";
import { temporaryFolder } from "../../helpers/temporaryFolder";

test("a run that was paused and went on often listens to its stop once at most", async () => {
  const folder = temporaryFolder();
  const control = new RunControl(folder, () => undefined);
  onTestFinished(() => control.close());
  const { signal } = new AbortController();
  for (let pause = 0; pause < 3; pause++) {
    control.request();
    const released = control.released(signal);
    expect(getEventListeners(signal, "abort")).toHaveLength(1);
    writeWish(folder, "run");
    await released;
  }
  expect(getEventListeners(signal, "abort")).toHaveLength(0);
});
