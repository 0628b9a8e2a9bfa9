/** Writes rollouts for other programs: JSON lines that `reward check` reads, a table as CSV or parquet. Training samples: `bestAnswers.ts`. */
import { writeAtomically } from "@iad-r1/models/checkpoint/atomicFile";
import type { RolloutExportFormat } from "@iad-r1/protocol/rollouts";
import { parquetWriteBuffer } from "hyparquet-writer";
import type { RolloutRow } from "../rollouts/row";
import { promptText } from "../rollouts/promptText";

export type TableFormat = Exclude<RolloutExportFormat, "pa-sft">;

/**
 * Rows are written in pieces, so that memory stays bounded; a parquet file is made as a whole. The file is there when all of it is.
 */
export async function exportRollouts(
  pieces: AsyncIterable<readonly RolloutRow[]>,
  rewardNames: readonly string[],
  format: TableFormat,
  out: string,
): Promise<number> {
  let count = 0;
  await writeAtomically(out, async (file) => {
    const write = (lines: readonly string[]) => file.write(Buffer.from(lines.map((line) => `${line}\n`).join("")));
    const line = format === "jsonl" ? rolloutLine : (row: RolloutRow) => csvLine(row, rewardNames);
    const all: RolloutRow[] = [];
    if (format === "csv") await write([csvHead(rewardNames).join(",")]);
    for await (const rows of pieces) {
      count += rows.length;
      if (format === "parquet") all.push(...rows);
      else await write(rows.map(line));
    }
    if (format === "parquet") await file.write(parquetOf(all, rewardNames));
  });
  return count;
}

/** One line that our reader gives back as the same row. */
export function rolloutLine(row: RolloutRow): string {
  const { group, index, prompt, completion, solution, columns, recorded: _, step, ...rest } = row;
  // The name of a group of a run begins with its step, which the reader puts there itself.
  const name = step !== undefined && group.startsWith(`${step}/`) ? group.slice(`${step}/`.length) : group;
  return JSON.stringify({
    ...columns,
    ...(step !== undefined && { step }),
    group: name,
    index,
    prompt,
    completion,
    solution: solution ?? columns.solution ?? null,
    ...rest,
  });
}

function csvHead(rewardNames: readonly string[]): string[] {
  const fixed = ["step", "group", "index", "sample_id", "prompt", "completion", "solution", "finish", "length"];
  return [...fixed, "total", "advantage", ...rewardNames.map((name) => `reward ${name}`)].map(quoted);
}

function csvLine(row: RolloutRow, rewardNames: readonly string[]): string {
  const { step, group, index, sampleId, prompt, completion, solution, finish, length, total, advantage, rewards } = row;
  const cells = [
    step,
    group,
    index,
    sampleId,
    promptText(prompt),
    completion,
    solution,
    finish,
    length,
    total,
    advantage,
  ];
  return [...cells, ...rewardNames.map((name) => rewards?.[name])].map(quoted).join(",");
}

/** Texts stay as they are, also those that a table program would take for a formula. */
function quoted(value: string | number | null | undefined): string {
  if (value === null || value === undefined) return "";
  const text = String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

function parquetOf(rows: readonly RolloutRow[], rewardNames: readonly string[]): Uint8Array {
  const texts = (name: string, get: (row: RolloutRow) => string | null | undefined) => ({
    ...{ name, type: "STRING" as const, nullable: true },
    data: rows.map((row) => get(row) ?? null),
  });
  const numbers = (name: string, get: (row: RolloutRow) => number | null | undefined) => ({
    ...{ name, type: "DOUBLE" as const, nullable: true },
    data: rows.map((row) => get(row) ?? null),
  });
  const columnData = [
    numbers("step", ({ step }) => step),
    texts("group", ({ group }) => group),
    numbers("index", ({ index }) => index),
    texts("sample_id", ({ sampleId }) => sampleId),
    texts("prompt", ({ prompt }) => promptText(prompt)),
    texts("completion", ({ completion }) => completion),
    texts("solution", ({ solution }) => solution),
    texts("finish", ({ finish }) => finish),
    numbers("completion_length", ({ length }) => length),
    // TRL's own layout from here on: rewards, then the advantage.
    ...rewardNames.map((name) => numbers(name, ({ rewards }) => rewards?.[name])),
    numbers("reward", ({ total }) => total),
    numbers("advantage", ({ advantage }) => advantage),
  ];
  return new Uint8Array(parquetWriteBuffer({ columnData }));
}
