/** What a TRL process is asked to do, made from the settings of a stage; `engines/python/iadr1_trl.py` reads it. Starts nothing. */
import { ConfigError } from "@iad-r1/models/errors";
import type { ModelReference } from "@iad-r1/protocol/runs";
import type { PaSftConfig, ScGrpoConfig, TrlConfig } from "../../config/experiment";

export interface TrlPlace {
  /** Work folder: rows in, whatever Trainer wants to write out. */
  folder: string;
  /** JSON lines in the order of use. */
  rows: string;
  model: ModelReference;
  /** Trainer's own folder of the checkpoint to go on from. */
  resume: string | null;
  /** Of the stage. */
  steps: number;
  seed: number;
  threads: number;
  useCpu: boolean;
  trl: TrlConfig;
}

/** @param endToken that a complete answer ends with */
export function supervisedJob(config: PaSftConfig, place: TrlPlace, facts: { endToken: number; maxLength: number }) {
  const { batchSize, gradientAccumulation } = config;
  return {
    ...commonJob(config, place, { rows: batchSize * gradientAccumulation, perPass: batchSize, updatesPerStep: 1 }),
    ...{ kind: "pa-sft", ...facts },
  };
}

export function policyJob(config: ScGrpoConfig, place: TrlPlace) {
  const { groupSize, promptsPerStep, microBatchSize, temperature, topK, topP, repetitionPenalty } = config;
  const { beta, epsilonLow, epsilonHigh = epsilonLow, lossType, scaleRewards, maskTruncated } = config;
  const rows = groupSize * promptsPerStep;
  return {
    ...commonJob(config, place, { rows, perPass: microBatchSize, updatesPerStep: config.iterations }),
    ...{ kind: "sc-grpo", groupSize, sampling: { temperature, topK, topP, repetitionPenalty } },
    ...{ beta, epsilonLow, epsilonHigh, lossType, scaleRewards, maskTruncated },
    maxCompletionLength: config.maxCompletionLength,
  };
}

function commonJob(
  config: PaSftConfig | ScGrpoConfig,
  { folder, rows, model, resume, steps, seed, threads, useCpu, trl }: TrlPlace,
  batch: { rows: number; perPass: number; updatesPerStep: number },
) {
  const { learningRate, schedule, warmupSteps, weightDecay, beta1, beta2, epsilon, maxGradNorm } = config;
  const rowsPerPass = passSize(batch.rows, batch.perPass, trl.processes);
  return {
    ...{ folder, rows, model, resume, seed, threads, useCpu, precision: trl.precision },
    ...{ trainable: config.trainable, lora: config.lora, recompute: config.recompute },
    optimizer: { learningRate, schedule, warmupSteps, weightDecay, beta1, beta2, epsilon, maxGradNorm },
    ...{ optimizerSteps: steps * batch.updatesPerStep, updatesPerStep: batch.updatesPerStep },
    ...{ rowsPerPass, passesPerStep: batch.rows / trl.processes / rowsPerPass },
  };
}

/**
 * Rows that one process takes through the model together: at most `wanted`, and so that all passes of all processes are alike.
 *
 * @throws ConfigError `trl/batch` when the processes cannot share the rows of a step equally
 */
export function passSize(rows: number, wanted: number, processes: number): number {
  const each = rows / processes;
  if (!Number.isInteger(each)) {
    throw new ConfigError(
      "trl/batch",
      `Expected a step that ${processes} processes can share equally, got ${rows} rows.`,
      {
        hint: "Change trl.processes, or the size of the batch.",
      },
    );
  }
  let size = Math.min(wanted, each);
  while (each % size !== 0) size -= 1;
  return size;
}
