/** Reads a parquet file as columns; the only importer of hyparquet. Files come from elsewhere: sizes are looked at before memory is taken. */
import { brotliDecompressSync, gunzipSync } from "node:zlib";
import * as zlib from "node:zlib";
import { DataError } from "@iad-r1/models/errors";
import {
  type AsyncBuffer,
  type Compressors,
  parquetMetadataAsync,
  parquetReadObjects,
  parquetSchema,
  snappyUncompress,
} from "hyparquet";
import { openFile } from "./lines";
import type { Table } from "./tableRows";

/** More of them do not fit into memory as text. */
const maxFileBytes = 2 ** 31;
const maxRows = 2_000_000;
/** Of a page; one that claims more is hostile. */
const maxPageBytes = 512 << 20;

/** @throws DataError `rollouts/bad-parquet`, `data/missing-file`, `data/unreadable-file`, `data/file-too-large` */
export async function readParquet(path: string): Promise<Table> {
  const file = await openFile(path);
  try {
    const { size } = await file.stat();
    if (size > maxFileBytes) {
      throw new DataError("data/file-too-large", `${path}: expected at most ${maxFileBytes} bytes, got ${size}.`, {
        ...{ where: path, hint: "Write the completions of each step into a file of their own." },
      });
    }
    const buffer: AsyncBuffer = {
      byteLength: size,
      async slice(start, end = size) {
        const bytes = new Uint8Array(Math.max(0, Math.min(end, size) - start));
        const { bytesRead } = await file.read(bytes, 0, bytes.length, start);
        return bytes.buffer.slice(0, bytesRead);
      },
    };
    const metadata = await parquetMetadataAsync(buffer);
    const numRows = Number(metadata.num_rows);
    if (!(numRows >= 0 && numRows <= maxRows))
      throw new Error(`it claims ${numRows} rows, expected at most ${maxRows}`);
    const schema = parquetSchema(metadata).children;
    const rows = await parquetReadObjects({ file: buffer, metadata, compressors, utf8: true });
    if (rows.length !== numRows) throw new Error(`it holds ${rows.length} rows, expected ${numRows}`);
    const columns = new Map<string, unknown[]>();
    const floats = new Set<string>();
    for (const { element } of schema) {
      // pandas keeps its index as a column when it is not a plain count.
      if (element.name.startsWith("__index_level_")) continue;
      columns.set(
        element.name,
        rows.map((row) => row[element.name]),
      );
      if (element.type === "DOUBLE" || element.type === "FLOAT") floats.add(element.name);
    }
    return { columns, floats };
  } catch (error) {
    if (error instanceof DataError) throw error;
    throw new DataError(
      "rollouts/bad-parquet",
      `${path} is no parquet file that can be read: ${(error as Error).message}.`,
      {
        ...{ where: path, cause: error },
        hint: "Expected a file such as completions/completions_00010.parquet of TRL; a file that is still being written cannot be read.",
      },
    );
  } finally {
    await file.close();
  }
}

function unpacked(decompress: (input: Uint8Array, limit: { maxOutputLength: number }) => Uint8Array) {
  return (input: Uint8Array, outputLength: number) => {
    if (outputLength > maxPageBytes) throw new Error(`a page claims ${outputLength} bytes`);
    return new Uint8Array(decompress(input, { maxOutputLength: Math.max(1, outputLength) }));
  };
}

const zstd = (zlib as { zstdDecompressSync?: (input: Uint8Array, limit: { maxOutputLength: number }) => Uint8Array })
  .zstdDecompressSync;

/** Snappy is what pandas writes; zstd is in Node from 22.15 on. */
const compressors: Compressors = {
  SNAPPY(input, outputLength) {
    if (outputLength > maxPageBytes) throw new Error(`a page claims ${outputLength} bytes`);
    const output = new Uint8Array(outputLength);
    snappyUncompress(input, output);
    return output;
  },
  GZIP: unpacked(gunzipSync),
  BROTLI: unpacked(brotliDecompressSync),
  ...(zstd !== undefined && { ZSTD: unpacked(zstd) }),
};
