/** `iad-r1 reward test FILE`: saved probes as regression tests of a reward file. */
import { existsSync, readFileSync } from "node:fs";
import { DataError } from "@iad-r1/models/errors";
import type { Command } from "commander";
import {
  judgeSavedProbe,
  type ProbeVerdict,
  parseProbeFile,
  probeFileOf,
  probeRow,
  type SavedProbe,
} from "../../rewards/analysis/probeFile";
import { readRewardProgram } from "../../rewards/check/checkFile";
import type { RewardOutcome } from "../../rewards/contract";
import { instrumentTypeScript } from "../../rewards/live/instrument";
import type { RewardProgram } from "../../rewards/user/program";
import { startRunner } from "../../rewards/user/runner";
import { action } from "../action";

export function registerRewardTest(reward: Command): void {
  reward
    .command("test")
    .description("score the saved probes of a reward file and compare with what they expect; runs the file")
    .argument("<file>", "a reward file; its probes lie beside it, <name>.probes.json")
    .option("--probes <file>", "another file of probes")
    .action(
      action(async (context, command) => {
        const file = command.processedArgs[0] as string;
        const { probes: named } = command.opts<{ probes?: string }>();
        const program = await readRewardProgram(file);
        const probeFile = named ?? probeFileOf(program.file);
        if (!existsSync(probeFile)) {
          throw new DataError("reward/no-probes", `There is no ${probeFile}.`, {
            ...{
              where: probeFile,
              hint: "Save probes in the editor (Add probe), or write the file; docs/reward-debugger.md shows its form.",
            },
          });
        }
        const probes = parseProbeFile(readFileSync(probeFile, "utf8"), probeFile);
        const verdicts = await runSavedProbes(program, probes, context.signal);
        const failing = verdicts.filter(({ ok }) => !ok);
        if (failing.length > 0) context.fail();
        if (context.json)
          return context.printJson({ file: program.file, probes: probes.length, failed: failing.length, verdicts });
        for (const { name, function: about, expected, got, ok } of verdicts) {
          context.print(`${ok ? "ok  " : "FAIL"} ${name} · ${about ?? "total"} ${expected}${ok ? "" : `, got ${got}`}`);
        }
        context.log(`${verdicts.length - failing.length} of ${verdicts.length} expectations hold.`);
      }),
    );
}

async function runSavedProbes(
  program: RewardProgram,
  probes: readonly SavedProbe[],
  signal: AbortSignal,
): Promise<ProbeVerdict[]> {
  const runner = startRunner(program, { instrument: instrumentTypeScript });
  try {
    const rows = probes.map(probeRow);
    const outcomes = new Map<string, RewardOutcome[]>();
    // One probe says nothing about another: each is a batch of its own.
    for (const { name } of program.functions)
      outcomes.set(name, (await runner.score(name, rows, { batchSize: 1, signal })).outcomes);
    const weights = new Map(program.functions.map(({ name, weight }) => [name, weight]));
    return probes.flatMap((probe, i) =>
      judgeSavedProbe(probe, new Map([...outcomes].map(([name, list]) => [name, list[i]!])), weights),
    );
  } finally {
    await runner.close();
  }
}
