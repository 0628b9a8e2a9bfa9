/**
 * TensorBoard event files: the record framing (length, masked CRC-32C, data, masked CRC-32C) around the few fields of the Event
 * message that a scalar needs. A copy of the scalars for other people's viewers; the store of record is `scalars.bin`.
 *
 * @see tensorflow/core/lib/io/record_writer.h and tensorflow/core/util/event.proto for the format
 */
import { closeSync, openSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { DataError } from "@iad-r1/models/errors";
import type { ScalarSeries } from "@iad-r1/protocol/runs";
import { diskError, writeAll } from "./durableFile";

/** Appends scalars. */
export interface EventFileWriter {
  readonly path: string;
  append(step: number, timeMs: number, values: Readonly<Record<string, number>>): void;
  close(): void;
}

/** One scalar of an event file. */
export interface TensorBoardScalar {
  tag: string;
  step: number;
  /** Seconds since 1970. */
  wallTime: number;
  /** 32-bit float. */
  value: number;
}

/**
 * Starts the event file of a run folder afresh from all points already there. Older event files go away, so that a resumed run
 * shows each point once.
 */
export function openEventFile(folder: string, history: readonly ScalarSeries[]): EventFileWriter {
  const seconds = Math.floor(Date.now() / 1000);
  const path = join(folder, `events.out.tfevents.${seconds}.${hostname()}.${process.pid}`);
  let fd: number;
  try {
    for (const name of readdirSync(folder)) {
      if (name.startsWith("events.out.tfevents.")) rmSync(join(folder, name));
    }
    fd = openSync(path, "w");
    writeAll(fd, frame(encodeEvent(seconds, 0, { version: "brain.Event:2" })));
    const points = history.flatMap((series) =>
      Array.from(series.values, (value, i) => ({
        tag: scalarTag(series.stage, series.name),
        step: series.steps[i]!,
        timeMs: series.timesMs[i]!,
        value,
      })),
    );
    points.sort((a, b) => a.timeMs - b.timeMs);
    for (const point of points) {
      writeAll(fd, frame(encodeEvent(point.timeMs / 1000, point.step, { values: { [point.tag]: point.value } })));
    }
  } catch (error) {
    throw diskError(error, path);
  }
  let open = true;
  return {
    path,
    append(step, timeMs, values) {
      try {
        writeAll(fd, frame(encodeEvent(timeMs / 1000, step, { values })));
      } catch (error) {
        throw diskError(error, path);
      }
    },
    close() {
      if (open) closeSync(fd);
      open = false;
    },
  };
}

/** Tag under which a metric is shown: TensorBoard groups by what stands before the first slash. */
export function scalarTag(stage: string, name: string): string {
  return `${stage}/${name}`;
}

/**
 * Reads the scalars of an event file, ours or another program's. A record that a crash cut off ends the file.
 *
 * @throws DataError `tensorboard/broken-record` when a checksum does not fit
 */
export function readEventFile(path: string): TensorBoardScalar[] {
  const bytes = readFileSync(path);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const scalars: TensorBoardScalar[] = [];
  let at = 0;
  while (at + 12 <= bytes.byteLength) {
    const length = Number(view.getBigUint64(at, true));
    if (view.getUint32(at + 8, true) !== maskedCrc(bytes.subarray(at, at + 8))) throw broken(path, at);
    if (at + 16 + length > bytes.byteLength) break;
    const data = bytes.subarray(at + 12, at + 12 + length);
    if (view.getUint32(at + 12 + length, true) !== maskedCrc(data)) throw broken(path, at);
    scalars.push(...decodeEvent(data));
    at += 16 + length;
  }
  return scalars;
}

function broken(path: string, offset: number): DataError {
  return new DataError(
    "tensorboard/broken-record",
    `The event file has a record with a wrong checksum at byte ${offset}.`,
    {
      where: path,
      hint: "The file is damaged; copy it again.",
    },
  );
}

// Event: wall_time double = 1, step int64 = 2, file_version string = 3, summary = 5.
// Summary: value = 1 (repeated). Value: tag string = 1, simple_value float = 2.
function encodeEvent(
  wallSeconds: number,
  step: number,
  body: { version: string } | { values: Readonly<Record<string, number>> },
): Uint8Array {
  const wall = new Uint8Array(9);
  wall[0] = (1 << 3) | 1;
  new DataView(wall.buffer).setFloat64(1, wallSeconds, true);
  const parts = [wall, Uint8Array.of(2 << 3), varint(step)];
  if ("version" in body) {
    parts.push(...delimited(3, Buffer.from(body.version, "utf8")));
  } else {
    const summary = Object.entries(body.values)
      .filter(([, value]) => Number.isFinite(value))
      .flatMap(([tag, value]) => {
        const simple = new Uint8Array(5);
        simple[0] = (2 << 3) | 5;
        new DataView(simple.buffer).setFloat32(1, value, true);
        return delimited(1, Buffer.concat([...delimited(1, Buffer.from(tag, "utf8")), simple]));
      });
    parts.push(...delimited(5, Buffer.concat(summary)));
  }
  return Buffer.concat(parts);
}

function decodeEvent(data: Uint8Array): TensorBoardScalar[] {
  let wallTime = 0;
  let step = 0;
  const values: { tag: string; value: number }[] = [];
  for (const field of protoFields(data)) {
    if (field.number === 1 && field.wire === 1) wallTime = field.view.getFloat64(0, true);
    if (field.number === 2 && field.wire === 0) step = field.integer;
    if (field.number !== 5 || field.wire !== 2) continue;
    for (const entry of protoFields(field.bytes)) {
      if (entry.number !== 1 || entry.wire !== 2) continue;
      let tag = "";
      let value = Number.NaN;
      for (const part of protoFields(entry.bytes)) {
        if (part.number === 1 && part.wire === 2) tag = Buffer.from(part.bytes).toString("utf8");
        if (part.number === 2 && part.wire === 5) value = part.view.getFloat32(0, true);
      }
      if (!Number.isNaN(value)) values.push({ tag, value });
    }
  }
  return values.map(({ tag, value }) => ({ tag, value, step, wallTime }));
}

interface ProtoField {
  number: number;
  wire: number;
  integer: number;
  bytes: Uint8Array;
  view: DataView;
}

function* protoFields(data: Uint8Array): Generator<ProtoField> {
  let at = 0;
  const readVarint = () => {
    let value = 0;
    let factor = 1;
    while (at < data.length) {
      const byte = data[at++]!;
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) break;
      factor *= 128;
    }
    return value;
  };
  while (at < data.length) {
    const key = readVarint();
    const wire = key & 7;
    let integer = 0;
    let length = wire === 1 ? 8 : wire === 5 ? 4 : 0;
    if (wire === 0) integer = readVarint();
    if (wire === 2) length = readVarint();
    if ((wire !== 0 && wire !== 1 && wire !== 2 && wire !== 5) || at + length > data.length) return;
    const bytes = data.subarray(at, at + length);
    at += length;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    yield { number: Math.floor(key / 8), wire, integer, bytes, view };
  }
}

