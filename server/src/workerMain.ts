/**
 * Entry of one run's own process: does the run whose folder it is given, says everything into that folder, and listens to the wishes
 * there. Nobody needs to be connected: it goes on when the editor, the server or the terminal is closed. Knows no editor.
 */
import { dirname, resolve } from "node:path";
import { formatError } from "@iad-r1/models/errors";
import { RunControl } from "./runs/control";
import { readManifest } from "./runs/manifest";
import { runTraining } from "./runs/postTrain";

const folder = resolve(process.argv[2] ?? "");
const stop = new AbortController();
/** Asked again, the process ends at once. */
const onSignal = () => (stop.signal.aborted ? process.exit(130) : stop.abort());
process.on("SIGTERM", onSignal);
process.on("SIGINT", onSignal);
// A terminal that is closed does not take the run with it.
process.on("SIGHUP", () => undefined);

const control = new RunControl(folder, () => stop.abort());
let exitCode = 0;
try {
  const { state, error } = await runTraining(readManifest(folder).kind, null, {
    ...{ resume: folder, runsFolder: dirname(folder), signal: stop.signal, pauses: control },
    exchangeRewards: process.argv.includes("--exchange-rewards"),
    onEvent: () => undefined,
  });
  if (state === "failed") {
    console.error(error?.message ?? "The run failed.");
    exitCode = 1;
  }
} catch (error) {
  // What was wrong before the run could be opened; its folder is as it was.
  console.error(formatError(error));
  exitCode = 2;
} finally {
  control.close();
}
// Leaves without unloading drivers, some of which crash when they are.
process.exit(exitCode);
