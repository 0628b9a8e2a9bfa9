/**
 * All benchmarks: ours alone (fractions of the machine's matrix-product peak, cost of a group) and in turns with PyTorch,
 * transformers and TRL where they are installed. Every figure is a ratio of two things measured in one run, in processor seconds
 * of one thread, medians over rounds; only what a person waits for in the editor is held against a fixed time. What it proves is only speed: equality of results is the tests' business, though losses are
 * compared on the way, so that both sides are known to do the same work.
 */
import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ConfigError, InternalError, RewardError, WorkerError } from "@iad-r1/models/errors";
import { createRandom } from "@iad-r1/models/util/random";
import { encodePng } from "../data/png";
import { generateSample } from "../data/synth/sample";
import { Generator } from "../generate/generator";
import { LiveModel } from "../generate/liveModel";
import { greedy } from "../generate/sample";
import { gemmPeak } from "../runtime/gemmPeak";
import { median } from "../runtime/median";
import { coldStart } from "./coldStart";
import { cpuSeconds, inTurns } from "./cpuTime";
import { bitsOf, checkpointOf, llamaFile, peerFormats, type ReadWriteJob, timeBoth } from "./decoderPeers";
import type { ReadWriteTimes } from "./decoderRun";
import type { GgufWeights } from "./gguf";
import { longDataset, longExperiment, Typist } from "./languageFeatures";
import { ExplorerBench, writeLongRun } from "./explorerScale";
import { HangBench, hangs } from "./hangs";
import { hoverTimes, surfaceTimes } from "./hoverSpeed";
import { type LiveLanguage, LiveValuesBench, liveRollout, liveSource } from "./liveValues";
import { peakOfTraining } from "./peakMemory";
import { neverEnd, PolicyStep } from "./policyStep";
import { type PeerPlace, PeerProcess } from "./peerProcess";
import { SaveToHover } from "./saveToHover";
import { writeRandomCheckpoint } from "./randomCheckpoint";
import { loraSize, TrainingStep } from "./trainingStep";

/** One line of the result. */
export interface BenchRow {
  name: string;
  /** What was measured, in words. */
  detail: string;
  /** Seconds, bytes or operations per second of ours and of what it is held against. */
  ours: number;
  other: number;
  unit: "s" | "GiB" | "GFLOP/s";
  /** Above 1 (or at the target) is good unless `target.atMost`. */
  ratio: number;
  target: { atLeast: number } | { atMost: number };
  ok: boolean;
}

export interface BenchReport {
  /** 10^9 operations per processor second of a large square product (`gemmPeak`), one thread; median over the run. */
  gemmPeak: number;
  /** Versions of the peer's libraries; null without a peer. */
  peer: Record<string, string> | null;
  rows: BenchRow[];
  /** What could not be measured, and why. */
  skipped: string[];
}

export interface BenchOptions {
  /** The small checkpoint, as Hugging Face writes it, with tokenizer and processor. */
  model: string;
  peer: PeerPlace | null;
  /** llama.cpp. */
  llama: PeerPlace | null;
  /** Entry of `peakMemoryMain`. */
  memoryEntry: string;
  /** Entry of `coldStartMain`. */
  coldStartEntry: string;
  /** Entry of `decoderPeerMain`. */
  decoderEntry: string;
  quick: boolean;
  /** Of the decoders beside their peers. Above 1 only these are measured, by the clock, and the best round of each side counts. */
  threads: number;
  /** Only cases whose name contains one of these; all when empty. */
  only: readonly string[];
  signal: AbortSignal;
  onProgress: (what: string) => void;
}

