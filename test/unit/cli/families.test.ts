import { familiesOf } from "@iad-r1/server/cli/families";
import { Command } from "commander";
import { expect, test } from "vitest";

/** What a family really adds. */
async function commandsOf(family: ReturnType<typeof familiesOf>[number]): Promise<string[]> {
  const program = new Command();
  (await family.load())(program);
  return program.commands.map((command) => command.name());
}

test("each family names the commands it adds, and each command is found by its name alone", async () => {
  const all = familiesOf(undefined);
  expect(all.length).toBeGreaterThan(10);
  for (const family of all) {
    expect(await commandsOf(family)).toEqual(family.names);
    for (const name of family.names) expect(familiesOf(name)).toEqual([family]);
  }
});

test("a word that is no command gets all of them, as help and suggestions need", () => {
  expect(familiesOf("inspekt")).toEqual(familiesOf(undefined));
  expect(familiesOf("constructor")).toEqual(familiesOf(undefined));
});
