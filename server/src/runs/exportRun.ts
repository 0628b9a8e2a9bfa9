/** Writes the curves of a run in formats that other programs read. Never changes the run. */
import { cp, mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import { DataError } from "@iad-r1/models/errors";
import { writeFileAtomically } from "@iad-r1/models/checkpoint/atomicFile";
import type { ScalarSeries } from "@iad-r1/protocol/runs";
import { parquetWriteBuffer } from "hyparquet-writer";
import sharp from "sharp";
import { svgChart } from "../report/svgChart";
import type { StoredRun } from "./store";

export const exportFormats = ["csv", "json", "parquet", "tensorboard", "svg", "png"] as const;
export type ExportFormat = (typeof exportFormats)[number];

/** Pixels of one chart, and how many stand side by side. */
const CHART = { width: 460, height: 240, columns: 3 };

/**
 * @param out a file; a folder for "tensorboard"
 * @throws DataError `runs/no-events` when there is nothing for TensorBoard
 */
export async function exportRun(run: StoredRun, format: ExportFormat, out: string): Promise<void> {
  switch (format) {
    case "csv":
      return writeFileAtomically(out, csv(run.scalars()));
    case "json":
      return writeFileAtomically(
        out,
        `${JSON.stringify({ run: run.manifest.id, series: run.scalars().map(plain), evaluations: run.evaluations() })}\n`,
      );
    case "parquet": {
      const rows = run.scalars().flatMap(points);
      const columnData = [
        { name: "stage", data: rows.map(({ stage }) => stage), type: "STRING" as const },
        { name: "metric", data: rows.map(({ metric }) => metric), type: "STRING" as const },
        { name: "step", data: Int32Array.from(rows, ({ step }) => step), type: "INT32" as const },
        { name: "time_ms", data: Float64Array.from(rows, ({ timeMs }) => timeMs), type: "DOUBLE" as const },
        { name: "value", data: Float64Array.from(rows, ({ value }) => value), type: "DOUBLE" as const },
      ];
      return writeFileAtomically(out, new Uint8Array(parquetWriteBuffer({ columnData })));
    }
    case "tensorboard": {
      const names = (await readdir(run.folder)).filter((name) => name.startsWith("events.out.tfevents."));
      if (names.length === 0) {
        throw new DataError("runs/no-events", `Run ${run.manifest.id} has no file of TensorBoard.`, {
          where: run.folder,
          hint: "It has not begun, or its curves were imported by an earlier version: export CSV, JSON or parquet.",
        });
      }
      await mkdir(out, { recursive: true });
      for (const name of names) await cp(join(run.folder, name), join(out, name));
      return;
    }
    case "svg":
      return writeFileAtomically(out, sheet(run.scalars()));
    case "png":
      return writeFileAtomically(
        out,
        await sharp(Buffer.from(sheet(run.scalars())), { density: 144 })
          .png()
          .toBuffer(),
      );
  }
}

/** One point a line: long form, which every table program can pivot. */
function csv(series: readonly ScalarSeries[]): string {
  const quote = (text: string) => (/[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
  const lines = series
    .flatMap(points)
    .map(({ stage, metric, step, timeMs, value }) => `${quote(stage)},${quote(metric)},${step},${timeMs},${value}`);
  return ["stage,metric,step,time_ms,value", ...lines, ""].join("\n");
}

function points({ stage, name, steps, timesMs, values }: ScalarSeries) {
  return Array.from(steps, (step, index) => ({
    stage,
    metric: name,
    step,
    timeMs: timesMs[index]!,
    value: values[index]!,
  }));
}

function plain({ stage, name, steps, timesMs, values }: ScalarSeries) {
  return { stage, name, steps: [...steps], timesMs: [...timesMs], values: [...values] };
}

/** All curves on one sheet, with colours of its own because it stands alone. */
function sheet(series: readonly ScalarSeries[]): string {
  const rows = Math.max(1, Math.ceil(series.length / CHART.columns));
  const charts = series.map(({ stage, name, steps, values }, index) => {
    const x = (index % CHART.columns) * CHART.width;
    const y = Math.floor(index / CHART.columns) * CHART.height;
    const chart = svgChart({
      title: `${stage} · ${name}`,
      xLabel: "step",
      series: [{ name, x: [...steps], y: [...values] }],
      ...CHART,
    });
    return chart.replace("<svg ", `<svg x="${x}" y="${y}" width="${CHART.width}" height="${CHART.height}" `);
  });
  const [width, height] = [CHART.columns * CHART.width, rows * CHART.height];
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}">
<style>:root{--series-0:#0969da}.chart-title{fill:#1f2328;font:600 13px sans-serif}.tick{fill:#59636e;font:11px sans-serif}.grid{stroke:#d1d9e0;stroke-width:.5}.line{fill:none;stroke:#0969da;stroke-width:1.8}circle{fill:#0969da}</style>
<rect width="${width}" height="${height}" fill="#ffffff"/>
${charts.join("\n")}
</svg>
`;
}