/** Widths of the 0.5 B checkpoint with four of its layers and a small vocabulary. */
const sliceSize = { layers: 4, width: 896, mlpWidth: 4864, heads: 14, kvHeads: 2, vocabSize: 8192 };
/** A quarter of the 0.5 B: real widths, 6 of its 24 layers and 38,000 of its 152,000 tokens, so that layers and head weigh as they do there. */
const quarterSize = { layers: 6, width: 896, mlpWidth: 4864, heads: 14, kvHeads: 2, vocabSize: 38_000 };
/** Of an optimiser step, in as many passes as they need: what the published recipe takes, and the default of an experiment. */
const samplesPerStep = 8;
const threads = 1;
/** How the names of comparisons between decoders begin. */
const besidePeer = "decoder against";
/** All bars of the reward debugger: `--only "reward debugger"`. */
const debuggerBars = "reward debugger";
/** Seconds after which typing would seem to lag. */
const keystrokeBudget = 0.2;
/** Of the 300 ms between saving a reward and new values. */
const rewriteBudget = 0.1;
/** Seconds that a person waits for, by the clock. */
const saveBudget = 1;
const hoverBudget = 0.03;
/** Seconds until a reward that hangs is ended, by the clock; 2 of them are what it may take. */
const hangBudget = 2.5;
const openBudget = 1.5;
const filterBudget = 0.2;

