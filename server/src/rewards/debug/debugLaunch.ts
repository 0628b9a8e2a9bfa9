/**
 * What an editor's debugger needs to stop in a reward with a rollout's arguments: a file with the program's modules and the rollout, and the
 * program that calls it. The programs are `host/rewardDebugMain.ts` and `engines/python/iadr1_debug.py`: the same calls as in the sandbox,
 * but in the open, because a debugger must reach everything.
 */
import { randomBytes } from "node:crypto";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { RewardError } from "@iad-r1/models/errors";
import type { DebugLaunch } from "@iad-r1/protocol/rewardDebugger";
import type { RolloutRow } from "../../rollouts/row";
import { enginePath } from "../../runtime/engineFile";
import { entryPath } from "../../runtime/entry";
import { blankTypes } from "../user/blankTypes";
import { discoverRewards } from "../user/discover";
import { hostFunction, type StartMessage } from "../user/hostMessages";
import { loadModuleGraph } from "../user/moduleGraph";
import { firstStatementLine } from "./firstLine";

export interface DebugRequest {
  path: string;
  text: string;
  name: string;
  row: RolloutRow;
  /** All completions of its prompt, the row among them. */
  group: RolloutRow[];
}

/** What the programs read. */
export interface DebugFile {
  start: Pick<StartMessage, "entry" | "modules" | "functions" | "isImpure"> & { file: string; source: string };
  name: string;
  /** The rollout first, so that the debugger stops with it. */
  rows: RolloutRow[];
}

const folder = join(tmpdir(), "iad-r1-debug");
const sessionName = /^[0-9a-f]{24}$/;

/** @throws RewardError `reward/unknown-name`, `reward/load` */
export async function makeDebugLaunch({ path, text, name, row, group }: DebugRequest): Promise<DebugLaunch> {
  const program = discoverRewards(path, text);
  const declaration = program.functions.find((one) => one.name === name);
  if (declaration === undefined) {
    throw new RewardError("reward/unknown-name", `${path} has no reward named "${name}".`, {
      hint: "It was renamed or is half typed.",
    });
  }
  const { language } = program;
  const graph =
    language === "typescript" ? loadModuleGraph(path, text, { strip: blankTypes }) : { entry: "", modules: [] };
  const content: DebugFile = {
    start: {
      ...{ entry: graph.entry, modules: graph.modules, functions: [hostFunction(declaration)] },
      ...{ isImpure: declaration.impure, file: path, source: text },
    },
    name,
    rows:
      declaration.scope === "sample" ? [row] : [row, ...group.filter((one) => one !== row && one.index !== row.index)],
  };
  const session = randomBytes(12).toString("hex");
  const file = join(folder, `${session}.json`);
  // The rollout may be of private data: only this person may read it.
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await writeFile(file, JSON.stringify(content), { mode: 0o600 });
  const isScript = language === "typescript";
  return {
    ...{ language, session, args: [file], cwd: dirname(path) },
    program: isScript ? entryPath("rewardDebugMain") : enginePath("python/iadr1_debug.py"),
    runtimeArgs: isScript ? ["--no-warnings", "--experimental-vm-modules"] : [],
    breakpoint: { path, line: firstStatementLine(text, declaration) },
  };
}

export async function removeDebugLaunch(session: string): Promise<void> {
  if (sessionName.test(session)) await rm(join(folder, `${session}.json`), { force: true });
}
