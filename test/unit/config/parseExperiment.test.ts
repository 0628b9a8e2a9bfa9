/** Configuration files: defaults of the paper, problems at their line, overrides, paths. */
import type { ConfigError } from "@iad-r1/models/errors";
import { experimentJsonSchema } from "@iad-r1/server/config/experiment";
import { resolveModel } from "@iad-r1/server/config/modelNames";
import { experimentOf, parseExperiment } from "@iad-r1/server/config/parseExperiment";
import { describe, expect, it } from "vitest";

const minimal = "model:\n  base: models/nano\ndata:\n  train: { kind: folder, path: photos }\n";
const parse = (text: string, overrides: string[] = []) => parseExperiment(text, { folder: "/lab", overrides });

describe("an experiment file", () => {
  it("needs a model and training data only, and fills in the hyper-parameters of the paper", () => {
    const { value, problems } = parse(minimal);
    expect(problems).toEqual([]);
    expect(value!.stages.paSft).toMatchObject({
      learningRate: 2e-5,
      epochs: 1,
      schedule: "cosine",
      warmupSteps: 100,
      weightDecay: 0.1,
      maxGradNorm: 1,
    });
    expect(value!.stages.paSft.batchSize * value!.stages.paSft.gradientAccumulation).toBe(8);
    expect(value!.stages.scGrpo).toMatchObject({
      groupSize: 4,
      promptsPerStep: 6,
      learningRate: 1e-6,
      beta: 0.04,
      temperature: 0.9,
      topK: 50,
      topP: 0.9,
      maxCompletionLength: 512,
      schedule: "linear",
      lossType: "grpo",
    });
    expect(value!.seed).toBe(42);
  });

  it("starts relative paths from the folder of the file", () => {
    const { value } = parse(minimal);
    expect(value!.model.base).toBe("/lab/models/nano");
    expect(value!.data.train[0]).toMatchObject({ path: "/lab/photos" });
    expect(value!.output).toBe("/lab/.iadr1/runs");
  });

  it("accepts one source or a list of sources", () => {
    const list = minimal.replace(
      "{ kind: folder, path: photos }",
      "\n    - { kind: folder, path: a }\n    - { kind: synth, seed: 1, count: 4 }",
    );
    expect(parse(list).value!.data.train).toHaveLength(2);
  });

  it("points at an unknown key and offers the nearest one", () => {
    const { value, problems } = parse(`${minimal}stages:\n  paSft:\n    learning_rat: 1\n`);
    expect(value).toBeNull();
    expect(problems).toEqual([
      expect.objectContaining({
        code: "config/unknown-key",
        path: "stages.paSft.learning_rat",
        line: 7,
        column: 5,
        hint: "Did you mean learningRate?",
      }),
    ]);
  });

  it("points at a wrong value and shows what it is", () => {
    const { problems } = parse(`${minimal}stages:\n  scGrpo:\n    groupSize: 1\n    beta: high\n`);
    expect(problems.map(({ path, line, column }) => ({ path, line, column }))).toEqual([
      { path: "stages.scGrpo.groupSize", line: 7, column: 16 },
      { path: "stages.scGrpo.beta", line: 8, column: 11 },
    ]);
    expect(problems[0]!.message).toContain("got 1");
    expect(problems[1]!.message).toContain('got "high"');
  });

  it("names a missing key", () => {
    const { problems } = parse("model: {}\ndata: { train: { kind: folder, path: p } }\n");
    expect(problems[0]).toMatchObject({ code: "config/missing-key", path: "model.base", line: 1 });
  });

  it("says the cure once for one problem, and behind its own line for each of several", () => {
    const refused = (text: string) => {
      try {
        experimentOf(`model: {base: nano-base}\ndata: {train: {kind: synth, seed: 1, count: 8}}\n${text}`, "x.yaml");
      } catch (error) {
        return { message: (error as ConfigError).message, hint: (error as ConfigError).hint };
      }
      return null;
    };
    expect(refused("presett: iad-r1")).toEqual({
      message: "x.yaml:3:1 presett: no such key.",
      hint: "Did you mean preset?",
    });
    expect(refused("presett: iad-r1\nseeed: 1")).toEqual({
      message:
        "x.yaml:3:1 presett: no such key. Did you mean preset?\nx.yaml:4:1 seeed: no such key. Did you mean seed?",
      hint: "Mend the lines above; `iad-r1 data schema` lists the keys.",
    });
  });

  it("finds the mistake inside one source of a list", () => {
    const { problems } = parse(
      "model: { base: m }\ndata:\n  train:\n    - { kind: folder, path: a }\n    - { kind: folder, pth: a }\n",
    );
    expect(problems.map((problem) => problem.path)).toContain("data.train.1.path");
    expect(problems.every((problem) => problem.line === 5)).toBe(true);
  });

  it("reports broken YAML, duplicate keys and a file that is not keys and values", () => {
    expect(parse("model: [1,\n").problems[0]!.code).toBe("config/syntax");
    expect(parse("a: 1\na: 2\n").problems[0]).toMatchObject({ code: "config/syntax", line: 2 });
    expect(parse("- 1\n").problems[0]!.code).toBe("config/syntax");
    expect(parse("").problems.map((problem) => problem.path)).toEqual(["model", "data"]);
  });

  it("does not expand an alias bomb", () => {
    let bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n";
    for (let i = 1; i < 9; i++)
      bomb += `a${i}: &a${i} [${Array(10)
        .fill(`*a${i - 1}`)
        .join(",")}]\n`;
    expect(parse(bomb).problems[0]!.message).toContain("alias");
  });

  it("refuses held-out images with the seed of the training images", () => {
    const { problems } = parse(
      "model: { base: m }\ndata:\n  train: { kind: synth, seed: 3, count: 9 }\n  heldOut: { kind: synth, seed: 3, count: 9 }\n",
    );
    expect(problems[0]).toMatchObject({ code: "config/conflict", path: "data.heldOut", line: 4 });
  });

  it("lets both sides of a split of generated images be trained on and held out", () => {
    const both = (held: string) =>
      parse(
        `model: { base: m }\ndata:\n  train: { kind: synth, seed: 3, count: 9, part: { share: 0.7, side: first } }\n  heldOut: { kind: synth, seed: 3, ${held} }\n`,
      ).problems.map(({ path }) => path);
    expect(both("count: 9, limit: 2, part: { share: 0.7, side: rest }")).toEqual([]);
    expect(both("count: 9, part: { share: 0.6, side: rest }")).toEqual(["data.heldOut"]);
    expect(both("count: 8, part: { share: 0.7, side: rest }")).toEqual(["data.heldOut"]);
    expect(both("count: 9, part: { share: 0.7, side: first }")).toEqual(["data.heldOut"]);
  });

  it("says what a line with two colons and a second document are", () => {
    const message = (text: string) => parse(text).problems[0]!.message;
    expect(message("project: a: b\n")).toContain("into quotes");
    expect(message("project: a\n---\nproject: b\n")).toContain("expected one");
  });
});

