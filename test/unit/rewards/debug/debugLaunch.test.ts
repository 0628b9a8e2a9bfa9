/** The program for a debugger: it runs with a rollout's arguments, and its maps lead back to the person's own text. */
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { SourceMap } from "node:module";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { type DebugFile, makeDebugLaunch, removeDebugLaunch } from "@iad-r1/server/rewards/debug/debugLaunch";
import { expect, it } from "vitest";
import { temporaryFolder } from "../../../helpers/temporaryFolder";

const helper = `export type Place = { name: string };
export function place(completion: string): Place | null {
  const name = /<location>(.*)<\\/location>/s.exec(completion)?.[1];
  return name === undefined ? null : { name };
}
`;
const reward = `import { defineReward } from "iad-r1/reward";
import { type Place, place } from "./place";

interface Wanted { solution: string }

export const named = defineReward({
  name: "named",
  score({ completion, solution }: { completion: string } & Wanted): number {
    const found: Place | null = place(completion);
    return found!.name === place(solution)?.name && import.meta.url.endsWith("named.reward.ts") ? 1 : 0;
  },
});
`;

it("maps every module to its file, and runs as it does in the sandbox", async () => {
  const folder = temporaryFolder();
  const path = join(folder, "named.reward.ts");
  writeFileSync(path, reward);
  writeFileSync(join(folder, "place.ts"), helper);
  const text = "<location>top left</location>";
  const row = { group: "g", index: 0, prompt: null, completion: text, solution: text, columns: {} };
  const launch = await makeDebugLaunch({ path, text: reward, name: "named", row, group: [row] });
  try {
    const { start } = JSON.parse(readFileSync(launch.args[0]!, "utf8")) as DebugFile;
    const sources = start.modules.map(({ code }) => {
      const map = JSON.parse(
        Buffer.from(/sourceMappingURL=data:application\/json;base64,(.*)$/.exec(code)![1]!, "base64").toString(),
      ) as { sources: string[]; sourcesContent: string[] };
      return { code, map, file: fileURLToPath(map.sources[0]!) };
    });
    expect(sources.map(({ file }) => file)).toEqual([path, join(folder, "place.ts")]);
    expect(sources.map(({ map }) => map.sourcesContent[0])).toEqual([reward, helper]);
    // The call of place: in what runs, and where the person wrote it.
    const [{ code, map }] = sources as [(typeof sources)[0]];
    const line = code.split("\n").findIndex((one) => one.includes("place(completion)"));
    const column = code.split("\n")[line]!.indexOf("place(completion)");
    const entry = new SourceMap(map as never).findEntry(line, column) as {
      originalLine: number;
      originalColumn: number;
    };
    expect(entry.originalLine).toBe(8);
    expect(reward.split("\n")[8]!.slice(entry.originalColumn)).toMatch(/^place\(completion\)/);
    // No module is loaded under the address of the file itself: the debugger would show what runs in its place.
    expect(start.modules.map(({ url }) => url)).not.toContain(pathToFileURL(path).href);
    const run = spawnSync(process.execPath, [...launch.runtimeArgs, launch.program, ...launch.args], {
      encoding: "utf8",
    });
    expect(run.stdout).toContain('named says {"status":"ok","score":1}');
  } finally {
    await removeDebugLaunch(launch.session);
  }
});
