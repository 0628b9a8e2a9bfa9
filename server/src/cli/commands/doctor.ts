/** `iad-r1 doctor`: what this machine can do, with evidence and a cure for each line. Changes nothing. */
import type { Command } from "commander";
import { examineMachine } from "../../machine/examineMachine";
import { action } from "../action";

export function registerDoctor(program: Command): void {
  program
    .command("doctor")
    .description("check this machine: processor, memory, disk, devices, embedded model, optional Python engine")
    .action(
      action(async (context) => {
        const checks = await examineMachine();
        if (checks.some(({ status }) => status === "problem")) context.fail();
        if (context.json) return context.printJson({ ok: checks.every(({ status }) => status !== "problem"), checks });
        const marks = { ok: "✔", optional: "–", problem: "✘" };
        const width = Math.max(...checks.map(({ name }) => name.length));
        for (const { name, status, evidence, cure } of checks) {
          context.print(`${marks[status]} ${name.padEnd(width)}  ${evidence}`);
          if (cure !== null) context.print(`  ${" ".repeat(width)}  cure: ${cure}`);
        }
        const usable = checks.every(({ status }) => status !== "problem");
        context.print(usable ? "\nReady: inspection and training run here." : "\nNot ready: see the lines marked ✘.");
      }),
    );
}
