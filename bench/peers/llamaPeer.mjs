/**
 * The peer of the benchmarks: the same weights in llama.cpp, through node-llama-cpp. Reads one JSON command a line on stdin and answers
 * with one JSON line, as torchPeer.py does. Times are processor seconds of this process, all threads.
 *
 * Commands: {"do": NAME, ...arguments} with NAME one of info, load, generate, quit.
 */
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const library = process.argv[2];
const { getLlama, LlamaLogLevel } = await import(pathToFileURL(join(library, "dist", "index.js")).href);
const { version } = JSON.parse(readFileSync(join(library, "package.json"), "utf8"));

let llama = null;
let model = null;
let context = null;
let sequences = [];

const commands = {
  info: () => ({ "node-llama-cpp": version }),

  /** file, threads, sequences, contextSize (of each sequence) */
  async load({ file, threads, sequences: count, contextSize }) {
    llama ??= await getLlama({ gpu: false, build: "never", skipDownload: true, logLevel: LlamaLogLevel.error });
    llama.maxThreads = threads;
    await context?.dispose();
    await model?.dispose();
    model = await llama.loadModel({ modelPath: file, useMmap: true });
    context = await model.createContext({
      threads,
      sequences: count,
      contextSize,
      batchSize: 512,
      flashAttention: true,
    });
    sequences = Array.from({ length: count }, () => context.getSequence());
    return {};
  },

  /** ids (one row a sequence), tokens: the prompts are read, then `tokens` greedy steps are done for all together; clock: by the clock */
  async generate({ ids, tokens, clock = false }) {
    const seconds = clock ? clockSeconds : processorSeconds;
    for (const sequence of sequences) await sequence.clearHistory();
    const start = seconds();
    await Promise.all(ids.map((row, i) => sequences[i].evaluateWithoutGeneratingNewTokens(row.slice(0, -1))));
    const read = seconds();
    const written = await Promise.all(ids.map((row, i) => write(sequences[i], row.at(-1), tokens)));
    return { read: read - start, write: seconds() - read, first: written[0] };
  },
};

async function write(sequence, last, tokens) {
  const written = [];
  for await (const token of sequence.evaluate([last], { temperature: 0, yieldEogToken: true })) {
    written.push(token);
    if (written.length === tokens) break;
  }
  return written;
}

function clockSeconds() {
  return performance.now() / 1000;
}

function processorSeconds() {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

for await (const line of createInterface(process.stdin)) {
  const command = line.trim() === "" ? { do: "quit" } : JSON.parse(line);
  if (command.do === "quit") break;
  let answer;
  try {
    answer = await commands[command.do](command);
  } catch (error) {
    // The benchmark reports it and goes on without this number.
    answer = { error: `${error.name}: ${error.message}` };
  }
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}
// Leaves without waiting for the library's own threads.
process.exit(0);
