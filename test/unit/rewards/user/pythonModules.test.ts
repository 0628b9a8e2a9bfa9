import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openRewards } from "@iad-r1/server/rewards/user/openRewards";
import { importedModules, pythonVersion } from "@iad-r1/server/rewards/user/pythonModules";
import { createHash } from "node:crypto";
import { expect, it } from "vitest";
import { temporaryFolder } from "../../../helpers/temporaryFolder";

function project(files: Record<string, string>): string {
  const folder = temporaryFolder();
  for (const [name, text] of Object.entries(files)) {
    const path = join(folder, name);
    mkdirSync(join(path, ".."), { recursive: true });
    writeFileSync(path, text);
  }
  return folder;
}

const reward =
  "import words\n\n\ndef score(completions, **kwargs):\n    return [words.value(c) for c in completions]\n";

it("a changed sibling is another version of the reward, a package of the interpreter or a stranger is not", async () => {
  const folder = project({ "own.py": reward, "words.py": "LIMIT = 1\n", "other.py": "x = 1\n" });
  const versionOf = async () => {
    const { rewards, close } = openRewards(["own.py"], { folder });
    await close();
    const [{ reward: own }] = rewards as [(typeof rewards)[0]];
    return own.scope === "outside" ? own.version : null;
  };
  const before = await versionOf();
  writeFileSync(join(folder, "other.py"), "x = 2\n");
  expect(await versionOf()).toBe(before);
  writeFileSync(join(folder, "words.py"), "LIMIT = 2\n");
  expect(await versionOf()).not.toBe(before);
});

it("finds modules of every form of import, through each other, once", () => {
  const folder = project({
    "own.py": "",
    "a.py": "from b import c\nimport own\n",
    "b.py": "import a\n",
    "pack/__init__.py": "from . import inner\n",
    "pack/inner.py": "from ..d import e\nfrom .deep.er import f\n",
    "pack/deep/er.py": "",
    "d.py": "",
    "late.py": "",
    "more.py": "",
    "never.py": "",
  });
  const source = `"""import never"""
# import never
import json, a as first, more
from pack import (
    inner,
)
if True: import b
def f(xs):
    from late import g  # only here
    yield from xs
    raise ValueError from never
`;
  const found = [...importedModules(join(folder, "own.py"), source).keys()].map((path) =>
    path.slice(folder.length + 1).replaceAll("\\", "/"),
  );
  expect(found.sort()).toEqual([
    "a.py",
    "b.py",
    "d.py",
    "late.py",
    "more.py",
    "pack/__init__.py",
    "pack/deep/er.py",
    "pack/inner.py",
  ]);
});

it("a file alone has the hash of its text, as its copy in a run has", () => {
  const source = "import json\n";
  expect(pythonVersion(join(temporaryFolder(), "own.py"), source)).toBe(
    createHash("sha256").update(source).digest("hex"),
  );
});
