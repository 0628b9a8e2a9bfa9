/** The name that a new project is offered. */
import { proposedName } from "@iad-r1/client/projectName";
import { expect, test } from "vitest";

test.each([
  ["line 2", "line-2"],
  ["检测", "inspection"],
  ["产线 line-2（新）", "line-2"],
  ["--", "inspection"],
  ["a".repeat(80), "a".repeat(60)],
])("%s is offered as %s", (folder, name) => {
  expect(proposedName(folder)).toBe(name);
});
