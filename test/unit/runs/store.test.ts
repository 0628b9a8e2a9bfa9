/** Files of a run folder: journal, scalars, TensorBoard copy, locks, and what a crash or a full disk does to them. */
import { execFileSync, fork } from "node:child_process";
import { once } from "node:events";
import {
  appendFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CheckpointError, ResourceError } from "@iad-r1/models/errors";
import type { RunEvent } from "@iad-r1/protocol/runs";
import { writeFileDurably, writeFolderDurably } from "@iad-r1/server/runs/durableFile";
import { openJournal, readJournal } from "@iad-r1/server/runs/journal";
import { openScalars, readScalars } from "@iad-r1/server/runs/scalars";
import { crc32c, openEventFile, readEventFile } from "@iad-r1/server/runs/tensorboard";
import { isLocked, takeWriterLock } from "@iad-r1/server/runs/writerLock";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "run-store-"));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const log = (seq: number, message = "hello"): RunEvent => ({
  runId: "r",
  seq,
  timeMs: seq,
  type: "log",
  level: "info",
  code: "test/log",
  message,
});

describe("the journal", () => {
  it("keeps whole events and drops the line that a crash cut off", () => {
    const path = join(folder, "events.jsonl");
    const journal = openJournal(path);
    journal.append(log(1, "a\nb – ü"));
    journal.append(log(2));
    journal.close();
    const whole = readFileSync(path).byteLength;
    for (let cut = 1; cut < 40; cut += 7) {
      truncateSync(path, whole - cut);
      expect(readJournal(path).map((event) => event.seq)).toEqual([1]);
      const again = openJournal(path);
      expect(again.lastSeq).toBe(1);
      again.append(log(2));
      again.close();
      expect(readJournal(path).map((event) => event.seq)).toEqual([1, 2]);
    }
  });

  it("skips a damaged line without losing those behind it", () => {
    const path = join(folder, "events.jsonl");
    writeFileSync(path, `${JSON.stringify(log(1))}\n{"seq": 2, broken\n\u0000\n${JSON.stringify(log(3))}\n`);
    expect(readJournal(path).map((event) => event.seq)).toEqual([1, 3]);
  });

  it("says that the disk is full", () => {
    const path = join(folder, "events.jsonl");
    symlinkSync("/dev/full", path);
    const journal = openJournal(path);
    expect(() => journal.append(log(1))).toThrow(ResourceError);
    journal.close();
  });
});

describe("the scalar store", () => {
  it("gives back every point of every column", () => {
    const scalars = openScalars(folder);
    for (let step = 1; step <= 300; step++) {
      const extra: Record<string, number> = step % 10 === 0 ? { "eval/auroc": 50 + step / 10 } : {};
      scalars.append("pa-sft", step, 1000 + step, { loss: 1 / step, ...extra });
    }
    scalars.append("sc-grpo", 1, 2000, { loss: -0.25, "rewards/iad-r1/accuracy/mean": 1.5 });
    scalars.close();
    const series = readScalars(folder);
    expect(series.map((one) => `${one.stage} ${one.name} ${one.values.length}`)).toEqual([
      "pa-sft loss 300",
      "pa-sft eval/auroc 30",
      "sc-grpo loss 1",
      "sc-grpo rewards/iad-r1/accuracy/mean 1",
    ]);
    expect(series[0]!.values[299]).toBe(1 / 300);
    expect(series[0]!.steps[299]).toBe(300);
    expect(series[0]!.timesMs[299]).toBe(1300);
    expect(series[1]!.values[29]).toBe(80);
  });

  it("leaves values that are not finite out and names them", () => {
    const scalars = openScalars(folder);
    expect(scalars.append("s", 1, 1, { loss: Number.NaN, kl: 1, entropy: Number.POSITIVE_INFINITY })).toEqual([
      "loss",
      "entropy",
    ]);
    scalars.close();
    expect(readScalars(folder).map((one) => one.name)).toEqual(["kl"]);
  });

  it("drops half a record that a crash left", () => {
    const first = openScalars(folder);
    first.append("s", 1, 1, { loss: 1 });
    first.close();
    appendFileSync(join(folder, "scalars.bin"), Buffer.alloc(11));
    const again = openScalars(folder);
    again.append("s", 2, 2, { loss: 2 });
    again.close();
    expect([...readScalars(folder)[0]!.values]).toEqual([1, 2]);
  });

  it("forgets what came after the checkpoint that a run goes on from", () => {
    const first = openScalars(folder);
    for (const step of [1, 2]) first.append("pa-sft", step, step, { loss: step });
    for (const step of [1, 2, 3]) first.append("sc-grpo", step, 10 + step, { reward: step });
    first.close();
    openScalars(folder, { finishedStages: ["pa-sft"], stage: "sc-grpo", step: 2 }).close();
    expect(readScalars(folder).map((one) => [...one.steps])).toEqual([
      [1, 2],
      [1, 2],
    ]);
    openScalars(folder, { finishedStages: [], stage: null, step: 0 }).close();
    expect(readScalars(folder).map((one) => one.values.length)).toEqual([0, 0]);
  });

  it("refuses an index that lies about its records", () => {
    writeFileSync(join(folder, "scalars.json"), JSON.stringify({ recordBytes: 8, columns: [] }));
    writeFileSync(join(folder, "scalars.bin"), Buffer.alloc(24));
    expect(() => readScalars(folder)).toThrow(CheckpointError);
    writeFileSync(join(folder, "scalars.json"), "{");
    expect(() => openScalars(folder)).toThrow(CheckpointError);
  });
});