describe("overrides", () => {
  it("replace and add values, later ones winning", () => {
    const { value } = parse(minimal, [
      "stages.paSft.epochs=3",
      "stages.paSft.epochs=2",
      "data.train.path=other",
      "seed=7",
    ]);
    expect(value!.stages.paSft.epochs).toBe(2);
    expect(value!.seed).toBe(7);
    expect(value!.data.train[0]).toMatchObject({ path: "/lab/other" });
  });

  it("are named when their value or key is wrong", () => {
    expect(parse(minimal, ["stages.paSft.epochs=many"]).problems[0]).toMatchObject({
      line: 0,
      message: expect.stringContaining("--set stages.paSft.epochs") as string,
    });
    expect(parse(minimal, ["stages.paSft.epoch=1"]).problems[0]!.hint).toBe("Did you mean epochs?");
    expect(parse(minimal, ["nonsense"]).problems[0]!.code).toBe("config/override");
    expect(parse(minimal, ["model.base.deeper=1"]).problems[0]!.code).toBe("config/override");
  });

  it("are blamed for what they made and for nothing else", () => {
    const told = (text: string, override: string) => parse(text, [override]).problems.map(({ message }) => message);
    const lora = `${minimal}stages: { paSft: { lora: { rank: 4 } } }\n`;
    expect(told(lora, "stages.paSft.lora.r=8")).toEqual(["stages.paSft.lora.rank: no such key."]);
    expect(told(minimal, "data.train.0.limit=3")).toEqual(["--set data.train.0.limit: data.train.0: no such key."]);
    expect(told(minimal, "seed=-1")).toEqual(["--set seed: expected whole number, at least 0, got -1."]);
    expect(told(minimal, "seed=[1")[0]).not.toContain("\n");
  });

  it("change one of two sections that are written alike", () => {
    const stage = (name: string) => `  ${name}:\n    lora: { r: 4 }\n`;
    const alias = `${minimal}stages:\n  paSft: { lora: &l { r: 4 } }\n  scGrpo: { lora: *l }\n`;
    for (const text of [`${minimal}stages:\n${stage("paSft")}${stage("scGrpo")}`, alias]) {
      const { paSft, scGrpo } = parse(text, ["stages.paSft.lora.r=16"]).value!.stages;
      expect([paSft.lora.r, scGrpo.lora.r]).toEqual([16, 4]);
    }
  });

  it("reach an entry of a list by its number, and say so where there is none", () => {
    const list = minimal.replace(/ {2}train: (.*)/, "  train:\n    - $1\n    - $1");
    expect(parse(list, ["data.train.1.limit=3"]).value!.data.train.map(({ limit }) => limit)).toEqual([undefined, 3]);
    for (const part of ["limit", "2", "01", "length"]) {
      expect(parse(list, [`data.train.${part}=3`]).problems[0]).toMatchObject({
        code: "config/override",
        message: expect.stringContaining("data.train is a list") as string,
      });
    }
  });
});

