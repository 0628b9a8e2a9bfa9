/**
 * Experiment files from a person's choices, and a whole sample project: only what differs from the published defaults is written, with
 * a comment above every line. What the keys mean is experiment.ts; how the text is written is commentedYaml.ts.
 */
import { mkdir, stat } from "node:fs/promises";
import { basename, isAbsolute, join, relative, resolve, sep } from "node:path";
import { writeError, writeFileAtomically } from "@iad-r1/models/checkpoint/atomicFile";
import { ConfigError, DataError } from "@iad-r1/models/errors";
import type { ConfigChoices, SampleProject } from "@iad-r1/protocol/project";
import { detectFormat } from "../data/dataset";
import type { InspectionSample } from "../data/samples";
import { writeSynthDataset } from "../data/synthDataset";
import { writeRewardTypes } from "../rewards/user/rewardDeclaration";
import { commentedYaml } from "./commentedYaml";
import type { ExperimentInput } from "./experiment";
import { embeddedBaseName, embeddedModel, embeddedModels, embeddedNameOf } from "./modelNames";
import { parseExperiment } from "./parseExperiment";
import { writeSampleRewards } from "./sampleRewards";

export const CONFIG_FILE = "iadr1.yaml";

type Source = ConfigChoices["train"];
type SourceInput = NonNullable<ExperimentInput["data"]["heldOut"]>;

/**
 * The text of an experiment file.
 *
 * @throws DataError `data/unknown-format` when the layout of a data set cannot be told
 * @throws ConfigError `config/invalid` for choices that do not go together
 */
export async function composeConfig(choices: ConfigChoices): Promise<string> {
  const { train, heldOut, folder } = choices;
  const data = {
    train: await sourceOf(train, folder),
    ...(heldOut === undefined ? {} : { heldOut: await sourceOf(heldOut, folder) }),
  };
  return textOf(choices, data);
}

type PolicyInput = NonNullable<NonNullable<ExperimentInput["stages"]>["scGrpo"]>;

/**
 * The text with data as they are, checked.
 *
 * @param more settings of SC-GRPO that no choice asks for
 */
function textOf(choices: ConfigChoices, data: ExperimentInput["data"], more: PolicyInput = {}): string {
  const { project, model, adapter, trainable, kind, folder } = choices;
  const isEmbedded = embeddedModels.has(model) || resolve(folder, model) === embeddedModel;
  const named = isEmbedded ? namedModel(model, adapter) : { base: portable(folder, model), adapter };
  const config: ExperimentInput = {
    project,
    preset: "iad-r1-strict",
    model: {
      base: named.base,
      ...(named.adapter === undefined ? {} : { adapter: portable(folder, named.adapter) }),
    },
    data,
    stages: {
      ...(kind === "sc-grpo" ? {} : { paSft: supervised(trainable, isEmbedded, choices.paSftSteps) }),
      ...(kind === "pa-sft" ? {} : { scGrpo: { ...policy(trainable, isEmbedded, choices.scGrpoSteps), ...more } }),
    },
    ...(isEmbedded ? { evaluation: { maxCompletionLength: embeddedAnswerLength } } : {}),
  };
  const text = commentedYaml(config, headings[kind]);
  const { problems } = parseExperiment(text, { folder });
  if (problems.length === 0) return text;
  throw new ConfigError("config/invalid", `These choices do not go together: ${problems[0]!.message}`, {
    hint: problems[0]!.hint ?? "Choose other data or another model.",
  });
}

/** The embedded model by its name; its own adapters are part of the name. */
function namedModel(model: string, adapter: string | undefined): { base: string; adapter?: string } {
  if (embeddedModels.has(model)) return { base: model, ...(adapter === undefined ? {} : { adapter }) };
  const name = embeddedNameOf({ base: embeddedModel, adapter: adapter ?? null });
  if (name !== null) return { base: name };
  return { base: embeddedBaseName, ...(adapter === undefined ? {} : { adapter }) };
}

const manners = [
  "Hover over a key to see its default and what the published system uses; Ctrl+Space lists what else",
  "can be written. What is left out has its default. Paths start from the folder of this file.",
];
const headings: Record<ConfigChoices["kind"], string[]> = {
  "pa-sft": ["An IAD-R1 experiment: stage 1, PA-SFT. Start it with: iad-r1 train pa-sft iadr1.yaml", ...manners],
  "sc-grpo": ["An IAD-R1 experiment: stage 2, SC-GRPO. Start it with: iad-r1 train sc-grpo iadr1.yaml", ...manners],
  "post-train": ["An IAD-R1 experiment with both stages. Start it with: iad-r1 post-train iadr1.yaml", ...manners],
};

/** The embedded model answers in short sentences. */
const embeddedAnswerLength = 96;

/** The embedded model is small and has never met the tags: it needs larger steps than the published ones. */
function supervised(trainable: ConfigChoices["trainable"], isEmbedded: boolean, steps: number | undefined) {
  const length = steps === undefined ? {} : { steps };
  const warmup = steps === undefined ? {} : { warmupSteps: Math.min(20, Math.floor(steps / 10)) };
  if (!isEmbedded) return { trainable, ...length, ...warmup };
  const learningRate = trainable === "lora" ? 2e-3 : 6e-4;
  return { trainable, learningRate, batchSize: 8, gradientAccumulation: 1, ...length, warmupSteps: 20, ...warmup };
}

