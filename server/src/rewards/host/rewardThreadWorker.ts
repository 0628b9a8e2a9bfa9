/**
 * Entry of the thread in which TypeScript rewards run. It takes away what pure code must not have, loads the modules it was handed,
 * calls the functions, and turns whatever they give into outcomes. It knows no files.
 */
import { parentPort, workerData } from "node:worker_threads";
import { RewardError } from "@iad-r1/models/errors";
import { makeRecorder } from "../live/recorder";
import type { FromHost, RunMessage, StartMessage } from "../user/hostMessages";
import { recorderName } from "../user/recording";
import { captureConsole } from "./captureConsole";
import { loadModules, lineInFile } from "./loadModules";
import { createScorer } from "./scoreRows";

const { start, shared: sharedBuffer } = workerData as { start: StartMessage; shared: SharedArrayBuffer };
const shared = new Int32Array(sharedBuffer);
const port = parentPort!;
const output = captureConsole();
if (!start.isImpure) removePowers();

try {
  const recorder = start.sites === null ? null : makeRecorder(start.sites, shared);
  // Plain code may not use the recorder's name either, so that a file means the same both ways.
  Reflect.set(globalThis, recorderName, recorder?.hooks);
  const namespace = await loadModules(start);
  const score = createScorer(start, namespace, { shared, recorder, output });
  port.on("message", (message: RunMessage) => {
    const announceBatch = () => send({ kind: "batch", id: message.id });
    score(message, announceBatch).then(
      (result) => send({ kind: "result", id: message.id, result }),
      (error: unknown) => sendFailure(error),
    );
  });
  send({ kind: "ready" });
} catch (error) {
  sendFailure(error);
}

function send(message: FromHost): void {
  port.postMessage(message);
}

function sendFailure(error: unknown): void {
  const line = lineInFile(error, start.entry);
  const place = { line, siteId: null, row: null };
  if (error instanceof RewardError) {
    // One of ours: a whole sentence, with a cure of its own.
    const { message, hint } = error;
    send({ kind: "failed", code: "reward/load", message, ...place, ...(hint !== undefined && { hint }) });
    return;
  }
  const message = error instanceof Error ? `${error.name}: ${error.message}` : `It threw ${String(error)}.`;
  send({ kind: "failed", code: "reward/load", message, ...place });
}

/** Pure code has no files, no network and no processes. Node's own code keeps its references. */
function removePowers(): void {
  const names = ["process", "fetch", "WebSocket", "EventSource", "XMLHttpRequest", "navigator", "require", "module"];
  for (const name of [...names, "BroadcastChannel", "Worker"]) {
    Reflect.deleteProperty(globalThis, name);
  }
}
