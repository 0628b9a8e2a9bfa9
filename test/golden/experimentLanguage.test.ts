/** The experiment file in an editor: problems with fixes, completion and hovers, as text in golden files. */
import { completionsAt } from "@iad-r1/server/features/completions";
import { fileFindings, textFindings } from "@iad-r1/server/features/findings";
import { hoverAt } from "@iad-r1/server/features/hovers";
import { describe, it } from "vitest";
import { expectGoldenText } from "../helpers/goldenText";
import { fakeFiles, openFixture, printCompletions, printFindings, printHover } from "../helpers/languageFixture";

const path = "/lab/iadr1.yaml";
const minimal = "model: { base: models/nano }\ndata:\n  train: { kind: folder, path: photos }\n";
const stage = (lines: string) => `${minimal}stages:\n  scGrpo:\n${lines}`;
const files = fakeFiles([
  "/lab/photos/annotations.jsonl",
  "/lab/models/nano/config.json",
  "/lab/models/other/base/config.json",
  "/lab/sets/pa_sft.json",
  "/lab/sets/sc_grpo.json",
]);

describe("problems of an experiment file", () => {
  const cases: [name: string, text: string][] = [
    [
      "misspelt-keys",
      `${minimal}stages:\n  paSft:\n    learning_rat: 1\n    num_train_epochs: 2\n  scGrpo: { num_generations: 4, beta: 0 }\nsede: 3\n`,
    ],
    [
      "wrong-types",
      `${minimal}seed: "42"\nstages:\n  paSft:\n    recompute: yes\n    schedule: Cosin\n    lora: { r: 4.5, targets: q_proj }\n`,
    ],
    ["out-of-range", stage("    groupSize: 1\n    topP: 1.5\n    beta: -1\n    batchSize: 0\n")],
    [
      "missing-keys",
      "model:\n  adapter: null\ndata:\n  train:\n    - kind: synth\n      seed: 1\n    - { path: photos }\n",
    ],
    ["empty-values", `${minimal}stages:\n  paSft:\n  scGrpo:\n    beta:\n`],
    ["source-as-text", "model: { base: m }\ndata:\n  train: photos\n"],
    ["half-typed", `${minimal}stages:\n  paSft:\n    epo\n    steps: many\nsee\n`],
    ["open-bracket", "model: { base: m\ndata:\n  train: { kind: folder, path: photos }\nseed: -1\n"],
    ["no-effect", `${minimal}stages:\n  paSft:\n    epochs: 2\n    steps: 50\n    lora: { r: 4 }\n`],
    [
      "group-and-batch",
      stage(
        "    groupSize: 2\n    promptsPerStep: 3\n    microBatchSize: 8\n    epsilonHigh: 0.3\n    epsilon: 0.2\n    rewardErrors: zero\n",
      ),
    ],
    ["small-passes", stage("    groupSize: 16\n")],
    [
      "conflicts",
      `model: { base: m }\ndata:\n  train: { kind: synth, seed: 3, count: 9 }\n  heldOut:\n    - { kind: synth, seed: 3, count: 9 }\nstages:\n  scGrpo: { epsilonHigh: 0.1, iterations: 2 }\n`,
    ],
    ["evaluation-without-data", `${minimal}stages:\n  paSft:\n    evalEvery: 10\n`],
  ];
  it.each(cases)("%s", (name, text) => {
    const { document } = openFixture(path, text);
    expectGoldenText(
      `features/experiment/problems-${name}.txt`,
      `${text}\n---\n${printFindings(document, textFindings(document))}`,
    );
  });

  it("files that are not there, with near names", async () => {
    const text = `model: { base: models/nnao }
data:
  train:
    - { kind: folder, path: photoes }
    - { kind: pa-sft, path: sets/pa_sft.jsn, images: pictures }
  heldOut: { kind: sc-grpo, path: sets }
  validation: { kind: folder, path: sets }
stages:
  scGrpo:
    rewards: [{ name: rewards/own.reward.ts#place }]
`;
    const { document } = openFixture(path, text);
    const found = await fileFindings(document, files);
    expectGoldenText("features/experiment/problems-files.txt", `${text}\n---\n${printFindings(document, found)}`);
  });

  it("a model folder whose checkpoint lies one level deeper", async () => {
    const text = minimal.replace("models/nano", "models/other");
    const { document } = openFixture(path, text);
    const found = await fileFindings(document, files);
    expectGoldenText(
      "features/experiment/problems-deeper-model.txt",
      `${text}\n---\n${printFindings(document, found)}`,
    );
  });
});

describe("completion in an experiment file", () => {
  const cases: [name: string, text: string][] = [
    ["top-level-key", `${minimal}$0`],
    ["half-typed-key", stage("    gro$0\n    beta: 0\n")],
    ["key-in-brackets", "model: { base: m, $0 }\n"],
    ["key-in-open-bracket", "data:\n  train: { kind: synth, $0\nseed: 1\n"],
    ["key-before-colon", stage("    be$0ta: 0\n")],
    ["number", `${minimal}stages:\n  paSft:\n    learningRate: $0\n`],
    ["choice", stage("    lossType: d$0\n")],
    ["switch", stage("    recompute: $0\n")],
    ["source", "data:\n  train: $0\n"],
    ["source-kind", "data:\n  train:\n    - { kind: $0 }\n"],
    ["source-item", "data:\n  train:\n    - $0\n"],
    ["next-source-item", "data:\n  train:\n    - { kind: folder, path: a }\n    - $0\nseed: 1\n"],
    ["under-data", "data:\n  train:\n    $0\nseed: 1\n"],
    ["path", "data:\n  train: { kind: pa-sft, path: sets/p$0 }\n"],
    ["model", "model:\n  base: $0\n"],
    ["reward", stage("    rewards:\n      - name: $0\n")],
    ["in-comment", "# pro$0\nmodel: { base: m }\n"],
    ["in-text", "project: my $0\n"],
  ];
  it.each(cases)("%s", async (name, text) => {
    const { document, cursor } = openFixture(path, text);
    const found = await completionsAt(document, cursor, { files });
    expectGoldenText(
      `features/experiment/completion-${name}.txt`,
      `${text}\n---\n${printCompletions(document, found)}\n`,
    );
  });
});

describe("hovers in an experiment file", () => {
  const cases: [name: string, text: string][] = [
    ["section", `${minimal}sta$0ges: { paSft: {} }\n`],
    ["learning-rate", `${minimal}stages:\n  paSft:\n    learn$0ingRate: 1.0e-4\n`],
    ["group-size", stage("    group$0Size: 8\n    promptsPerStep: 4\n")],
    ["choice", stage("    lossType: da$0po\n")],
    ["reward-name", stage("    rewards: [{ name: iad-r1/acc$0uracy }]\n")],
    ["source-kind", "data:\n  train:\n    - kind: mv$0tec\n      path: sets\n"],
    ["unknown-key", `${minimal}unkn$0own: 1\n`],
    ["comment", `# com$0ment\n${minimal}`],
  ];
  it.each(cases)("%s", async (name, text) => {
    const { document, cursor } = openFixture(path, text);
    const hover = await hoverAt(document, cursor, { files });
    expectGoldenText(`features/experiment/hover-${name}.txt`, `${text}\n---\n${printHover(document, hover)}\n`);
  });
});
