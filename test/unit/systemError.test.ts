/** What the file system refuses, in words; everything else stays what it is. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { AppError, ResourceError } from "@iad-r1/models/errors";
import { asAppError } from "@iad-r1/models/systemError";
import { decodeError, encodeError } from "@iad-r1/server/runtime/workerMessages";
import { toWireError } from "@iad-r1/server/runs/recorder";
import { expect, it } from "vitest";
import { temporaryFolder } from "../helpers/temporaryFolder";

function raisedBy(act: () => unknown): unknown {
  try {
    act();
  } catch (error) {
    return error;
  }
  throw new Error("nothing was raised");
}

it("says what is wrong with a file, and which", () => {
  const folder = temporaryFolder();
  const missing = join(folder, "none.json");
  expect(toWireError(raisedBy(() => readFileSync(missing)))).toMatchObject({
    code: "file/unusable",
    message: `${missing} cannot be used: there is nothing of this name (ENOENT, open).`,
    where: missing,
    hint: expect.stringContaining("Check the path"),
  });
  mkdirSync(join(folder, "a"));
  writeFileSync(join(folder, "b"), "");
  // Reading a folder fails without saying which.
  expect(toWireError(raisedBy(() => readFileSync(join(folder, "a"))))).toMatchObject({
    message: "A file cannot be used: expected a file, got a folder (EISDIR, read).",
  });
  expect(toWireError(raisedBy(() => mkdirSync(join(folder, "b", "c"))))).toMatchObject({
    message: expect.stringContaining("expected a folder on the way to it, got a file"),
  });
});

it("keeps the words on the way out of a worker", () => {
  const error = decodeError(encodeError(raisedBy(() => readFileSync("/none/here"))));
  expect(error).toBeInstanceOf(ResourceError);
  expect(error.message).toContain("there is nothing of this name");
});

it("tells a full disk as such", () => {
  const full = Object.assign(new Error("ENOSPC: no space left"), { code: "ENOSPC", syscall: "write", path: "/a" });
  expect(asAppError(full)).toMatchObject({ code: "disk/full", where: "/a" });
});

it("leaves alone what is not of the file system, and our own errors", () => {
  const own = new AppError("a/b", "c");
  const plain = new TypeError("x is not a function");
  const refused = Object.assign(new Error("refused"), { code: "ECONNREFUSED", syscall: "connect" });
  for (const error of [own, plain, refused, "text", null]) expect(asAppError(error)).toBe(error);
  expect(toWireError(plain)).toMatchObject({ code: "internal" });
});
