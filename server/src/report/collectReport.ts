/**
 * Gathers what `runReport.ts` prints from a run folder: table, curves, and the same held-out images as each model state answered
 * them. Reads; the only thing it writes is the report.
 */
import { join } from "node:path";
import { writeFileAtomically } from "@iad-r1/models/checkpoint/atomicFile";
import { DataError } from "@iad-r1/models/errors";
import { loadImage } from "@iad-r1/models/vision/decode";
import { counted } from "@iad-r1/models/util/counted";
import type { RgbImage } from "@iad-r1/models/vision/image";
import type { EvaluatedSample, ScalarSeries } from "@iad-r1/protocol/runs";
import sharp from "sharp";
import type { DataSource } from "../config/experiment";
import { generateSample } from "../data/synth/sample";
import { parseTags } from "../rewards/tags";
import { openRun, type StoredRun } from "../runs/store";
import {
  englishReport,
  type ReportExample,
  type ReportImage,
  type ReportLanguage,
  type RunReport,
  renderRunReport,
} from "./runReport";
import type { ChartOptions } from "./svgChart";

/** Longer side of a picture in the report, in pixels. */
const PICTURE_SIZE = 360;
const NUM_EXAMPLES = 8;

/** Curves in order; several names in one list share a chart. */
const CHARTS: readonly { title: string; stage: string; names: readonly string[]; smoothing: number }[] = [
  { title: "PA-SFT loss", stage: "pa-sft", names: ["loss"], smoothing: 0.8 },
  { title: "PA-SFT gradient norm", stage: "pa-sft", names: ["grad_norm"], smoothing: 0.8 },
  { title: "SC-GRPO reward", stage: "sc-grpo", names: ["reward"], smoothing: 0.8 },
  { title: "SC-GRPO reward spread in groups", stage: "sc-grpo", names: ["reward_std"], smoothing: 0.8 },
  { title: "SC-GRPO loss", stage: "sc-grpo", names: ["loss"], smoothing: 0.8 },
  { title: "KL to the start model", stage: "sc-grpo", names: ["kl"], smoothing: 0.8 },
  { title: "Completion length (tokens)", stage: "sc-grpo", names: ["completions/mean_length"], smoothing: 0.8 },
  { title: "Groups without a signal (share)", stage: "sc-grpo", names: ["frac_reward_zero_std"], smoothing: 0.8 },
];

/** Pictures looked at after training, to be shown first. */
export interface InspectedPicture {
  readonly path: string;
  readonly truth: string | null;
  readonly text: string;
  readonly anomalyScore: number | null;
  readonly correct: boolean | null;
}

/**
 * Writes the report of a run: into its folder as `report.html`, or elsewhere, which leaves the folder as it is.
 *
 * @returns the path of the report
 */
export async function writeRunReport(
  folder: string,
  inspected: readonly InspectedPicture[] = [],
  file = join(folder, "report.html"),
  language: ReportLanguage = englishReport,
): Promise<string> {
  const run = openRun(folder);
  const { manifest } = run;
  const rows = [
    ...new Map(
      run
        .evaluations()
        .filter(({ stage }) => stage.startsWith("evaluate"))
        .map(({ label, report }) => [label, report]),
    ),
  ].map(([label, report]) => ({ label, report }));
  const seconds = Math.round((manifest.updatedMs - manifest.createdMs) / 1000);
  const report: RunReport = {
    title: `IAD-R1 · ${manifest.project}`,
    facts: [
      ["Run", manifest.id],
      ["Started", new Date(manifest.createdMs).toISOString().slice(0, 16).replace("T", " ")],
      ["Duration", language.say(`${Math.floor(seconds / 60)} min ${seconds % 60} s`)],
      ["Device", language.say(`${manifest.device}, ${counted(manifest.threads, "thread")}`)],
      ...Object.entries(manifest.versions).map(([name, version]) => [name, version] as const),
    ],
    rows,
    charts: charts(run.scalars()),
    examples: await examples(run),
    inspections: await Promise.all(inspected.map(inspection)),
  };
  await writeFileAtomically(file, renderRunReport(report, language));
  return file;
}

function charts(series: readonly ScalarSeries[]): ChartOptions[] {
  const found = CHARTS.flatMap(({ title, stage, names, smoothing }) => {
    const lines = series
      .filter((line) => line.stage === stage && names.includes(line.name))
      .map(({ name, steps, values }) => ({ name, x: [...steps], y: [...values] }));
    return lines.length === 0 ? [] : [{ title, xLabel: "step", smoothing, series: lines }];
  });
  const components = series.filter(({ name }) => /^rewards\/.+\/mean$/.test(name));
  if (components.length > 1) {
    found.splice(3, 0, {
      title: "Rewards",
      xLabel: "step",
      smoothing: 0.8,
      series: components.map(({ name, steps, values }) => ({
        name: shortName(name),
        x: [...steps],
        y: [...values],
      })),
    });
  }
  return found;
}

