/** RW124 on a run: its prompts rendered anew are those it recorded, until the experiment file, the template or the data changes. */
import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { makeExperiment } from "@iad-r1/server/config/parseExperiment";
import { checkProgram } from "@iad-r1/server/rewards/check/checkFile";
import { discoverRewards } from "@iad-r1/server/rewards/user/discover";
import { readRollouts } from "@iad-r1/server/rollouts/read";
import { readManifest, writeManifest } from "@iad-r1/server/runs/manifest";
import { runTraining } from "@iad-r1/server/runs/postTrain";
import { promptsToday } from "@iad-r1/server/runs/promptsToday";
import { expect, it } from "vitest";
import { temporaryFolder } from "../helpers/temporaryFolder";
import { tinyCheckpoint } from "../helpers/tinyModel";

it("a run's prompts are compared with what they would be today", async () => {
  const folder = temporaryFolder();
  const base = join(folder, "model");
  cpSync(tinyCheckpoint, base, { recursive: true });
  const data = { train: { kind: "synth" as const, seed: 1, count: 4, size: 42 } };
  const stage = { trainable: "lora" as const, steps: 2, groupSize: 2, promptsPerStep: 2, maxCompletionLength: 4 };
  const { folder: run, error } = await runTraining(
    "sc-grpo",
    makeExperiment(
      { project: "p", model: { base }, device: "cpu", threads: 1, output: "runs", data, stages: { scGrpo: stage } },
      folder,
    ),
    { signal: new AbortController().signal, onEvent: () => undefined },
  );
  expect(error).toBeNull();
  const { rows } = await readRollouts(run);
  const ids = new Set(rows.flatMap(({ sampleId }) => sampleId ?? []));
  const program = discoverRewards(
    join(folder, "own.reward.ts"),
    "/** @reward */\nexport function size({ completion }: { completion: string }): number {\n  return completion.length;\n}\n",
  );
  const found = async () => {
    const promptHashes = await promptsToday(run, ids);
    expect(promptHashes!.size).toBe(ids.size);
    const findings = await checkProgram(program, rows, { promptHashes: promptHashes! });
    return findings.filter(({ id }) => id === "RW124").map(({ evidence }) => evidence.numbers);
  };
  expect(await found()).toEqual([]);
  // Reward times stand in the records of a run too.
  expect(rows[0]!.recorded!.timings).toMatchObject({ rewardMs: expect.any(Number), generateMs: expect.any(Number) });

  const file = join(folder, "iadr1.yaml");
  writeFileSync(
    file,
    `model: { base: model }\nprompt: { style: expert }\ndata:\n  train: { kind: synth, seed: 1, count: 4, size: 42 }\n`,
  );
  writeManifest(run, { ...readManifest(run), configFile: file });
  expect(await found()).toEqual([{ changed: rows.length, compared: rows.length }]);

  writeFileSync(file, readFileSync(file, "utf8").replace("expert", "inspection"));
  expect(await found()).toEqual([]);
  const template = join(base, "chat_template.jinja");
  writeFileSync(template, readFileSync(template, "utf8").replace("assistant\\n' }}", "assistant\\n\\n' }}"));
  expect(await found()).toEqual([{ changed: rows.length, compared: rows.length }]);
});