export async function runBenchmarks(options: BenchOptions): Promise<BenchReport> {
  const folder = await mkdtemp(join(tmpdir(), "iad-r1-bench-"));
  const bench = new Bench(options, folder);
  try {
    return await bench.run();
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

class Bench {
  private readonly rows: BenchRow[] = [];
  private readonly skipped: string[] = [];
  private readonly peaks: number[] = [];

  constructor(
    private readonly options: BenchOptions,
    private readonly folder: string,
  ) {}

  async run(): Promise<BenchReport> {
    const { model, quick } = this.options;
    const slice = join(this.folder, "slice");
    const small = { name: "nano", folder: model, rows: 8, length: 208, prompt: 152 };
    const large = { name: "0.5B widths", folder: slice, rows: quick ? 1 : 4, length: 256, prompt: 192 };
    const cases: [name: string, run: () => Promise<void>][] = [
      ...[large, small].flatMap((shape) =>
        (["lora", "language"] as const).map((trainable): [string, () => Promise<void>] => [
          `training step, ${trainable === "lora" ? "LoRA" : "full"}, ${shape.name}`,
          () => this.trainingStep(shape, trainable),
        ]),
      ),
      ["GRPO step", () => this.policyStep()],
      ["rollouts of a group", () => this.rollouts()],
      ["generation, 1 sequence", () => this.generation(1)],
      ["generation, 8 sequences", () => this.generation(8)],
      ...peerFormats.map((weights): [string, () => Promise<void>] => [
        `${besidePeer} llama.cpp, ${bitsOf[weights]} bits`,
        () => this.beside("llama.cpp", weights),
      ]),
      [`${besidePeer} PyTorch, 32 bits`, () => this.beside("PyTorch", "f32")],
      ["cold start", () => this.coldStart()],
      ["peak memory of LoRA training", () => this.peakMemory(large)],
      ["keystroke in a long file", () => this.keystrokes()],
      [`${debuggerBars}: live values, TypeScript`, () => this.liveValues("typescript")],
      [`${debuggerBars}: live values, Python`, () => this.liveValues("python")],
      [`${debuggerBars}: hanging rewards, TypeScript`, () => this.hangs("typescript")],
      [`${debuggerBars}: hanging rewards, Python`, () => this.hangs("python")],
      [`${debuggerBars}: save to hover, TypeScript`, () => this.saveToHover("typescript")],
      [`${debuggerBars}: save to hover, Python`, () => this.saveToHover("python")],
      [`${debuggerBars}: hovers over rewards`, () => this.hovers()],
      [`${debuggerBars}: explorer, 100,000 rollouts`, () => this.explorer()],
    ];
    const { only, signal, onProgress } = this.options;
    const isOf = (name: string, part: string) => name.toLowerCase().includes(part.toLowerCase());
    const unknown = only.find((part) => !cases.some(([name]) => isOf(name, part)));
    if (unknown !== undefined) {
      const names = cases.map(([name]) => name).join("; ");
      throw new ConfigError("bench/only", `No benchmark has "${unknown}" in its name.`, {
        hint: `There are: ${names}.`,
      });
    }
    await writeRandomCheckpoint(slice, sliceSize, 1);
    await writeFile(this.image, encodePng(generateSample({ seed: 1, index: 0, size: 112 }).image));
    for (const [name, run] of cases) {
      if (this.options.threads > 1 && !name.startsWith(besidePeer)) continue;
      if (only.length > 0 && !only.some((part) => isOf(name, part))) continue;
      signal.throwIfAborted();
      onProgress(name);
      try {
        await run();
      } catch (error) {
        // A peer that fails takes its own figures with it and nothing else.
        if (!WorkerError.is(error, "worker/peer")) throw error;
        this.skipped.push(`${name}: ${error.message}`);
      }
    }
    if (this.peaks.length === 0) await this.peak();
    return {
      gemmPeak: median(this.peaks),
      peer: await this.withPeer((peer) => peer.ask<Record<string, string>>("info")),
      ...{ rows: this.rows, skipped: this.skipped },
    };
  }

  /** A picture for rollouts. */
  private get image(): string {
    return join(this.folder, "part.png");
  }

  private get rounds(): number {
    return this.options.quick ? 3 : 9;
  }

  private async trainingStep(
    shape: { name: string; folder: string; rows: number; length: number; prompt: number },
    trainable: "lora" | "language",
  ): Promise<void> {
    const kind = trainable === "lora" ? "LoRA" : "full";
    const rows = randomRows(samplesPerStep, shape.length);
    const passes = Array.from({ length: samplesPerStep / shape.rows }, (_, i) =>
      rows.slice(i * shape.rows, (i + 1) * shape.rows),
    );
    const pass = `${shape.rows} x ${shape.length} tokens, ${shape.length - shape.prompt} learnt`;
    const detail = passes.length === 1 ? pass : `${passes.length} passes of ${pass}`;
    const step = await TrainingStep.open(shape.folder, { trainable, threads });
    try {
      const losses: number[] = [];
      const ours = async () => {
        const seconds = await cpuSeconds(async () => losses.push(await step.run(passes, shape.prompt)));
        return seconds;
      };
      const [times, peaks] = (await inTurns([ours, () => this.peak()], this.rounds, this.options.signal)) as [
        number[],
        number[],
      ];
      const operations = step.flops(passes, shape.prompt) / 1e9;
      const fractions = times.map((seconds, i) => operations / seconds / peaks[i]!);
      this.add({
        name: `${kind} training step against the GEMM peak, ${shape.name}`,
        detail,
        ...{ ours: operations / median(times), other: median(peaks), unit: "GFLOP/s", ratio: median(fractions) },
        target: { atLeast: 0.8 },
      });
      await this.withPeer(async (peer) => {
        const lora = trainable === "lora" ? loraSize : null;
        await peer.ask("load", { folder: shape.folder, threads, lora, train: true });
        const theirLosses: number[] = [];
        const theirs = async () => {
          const command = { passes, prompt: shape.prompt };
          const answer = await peer.ask<{ seconds: number; loss: number }>("sft_step", command, this.options.signal);
          theirLosses.push(answer.loss);
          return answer.seconds;
        };
        const [mine, others] = (await inTurns([ours, theirs], this.rounds, this.options.signal)) as [
          number[],
          number[],
        ];
        sameLoss(losses[0]!, theirLosses[0]!);
        const goal = trainable === "lora" ? 1.1 : 1;
        this.compare(`${kind} training step against PyTorch, ${shape.name}`, detail, mine, others, goal);
      });
    } finally {
      await step.dispose();
    }
  }

  private async policyStep(): Promise<void> {
    const { model, quick, signal } = this.options;
    const groupSize = 8;
    const settings = {
      folder: model,
      image: this.image,
      question,
      prompts: quick ? 1 : 4,
      groupSize,
      tokens: 64,
      threads,
    };
    const rounds = quick ? 2 : 5;
    await this.withPeer(async (peer) => {
      const step = await PolicyStep.open(settings);
      try {
        await peer.ask("grpo_prepare", { ...settings, steps: rounds + 2 }, signal);
        const theirs = async () => (await peer.ask<{ seconds: number }>("grpo_step", {}, signal)).seconds;
        const [mine, others] = (await inTurns([() => cpuSeconds(() => step.run()), theirs], rounds, signal)) as [
          number[],
          number[],
        ];
        const detail = `${settings.prompts} prompts x ${groupSize} completions x ${settings.tokens} tokens, LoRA, KL`;
        this.compare("GRPO step against TRL", detail, mine, others, 3);
      } finally {
        await step.dispose();
      }
    });
  }

  /** What seven more completions of a prompt cost. */
  private async rollouts(): Promise<void> {
    const { model, signal } = this.options;
    const settings = { folder: model, image: this.image, question, prompts: 1, groupSize: 8, tokens: 64, threads };
    const step = await PolicyStep.open(settings);
    try {
      const sources = [8, 1].map((groupSize) => () => cpuSeconds(() => step.rollOut(groupSize)));
      const [eight, one] = (await inTurns(sources, 2 * this.rounds, signal)) as [number[], number[]];
      this.add({
        name: "8 rollouts of a prompt against 1",
        detail: `picture, ${settings.tokens} tokens each`,
        ...{ ours: median(eight), other: median(one), unit: "s", ratio: medianRatio(eight, one) },
        target: { atMost: 2.5 },
      });
    } finally {
      await step.dispose();
    }
  }

  private async generation(numRows: number): Promise<void> {
    const { model, signal } = this.options;
    const [prompt, tokens] = [192, 64];
    await this.withPeer(async (peer) => {
      const live = await LiveModel.open({ base: model, adapter: null }, { threads });
      try {
        neverEnd({ live });
        const generator = new Generator(live);
        const ids = randomRows(numRows, prompt);
        const requests = ids.map((row, i) => ({
          prompt: { inputIds: Int32Array.from(row), imageTokenPositions: new Int32Array(0), images: null },
          ...{ count: 1, seed: ["bench", i] },
        }));
        const options = { sampling: greedy, maxNewTokens: tokens };
        let first: number[] = [];
        const ours = () =>
          cpuSeconds(async () => {
            first = Array.from((await generator.generate(requests, options))[0]![0]!.ids);
          });
        await peer.ask("load", { folder: model, threads });
        let theirFirst: number[] = [];
        const theirs = async () => {
          const answer = await peer.ask<{ seconds: number; first: number[] }>("generate", { ids, tokens }, signal);
          theirFirst = answer.first;
          return answer.seconds;
        };
        const [mine, others] = (await inTurns([ours, theirs], this.rounds, signal)) as [number[], number[]];
        if (first.length !== tokens || theirFirst.length !== tokens) {
          throw new InternalError(
            "internal/bench",
            `Expected ${tokens} tokens from both, got ${first.length} and ${theirFirst.length}.`,
          );
        }
        const detail = `${prompt} tokens read, ${tokens} written, nano`;
        this.compare(`generation of ${numRows} against transformers`, detail, mine, others, 2);
      } finally {
        await live.dispose();
      }
    });
  }

  /** Prompts of 256 tokens and 32 tokens behind them, one row and eight. */
  private async beside(name: "llama.cpp" | "PyTorch", weights: GgufWeights): Promise<void> {
    const { quick, signal, threads, decoderEntry } = this.options;
    const clock = threads > 1;
    const place = name === "PyTorch" ? this.options.peer : this.options.llama;
    if (place === null) return;
    const [read, tokens, most] = [256, quick ? 8 : 32, 8];
    const folder = await this.quarter();
    const file = name === "PyTorch" ? "" : await llamaFile(folder, weights);
    const peer = new PeerProcess(place, threads);
    const ours = new PeerProcess({ command: process.execPath, args: [decoderEntry] }, threads);
    try {
      const load = { folder, file, threads, sequences: most, contextSize: read + tokens + 64 };
      await peer.ask("load", load, signal);
      await ours.ask("load", { folder: await checkpointOf(folder, weights), threads }, signal);
      for (const rows of [1, most]) {
        // A batch of prompts reads as one does, and takes most of the time.
        const ids = randomRows(rows, rows === 1 ? read : 32);
        const theirs = (job: ReadWriteJob) =>
          peer.ask<ReadWriteTimes>(name === "PyTorch" ? "read_write" : "generate", { ...job }, signal);
        const exact = weights === "f32";
        const own = (job: ReadWriteJob) => ours.ask<ReadWriteTimes>("generate", { ...job }, signal);
        const times = await timeBoth(own, theirs, { ids, tokens, clock, rounds: this.rounds, exact, signal });
        for (const { what, ours: mine, theirs: others } of times) {
          if (what === "read" && rows > 1) continue;
          const goal = name === "PyTorch" ? (what === "read" ? 1.2 : 2) : rows > 1 ? 1.2 : 1;
          this.compare(
            `${what === "read" ? "prefill" : `decode of ${rows}`} against ${name}, ${bitsOf[weights]} bits${clock ? `, ${threads} threads` : ""}`,
            what === "read" ? `${read} tokens, a quarter of the 0.5B` : `${tokens} tokens behind ${ids[0]!.length}`,
            ...([clock ? [Math.min(...mine)] : mine, clock ? [Math.min(...others)] : others, goal] as const),
          );
        }
      }
    } finally {
      await ours.close();
      await peer.close();
    }
  }

  /** From the start of a process to the first token of a text prompt. */
  private async coldStart(): Promise<void> {
    const { peer, coldStartEntry, signal } = this.options;
    if (peer === null) return;
    const folder = await this.quarter("float16");
    const job = { folder, ids: randomRows(1, 64)[0]!, threads };
    const ours = () => coldStart({ command: process.execPath, args: [coldStartEntry] }, job, signal);
    const theirs = () => coldStart({ ...peer, args: [...peer.args, "--cold-start"] }, job, signal);
    const [mine, others] = (await inTurns([ours, theirs], this.rounds, signal)) as [number[], number[]];
    this.add({
      name: "cold start to the first token against transformers",
      detail: "64 tokens read, a quarter of the 0.5B in float16, process and libraries included",
      ...{ ours: median(mine), other: median(others), unit: "s", ratio: medianRatio(mine, others) },
      target: { atMost: 0.5 },
    });
  }

  /** A quarter of the 0.5B on disk, made when first needed. */
  private async quarter(dtype: "float32" | "float16" = "float32"): Promise<string> {
    const folder = join(this.folder, `quarter-${dtype}`);
    if (!existsSync(folder)) await writeRandomCheckpoint(folder, quarterSize, 1, dtype);
    return folder;
  }

  /** Most memory that a fresh process held during a few steps. */
  private async peakMemory(shape: { folder: string; rows: number; length: number; prompt: number }): Promise<void> {
    const { memoryEntry, signal } = this.options;
    const ids = randomRows(4, shape.length);
    const steps = 3;
    await this.withPeer(async (peer) => {
      await peer.ask("load", { folder: shape.folder, threads, lora: loraSize, train: true });
      for (let i = 0; i < steps; i++) await peer.ask("sft_step", { passes: [ids], prompt: shape.prompt }, signal);
      const { bytes: theirs } = await peer.ask<{ bytes: number }>("peak_memory");
      const job = { folder: shape.folder, ids, prompt: shape.prompt, steps, threads };
      const ours = await peakOfTraining(memoryEntry, job, signal);
      this.add({
        name: "peak memory of LoRA training against PyTorch",
        detail: `4 x ${shape.length} tokens, 0.5B widths`,
        ...{ ours: ours / 2 ** 30, other: theirs / 2 ** 30, unit: "GiB", ratio: ours / theirs },
        target: { atMost: 0.8 },
      });
    });
  }

  /** Findings after a keystroke in files of 5,000 lines. */
  private async keystrokes(): Promise<void> {
    const numLines = 5000;
    for (const file of [longExperiment(numLines), longDataset(numLines)]) {
      const typist = new Typist(file);
      typist.press();
      const press = () => cpuSeconds(async () => typist.press());
      const [times] = (await inTurns([press], 2 * this.rounds, this.options.signal)) as [number[]];
      const ours = median(times);
      this.add({
        name: `problems after a keystroke in a long ${file.name}`,
        detail: `${numLines} lines, ${(file.text.length / 1e6).toFixed(1)} MB, against ${1000 * keystrokeBudget} ms`,
        ...{ ours, other: keystrokeBudget, unit: "s", ratio: ours / keystrokeBudget, target: { atMost: 1 } },
      });
    }
  }

  private async liveValues(language: LiveLanguage): Promise<void> {
    const numRows = 512;
    const bench = new LiveValuesBench(language, numRows);
    try {
      const numSites = await bench.numSites();
      const [plain, live] = (await inTurns(
        [() => bench.run(false), () => bench.run(true)],
        this.rounds,
        this.options.signal,
      )) as [number[], number[]];
      this.add({
        name: `rewards with live values against without, ${language === "python" ? "Python" : "TypeScript"}`,
        detail: `${numRows} rollouts x 3 rewards, ${numSites} places watched`,
        ...{
          ours: median(live),
          other: median(plain),
          unit: "s",
          ratio: medianRatio(live, plain),
          target: { atMost: 4 },
        },
      });
      if (language === "python") return;
      const [times] = (await inTurns([async () => bench.rewrite()], 2 * this.rounds, this.options.signal)) as [
        number[],
      ];
      const ours = median(times);
      this.add({
        name: "rewriting a reward file for live values",
        detail: `${numSites} places, types taken away, against ${1000 * rewriteBudget} ms`,
        ...{ ours, other: rewriteBudget, unit: "s", ratio: ours / rewriteBudget, target: { atMost: 1 } },
      });
    } catch (error) {
      // A machine without Python has no Python rewards either.
      if (!RewardError.is(error, "reward/no-python")) throw error;
      this.skipped.push(`live values, Python: ${error.message}`);
    } finally {
      await bench.close();
    }
  }

  /** By the clock; the slowest of all, since each of them is waited for. */
  private async hangs(language: LiveLanguage): Promise<void> {
    const bench = new HangBench(language);
    try {
      const runs = hangs.map((name) => () => bench.hang(name));
      const times = (await inTurns(runs, this.options.quick ? 2 : 5, this.options.signal)) as number[][];
      for (const [i, name] of hangs.entries()) {
        const ours = Math.max(...times[i]!);
        this.add({
          name: `a reward that hangs in a ${name} is ended and its line named, ${language === "python" ? "Python" : "TypeScript"}`,
          detail: `slowest of ${times[i]!.length}, by the clock, limit 2 s, against ${hangBudget} s`,
          ...{ ours, other: hangBudget, unit: "s", ratio: ours / hangBudget, target: { atMost: 1 } },
        });
      }
    } catch (error) {
      if (!RewardError.is(error, "reward/no-python")) throw error;
      this.skipped.push(`hanging rewards, Python: ${error.message}`);
    } finally {
      await bench.close();
    }
  }

  /** By the clock, because a person waits by it; nine in ten saves of twenty are as fast. */
  private async saveToHover(language: LiveLanguage): Promise<void> {
    const numRows = 512;
    const isPython = language === "python";
    const bench = new SaveToHover(
      join(this.folder, `save-${language}`),
      isPython ? "live.py" : "live.reward.ts",
      `${liveSource(language)}\n${isPython ? "#" : "//"} version 0\n`.replace("# version", "# // version"),
      Array.from({ length: numRows }, (_, i) => liveRollout(i)),
    );
    try {
      await bench.start();
      const [times] = (await inTurns([() => bench.save()], this.options.quick ? 5 : 20, this.options.signal)) as [
        number[],
      ];
      const ours = [...times].sort((a, b) => a - b)[Math.ceil(0.95 * times.length) - 1]!;
      this.add({
        name: `from a saved reward to new values in its hovers, ${isPython ? "Python" : "TypeScript"}`,
        detail: `p95 of ${times.length} saves, ${numRows} rollouts x 3 rewards, by the clock, against ${saveBudget} s`,
        ...{ ours, other: saveBudget, unit: "s", ratio: ours / saveBudget, target: { atMost: 1 } },
      });
    } catch (error) {
      if (!isPython) throw error;
      this.skipped.push(`save to hover, Python: ${(error as Error).message}`);
    } finally {
      await bench.close();
    }
  }

  /** From the report that is there, which is why a busy machine does not matter: time of the processor. */
  private async hovers(): Promise<void> {
    const numRows = 512;
    const rows = Array.from({ length: numRows }, (_, i) => liveRollout(i));
    const source = `${liveSource("typescript")}\n// version 0\n`;
    const bench = new SaveToHover(join(this.folder, "hovers"), "live.reward.ts", source, rows);
    try {
      await bench.start();
      await bench.settled();
      const open = bench.look();
      const rounds = this.options.quick ? 10 : 40;
      hoverTimes(open, { locale: "en", isTyping: false }, 2);
      const cases: [name: string, times: number[]][] = [
        ["a hover over a reward", hoverTimes(open, { locale: "en", isTyping: false }, rounds)],
        ["a hover while typing", hoverTimes(open, { locale: "en", isTyping: true }, rounds)],
        ["a hover in Chinese", hoverTimes(open, { locale: "zh-cn", isTyping: false }, rounds)],
        ["problems, lenses and values of all lines after a keystroke", surfaceTimes(open, 10 * rounds)],
      ];
      for (const [name, times] of cases) {
        const sorted = [...times].sort((a, b) => a - b);
        const ours = sorted[Math.ceil(0.99 * sorted.length) - 1]!;
        const middle = (1000 * median(times)).toFixed(2);
        this.add({
          name,
          detail: `99th of a hundred, median ${middle} ms, ${numRows} rollouts, ${open.report!.sites.length} places, against ${1000 * hoverBudget} ms`,
          ...{ ours, other: hoverBudget, unit: "s", ratio: ours / hoverBudget, target: { atMost: 1 } },
        });
      }
    } finally {
      await bench.close();
    }
  }

  /** By the clock too. */
  private async explorer(): Promise<void> {
    const folder = join(this.folder, "long-run");
    const numRollouts = 100_000;
    writeLongRun(folder, numRollouts / 200);
    const bench = new ExplorerBench(folder, numRollouts);
    let opened = await bench.open();
    const processor: number[] = [];
    const open = async () => {
      const started = performance.now();
      processor.push(
        await cpuSeconds(async () => {
          opened = await bench.open();
        }),
      );
      return (performance.now() - started) / 1000;
    };
    let turn = 0;
    const filter = () => bench.slowestFilter(opened, turn++);
    const [opens, filters] = (await inTurns([open, filter], this.rounds, this.options.signal)) as [number[], number[]];
    for (const [name, times, budget] of [
      ["opening the explorer", opens, openBudget],
      ["a filter in the explorer", filters, filterBudget],
    ] as const) {
      const ours = median(times);
      const work = times === opens ? `, ${median(processor).toFixed(2)} s of the processor` : "";
      this.add({
        name,
        detail: `${numRollouts} rollouts, by the clock${work}, against ${budget} s`,
        ...{ ours, other: budget, unit: "s", ratio: ours / budget, target: { atMost: 1 } },
      });
    }
    await rm(folder, { recursive: true, force: true });
  }

  /** Operations per processor second of a large product, now. */
  private async peak(): Promise<number> {
    const { gflopsPerCpuSecond } = await gemmPeak({ threads, repeats: 5 });
    this.peaks.push(gflopsPerCpuSecond);
    return gflopsPerCpuSecond;
  }

  private async withPeer<T>(work: (peer: PeerProcess) => Promise<T>): Promise<T | null> {
    if (this.options.peer === null) return null;
    const peer = new PeerProcess(this.options.peer, threads);
    try {
      return await work(peer);
    } finally {
      await peer.close();
    }
  }

  private compare(
    name: string,
    detail: string,
    ours: readonly number[],
    theirs: readonly number[],
    target: number,
  ): void {
    this.add({
      ...{ name, detail, ours: median(ours), other: median(theirs), unit: "s" },
      ...{ ratio: medianRatio(theirs, ours), target: { atLeast: target } },
    });
  }

  private add(row: Omit<BenchRow, "ok">): void {
    const { ratio, target } = row;
    this.rows.push({ ...row, ok: "atLeast" in target ? ratio >= target.atLeast : ratio <= target.atMost });
  }
}

const question = "Are there any anomalies in the picture? Think first, then give location, type and answer.";

/** Neighbours in time are divided, so that a slow minute of the machine cancels out. */
function medianRatio(over: readonly number[], under: readonly number[]): number {
  return median(over.map((value, i) => value / under[i]!));
}

/** Ids below 1000, which every vocabulary has, the same in every run. */
function randomRows(count: number, length: number): number[][] {
  const random = createRandom("bench", count, length);
  return Array.from({ length: count }, () => Array.from({ length }, () => random.int(1000)));
}

/** @throws InternalError `internal/bench` when the two sides computed different things */
function sameLoss(ours: number, theirs: number): void {
  if (Math.abs(ours - theirs) <= 1e-3 * Math.abs(theirs)) return;
  throw new InternalError("internal/bench", `The losses differ: ours ${ours}, theirs ${theirs}.`);
}
