/** Runs one command: context in, exit code out. Every error of every command is printed here and nowhere else. */
import { writeError } from "@iad-r1/models/checkpoint/atomicFile";
import { AppError, CancelledError, formatError } from "@iad-r1/models/errors";
import { type Command, CommanderError } from "commander";
import { type CliContext, createContext } from "./context";

/** Turns a command body into a commander action with a context made from the global options. */
export type Action = (context: CliContext, command: Command) => Promise<void>;

/** Aborted by the first Ctrl-C. */
export const interrupt = new AbortController();

/** How the process will end; written by the command that ran. */
export const outcome = { exitCode: 0 };

/** Runs a command body; every error ends here, as one message and one exit code. */
export function action(body: Action) {
  return async (...args: unknown[]): Promise<void> => {
    const command = args.at(-1) as Command;
    const json = Boolean(command.optsWithGlobals().json);
    const context = createContext({ json, signal: interrupt.signal });
    try {
      await body(context, command);
      outcome.exitCode = context.signal.aborted ? 130 : context.exitCode;
    } catch (error) {
      if (error instanceof CommanderError) throw error; // wrong usage: exit code 2
      outcome.exitCode = report(error, context);
    }
  };
}

/** What the system says about a file that is written is told as our own errors tell it; everything that is read is checked before. */
function asAppError(error: unknown): unknown {
  if (error instanceof AppError || !(error instanceof Error)) return error;
  const { syscall, path } = error as NodeJS.ErrnoException;
  return syscall === undefined ? error : writeError(path ?? "The output", error);
}

/** Prints an error as every command does; gives the exit code. */
export function report(raised: unknown, context: CliContext): number {
  const error = asAppError(raised);
  if (CancelledError.is(error) || context.signal.aborted) {
    if (context.json) context.printJson({ error: { code: "cancelled", message: "Interrupted." } });
    else context.log("Interrupted.");
    return 130;
  }
  if (context.json) {
    const { code, message, hint, where } =
      error instanceof AppError
        ? error
        : { code: "internal", message: formatError(error), hint: undefined, where: undefined };
    context.printJson({ error: { code, message, hint, where } });
  }
  context.log(`error: ${formatError(error)}`);
  if (!(error instanceof AppError) && process.env.IADR1_DEBUG !== undefined) console.error(error);
  return 1;
}
