/**
 * A debugger in a TypeScript reward: it stops in the person's own file, at the line and column that stand there, with the rollout's
 * arguments. Spoken as an editor's debugger speaks, to the inspector of the process that an editor starts.
 */
import { spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";
import { makeDebugLaunch, removeDebugLaunch } from "@iad-r1/server/rewards/debug/debugLaunch";
import { expect, onTestFinished, test } from "vitest";
import { WebSocket } from "ws";
import { buildEntry } from "../../../helpers/buildEntry";
import { locationReward } from "../../../helpers/rewardFixture";
import { temporaryFolder } from "../../../helpers/temporaryFolder";

interface Message {
  id?: number;
  method?: string;
  params: Record<string, unknown>;
  result: Record<string, unknown>;
}

/** Requests and events of the inspector. */
async function inspect(address: string) {
  const socket = new WebSocket(address);
  await new Promise((resolve, reject) => socket.once("open", resolve).once("error", reject));
  const seen: Message[] = [];
  const waiting = new Set<() => void>();
  socket.on("message", (data) => {
    seen.push(JSON.parse(String(data)) as Message);
    for (const look of waiting) look();
  });
  const find = (fits: (message: Message) => boolean, from = 0) =>
    new Promise<Message>((resolve) => {
      const look = () => {
        const found = seen.slice(from).find(fits);
        if (found === undefined) return;
        waiting.delete(look);
        resolve(found);
      };
      waiting.add(look);
      look();
    });
  let lastId = 0;
  const ask = async (method: string, params: Record<string, unknown> = {}) => {
    const id = ++lastId;
    socket.send(JSON.stringify({ id, method, params }));
    return (await find((message) => message.id === id)).result;
  };
  const event = (method: string, from = 0) => find((message) => message.method === method, from);
  return { ask, event, find, count: () => seen.length, close: () => socket.close() };
}

/** The same reward in JavaScript with `require`. */
const commonReward = locationReward
  .replace(/import (.*) from (.*);/, "const $1 = require($2);")
  .replace("export const location", "exports.location")
  .replace(": { completion: string; solution: string }", "");

test.each([
  ["location.reward.ts", locationReward],
  ["location.reward.cjs", commonReward],
])("the debugger stops in the person's own file, at the line and column that stand there: %s", async (name, source) => {
  const path = join(temporaryFolder(), name);
  writeFileSync(path, source);
  const row = { group: "g", index: 2, prompt: "?", completion: "<location>center</location>", columns: {} };
  const rollout = { ...row, solution: "<location>top left</location>" };
  const launch = await makeDebugLaunch({
    path,
    text: source,
    name: "location",
    row: rollout,
    group: [rollout],
  });
  onTestFinished(() => removeDebugLaunch(launch.session));
  const program = await buildEntry("server/src/rewards/host/rewardDebugMain.ts");
  const child = spawn(process.execPath, [...launch.runtimeArgs, "--inspect-brk=127.0.0.1:0", program, ...launch.args], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  const ended = new Promise((resolve) => child.once("exit", resolve));
  let address = "";
  for await (const line of createInterface({ input: child.stderr })) {
    address = /ws:\/\/\S+/.exec(line)?.[0] ?? "";
    if (address !== "") break;
  }
  const inspector = await inspect(address);
  onTestFinished(() => inspector.close());
  await inspector.ask("Runtime.enable");
  await inspector.ask("Debugger.enable");
  const url = pathToFileURL(path).href;
  const { line } = launch.breakpoint;
  expect(source.split("\n")[line]).toContain("const found =");
  await inspector.ask("Debugger.setBreakpointByUrl", { url, lineNumber: line });
  await inspector.ask("Runtime.runIfWaitingForDebugger");
  // It first waits at the beginning of the program.
  await inspector.event("Debugger.paused");
  const from = inspector.count();
  await inspector.ask("Debugger.resume");
  const { callFrames } = (await inspector.event("Debugger.paused", from)).params as {
    callFrames: { callFrameId: string; location: { scriptId: string; lineNumber: number; columnNumber: number } }[];
  };
  const [{ callFrameId, location }] = callFrames as [(typeof callFrames)[number]];
  const parsed = await inspector.find(({ method, params }) => {
    return method === "Debugger.scriptParsed" && params.scriptId === location.scriptId;
  });
  expect(parsed.params.url).toBe(url);
  expect(location.lineNumber).toBe(line);
  // At the call in `const found = /…/.exec(completion)`, where it stands with the types before it.
  const script = String(
    (await inspector.ask("Debugger.getScriptSource", { scriptId: location.scriptId })).scriptSource,
  );
  const lines = source.split("\n");
  expect(script.split("\n").map((text) => text.length)).toEqual(lines.map((text) => text.length));
  expect(lines[line]!.slice(location.columnNumber)).toMatch(/^(\/<location>|exec\()/);
  const expression = "JSON.stringify([completion, solution])";
  const given = await inspector.ask("Debugger.evaluateOnCallFrame", { callFrameId, expression });
  expect(JSON.parse((given.result as { value: string }).value)).toEqual([row.completion, rollout.solution]);

  const said = inspector.event("Runtime.consoleAPICalled");
  await inspector.ask("Debugger.resume");
  expect(JSON.stringify((await said).params)).toContain("location says");
  inspector.close();
  await ended;
  expect(child.exitCode).toBe(0);
});
