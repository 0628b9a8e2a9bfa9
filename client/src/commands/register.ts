/** Registers the commands of the table: what each needs is seen to first, and what goes wrong is shown once. */
import { commands, ProgressLocation, window } from "vscode";
import { type CommandName, commandId, commands as contributed } from "../contributions";
import type { Context } from "../context";
import { report } from "../errors";
import * as messages from "../messages";
import { commandTable } from "./table";
import type { CommandSpec, Parts } from "./types";

export function registerCommands(parts: Parts, onFailure: (error: unknown) => void): void {
  for (const name of Object.keys(contributed) as CommandName[]) {
    const spec = commandTable[name];
    parts.context.own(
      commands.registerCommand(commandId(name), async (...args: unknown[]) => {
        try {
          if (await prepare(parts.context, spec)) return await spec.run(parts, ...args);
        } catch (error) {
          onFailure(error);
        }
        return undefined;
      }),
    );
  }
}

/** Sees to what a command needs; false when it may not run. */
async function prepare({ connection, isTrusted }: Context, { whileDown }: CommandSpec): Promise<boolean> {
  if (whileDown === "works") return true;
  if (!isTrusted) {
    const manage = messages.manageTrust();
    if ((await window.showWarningMessage(messages.notTrusted(), manage)) === manage) {
      await commands.executeCommand("workbench.trust.manage");
    }
    return false;
  }
  if (whileDown === "starts" && connection.state.kind !== "ready") {
    const options = { location: ProgressLocation.Window, title: messages.serverStarting() };
    await window.withProgress(options, () => connection.start());
  }
  return true;
}

/** Shows failures of commands and panels, with the way to the log and back to a server. */
export function failureReporter(context: Context): (error: unknown) => void {
  return (error) =>
    void report(error, {
      log: context.log,
      showLog: () => context.log.show(),
      startServer: () => void context.connection.start().catch(failureReporter(context)),
    });
}
