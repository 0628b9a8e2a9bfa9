/** `iad-r1 serve`: lets editors on other machines use this one. Runs until it is interrupted; training runs go on after that. */
import type { Command } from "commander";
import { isLoopback, serve } from "../../serve";
import { action } from "../action";

const defaultAddress = "127.0.0.1:7411";

export function registerServe(program: Command): void {
  program
    .command("serve")
    .description("let editors on other machines inspect and train here (command Connect to Server… of the extension)")
    .option(
      "--listen <host:port>",
      "where to listen; anything but this machine itself needs --cert or a tunnel",
      defaultAddress,
    )
    .option("--token-file <file>", "the token that clients must know; made when missing", ".iadr1/server-token")
    .option("--cert <file>", "certificate (PEM); turns encryption on")
    .option("--key <file>", "its private key (PEM)")
    .option(
      "--root <folder>",
      "a folder that clients may use (repeatable; default: the current one)",
      (folder: string, all: string[]) => [...all, folder],
      [],
    )
    .action(
      action(async (context, command) => {
        const options = command.opts<{
          listen: string;
          tokenFile: string;
          cert?: string;
          key?: string;
          root: string[];
        }>();
        const { root, ...rest } = options;
        const server = await serve({
          ...rest,
          roots: root.length === 0 ? [process.cwd()] : root,
          onLog: (message) => context.log(message),
        });
        if (context.json) context.printJson({ url: server.url, port: server.port, tokenFile: options.tokenFile });
        else {
          context.print(`Listening on ${server.url}`);
          context.print(`Token in ${options.tokenFile}`);
        }
        if (!isLoopback(options.listen) && options.cert === undefined) {
          context.log(
            "warning: the connection is not encrypted: anybody between can read the token. Use --cert and --key, or a tunnel.",
          );
        }
        await new Promise<void>((resolve) => {
          if (context.signal.aborted) resolve();
          context.signal.addEventListener("abort", () => resolve(), { once: true });
        });
        await server.close();
      }),
    );
}
