/**
 * The decoder of a checkpoint without anything around it: prompts are read into the cache, then greedy tokens written, all rows together.
 * The same programs, weights and sessions as real generation; sampling, text and bookkeeping are left out, as they are with the peers.
 */
import { isPacked } from "@iad-r1/models/checkpoint/parameterTable";
import { emit } from "@iad-r1/models/graph/emit";
import { serialize } from "@iad-r1/models/graph/serialize";
import { cacheHeadDim } from "@iad-r1/models/nn/decoder";
import { ropeTables } from "@iad-r1/models/nn/rope";
import { loadModelDescription, type ModelDescription } from "@iad-r1/models/zoo";
import { preparesFloats } from "../generate/footprint";
import { argMax } from "../generate/sample";
import { createSession, type Session } from "../runtime/session";
import { type AnyTensor, scalar, tensor, zeros } from "../runtime/tensors";
import { clockSeconds, cpuSeconds } from "./cpuTime";

export interface ReadWriteTimes {
  /** Seconds for all prompts, and for all tokens behind them: of the processor, or by the clock. */
  read: number;
  write: number;
  /** Greedy ids of the first row. */
  first: number[];
}

export class DecoderRun {
  private constructor(
    private readonly model: ModelDescription,
    private readonly session: Session,
    private readonly weights: Readonly<Record<string, AnyTensor>>,
  ) {}

  static async open(folder: string, threads: number): Promise<DecoderRun> {
    const model = await loadModelDescription(folder);
    const prepack = isPacked(model.parameters) || preparesFloats(model);
    const program = model.programs.decoder({
      ...{ images: false, statistics: true, weights: prepack ? "files" : "inputs", activations: "int8" },
    });
    const session = await createSession(serialize(emit(program.graph, { target: "fused" })), {
      ...{ threads, name: "decoder", prepack },
    });
    const weights: Record<string, AnyTensor> = {};
    for (const { path, shape } of program.parameters) {
      weights[path] = tensor("float32", await model.parameters.get(path)!.read(), shape);
    }
    return new DecoderRun(model, session, weights);
  }

  /**
   * @param rows  ids of equal length
   * @param clock by the clock instead of processor time
   */
  async run(rows: readonly (readonly number[])[], tokens: number, clock = false): Promise<ReadWriteTimes> {
    const seconds = clock ? clockSeconds : cpuSeconds;
    const { decoder } = this.model.facts;
    const [batch, read] = [rows.length, rows[0]!.length];
    const slots = Math.ceil((read + tokens) / 64) * 64;
    const { cos, sin, length } = ropeTables(decoder, slots);
    const table = (values: Float32Array) => tensor("float32", values, [length, decoder.headDim / 2]);
    const feeds: Record<string, AnyTensor> = { ...this.weights, rope_cos: table(cos), rope_sin: table(sin) };
    for (let layer = 0; layer < decoder.layers; layer++) {
      for (const kind of ["key", "value"]) {
        feeds[`${kind}_cache.${layer}`] = zeros("float32", [batch, decoder.kvHeads, slots, cacheHeadDim(decoder)]);
      }
    }
    const logits = zeros("float32", [batch, decoder.vocabSize]);
    const outputs = { logits, log_sum_exp: zeros("float32", [batch]), entropy: zeros("float32", [batch]) };
    const pass = (ids: readonly (readonly number[])[], before: number) => {
      const count = ids[0]!.length;
      const flat = BigInt64Array.from(ids.flat(), BigInt);
      const places = BigInt64Array.from({ length: batch * count }, (_, i) => BigInt(before + (i % count)));
      const last = BigInt64Array.from({ length: batch }, (_, b) => BigInt((b + 1) * count - 1));
      return this.session.run(
        {
          ...feeds,
          input_ids: tensor("int64", flat, [batch, count]),
          position_ids: tensor("int64", places, [batch, count]),
          seqlens_k: tensor("int32", new Int32Array(batch).fill(before + count - 1), [batch]),
          total_sequence_length: scalar("int32", before + count),
          logit_positions: tensor("int64", last, [batch]),
        },
        outputs,
      );
    };
    const best = () =>
      rows.map((_, b) => argMax(logits.data.subarray(b * decoder.vocabSize, (b + 1) * decoder.vocabSize)));
    const first: number[] = [];
    const reading = await seconds(() => pass(rows, 0));
    const writing = await seconds(async () => {
      for (let step = 0; step < tokens; step++) {
        const next = best();
        first.push(next[0]!);
        await pass(
          next.map((id) => [id]),
          read + step,
        );
      }
    });
    return { read: reading, write: writing, first };
  }

  dispose(): Promise<void> {
    return this.session.dispose();
  }
}