function delimited(field: number, bytes: Uint8Array): Uint8Array[] {
  return [Uint8Array.of((field << 3) | 2), varint(bytes.byteLength), bytes];
}

function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  while (rest >= 128) {
    bytes.push((rest % 128) | 0x80);
    rest = Math.floor(rest / 128);
  }
  bytes.push(rest);
  return Uint8Array.from(bytes);
}

function frame(data: Uint8Array): Uint8Array {
  const record = new Uint8Array(16 + data.byteLength);
  const view = new DataView(record.buffer);
  view.setBigUint64(0, BigInt(data.byteLength), true);
  view.setUint32(8, maskedCrc(record.subarray(0, 8)), true);
  record.set(data, 12);
  view.setUint32(12 + data.byteLength, maskedCrc(data), true);
  return record;
}

const crcTable = Uint32Array.from({ length: 256 }, (_, index) => {
  let crc = index;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  return crc >>> 0;
});

/** CRC-32C (Castagnoli). */
export function crc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (let i = 0; i < bytes.length; i++) crc = crcTable[(crc ^ bytes[i]!) & 0xff]! ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}

/** The framing stores checksums rotated and offset, so that a checksum of a checksum is harmless. */
function maskedCrc(bytes: Uint8Array): number {
  const crc = crc32c(bytes);
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}
