/**
 * From samples to prompts: which pictures and which words each of the three uses shows (supervised, policy, inspection; the
 * reference has three different prompts), and what the model should answer. Loads nothing before it is asked.
 */
import { createHash } from "node:crypto";
import { stat } from "node:fs/promises";
import type { ChatMessage } from "@iad-r1/models/text/chatTemplate";
import type { RolloutRecord } from "@iad-r1/protocol/runs";
import { type Turn, turnPicture, turnSample } from "../data/augment";
import { fileHash } from "../data/formats/annotations";
import { paSftRecord } from "../data/formats/paSft";
import { inferenceMessages, sftMessages, trainingMessages } from "../data/messages";
import { sampleImage, sampleReferences } from "../data/pixels";
import { dataQuestion } from "../data/prompts";
import type { InspectionSample } from "../data/samples";
import { solutionOf } from "../data/think";
import type { Completion } from "./generator";
import type { Picture, PromptSource } from "./promptEncoder";

/**
 * How a policy is asked. inspection: word for word as evaluation and inspection ask, so that what is learnt is what is used. The others
 * are those of the published training scripts, which ask otherwise than their own inference; see `trainingMessages`.
 */
export const promptStyles = ["inspection", "question", "expert", "system"] as const;
export type PromptStyle = (typeof promptStyles)[number];
export const defaultPromptStyle: PromptStyle = "inspection";

export interface PromptOptions {
  /** Reference pictures shown before the query, where the sample has them. */
  references: number;
  turn?: Turn;
}

/** A supervised example: prompt and answer. */
export interface SupervisedExample {
  source: PromptSource;
  answer: string;
}

/** A policy example: prompt and ground truth. */
export interface PolicyExample {
  source: PromptSource;
  /** The tags alone. */
  solution: string;
  /** What the rewards see beside completion and solution. */
  columns: Record<string, unknown>;
}

/** The chat of the file when it has one; else the published layout with the sample's own or a composed reasoning. */
export function supervisedExample(
  sample: InspectionSample,
  { references, turn = 0 }: PromptOptions,
): SupervisedExample {
  const turned = turnSample(sample, turn);
  if (turned.messages !== undefined) {
    const pictures = picturesOf(sample, sample.references.length, turn);
    const messages = sftMessages(turned.messages.slice(0, -1));
    return { source: { messages, pictures }, answer: turned.messages.at(-1)!.content };
  }
  const pictures = picturesOf(sample, references, turn);
  const shots = pictures.length > 1 ? 1 : 0;
  const shown = { ...turned, references: shots === 1 ? ["reference"] : [] };
  const { messages } = paSftRecord(shown, shots, (path) => path);
  return { source: { messages: sftMessages(messages.slice(0, -1)), pictures }, answer: messages.at(-1)!.content };
}

export function policyExample(
  sample: InspectionSample,
  { references, turn = 0, style }: PromptOptions & { style: PromptStyle },
): PolicyExample {
  const turned = turnSample(sample, turn);
  const pictures = picturesOf(sample, references, turn);
  return {
    source: style === "inspection" ? inspectionPrompt(pictures) : trainingPrompt(sample, pictures, style),
    solution: solutionOf(turned),
    columns: { ...rewardColumns(turned), id: sample.id },
  };
}

/** What rewards see of a sample beside completion and solution: columns of its file, and what is known of the picture. */
export function rewardColumns(sample: InspectionSample): Record<string, unknown> {
  const { id, category, label, defectType, location, locations } = sample;
  return { ...sample.extra, ...{ id, category, label, defectType, location, locations } };
}

function trainingPrompt(
  sample: InspectionSample,
  pictures: Picture[],
  style: Exclude<PromptStyle, "inspection">,
): PromptSource {
  const row = { image: pictures.map(({ id }) => id), problem: sample.question ?? dataQuestion };
  const { messages } = trainingMessages(row, { shots: pictures.length > 1 ? 1 : 0, style, imageRoot: "" })!;
  return { messages, pictures };
}

/** As the published inference scripts ask LLaVA-OneVision. */
export function inspectionPrompt(pictures: readonly Picture[]): PromptSource {
  // Only the Anomaly-R1 family puts anything but text and images into its messages.
  const messages = inferenceMessages("iad-r1-llava", pictures.length - 1) as ChatMessage[];
  return { messages, pictures };
}

/** What a reward may want to know of a completion besides its text. */
export function originOf(
  { finish, ids }: Completion,
  sampleId: string,
  prompt: readonly ChatMessage[],
): { prompt: readonly ChatMessage[]; sampleId: string; length: number; finish?: "eos" | "length" | "stop" } {
  return { prompt, sampleId, length: ids.length, ...(finish !== "cancelled" && { finish }) };
}

/** Reference pictures that a sample has; to a generated one there is one. */
export const numReferences = ({ synth, references }: InspectionSample): number =>
  synth !== undefined ? 1 : references.length;

/**
 * Says that fewer reference pictures are shown than were asked for: what is measured then is something else. Null when all have enough.
 *
 * @param counts of the reference pictures of each sample
 */
export function missingReferences(counts: readonly number[], wanted: number): string | null {
  const short = counts.filter((count) => count < wanted);
  if (short.length === 0) return null;
  const fewest = short.reduce((a, b) => Math.min(a, b));
  return `${short.length} of ${counts.length} samples have fewer reference pictures than the ${wanted} asked for, the fewest ${fewest}: they are shown with those that they have.`;
}

/** References first, the picture to inspect last; both turned alike. */
export function picturesOf(sample: InspectionSample, references: number, turn: Turn = 0): Picture[] {
  const count = Math.min(references, numReferences(sample));
  const suffix = turn === 0 ? "" : `~${turn}`;
  const name = nameOf(sample);
  const shown = Array.from({ length: count }, (_, i): Picture => {
    const reference = sample.synth === undefined ? sample.references[i]! : `${name}/reference`;
    return { id: reference + suffix, load: async () => turnPicture((await sampleReferences(sample, i + 1))[i]!, turn) };
  });
  return [...shown, { id: name + suffix, load: async () => turnPicture(await sampleImage(sample), turn) }];
}

/** A generated picture is named by all that decides its pixels: the same seed can be drawn in other sizes. */
function nameOf({ image, synth }: InspectionSample): string {
  if (synth === undefined) return image;
  return `${image}#${createHash("sha256").update(JSON.stringify(synth)).digest("hex").slice(0, 8)}`;
}

/** Hashes and sizes of pictures for the record: of the file where there is one, else of the pixels. */
export class PictureLedger {
  private readonly known = new Map<string, Promise<RolloutRecord["imageRefs"][number]>>();

  refs(pictures: readonly Picture[]): Promise<RolloutRecord["imageRefs"]> {
    return Promise.all(
      pictures.map((picture) => {
        let ref = this.known.get(picture.id);
        if (ref === undefined) {
          ref = describe(picture);
          this.known.set(picture.id, ref);
        }
        return ref;
      }),
    );
  }
}

async function describe({ id, load }: Picture): Promise<RolloutRecord["imageRefs"][number]> {
  const path = id.replace(/~\d$/, "");
  const info = await stat(path).catch(() => null);
  if (info?.isFile()) return { id, sha256: await fileHash(path), sizeBytes: info.size };
  const { data } = await load();
  return { id, sha256: createHash("sha256").update(data).digest("hex"), sizeBytes: data.byteLength };
}
