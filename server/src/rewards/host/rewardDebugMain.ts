/**
 * Calls one reward for one rollout in this thread, for a debugger: `node --inspect-brk rewardDebugMain.mjs FILE`. The same loading and calling
 * as in the sandbox, without taking anything away; a person started it. Prints what the reward said.
 */
import { readFileSync } from "node:fs";
import type { DebugFile } from "../debug/debugLaunch";
import { sharedLayout } from "../user/recording";
import { loadModules } from "./loadModules";
import { createScorer } from "./scoreRows";

const file = process.argv[2];
if (file === undefined) {
  console.error("Expected the file of a debug session.");
  process.exit(2);
}
const { start, name, rows } = JSON.parse(readFileSync(file, "utf8")) as DebugFile;
const message = { ...start, kind: "start" as const, sites: null, memoryMb: 0, loadMs: 0 };
const shared = new Int32Array(sharedLayout.length);
// What the code prints goes to the debug console as it is.
const output = { take: () => "" };
const score = createScorer(message, await loadModules(message), { shared, recorder: null, output });
const run = { kind: "run" as const, id: 0, name, rows, wallMs: 0, batchSize: rows.length, seed: 0, pinned: -1 };
const { outcomes } = await score(run, () => undefined);
console.log(`${name} says ${JSON.stringify(outcomes[0])}`);
