import { resolve } from "node:path";
import { pathBelow } from "@iad-r1/models/util/pathBelow";
import { expect, test } from "vitest";

test("the way into a folder, and null for what lies elsewhere", () => {
  const folder = resolve("/data/set");
  expect(pathBelow(folder, resolve("/data/set/images/a.png"))).toBe("images/a.png");
  expect(pathBelow(folder, folder)).toBe("");
  expect(pathBelow(folder, resolve("/data/set/..a.png"))).toBe("..a.png");
  expect(pathBelow(folder, resolve("/data/settled/a.png"))).toBeNull();
  expect(pathBelow(folder, resolve("/data"))).toBeNull();
});
