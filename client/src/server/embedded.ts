/** Starts the server that comes with the extension, as a process of its own that speaks over its standard streams. */
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { once } from "node:events";
import { StreamMessageReader, StreamMessageWriter } from "vscode-languageclient/node";
import { NoServerError, type Transport } from "./transport";
import * as messages from "../messages";

export interface EmbeddedOptions {
  /** The server's bundle. */
  module: string;
  /** A Node program; empty for the one that runs this extension. */
  command: string;
  nodeArgs: readonly string[];
  env: Readonly<Record<string, string>>;
  folder: string | undefined;
  /** Receives what the server writes beside its messages, line by line. */
  onLine(line: string): void;
}

/** How long a server may take to leave after its input ended. */
const graceMs = 5000;

export async function startEmbedded(options: EmbeddedOptions): Promise<Transport> {
  const command = options.command === "" ? process.execPath : options.command;
  const child = spawn(command, [...options.nodeArgs, options.module, "--stdio"], {
    cwd: options.folder,
    // Where VS Code's own program runs extensions, it behaves as Node only with this variable.
    env: { ...process.env, ELECTRON_RUN_AS_NODE: "1", ...options.env },
    windowsHide: true,
  });
  const ended = new Promise<string>((resolve) => {
    child.on("exit", (code, signal) =>
      resolve(signal === null ? messages.processEnded(code) : messages.processKilled(signal)),
    );
    child.on("error", (error) => resolve(error.message));
  });
  lines(child, options.onLine);
  // Without a listener, writing to a server that is gone would end the extension host.
  child.stdin.on("error", () => {});
  try {
    await once(child, "spawn");
  } catch (error) {
    throw new NoServerError(messages.cannotStart(command, (error as Error).message), messages.checkCommand());
  }
  return {
    reader: new StreamMessageReader(child.stdout),
    writer: new StreamMessageWriter(child.stdin),
    ended,
    close: () => end(child, ended),
  };
}

async function end(child: ChildProcessWithoutNullStreams, ended: Promise<string>): Promise<void> {
  child.stdin.end();
  const timer = setTimeout(() => child.kill("SIGKILL"), graceMs);
  await ended;
  clearTimeout(timer);
}

function lines(child: ChildProcessWithoutNullStreams, onLine: (line: string) => void): void {
  let rest = "";
  child.stderr.setEncoding("utf8");
  child.stderr.on("data", (chunk: string) => {
    const parts = (rest + chunk).split(/\r?\n/);
    rest = parts.pop()!.slice(-100_000);
    for (const line of parts) onLine(line);
  });
}
