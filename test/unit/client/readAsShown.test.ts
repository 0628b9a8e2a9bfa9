/** What a screen reader gets of a row whose tooltip says something else. */
import { readAsShown } from "@iad-r1/client/views/readAsShown";
import { expect, test } from "vitest";

test("a row is read with its name and facts, not as its tooltip", () => {
  const row = (label: string, description: string) =>
    readAsShown({ label, description, tooltip: "/data/parts" }).accessibilityInformation?.label;
  expect(row("sample", "training · 19 normal, 21 with defects")).toBe("sample, training · 19 normal, 21 with defects");
  expect(row("Step 6 of PA-SFT", "")).toBe("Step 6 of PA-SFT");
});
