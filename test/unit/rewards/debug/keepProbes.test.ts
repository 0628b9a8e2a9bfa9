/** Cases that go to the end of a file of expectations, and come back from it as they went in. */
import { appendFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expectationPattern } from "@iad-r1/protocol/rewardDebugger";
import { expectationsOf } from "@iad-r1/server/rewards/debug/expectations";
import { type KeptProbes, keepProbes } from "@iad-r1/server/rewards/debug/keepProbes";
import { afterEach, beforeEach, expect, it } from "vitest";

let root = "";
let reward = "";
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "keep-probes-"));
  mkdirSync(join(root, "rewards"));
  reward = join(root, "rewards/place.reward.ts");
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const awkward = {
  ...{
    name: 'a "quoted": name\n- expect: 1',
    completion: "<location>\n\ttop: left # no\u2028</location>",
    solution: "Yes",
  },
  ...{
    prompt: [{ role: "user", content: "{x}: [y]" }],
    columns: { category: "a: b", boxes: [[1, 2]] },
    expect: "<= 0.2",
  },
};
const plain = { name: "empty", completion: "", solution: null, prompt: null, columns: {}, expect: "> -0.00000001" };

function write(kept: KeptProbes): void {
  mkdirSync(join(kept.path, ".."), { recursive: true });
  appendFileSync(kept.path, kept.text);
}

it("makes the file beside the folder, and says nothing when all of it is there", () => {
  const kept = keepProbes(reward, "place", [awkward, plain], [root])!;
  expect(kept).toMatchObject({ path: join(root, "probes/place.yaml"), isNew: true, end: { line: 0, character: 0 } });
  write(kept);
  const found = expectationsOf(reward, ["place", "other"]);
  expect(found.map(({ name, function: of, expect: wanted, row }) => ({ name, of, wanted, row }))).toMatchObject(
    [awkward, plain].map(({ name, completion, solution, prompt, columns, expect: wanted }) => ({
      ...{ name, of: "place", wanted, row: { completion, solution, prompt, columns } },
    })),
  );
  expect(keepProbes(reward, "place", [plain, awkward], [root])).toBeNull();
  const other = keepProbes(reward, "other", [plain], [root])!;
  expect(other.isNew).toBe(false);
  write(other);
  expect(expectationsOf(reward, ["place", "other"])).toHaveLength(3);
});

it("adds to what a person wrote, with or without a line end, and passes by files that cannot take it", () => {
  mkdirSync(join(root, "probes"));
  const own = "reward: ../rewards/place.reward.ts\ncases:\n  - name: mine\n    completion: x\n    expect: 1";
  writeFileSync(join(root, "probes/place.yaml"), own);
  const kept = keepProbes(reward, "place", [plain], [root])!;
  expect(kept.end).toEqual({ line: 4, character: 13 });
  write(kept);
  expect(expectationsOf(reward, ["place"]).map(({ name }) => name)).toEqual(["mine", "empty"]);

  for (const text of [
    "reward: ../rewards/another.reward.ts\ncases: []\n",
    "reward: ../rewards/place.reward.ts\ncases: [{name: a, completion: b, expect: 1}]\n",
    "cases:\n  - name: a\n    completion: b\n    expect: 1\nreward: ../rewards/place.reward.ts\n",
    "\t: {",
  ]) {
    writeFileSync(join(root, "probes/place.yaml"), text);
    expect(keepProbes(reward, "place", [plain], [root]), text).toMatchObject({
      ...{ path: join(root, "probes/place-2.yaml"), isNew: true },
    });
  }
});

it("keeps what a person may expect in any of its forms, and reads it as it was written", () => {
  const expectations = [">= 1", "0.5", "== -2", "!=0", "< 1e-8", "na", "ERROR", " 3 "];
  for (const [index, wanted] of expectations.entries()) {
    expect(expectationPattern.test(wanted), wanted).toBe(true);
    write(keepProbes(reward, "place", [{ ...plain, name: `${index}`, expect: wanted }], [root])!);
  }
  expect(expectationsOf(reward, ["place"]).map(({ expect: kept }) => kept)).toEqual(expectations);
  for (const text of ["", "one", ">> 1", "1 or 2", "1.", "na 1", "error: 1"]) {
    expect(expectationPattern.test(text), text).toBe(false);
  }
});

it("stays inside of the project", () => {
  const top = join(root, "place.reward.ts");
  expect(keepProbes(top, "place", [plain], [root])!.path).toBe(join(root, "probes/place.yaml"));
  mkdirSync(join(root, "rewards/probes"));
  expect(keepProbes(reward, "place", [plain], [root])!.path).toBe(join(root, "rewards/probes/place.yaml"));
});
