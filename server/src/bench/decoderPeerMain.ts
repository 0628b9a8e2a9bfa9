/**
 * Our side of `decoderPeers.ts`, a process like those of the others and started as they are (`PeerProcess`). Reads one JSON command a line
 * on stdin and answers with one JSON line.
 *
 * Commands: {"do": "load", folder, threads}, {"do": "generate", ids, tokens, clock}, {"do": "quit"}.
 */
import { createInterface } from "node:readline";
import type { ReadWriteJob } from "./decoderPeers";
import { DecoderRun } from "./decoderRun";

type Command = { do: "load"; folder: string; threads: number } | ({ do: "generate" } & ReadWriteJob) | { do: "quit" };

let decoder: DecoderRun | null = null;

async function answer(command: Command): Promise<object> {
  if (command.do === "load") {
    decoder = await DecoderRun.open(command.folder, command.threads);
    return {};
  }
  if (command.do === "generate") return decoder!.run(command.ids, command.tokens, command.clock);
  process.exit(0);
}

for await (const line of createInterface(process.stdin)) {
  const result = await answer(JSON.parse(line) as Command).catch((error: Error) => ({ error: error.message }));
  process.stdout.write(`${JSON.stringify(result)}\n`);
}
