/**
 * The recipe of a small base model that is taught to see from nothing (`iad-r1 train perception`): phases over synthetic pictures,
 * first the vision tower alone with a dense loss, then the whole model with plain captions beside it.
 */
import { dirname, resolve } from "node:path";
import { ConfigError } from "@iad-r1/models/errors";
import * as z from "zod";
import { parseYaml, plainValue, readConfigText } from "./yamlFile";

const positive = z.number().positive();
const count = z.number().int().positive();
const range = z.tuple([z.number().min(0).max(1), z.number().min(0).max(1)]);

const phaseSchema = z.strictObject({
  name: z.string().min(1),
  trainable: z
    .enum(["vision", "language", "all"])
    .describe("Tower and projector, the language model on a tower that stays, or the whole model."),
  language: z.boolean().default(false).describe("Learn plain captions and questions beside the dense loss."),
  startReading: z
    .boolean()
    .default(false)
    .describe("Begin with a decoder that looks at the patches the dense heads of the phases before mark."),
  turns: count.default(3).describe("Questions and answers about each picture."),
  steps: count,
  batchSize: count,
  learningRate: positive,
  warmupSteps: z.number().int().min(0).default(100),
  decayShare: z
    .number()
    .min(0)
    .max(1)
    .default(0.2)
    .describe("Share of the steps, at the end, over which the learning rate falls to 0."),
  difficulty: z
    .strictObject({ from: range, to: range, overSteps: count })
    .describe("Range of difficulty of the pictures: larger, clearer defects first."),
  largeShare: z
    .number()
    .min(0)
    .max(1)
    .default(0)
    .describe("Share of pictures of twice the side, seen as a small whole and four quarters."),
  anomalousShare: z.number().min(0).max(1).default(0.5),
  twins: z
    .boolean()
    .default(false)
    .describe(
      "Every second picture is the one before it without its defect; half are anomalous then. Needs an even batch size.",
    ),
  weights: z
    .strictObject({
      defect: z.number().min(0).default(1),
      type: z.number().min(0).default(0.3),
      kind: z.number().min(0).default(0.1),
      cell: z.number().min(0).default(0.2),
      language: z.number().min(0).default(1),
    })
    .prefault({})
    .describe("Weights of the losses."),
});

export const perceptionSchema = z.strictObject({
  model: z
    .string()
    .describe(
      "Folder with config.json, tokenizer and processor files; its weights are the start unless `init` is random.",
    ),
  init: z.enum(["random", "checkpoint"]).default("random"),
  output: z.string().describe("Folder of the finished checkpoint."),
  seed: z.number().int().min(0).default(1),
  threads: z.number().int().min(0).default(0).describe("Threads for the arithmetic; 0 = one per core."),
  device: z
    .enum(["cpu", "webgpu", "cuda", "dml", "coreml"])
    .default("cpu")
    .describe("Where losses and gradients are computed; the optimiser stays on the CPU."),
  weightDecay: z.number().min(0).default(0.05),
  beta2: z.number().min(0).max(1).default(0.98),
  maxGradNorm: positive.default(1),
  evalEvery: count.default(500),
  evalImages: count.default(400),
  saveEvery: count.default(500),
  phases: z.array(phaseSchema).min(1),
});

export type PerceptionConfig = z.output<typeof perceptionSchema>;
export type PerceptionPhase = z.output<typeof phaseSchema>;

/** Reads a recipe; paths in it are relative to the file. @throws ConfigError `config/unreadable`, `config/too-large`, `config/invalid` */
export function loadPerceptionConfig(file: string): PerceptionConfig {
  const invalid = (reason: string, cause?: unknown) =>
    new ConfigError("config/invalid", `The recipe ${file} does not fit:\n${reason}`, {
      where: file,
      hint: "Mend the lines above; models/nano has a recipe that works.",
      cause,
    });
  const { document, faults } = parseYaml(readConfigText(file));
  if (faults.length > 0) {
    throw invalid(faults.map(({ line, column, message }) => `${file}:${line}:${column} ${message}`).join("\n"));
  }
  let data: unknown;
  try {
    data = plainValue(document);
  } catch (error) {
    throw invalid((error as Error).message, error);
  }
  const result = perceptionSchema.safeParse(data);
  if (!result.success) {
    const reasons = result.error.issues.map(({ path, message }) => {
      return `${path.join(".") || "recipe"}: ${message.replace(/, received undefined$/, ", got nothing")}`;
    });
    throw invalid(reasons.join("\n"));
  }
  const folder = dirname(resolve(file));
  const odd = result.data.phases.find((phase) => phase.twins && phase.batchSize % 2 === 1);
  if (odd !== undefined)
    throw invalid(
      `phases.batchSize: expected an even number in phase "${odd.name}", which has twins, got ${odd.batchSize}`,
    );
  return { ...result.data, model: resolve(folder, result.data.model), output: resolve(folder, result.data.output) };
}
