import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { expect, test } from "vitest";

const root = join(import.meta.dirname, "../../..");
const picture = join(root, "samples/real/images/ball_screw/ball_screw_001.jpg");

function inspect(...images: string[]) {
  const options = ["--json", "--device", "cpu", "--threads", "1", "--max-tokens", "4"];
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [join(root, "bin/iad-r1"), "inspect", ...options, ...images],
    { encoding: "utf8" },
  );
  return {
    status,
    stderr,
    lines: stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line)),
  };
}

test("a picture that cannot be read is told and the others are still looked at", () => {
  const { status, stderr, lines } = inspect("missing.png", picture);
  expect(lines).toEqual([
    { image: "missing.png", error: expect.objectContaining({ code: "data/missing-image" }) },
    expect.objectContaining({ image: picture, tokens: expect.objectContaining({ completion: 4 }) }),
  ]);
  expect(stderr).toContain("error: missing.png: there is no such file.");
  expect(status).toBe(1);
}, 60_000);

test("a picture alone that cannot be read ends the command", () => {
  const { status, lines } = inspect("missing.png");
  expect(lines).toEqual([{ error: expect.objectContaining({ code: "data/missing-image" }) }]);
  expect(status).toBe(1);
}, 60_000);