describe("the TensorBoard file", () => {
  it("uses the Castagnoli checksum", () => {
    // The check value of CRC-32C, from RFC 3720 appendix B.4 and the catalogue of CRC algorithms.
    expect(crc32c(Buffer.from("123456789")).toString(16)).toBe("e3069283");
    expect(crc32c(Buffer.alloc(32)).toString(16)).toBe("8a9136aa");
  });

  it("is framed as TensorBoard writes it, down to the byte", () => {
    const { path, close } = openEventFile(folder, []);
    close();
    const bytes = readFileSync(path);
    // wall_time (9 bytes) + step (2) + file_version (2 + 13) = 26 bytes.
    expect(bytes.readBigUInt64LE(0)).toBe(26n);
    expect(bytes.subarray(12 + 11, 12 + 26).toString("latin1")).toBe("\x1a\rbrain.Event:2");
    expect(bytes.byteLength).toBe(16 + 26);
  });

  it("gives scalars back, and starts over from the store on resume", () => {
    const scalars = openScalars(folder);
    scalars.append("pa-sft", 1, 1000, { loss: 0.5 });
    const first = openEventFile(folder, []);
    first.append(1, 1000, { "pa-sft/loss": 0.5 });
    first.append(2, 2000, { "pa-sft/loss": 0.25, "pa-sft/grad_norm": 300 });
    first.close();
    expect(readEventFile(first.path)).toEqual([
      { tag: "pa-sft/loss", step: 1, wallTime: 1, value: 0.5 },
      { tag: "pa-sft/loss", step: 2, wallTime: 2, value: 0.25 },
      { tag: "pa-sft/grad_norm", step: 2, wallTime: 2, value: 300 },
    ]);
    scalars.close();
    const second = openEventFile(folder, readScalars(folder));
    second.close();
    const files = readdirSync(folder).filter((name) => name.startsWith("events.out"));
    expect(files).toHaveLength(1);
    expect(readEventFile(second.path)).toEqual([{ tag: "pa-sft/loss", step: 1, wallTime: 1, value: 0.5 }]);
  });

  it("reads up to a record that a crash cut off, and refuses a damaged one", () => {
    const { path, append, close } = openEventFile(folder, []);
    append(1, 1000, { loss: 1 });
    append(2, 2000, { loss: 2 });
    close();
    const bytes = readFileSync(path);
    writeFileSync(path, bytes.subarray(0, bytes.length - 3));
    expect(readEventFile(path)).toHaveLength(1);
    bytes[bytes.length - 10]! ^= 1;
    writeFileSync(path, bytes);
    expect(() => readEventFile(path)).toThrow("wrong checksum");
  });
});

describe("the writer lock", () => {
  const path = () => join(folder, "writer.lock");

  it("lets one writer in and names it to the second", () => {
    const lock = takeWriterLock(path());
    expect(isLocked(path())).toBe(true);
    expect(() => takeWriterLock(path())).toThrow(`process ${process.pid}`);
    lock.release();
    expect(isLocked(path())).toBe(false);
    takeWriterLock(path()).release();
  });

  it("is never seen empty", async () => {
    const looker = `import { readFileSync } from "node:fs";
let empty = 0;
const until = Date.now() + 1500;
process.send("ready");
while (Date.now() < until) {
  try {
    if (readFileSync(${JSON.stringify(path())}, "utf8") === "") empty++;
  } catch {}
}
process.send(empty);`;
    const file = join(folder, "looker.mjs");
    writeFileSync(file, looker);
    const child = fork(file);
    await once(child, "message");
    const seen = once(child, "message");
    let isOver = false;
    void seen.then(() => {
      isOver = true;
    });
    while (!isOver) {
      takeWriterLock(path()).release();
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect((await seen)[0]).toBe(0);
    expect(readdirSync(folder)).toEqual(["looker.mjs"]);
  });

  it("takes over the lock of a process that is gone, or that only has its number", () => {
    const gone = Number(execFileSync(process.execPath, ["-p", "process.pid"], { encoding: "utf8" }));
    const host = JSON.parse(
      (() => {
        const lock = takeWriterLock(path());
        const text = readFileSync(path(), "utf8");
        lock.release();
        return text;
      })(),
    ) as { host: string };
    writeFileSync(path(), JSON.stringify({ pid: gone, started: "1", host: host.host }));
    takeWriterLock(path()).release();
    writeFileSync(path(), "");
    takeWriterLock(path()).release();
    if (existsSync("/proc/1/stat")) {
      writeFileSync(path(), JSON.stringify({ pid: 1, started: "1", host: host.host }));
      takeWriterLock(path()).release();
    }
  });
});

describe("durable files", () => {
  it("leave the old folder untouched when filling the new one fails", async () => {
    const path = join(folder, "step-000001");
    await writeFolderDurably(path, (into) => writeFileSync(join(into, "a"), "1"));
    await expect(
      writeFolderDurably(path, (into) => {
        writeFileSync(join(into, "a"), "2");
        throw Object.assign(new Error("no space left on device"), { code: "ENOSPC" });
      }),
    ).rejects.toThrow(ResourceError);
    expect(readFileSync(join(path, "a"), "utf8")).toBe("1");
    expect(readdirSync(folder)).toEqual(["step-000001"]);
  });

  it("replace a file in one step", () => {
    const path = join(folder, "run.json");
    writeFileDurably(path, "one");
    writeFileDurably(path, "two");
    expect(readFileSync(path, "utf8")).toBe("two");
    expect(readdirSync(folder)).toEqual(["run.json"]);
  });
});
