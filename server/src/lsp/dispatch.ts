/**
 * The one door for requests: checks the parameters, turns the token into a signal, and answers whatever happens. A handler that fails or
 * hangs harms only its own request.
 */
import { AppError, ConfigError, formatError } from "@iad-r1/models/errors";
import type { WireError } from "@iad-r1/protocol/runs";
import type { CancellationToken, Connection, RequestType, RequestType0 } from "vscode-languageserver";
import type { z } from "zod";
import { signalOf, toResponseError } from "./convert";

export class Dispatcher {
  /** @param log gets what a person cannot be expected to mend */
  constructor(
    private readonly connection: Connection,
    private readonly log: (message: string) => void,
  ) {}

  /** @param schema of the parameters; keys that it does not know are ignored */
  on<P, R>(
    type: RequestType<P, R, WireError>,
    schema: z.ZodType<P>,
    handle: (params: P, signal: AbortSignal) => Promise<R> | R,
  ): void {
    this.connection.onRequest(type.method, (params: unknown, token: CancellationToken) =>
      this.answer(type.method, token, (signal) => handle(checked(schema, params, type.method), signal)),
    );
  }

  on0<R>(type: RequestType0<R, WireError>, handle: (signal: AbortSignal) => Promise<R> | R): void {
    // Some clients send `null` or `{}` where there are no parameters.
    this.connection.onRequest(type.method, (...args: unknown[]) =>
      this.answer(type.method, args.at(-1) as CancellationToken, (signal) => handle(signal)),
    );
  }

  /** For requests of LSP itself. */
  async answer<R>(
    method: string,
    token: CancellationToken,
    handle: (signal: AbortSignal) => Promise<R> | R,
  ): Promise<R> {
    const { signal, done } = signalOf(token);
    try {
      return await handle(signal);
    } catch (error) {
      if (!(error instanceof AppError)) {
        this.log(`${method}: ${error instanceof Error ? (error.stack ?? error.message) : formatError(error)}`);
      }
      throw toResponseError(error);
    } finally {
      done();
    }
  }
}

/** @throws ConfigError `server/params` */
function checked<P>(schema: z.ZodType<P>, params: unknown, method: string): P {
  const result = schema.safeParse(params);
  if (result.success) return result.data;
  const issue = result.error.issues[0]!;
  const what = issue.message
    .replace(/^Invalid input: /, "")
    .replace("received undefined", "got nothing")
    .replace("received", "got");
  throw new ConfigError("server/params", `${method}: ${issue.path.join(".") || "parameters"}: ${what}.`, {
    hint: "The editor and the server are of different versions, or this is a bug.",
    show: "log",
  });
}
