/**
 * `data synth`: a folder of generated pictures with everything that is known about them, in this project's layout and in the
 * published formats. The same options give the same files, byte for byte, on every machine.
 */
import { createHash } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { writeError, writeFileAtomically } from "@iad-r1/models/checkpoint/atomicFile";
import { ConfigError } from "@iad-r1/models/errors";
import { type Annotation, annotationOf, writeAnnotations } from "./formats/annotations";
import { writeMeta } from "./formats/metaJson";
import { safeName } from "./formats/mvtec";
import { writeDatasetInfo, writePaSft } from "./formats/paSft";
import { writeScGrpo } from "./formats/scGrpo";
import { writeTestFile } from "./formats/testFile";
import { encodeMaskPng, encodePng } from "./png";
import type { Shots } from "./prompts";
import type { InspectionSample } from "./samples";
import { checkStopped } from "./stop";
import { generateReference, generateSample, type SynthOptions, type SynthSample } from "./synth/sample";
import { thinkText } from "./synth/text";
import { writeWholeFolder } from "./wholeFolder";

export interface SynthDatasetOptions extends Omit<SynthOptions, "index"> {
  /** Number of pictures, 1 to 1,000,000. */
  count: number;
  /** First index of the stream; default 0. Streams of one seed can be written in several pieces. */
  start?: number;
  /** 1 also writes a sound picture of the same design for each sample and 1-shot records. Default 0. */
  shots?: Shots;
  /** Replaces a folder that is there. */
  overwrite?: boolean;
  signal?: AbortSignal;
  onProgress?: (done: number, total: number) => void;
}

/** Files of a written data set, relative to its folder. */
export const SYNTH_FILES = {
  paSft: "pa_sft.json",
  scGrpo: "sc_grpo.json",
  test: "test_synth_format.json",
  meta: "meta.json",
} as const;

/**
 * Writes the folder whole or not at all.
 *
 *     annotations.jsonl  images/KIND/{good,DEFECT}/ID.png  masks/KIND/ID.png  references/KIND/ID.png
 *     pa_sft.json  dataset_info.json  sc_grpo.json  test_synth_format.json  meta.json
 *
 * @returns the samples, with absolute paths
 * @throws ConfigError `synth/options`; DataError `data/folder-exists`; ResourceError `disk/full`; CancelledError
 */
export async function writeSynthDataset(folder: string, options: SynthDatasetOptions): Promise<InspectionSample[]> {
  const { count, start = 0, shots = 0 } = options;
  if (!Number.isInteger(count) || count < 1 || count > 1_000_000) {
    throw new ConfigError(
      "synth/options",
      `The number of pictures must be a whole number from 1 to 1,000,000, got ${count}.`,
    );
  }
  const target = resolve(folder);
  return writeWholeFolder(target, options.overwrite === true, async (temporary) => {
    const samples: InspectionSample[] = [];
    const annotations: Annotation[] = [];
    for (let k = 0; k < count; k++) {
      checkStopped(options.signal);
      const written = await writeSample(temporary, { ...options, index: start + k }, shots);
      samples.push(written.sample);
      annotations.push(written.annotation);
      options.onProgress?.(k + 1, count);
    }
    await writeIndexes(temporary, samples, annotations, shots);
    const moved = (path: string) => join(target, path.slice(temporary.length + 1));
    return samples.map((sample) => ({
      ...sample,
      image: moved(sample.image),
      references: sample.references.map(moved),
      mask: sample.mask === null ? null : moved(sample.mask),
    }));
  });
}

async function writeSample(
  root: string,
  options: SynthOptions,
  shots: Shots,
): Promise<{ sample: InspectionSample; annotation: Annotation }> {
  const made = generateSample(options);
  const id = `${made.kind}_${String(made.index).padStart(6, "0")}`;
  // The metrics of the reference tell normal pictures by "good" in the path.
  const kind = made.defectType === null ? "good" : safeName(made.defectType);
  const sample = inspectionSample(made, id, shots);
  const image = `images/${made.kind}/${kind}/${id}.png`;
  const png = encodePng(made.image);
  sample.image = join(root, image);
  await write(sample.image, png);
  if (made.mask !== null) {
    sample.mask = join(root, `masks/${made.kind}/${id}.png`);
    await write(sample.mask, encodeMaskPng(made.mask, made.image.width, made.image.height));
  }
  if (shots === 1) {
    const reference = join(root, `references/${made.kind}/${id}.png`);
    await write(reference, encodePng(generateReference(options)));
    sample.references = [reference];
  }
  const annotation = annotationOf(sample, (path) => path.slice(root.length + 1).replaceAll("\\", "/"));
  annotation.width = made.image.width;
  annotation.height = made.image.height;
  annotation.sha256 = createHash("sha256").update(png).digest("hex");
  if (made.box !== null) annotation.defects = [{ type: made.defectType!, box: made.box, cell: made.location! }];
  return { sample, annotation };
}

/** The sample of a generated picture, still without paths. */
function inspectionSample(made: SynthSample, id: string, shots: Shots): InspectionSample {
  const sample: InspectionSample = {
    id,
    image: "",
    references: [],
    category: made.kind,
    label: made.label,
    defectType: made.defectType,
    location: made.location,
    locations: [...made.locations],
    mask: null,
    think: thinkText(made, { reference: shots === 1 }),
    extra: { source: "synth", seed: made.seed, index: made.index, difficulty: made.difficulty },
  };
  if (made.locationShare !== null) sample.locationShare = made.locationShare;
  return sample;
}

/** Samples that are generated whenever they are looked at: nothing is written. */
export function synthSamples(
  options: Omit<SynthDatasetOptions, "signal" | "onProgress" | "overwrite">,
): InspectionSample[] {
  const { count, start = 0, shots = 0, ...rest } = options;
  const samples: InspectionSample[] = [];
  for (let k = 0; k < count; k++) {
    const synth = { ...rest, index: start + k };
    const made = generateSample(synth);
    const id = `${made.kind}_${String(made.index).padStart(6, "0")}`;
    samples.push({ ...inspectionSample(made, id, shots), image: `synth:${synth.seed}/${synth.index}`, synth });
  }
  return samples;
}

async function writeIndexes(
  root: string,
  samples: readonly InspectionSample[],
  annotations: readonly Annotation[],
  shots: Shots,
): Promise<void> {
  const pathOf = (path: string) => path.slice(root.length + 1).replaceAll("\\", "/");
  await writePaSft(join(root, SYNTH_FILES.paSft), samples, shots, pathOf);
  await writeDatasetInfo(root, { [basename(SYNTH_FILES.paSft, ".json")]: SYNTH_FILES.paSft });
  await writeScGrpo(join(root, SYNTH_FILES.scGrpo), samples, shots, pathOf);
  await writeTestFile(join(root, SYNTH_FILES.test), samples, pathOf);
  await writeMeta(join(root, SYNTH_FILES.meta), samples, pathOf);
  await writeAnnotations(root, annotations);
  await writeFileAtomically(join(root, "README.md"), README);
}

const README = `# Generated inspection pictures

Made by \`iad-r1 data synth\`; nothing here is a photograph. One picture a line in \`annotations.jsonl\`; the same records as
PA-SFT data (\`pa_sft.json\`, registered in \`dataset_info.json\`), SC-GRPO data (\`sc_grpo.json\`), test file
(\`test_synth_format.json\`) and \`meta.json\`. Paths are relative to this folder.
`;

async function write(path: string, bytes: Uint8Array): Promise<void> {
  try {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, bytes);
  } catch (error) {
    throw writeError(path, error);
  }
}
