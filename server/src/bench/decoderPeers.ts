/**
 * Reading prompts and writing tokens beside llama.cpp and PyTorch, with equal weights: a decoder with the widths of the 0.5B in float32, 8
 * and 4 bits. llama.cpp's blocks have 32 weights and one scale, ours those that `iad-r1 quantize` makes; its head has 8 bits where
 * ours has.
 */
import { join } from "node:path";
import { InternalError } from "@iad-r1/models/errors";
import { usualBlockSize } from "@iad-r1/models/checkpoint/quantize";
import { quantizeCheckpoint } from "@iad-r1/models/quantizeCheckpoint";
import { loadModelDescription } from "@iad-r1/models/zoo";
import { inTurns } from "./cpuTime";
import type { ReadWriteTimes } from "./decoderRun";
import { type GgufWeights, writeGguf } from "./gguf";

/** One comparison: seconds of ours and theirs, round by round. */
export interface PeerTimes {
  what: "read" | "write";
  rows: number;
  ours: number[];
  theirs: number[];
}

export interface ReadWriteJob {
  /** Rows of equal length. */
  ids: number[][];
  /** Written behind them. */
  tokens: number;
  /** Times by the clock instead of processor time. */
  clock: boolean;
}

export const peerFormats = ["f32", "q8_0", "q4_0"] as const;
export const bitsOf: Record<GgufWeights, number> = { f32: 32, q8_0: 8, q4_0: 4 };

/** Ours in the same number of bits, made beside `folder`. */
export async function checkpointOf(folder: string, weights: GgufWeights): Promise<string> {
  if (weights === "f32") return folder;
  const target = `${folder}-${weights}`;
  const bits = bitsOf[weights] as 4 | 8;
  const rounding = { bits, blockSize: usualBlockSize[bits] };
  await quantizeCheckpoint(await loadModelDescription(folder), target, rounding);
  return target;
}

export async function llamaFile(folder: string, weights: GgufWeights): Promise<string> {
  const file = join(folder, `${weights}.gguf`);
  await writeGguf(folder, file, weights);
  return file;
}

/**
 * In turns, ours first.
 *
 * @param exact whether both compute the same numbers, so that they must write the same first token
 */
export async function timeBoth(
  ours: (job: ReadWriteJob) => Promise<ReadWriteTimes>,
  theirs: (job: ReadWriteJob) => Promise<ReadWriteTimes>,
  { rounds, exact, signal, ...job }: ReadWriteJob & { rounds: number; exact: boolean; signal: AbortSignal },
): Promise<PeerTimes[]> {
  const results: ReadWriteTimes[][] = [[], []];
  const note = (side: number, times: ReadWriteTimes) => {
    results[side]!.push(times);
    return times.read;
  };
  await inTurns([async () => note(0, await ours(job)), async () => note(1, await theirs(job))], rounds, signal);
  const [mine, others] = results as [ReadWriteTimes[], ReadWriteTimes[]];
  if (exact && mine[0]!.first[0] !== others[0]!.first[0]) {
    const message = `The first tokens differ: ours ${mine[0]!.first[0]}, theirs ${others[0]!.first[0]}.`;
    throw new InternalError("internal/bench", message);
  }
  // The first round warmed up.
  const timesOf = (side: ReadWriteTimes[], what: "read" | "write") => side.slice(1).map((times) => times[what]);
  return (["read", "write"] as const).map((what) => ({
    ...{ what, rows: job.ids.length, ours: timesOf(mine, what), theirs: timesOf(others, what) },
  }));
}
