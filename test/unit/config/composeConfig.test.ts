/** Experiment files written for a person: sound, explained line by line, and never over what is there. */
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ConfigChoices } from "@iad-r1/protocol/project";
import { composeConfig, createProject, createSampleProject } from "@iad-r1/server/config/composeConfig";
import { loadExperiment, parseExperiment } from "@iad-r1/server/config/parseExperiment";
import { loadSources } from "@iad-r1/server/data/sources";
import { openDocument } from "@iad-r1/server/features/documents";
import { createFileProbe } from "@iad-r1/server/features/files";
import { fileFindings, textFindings } from "@iad-r1/server/features/findings";
import { describe, expect, it } from "vitest";
import { expectGoldenText } from "../../helpers/goldenText";
import { temporaryFolder } from "../../helpers/temporaryFolder";

const choices: ConfigChoices = {
  project: "screws",
  kind: "post-train",
  model: "nano-base",
  train: { kind: "folder", path: "/lab/photos" },
  trainable: "lora",
  folder: "/lab/experiment",
};

describe("composeConfig", () => {
  it("writes sound files without anything doubtful for all choices", async () => {
    for (const kind of ["pa-sft", "sc-grpo", "post-train"] as const) {
      for (const model of ["nano-base", "/models/llava"]) {
        for (const trainable of ["lora", "language", "all"] as const) {
          for (const steps of [undefined, 3, 500]) {
            const synth = { kind: "synth", seed: 7, count: 20 } as const;
            const length = steps === undefined ? {} : { paSftSteps: steps, scGrpoSteps: steps };
            const text = await composeConfig({ ...choices, kind, model, trainable, heldOut: synth, ...length });
            expect(textFindings(openDocument("/lab/experiment/iadr1.yaml", text)!)).toEqual([]);
          }
        }
      }
    }
  });

  it("explains every line to somebody who reads it for the first time", async () => {
    const heldOut = { kind: "pa-sft", path: "/lab/experiment/held_out.json" } as const;
    const text = await composeConfig({ ...choices, adapter: "/lab/adapter", heldOut, paSftSteps: 200 });
    expectGoldenText("features/experiment/composed.txt", text);
    const lines = text.split("\n");
    const silent = lines.filter((line, k) => /^\s*[A-Za-z]/.test(line) && !/^\s*#/.test(lines[k - 1] ?? ""));
    expect(silent).toEqual([]);
  });

  it("writes paths from the folder of the file", async () => {
    const { value } = parseExperiment(await composeConfig(choices), { folder: "/lab/experiment" });
    expect(value!.data.train).toMatchObject([{ path: "/lab/photos" }]);
    const far = await composeConfig({ ...choices, model: "/somewhere/else/model", folder: "/lab/a/b/c" });
    expect(far).toContain("base: /somewhere/else/model");
  });

  it("refuses data that are tested with and trained on", async () => {
    const synth = { kind: "synth", seed: 7, count: 20 } as const;
    await expect(composeConfig({ ...choices, train: synth, heldOut: synth })).rejects.toMatchObject({
      code: "config/invalid",
      message: expect.stringContaining("another seed") as string,
    });
  });
});

describe("createSampleProject", () => {
  it("writes an experiment whose data can be read, with different pictures to learn from and to test with", async () => {
    const folder = join(temporaryFolder(), "my line");
    const sample = await createSampleProject(folder, 40);
    const config = loadExperiment(sample.configFile);
    const train = await loadSources(config.data.train, { folder });
    const heldOut = await loadSources(config.data.heldOut!, { folder });
    expect([train.problems, heldOut.problems]).toEqual([[], []]);
    expect(train.value.length + heldOut.value.length).toBe(40);
    // A quarter of each class; small classes keep their only pictures for learning.
    expect(heldOut.value.length).toBeGreaterThanOrEqual(4);
    const tested = new Set(heldOut.value.map(({ image }) => image));
    expect(train.value.filter(({ image }) => tested.has(image))).toEqual([]);
    const first = [...train.value, ...heldOut.value].find(({ image }) => image === sample.firstImage)!;
    expect(first.label).toBe("anomalous");
    expect(statSync(first.mask!).size).toBeGreaterThan(0);
    const document = openDocument(sample.configFile, readFileSync(sample.configFile, "utf8"))!;
    expect([...textFindings(document), ...(await fileFindings(document, createFileProbe()))]).toEqual([]);
    const rewards = join(folder, "rewards");
    expect(sample.written).toEqual([sample.configFile, sample.dataFolder, rewards]);
    for (const name of ["published.reward.ts", "published.py", "rollouts.jsonl"]) {
      expect(statSync(join(rewards, name)).size).toBeGreaterThan(0);
    }
    // Its second stage trains with a reward file of its own, the one with the fault that is there to be found.
    const { rewards: used, pauseOn } = config.stages.scGrpo;
    expect(used?.map(({ name }) => name)).toContain(`${join(rewards, "verdict.reward.ts")}#verdict`);
    expect(pauseOn).toEqual(["RW105"]);
  });

  it("changes nothing where there is an experiment", async () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, "iadr1.yaml"), "mine");
    await expect(createSampleProject(folder, 8)).rejects.toMatchObject({ code: "project/exists" });
    await expect(createProject({ ...choices, folder })).rejects.toMatchObject({ code: "project/exists" });
    expect(readFileSync(join(folder, "iadr1.yaml"), "utf8")).toBe("mine");
  });
});
