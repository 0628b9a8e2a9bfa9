/**
 * Experiment files from a person's choices: the text of an `iadr1.yaml` with only what differs from the defaults, and a whole sample
 * project. What the keys mean is experiment.ts.
 */
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { basename, join, relative, resolve, sep } from "node:path";
import { ConfigError, DataError } from "@iad-r1/models/errors";
import type { ConfigChoices, SampleProject } from "@iad-r1/protocol/project";
import { stringify } from "yaml";
import { detectFormat } from "../data/dataset";
import { writeSynthDataset } from "../data/synthDataset";
import { embeddedModel, embeddedModels, embeddedName } from "./modelNames";
import { parseExperiment } from "./parseExperiment";

/**
 * @throws DataError `data/unknown-format`
 * @throws ConfigError `config/invalid` for choices that do not go together
 */
export async function composeConfig(choices: ConfigChoices): Promise<string> {
  const { folder, train, heldOut } = choices;
  return compose(choices, {
    train: await sourceOf(train, folder),
    ...(heldOut !== undefined && { heldOut: await sourceOf(heldOut, folder) }),
  });
}

function compose(choices: ConfigChoices, data: Record<string, unknown>): string {
  const { project, model, adapter, trainable, kind, folder } = choices;
  const near = (path: string) => portable(folder, path);
  const isNano = embeddedModels().has(model) || resolve(folder, model) === embeddedModel;
  const config = {
    project,
    preset: "iad-r1-strict",
    model: { base: isNano ? embeddedName : near(model), ...(adapter !== undefined && { adapter: near(adapter) }) },
    data,
    stages: {
      ...(kind !== "sc-grpo" && { paSft: { ...supervised(trainable, isNano), ...steps(choices.paSftSteps) } }),
      ...(kind !== "pa-sft" && { scGrpo: { ...policy(trainable, isNano), ...steps(choices.scGrpoSteps) } }),
    },
    ...(isNano && { evaluation: { maxCompletionLength: 96 } }),
  };
  const text = `# An IAD-R1 experiment. Hover over a key to see what it means; everything left out has its published default.\n${stringify(config)}`;
  const { problems } = parseExperiment(text, { folder });
  if (problems.length === 0) return text;
  throw new ConfigError("config/invalid", `These choices do not go together: ${problems[0]!.message}`, {
    hint: problems[0]!.hint ?? "Choose other data or another model.",
  });
}

const steps = (count: number | undefined) => (count === undefined ? {} : { steps: count });

/** The embedded model is small and starts without the tags: it needs larger steps than the published ones. */
function supervised(trainable: ConfigChoices["trainable"], isNano: boolean) {
  if (!isNano) return { trainable };
  const rates = { lora: 2e-3, language: 6e-4, all: 6e-4 };
  return { trainable, learningRate: rates[trainable], batchSize: 8, gradientAccumulation: 1, warmupSteps: 20 };
}

function policy(trainable: ConfigChoices["trainable"], isNano: boolean) {
  if (!isNano) return { trainable };
  return {
    ...{ trainable, learningRate: trainable === "lora" ? 3e-4 : 3e-5, groupSize: 8, promptsPerStep: 8 },
    ...{ temperature: 1, topK: 0, topP: 1, maxCompletionLength: 96 },
  };
}

async function sourceOf(source: ConfigChoices["train"], folder: string): Promise<Record<string, unknown>> {
  if ("seed" in source) return { kind: "synth", seed: source.seed, count: source.count, size: 112, difficulty: 0.3 };
  return { kind: source.kind ?? (await detectFormat(source.path)), path: portable(folder, source.path) };
}

/** Relative and with "/" where the path lies near; absolute elsewhere. */
function portable(folder: string, path: string): string {
  const inside = relative(folder, resolve(folder, path)).split(sep).join("/");
  return inside === "" ? "." : inside.startsWith("../../..") ? resolve(folder, path) : inside;
}

const maxSampleImages = 2000;

/**
 * Writes an experiment file and generated pictures into a folder.
 *
 * @throws DataError `project/exists` when there is an experiment already
 */
export async function createSampleProject(
  folder: string,
  images: number,
  signal?: AbortSignal,
): Promise<SampleProject> {
  const root = resolve(folder);
  const configFile = join(root, "iadr1.yaml");
  const dataFolder = join(root, "data", "sample");
  const heldOutFolder = join(root, "data", "held-out");
  const written = [configFile, dataFolder, heldOutFolder];
  for (const path of written) {
    if (!existsSync(path)) continue;
    throw new DataError("project/exists", `${path} is there already; nothing was written.`, {
      where: path,
      hint: "Choose an empty folder.",
    });
  }
  const count = Math.min(Math.max(8, Math.round(images)), maxSampleImages);
  mkdirSync(root, { recursive: true });
  const picture = { size: 112, difficulty: 0.2, ...(signal && { signal }) };
  const samples = await writeSynthDataset(dataFolder, { ...picture, seed: 1, count });
  // Pictures of another seed: nothing that is trained on is tested.
  await writeSynthDataset(heldOutFolder, { ...picture, seed: 2, count: Math.max(8, Math.round(count / 4)) });
  const text = compose(
    {
      ...{ project: basename(root) || "sample", kind: "post-train", model: embeddedName, trainable: "language" },
      ...{ folder: root, train: { path: dataFolder }, paSftSteps: 120, scGrpoSteps: 10 },
    },
    { train: { kind: "folder", path: "data/sample" }, heldOut: { kind: "folder", path: "data/held-out" } },
  );
  writeFileSync(configFile, text);
  const first = samples.find(({ label }) => label === "anomalous") ?? samples[0]!;
  return { folder: root, configFile, dataFolder, firstImage: first.image, written };
}