/** "rewards/iad-r1-strict/format/mean" -> "format", "rewards/place.reward.ts#place/mean" -> "place". */
const shortName = (metric: string) => metric.split("/").at(-2)!.split("#").at(-1)!;

/** Held-out images that most tell the stages apart: first those whose answers changed. */
async function examples(run: StoredRun): Promise<ReportExample[]> {
  const evaluations = run.evaluations().filter(({ stage }) => stage.startsWith("evaluate"));
  const byId = new Map<string, { label: string; sample: EvaluatedSample }[]>();
  for (const evaluation of evaluations) {
    for (const sample of run.samples(evaluation)) {
      const said = byId.get(sample.id) ?? [];
      said.push({ label: evaluation.label, sample });
      byId.set(sample.id, said);
    }
  }
  const interest = (said: { sample: EvaluatedSample }[]) =>
    said.filter(({ sample }, index) => index > 0 && sample.correct !== said[index - 1]!.sample.correct).length;
  const ordered = [...byId.values()].sort((a, b) => interest(b) - interest(a));
  // As many with a defect as without.
  const chosen = (["anomalous", "normal"] as const).flatMap((label) =>
    ordered.filter(([first]) => first?.sample.label === label).slice(0, NUM_EXAMPLES / 2),
  );
  return Promise.all(chosen.map((said) => example(run, said)));
}

async function example(
  run: StoredRun,
  said: readonly { label: string; sample: EvaluatedSample }[],
): Promise<ReportExample> {
  const { sample } = said[0]!;
  const path = sample.images.at(-1)!;
  return {
    image: await readable(async () => reportImage(await pictureOf(run, path))),
    caption: `${sample.category} · ${sample.id}`,
    truth: truthOf(sample.solution),
    answers: said.map(({ label, sample: { completion, correct, anomalyScore } }) => ({
      label,
      text: completion,
      correct,
      anomalyScore,
    })),
  };
}

async function inspection({ path, truth, text, anomalyScore, correct }: InspectedPicture): Promise<ReportExample> {
  return {
    image: await readable(async () => reportImage(await loadImage(path))),
    caption: path.split(/[\\/]/).at(-1)!,
    truth,
    answers: [{ label: "trained model", text, correct, anomalyScore }],
  };
}

/** A picture file, or a picture `synth:SEED/INDEX` drawn again as the configuration of the run says. */
function pictureOf(run: StoredRun, path: string): Promise<RgbImage> | RgbImage {
  const name = /^synth:(.*)\/(\d+)(?:#.*)?$/.exec(path);
  if (name === null) return loadImage(path);
  const { data } = run.manifest.config as { data: Record<string, DataSource[] | undefined> };
  for (const source of Object.values(data).flatMap((sources) => sources ?? [])) {
    if (source.kind !== "synth" || String(source.seed) !== name[1]) continue;
    const { seed, size, difficulty, anomalousShare } = source;
    return generateSample({ seed, index: Number(name[2]), size, difficulty, anomalousShare }).image;
  }
  throw new DataError("report/picture", `The run's configuration has no synthetic data of the seed of ${path}.`, {
    where: path,
  });
}

/** "scratch, top left" from the answer grammar. */
function truthOf(solution: string | null): string | null {
  if (solution === null) return null;
  const { answer, location, type } = parseTags(solution);
  if (answer === null) return null;
  return answer === "no" ? "no defect" : [type, location].filter((part) => part !== null).join(", ");
}

/** A picture may have gone since the run looked at it; the report is about the run. */
async function readable(read: () => Promise<ReportImage>): Promise<ReportImage | null> {
  try {
    return await read();
  } catch (error) {
    if (!DataError.is(error)) throw error;
    return null;
  }
}

async function reportImage({ width, height, data }: RgbImage): Promise<ReportImage> {
  const scale = Math.min(1, PICTURE_SIZE / Math.max(width, height));
  const size = { width: Math.max(1, Math.round(width * scale)), height: Math.max(1, Math.round(height * scale)) };
  const bytes = await sharp(data, { raw: { width, height, channels: 3 } })
    .resize(size)
    .jpeg({ quality: 80 })
    .toBuffer();
  return { dataUri: `data:image/jpeg;base64,${bytes.toString("base64")}`, ...size };
}