it("the JSON Schema lists keys with their meaning and default", () => {
  const schema = JSON.stringify(experimentJsonSchema());
  expect(schema).toContain('"epsilonLow"');
  expect(schema).toContain("Ratios are clipped at 1 - epsilonLow.");
  expect(schema).toContain('"default":0.04');
});

describe("an embedded model's name", () => {
  it("means what the command line means", () => {
    const read = (model: string) => parseExperiment(minimal.replace("models/nano", model), { folder: "/lab" });
    for (const name of ["nano", "nano-pa-sft", "nano-base"])
      expect(read(name).value!.model).toEqual(resolveModel(name));
    const own = read("nano\n  adapter: mine").value!.model;
    expect(own).toEqual({ base: resolveModel("nano-base").base, adapter: "/lab/mine" });
  });

  it("warns where nano may still mean the untrained model, and mends it", () => {
    const advice = (text: string) =>
      parseExperiment(text, { folder: "/lab" }).advice.filter(({ path }) => path === "model.base");
    const file = minimal.replace("models/nano", "nano");
    const [found, ...others] = advice(`${file}stages: { paSft: { trainable: language } }\n`);
    expect(found).toMatchObject({
      code: "config/doubtful",
      cures: [{ kind: "replace", text: "nano-base", sure: true }],
    });
    expect(others).toEqual([]);
    // Stage 2 alone goes on from the trained model: that is what it is for.
    expect(advice(`${file}stages: { scGrpo: { groupSize: 8 } }\n`)).toEqual([]);
    expect(advice(`${file.replace("nano", "nano-base")}stages: { paSft: { trainable: language } }\n`)).toEqual([]);
  });
});
