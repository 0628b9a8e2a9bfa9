/**
 * `checkpoints/step-000100/`: weights in PEFT's or Hugging Face's own layout, the optimiser, and `trainer_state.json` with everything
 * that decides the next step. Written whole or not at all; the newest few and the best are kept. It knows no model: the stage
 * fills the folder.
 */
import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { CheckpointError } from "@iad-r1/models/errors";
import { folderSize, writeFileDurably, writeFolderDurably } from "./durableFile";

/** Where training stands after an optimiser step. */
export interface TrainerState {
  format: "iad-r1/trainer-state";
  version: 1;
  stage: string;
  /** Step within the stage. */
  step: number;
  totalSteps: number;
  /** Steps of the run over all its training stages; names the folder. */
  globalStep: number;
  epoch: number;
  /** The place in the data: samples taken so far. Their order follows from the seed. */
  samplesSeen: number;
  /** Tokens trained on so far. */
  numTokens: number;
  /** All streams of random numbers are named by the seed, the stage, the step and the sample; there is no other state. */
  random: { seed: number; stage: string; step: number };
  /** Held-out balanced accuracy in percent, or null when it was not evaluated at this step. */
  balancedAccuracy: number | null;
  /** The best evaluated step of the stage so far. */
  best: { step: number; balancedAccuracy: number } | null;
}

export interface StoredCheckpoint {
  folder: string;
  /** Relative to the run folder. */
  path: string;
  state: TrainerState;
}

const stateFile = "trainer_state.json";

export class CheckpointStore {
  private readonly root: string;

  constructor(runFolder: string) {
    this.root = join(runFolder, "checkpoints");
  }

  /**
   * Writes a checkpoint.
   *
   * @param fill writes weights and optimiser into the folder it is given
   * @throws ResourceError `disk/full`; the checkpoints that were there are untouched
   */
  async save(
    state: TrainerState,
    fill: (folder: string) => Promise<void>,
  ): Promise<StoredCheckpoint & { sizeBytes: number }> {
    const name = `step-${String(state.globalStep).padStart(6, "0")}`;
    const folder = join(this.root, name);
    await writeFolderDurably(folder, async (temporary) => {
      await fill(temporary);
      // The state comes last: a folder without it is not a checkpoint.
      writeFileDurably(join(temporary, stateFile), `${JSON.stringify(state, null, 2)}\n`);
    });
    return { folder, path: `checkpoints/${name}`, state, sizeBytes: folderSize(folder) };
  }

  /** All readable checkpoints, oldest first. */
  list(): StoredCheckpoint[] {
    if (!existsSync(this.root)) return [];
    return readdirSync(this.root)
      .filter((name) => /^step-\d+$/.test(name))
      .flatMap((name) => {
        const state = readState(join(this.root, name));
        return state === null ? [] : [{ folder: join(this.root, name), path: `checkpoints/${name}`, state }];
      })
      .sort((a, b) => a.state.globalStep - b.state.globalStep);
  }

  /** The newest checkpoint of a stage, to go on from. */
  newest(stage: string): StoredCheckpoint | null {
    return this.list().findLast(({ state }) => state.stage === stage) ?? null;
  }

  /** @throws CheckpointError `checkpoint/missing` */
  at(stage: string, step: number): StoredCheckpoint {
    const found = this.list().find(({ state }) => state.stage === stage && state.step === step);
    if (found !== undefined) return found;
    throw new CheckpointError("checkpoint/missing", `There is no checkpoint of ${stage} at step ${step}.`, {
      where: this.root,
      hint: "It was deleted; start the run again.",
    });
  }

  /** Removes what need not be kept of a stage: all but the `keep` newest and the step given. */
  prune(stage: string, keep: number, alsoKeepStep: number | null): void {
    const all = this.list().filter(({ state }) => state.stage === stage);
    for (const { folder, state } of all.slice(0, Math.max(0, all.length - keep))) {
      if (state.step !== alsoKeepStep) rmSync(folder, { recursive: true, force: true });
    }
  }

  /** Removes checkpoints of a stage behind a step, and of stages that start over. */
  removeAfter(finishedStages: readonly string[], stage: string | null, step: number): void {
    for (const { folder, state } of this.list()) {
      const stays = finishedStages.includes(state.stage) || (state.stage === stage && state.step <= step);
      if (!stays) rmSync(folder, { recursive: true, force: true });
    }
  }
}

/** The state of a checkpoint folder; null when it is not a whole checkpoint. */
function readState(folder: string): TrainerState | null {
  try {
    const state = JSON.parse(readFileSync(join(folder, stateFile), "utf8")) as Partial<TrainerState>;
    const whole =
      state.format === "iad-r1/trainer-state" &&
      state.version === 1 &&
      typeof state.stage === "string" &&
      [state.step, state.globalStep, state.samplesSeen, state.numTokens].every(
        (n) => Number.isSafeInteger(n) && n! >= 0,
      );
    return whole ? (state as TrainerState) : null;
  } catch {
    return null;
  }
}
