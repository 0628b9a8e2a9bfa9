/**
 * What every command gets: where to print, whether a program or a person reads, and when to stop.
 * Results go to stdout, progress and logs to stderr, so that `--json` output can always be piped.
 */

export interface CliContext {
  /** `--json`: one JSON document on stdout, or one line per item where the command streams. */
  readonly json: boolean;
  /** A person watches stderr on a terminal that can redraw lines. */
  readonly interactive: boolean;
  /** Columns of the terminal, 80 when unknown. */
  readonly columns: number;
  /** Colours on stdout and stderr (a terminal, and NO_COLOR is not set). */
  readonly colour: boolean;
  /** Aborted by the first Ctrl-C: finish the step, save, end with exit code 130. */
  readonly signal: AbortSignal;
  /** Prints a line of the result. */
  print(line: string): void;
  /** Prints one JSON value as one line of the result. */
  printJson(value: unknown): void;
  /** Tells the person something that is not the result. */
  log(line: string): void;
  /** Makes the process end with this code although the command returns normally (a failed check, say). */
  fail(): void;
}

export function createContext(options: { json: boolean; signal: AbortSignal }): CliContext & { exitCode: number } {
  const context = {
    json: options.json,
    interactive: process.stderr.isTTY === true && process.env.TERM !== "dumb" && process.env.CI !== "true",
    columns: process.stderr.columns ?? 80,
    colour: process.stdout.isTTY === true && process.env.NO_COLOR === undefined,
    signal: options.signal,
    exitCode: 0,
    print: (line: string) => void process.stdout.write(`${line}\n`),
    printJson: (value: unknown) => void process.stdout.write(`${JSON.stringify(value)}\n`),
    log: (line: string) => void process.stderr.write(`${line}\n`),
    fail: () => {
      context.exitCode = 1;
    },
  };
  return context;
}
