/**
 * Where an answer looked, by occlusion: cover one cell of the picture after the other and measure the probability of "yes" behind the same
 * reasoning again. It asks the model itself, with the graphs that answer, and needs nothing but forward passes; it does not say what
 * the attention did inside.
 *
 * @see Zeiler and Fergus, arXiv:1311.2901, section 4.2
 */
import { resolve } from "node:path";
import { CancelledError } from "@iad-r1/models/errors";
import { loadImage } from "@iad-r1/models/vision/decode";
import type { RgbImage } from "@iad-r1/models/vision/image";
import type { HeatMap } from "@iad-r1/protocol/inspect";
import { AnswerProbe } from "../generate/answerProbe";
import type { EncodedPrompt, Generator } from "../generate/generator";
import type { LiveModel } from "../generate/liveModel";
import { type Picture, PromptEncoder } from "../generate/promptEncoder";
import { greedy } from "../generate/sample";
import { promptOf } from "./question";

export interface HeatMapQuestion {
  /** Path of the picture. */
  image: string;
  references?: readonly string[];
  question?: string;
  /** The completion whose answer is explained. */
  text: string;
  /** Cells along the longer side; default 8. */
  cells?: number;
  signal?: AbortSignal;
  onProgress?: (done: number, total: number) => void;
}

/** Cells between two looks at the signal. */
const cellsPerBatch = 4;

export async function occlusionMap(
  { model, generator }: { model: LiveModel; generator: Generator },
  { image: path, references = [], question, text, cells = 8, signal, onProgress }: HeatMapQuestion,
): Promise<HeatMap> {
  const started = performance.now();
  const image = await loadImage(path);
  const shown: Picture[] = [];
  for (const reference of references) {
    const picture = await loadImage(reference);
    shown.push({ id: `${resolve(reference)}@${started}`, load: () => Promise.resolve(picture) });
  }
  const grid = gridOf(image, cells);
  const curtain = new Curtain(image, grid);
  // Features of covered pictures are needed once, those of references with each of them.
  const encoder = new PromptEncoder(model, 64 << 20);
  const { tokenizer } = model.processor;
  const probe = new AnswerProbe(tokenizer, model.description.facts.decoder.vocabSize);
  const reasoning = beforeAnswer(text);
  const begun = reasoning + probe.question.text;
  const writtenIds = [...tokenizer.encode(reasoning), ...probe.question.ids];

  /** Probability of "yes" with each of these cells covered; null covers none. */
  const measure = async (covered: readonly (number | null)[]): Promise<number[]> => {
    const sources = covered.map((cell) =>
      promptOf(
        [...shown, { id: `${path}@${started} ${cell}`, load: () => Promise.resolve(curtain.cover(cell)) }],
        question,
      ),
    );
    const prompts = (await encoder.encode(sources)).map(
      (prompt): EncodedPrompt => ({
        ...prompt,
        inputIds: Int32Array.from([...prompt.inputIds, ...writtenIds]),
      }),
    );
    const completions = await generator.generate(
      prompts.map((prompt) => ({ prompt, count: 1, seed: [0, "heat-map"], begun })),
      { sampling: greedy, maxNewTokens: 1, anomalyScore: true, ...(signal && { signal }) },
    );
    return completions.map(([completion]) => completion!.anomalyScore ?? Number.NaN);
  };

  const total = grid.columns * grid.rows;
  const [baseScore] = await measure([null]);
  const values: number[] = [];
  while (values.length < total) {
    if (signal?.aborted) throw new CancelledError();
    const count = Math.min(cellsPerBatch, total - values.length);
    const scores = await measure(Array.from({ length: count }, (_, i) => values.length + i));
    for (const score of scores) values.push(baseScore! - score);
    onProgress?.(values.length, total);
    await new Promise((resolve) => setImmediate(resolve));
  }
  const seconds = (performance.now() - started) / 1000;
  return { method: "occlusion", ...grid, values, baseScore: baseScore!, seconds };
}

/** The text up to its answer; all of it where there is none. */
function beforeAnswer(text: string): string {
  const at = text.toLowerCase().lastIndexOf("<answer>");
  return at < 0 ? text : text.slice(0, at);
}

interface Grid {
  columns: number;
  rows: number;
}

/** Cells as square as the picture allows, never smaller than a pixel. */
export function gridOf({ width, height }: Pick<RgbImage, "width" | "height">, cells: number): Grid {
  const long = Math.max(width, height);
  const along = (side: number) => Math.max(1, Math.min(side, Math.round((cells * side) / long)));
  return { columns: along(width), rows: along(height) };
}

/** One copy of a picture in which one cell at a time is covered, so that a large picture is not copied for every cell. */
export class Curtain {
  private readonly copy: RgbImage;
  private readonly colour: readonly [number, number, number];
  private covered: number | null = null;

  constructor(
    private readonly original: RgbImage,
    private readonly grid: Grid,
  ) {
    this.copy = { ...original, data: original.data.slice() };
    this.colour = meanColour(original);
  }

  /** The picture with this cell covered and no other; valid until the next call. */
  cover(cell: number | null): RgbImage {
    if (this.covered !== null)
      this.eachRow(this.covered, (from, to) => {
        this.copy.data.set(this.original.data.subarray(from, to), from);
      });
    this.covered = cell;
    if (cell !== null)
      this.eachRow(cell, (from, to) => {
        for (let i = from; i < to; i++) this.copy.data[i] = this.colour[(i - from) % 3]!;
      });
    return this.copy;
  }

  /** Byte range of each row of pixels of a cell. */
  private eachRow(cell: number, act: (from: number, to: number) => void): void {
    const { width, height } = this.original;
    const { columns, rows } = this.grid;
    const edge = (place: number, count: number, side: number) => Math.round((place * side) / count);
    const column = cell % columns;
    const row = Math.floor(cell / columns);
    const [left, right] = [edge(column, columns, width), edge(column + 1, columns, width)];
    for (let y = edge(row, rows, height); y < edge(row + 1, rows, height); y++) {
      act((y * width + left) * 3, (y * width + right) * 3);
    }
  }
}

function meanColour({ data }: RgbImage): readonly [number, number, number] {
  const sums: [number, number, number] = [0, 0, 0];
  for (let i = 0; i < data.length; i += 3) {
    sums[0] += data[i]!;
    sums[1] += data[i + 1]!;
    sums[2] += data[i + 2]!;
  }
  const pixels = data.length / 3;
  return [Math.round(sums[0] / pixels), Math.round(sums[1] / pixels), Math.round(sums[2] / pixels)];
}
