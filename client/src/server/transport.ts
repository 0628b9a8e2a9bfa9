/** What a connection to a server is made of, whoever runs it. */
import type { MessageTransports } from "vscode-languageclient/node";

export interface Transport extends MessageTransports {
  /** Resolves when nothing more will come, with the reason for the log. Never rejects. */
  readonly ended: Promise<string>;
  /** Ends it, whatever it is doing. */
  close(): Promise<void>;
}

/** The server cannot be reached, and trying again would not help: a wrong token, a program that is not there. */
export class NoServerError extends Error {
  constructor(
    message: string,
    /** What to do about it. */
    readonly cure: string,
    /** The server said that the token is not right. */
    readonly isTokenWrong = false,
  ) {
    super(message);
  }
}
