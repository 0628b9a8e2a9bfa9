/** Keeps a corrected inspection as a training sample in an Expert-AD file. The rest of the file stays as it is. */
import { randomBytes } from "node:crypto";
import { mkdir, readFile } from "node:fs/promises";
import { basename, dirname, resolve } from "node:path";
import { writeFileAtomically } from "@iad-r1/models/checkpoint/atomicFile";
import { DataError } from "@iad-r1/models/errors";
import { pathBelow } from "@iad-r1/models/util/pathBelow";
import { jsonLines, paSftRecord } from "./formats/paSft";
import { checkAnswer } from "./grammar";
import { parseJsonSource } from "./jsonSource";
import { solutionOf } from "./think";
import type { InspectionSample } from "./samples";

export interface CorrectedInspection {
  file: string;
  /** Absolute paths. */
  image: string;
  references: string[];
  think: string;
  answer: "yes" | "no";
  location?: string | undefined;
  type?: string | undefined;
}

/**
 * @returns how many samples the file has now
 * @throws DataError `data/bad-answer` for an answer that breaks the grammar, `data/not-a-list` for a file of another kind
 */
export async function saveSample(inspection: CorrectedInspection): Promise<{ file: string; count: number }> {
  const { image, references, think, answer, location, type } = inspection;
  const file = resolve(inspection.file);
  const sample: InspectionSample = {
    id: `${basename(image)}-${randomBytes(4).toString("hex")}`,
    ...{ image, references, category: "corrected", label: answer === "yes" ? "anomalous" : "normal" },
    ...{ defectType: type ?? null, location: location ?? null, locations: [], mask: null, think: think.trim() },
  };
  const problem = checkAnswer(`<think>${sample.think}</think>${solutionOf(sample)}`, true).issues.find(
    ({ severity }) => severity === "error",
  );
  if (problem !== undefined) {
    throw new DataError("data/bad-answer", `The sample cannot be kept: ${problem.message}`, {
      where: file,
      hint: "Write reasoning without tags, and a place and a type for a defect.",
    });
  }
  const records = await readList(file);
  const pathOf = (path: string) => pathBelow(dirname(file), path) ?? path;
  const all = [...records, { id: sample.id, ...paSftRecord(sample, references.length > 0 ? 1 : 0, pathOf) }];
  await mkdir(dirname(file), { recursive: true });
  await writeFileAtomically(file, jsonLines(all));
  return { file, count: all.length };
}

async function readList(file: string): Promise<unknown[]> {
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
  if (text.trim() === "") return [];
  const { value, errors } = parseJsonSource(text);
  if (Array.isArray(value) && errors.length === 0) return value;
  throw new DataError("data/not-a-list", `${file}: expected a JSON list of samples, got something else.`, {
    where: file,
    hint: "Choose another file: samples are never written over what is there.",
  });
}