function policy(trainable: ConfigChoices["trainable"], isEmbedded: boolean, steps: number | undefined) {
  const length = steps === undefined ? {} : { steps };
  if (!isEmbedded) return { trainable, ...length };
  return {
    ...{ trainable, learningRate: trainable === "lora" ? 3e-4 : 3e-5, ...length, groupSize: 8, promptsPerStep: 8 },
    ...{ temperature: 1, topK: 0, topP: 1, maxCompletionLength: embeddedAnswerLength },
  };
}

async function sourceOf(source: Source, folder: string): Promise<SourceInput> {
  if ("seed" in source) {
    return { kind: "synth", seed: source.seed, count: source.count, size: 112, difficulty: 0.3 };
  }
  const path = resolve(folder, source.path);
  const kind = source.kind ?? (await detectFormat(path));
  if (kind === "meta") {
    throw new DataError("data/unsupported", `${path}: a meta.json is no training data.`, {
      where: path,
      hint: "Convert it first: iad-r1 data convert --to folder.",
    });
  }
  return { kind, path: portable(folder, path) };
}

/** Relative and with "/" where the path lies near; absolute elsewhere. */
function portable(folder: string, path: string): string {
  const inside = relative(folder, resolve(folder, path)).split(sep).join("/");
  if (inside === "") return ".";
  return isAbsolute(inside) || inside.startsWith("../../..") ? resolve(folder, path) : inside;
}

/** Below the project's folder. */
const sampleData = "data/sample";
const sampleSeed = 1;
const sampleShare = 0.75;
/**
 * The corrected rewards, but the verdict by a file of one's own, which has a fault: the first thing to find with the reward debugger. The
 * run waits as soon as that reward has said nothing for a whole step, and goes on with the corrected file.
 */
const sampleRewards: PolicyInput = {
  rewards: [
    { name: "iad-r1-strict/format" },
    { name: "rewards/verdict.reward.ts#verdict" },
    { name: "iad-r1-strict/location", weight: 0.5 },
    { name: "iad-r1-strict/type", weight: 0.5 },
  ],
  pauseOn: ["RW105"],
};
/** With fewer, most classes have no picture to test with. */
export const minSampleImages = 40;

/**
 * Writes an experiment file and generated pictures with masks and reasoning into a folder, three quarters to learn from. Nothing
 * that is there is changed.
 *
 * @param images number of pictures, 40 to 2,000
 * @throws DataError `project/exists` when there is an experiment or the data already; ResourceError `disk/full`; CancelledError
 */
export async function createSampleProject(
  folder: string,
  images: number,
  signal?: AbortSignal,
): Promise<SampleProject> {
  const root = resolve(folder);
  const configFile = join(root, CONFIG_FILE);
  const dataFolder = join(root, ...sampleData.split("/"));
  for (const path of [configFile, dataFolder]) await requireAbsent(path);
  try {
    await mkdir(root, { recursive: true });
  } catch (error) {
    throw writeError(root, error);
  }
  const samples = await writeSynthDataset(dataFolder, {
    ...{
      seed: sampleSeed,
      count: Math.min(Math.max(minSampleImages, Math.round(images)), 2000),
      size: 112,
      difficulty: 0.2,
    },
    ...(signal === undefined ? {} : { signal }),
  });
  const side = (name: "first" | "rest") => ({ seed: 1, share: sampleShare, side: name });
  const source = { kind: "folder" as const, path: sampleData };
  const choices: ConfigChoices = {
    ...{ project: basename(root) || "sample", kind: "post-train", model: embeddedBaseName, trainable: "language" },
    ...{ train: source, paSftSteps: 120, scGrpoSteps: 10, folder: root },
  };
  const data = { train: { ...source, part: side("first") }, heldOut: { ...source, part: side("rest") } };
  const rewards = await writeSampleRewards(root);
  await writeRewardTypes(join(root, "rewards"));
  await writeConfig(configFile, textOf(choices, data, rewards === null ? {} : sampleRewards));
  return {
    folder: root,
    configFile,
    dataFolder,
    firstImage: clearest(samples).image,
    written: [configFile, dataFolder, ...(rewards === null ? [] : [rewards])],
  };
}

/**
 * Writes an experiment file where there is none.
 *
 * @returns its path
 * @throws DataError `project/exists`; as `composeConfig`
 */
export async function createProject(choices: ConfigChoices): Promise<string> {
  const file = join(resolve(choices.folder), CONFIG_FILE);
  await requireAbsent(file);
  const text = await composeConfig(choices);
  await writeConfig(file, text);
  await writeRewardTypes(join(resolve(choices.folder), "rewards"));
  return file;
}

async function writeConfig(file: string, text: string): Promise<void> {
  try {
    await mkdir(resolve(file, ".."), { recursive: true });
  } catch (error) {
    throw writeError(file, error);
  }
  await writeFileAtomically(file, text);
}

async function requireAbsent(path: string): Promise<void> {
  const isThere = await stat(path).then(
    () => true,
    () => false,
  );
  if (!isThere) return;
  throw new DataError("project/exists", `${path} is there already; nothing was written.`, {
    where: path,
    hint: "Choose an empty folder.",
  });
}

/** A defect that a newcomer sees: one that lies in a single cell. */
function clearest(samples: readonly InspectionSample[]): InspectionSample {
  const defects = samples.filter(({ label }) => label === "anomalous");
  return defects.find(({ locationShare }) => (locationShare ?? 0) >= 0.99) ?? defects[0] ?? samples[0]!;
}
