/** `iad-r1 doctor`: what this machine can do, with evidence and a cure for each line; `diagnostics`: what a bug report needs. */
import { writeFileAtomically } from "@iad-r1/models/checkpoint/atomicFile";
import type { Command } from "commander";
import { diagnosticsText } from "../../machine/diagnostics";
import { examineMachine } from "../../machine/examineMachine";
import { action } from "../action";
import { version } from "../../version";

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
  program
    .command("diagnostics")
    .description(
      "the text for a bug report: versions, machine, settings, latest runs; no data, folders, names or secrets",
    )
    .option("--project <folder>", "folder of iadr1.yaml and its runs", ".")
    .option("--out <file>", "write it to a file")
    .action(
      action(async (context, command) => {
        const { project, out } = command.opts<{ project: string; out?: string }>();
        const text = diagnosticsText({ version, checks: await examineMachine(), project });
        if (out !== undefined) await writeFileAtomically(out, text);
        if (context.json) context.printJson({ text, file: out ?? null });
        else if (out === undefined) context.print(text.trimEnd());
        else context.print(`Written to ${out}. Read it before you share it.`);
      }),
    );
}
