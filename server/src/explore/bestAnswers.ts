/**
 * Recorded answers as training data for PA-SFT: the best right answer to each picture. Where a larger model answered it is the teacher of a
 * small one; where the model itself did, this is rejection sampling.
 */
import { dirname, resolve } from "node:path";
import { writeFileAtomically } from "@iad-r1/models/checkpoint/atomicFile";
import { DataError } from "@iad-r1/models/errors";
import { counted } from "@iad-r1/models/util/counted";
import { pathBelow } from "@iad-r1/models/util/pathBelow";
import { jsonLines, paSftRecord } from "../data/formats/paSft";
import { checkAnswer } from "../data/grammar";
import type { InspectionSample } from "../data/samples";
import { pictureOf, type RolloutRow, splitOf } from "../rollouts/row";
import { totalOf } from "../rollouts/total";
import { labelOf } from "../rollouts/verdict";

export interface BestAnswersCount {
  /** Pictures whose best right answer was written. */
  count: number;
  /** Pictures to which no answer was right and in the grammar of training answers. */
  withoutAnswer: number;
  /** Pictures that lie in no file as the model saw them: generated or turned on the spot. */
  withoutFile: number;
}

interface Best {
  total: number;
  sample: InspectionSample;
}

/**
 * Writes the answer with the highest total to each picture, of several the first, as a record of an Expert-AD file. An answer is right when its
 * verdict is that of the solution; that its place and type are right too is for the rewards in the total to say.
 *
 * @throws DataError `rollouts/no-right-answer` when no picture has one; then nothing is written
 */
export async function exportBestAnswers(
  pieces: AsyncIterable<readonly RolloutRow[]>,
  out: string,
): Promise<BestAnswersCount> {
  const best = new Map<string, Best | null>();
  const fileless = new Set<string>();
  for await (const rows of pieces) {
    for (const row of rows) {
      // What a model is judged by must not be what it learns.
      if (splitOf(row) === "eval") continue;
      const pictures = row.images ?? [];
      const key = pictures.join("\0");
      if (pictures.length === 0 || pictures.some(hasNoFile)) {
        fileless.add(key === "" ? row.group : key);
        continue;
      }
      const total = totalOf(row) ?? Number.NEGATIVE_INFINITY;
      const known = best.get(key) ?? null;
      if (known !== null && known.total >= total) continue;
      const sample = rightSample(row, pictures);
      best.set(key, sample === null ? known : { total, sample });
    }
  }
  const found = [...best.values()].filter((one) => one !== null);
  const counts = {
    count: found.length,
    withoutAnswer: best.size - found.length,
    withoutFile: fileless.size,
  };
  if (found.length === 0) {
    const none = best.size + fileless.size === 0;
    const why = none
      ? "the filter lets no completion of a training through"
      : `no answer to ${counted(best.size, "picture")} is right, and ${counted(fileless.size, "picture")} were generated or turned and lie in no file`;
    throw new DataError("rollouts/no-right-answer", `There is no training sample to write: ${why}.`, {
      where: out,
      hint: none
        ? "Let more completions through."
        : "Take answers of a model that knows the grammar of training answers, to pictures in files.",
    });
  }
  const folder = dirname(resolve(out));
  const pathOf = (path: string) => pathBelow(folder, path) ?? path;
  const records = found.map(({ sample }) => paSftRecord(sample, sample.references.length > 0 ? 1 : 0, pathOf));
  await writeFileAtomically(out, jsonLines(records));
  return counts;
}

/** A generated picture, or one that was turned before the model saw it. */
function hasNoFile(id: string): boolean {
  const { isFile, turn } = pictureOf(id);
  return !isFile || turn !== 0;
}

/** The answer as a sample; null when it is wrong, or not what a training answer must look like. */
function rightSample(row: RolloutRow, pictures: readonly string[]): InspectionSample | null {
  const { think, location, type, label, issues } = checkAnswer(row.completion, true);
  if (label === null || think === null || issues.some(({ severity }) => severity === "error")) return null;
  if (label !== labelOf(row.solution)) return null;
  const paths = pictures.map((id) => resolve(pictureOf(id).path));
  return {
    id: row.sampleId ?? row.group,
    ...{ image: paths.at(-1)!, references: paths.slice(0, -1), category: "", label },
    ...{ defectType: type, location, locations: [], mask: null, think: think.trim() },
  };
}
