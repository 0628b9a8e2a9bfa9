/**
 * The rewards of one run while it is under way: opened once, exchanged for the files' newest version when somebody asks, every version
 * kept in the run folder. What a reward says is none of its business.
 */
import { existsSync } from "node:fs";
import { basename, join } from "node:path";
import { AppError, formatError } from "@iad-r1/models/errors";
import type { RewardVersion } from "@iad-r1/protocol/runs";
import type { ExperimentConfig } from "../config/experiment";
import type { RewardInput, WeightedReward } from "../rewards/contract";
import { scoreAll } from "../rewards/evaluate";
import { instrumentTypeScript } from "../rewards/live/instrument";
import type { RewardProgram } from "../rewards/user/program";
import { type OpenRewards, openRewards } from "../rewards/user/openRewards";
import { makeFolder, writeFileDurably } from "./durableFile";

export class RunRewards {
  /** What is used now. The same list for the whole run: an exchange changes what it holds. */
  readonly list: WeightedReward[];
  private opened: OpenRewards;

  /** @throws as `openRewards` */
  constructor(private readonly config: ExperimentConfig) {
    this.opened = this.open();
    this.list = [...this.opened.rewards];
  }

  get programs(): readonly RewardProgram[] {
    return this.opened.programs;
  }

  /** Weights and versions, with the texts of own files kept in the run folder. */
  keep(runFolder: string): RewardVersion[] {
    for (const program of this.opened.programs) {
      const copy = join(runFolder, copyOf(program));
      if (existsSync(copy)) continue;
      makeFolder(join(runFolder, "rewards"));
      writeFileDurably(copy, program.source);
    }
    return versionsOf(this.opened);
  }

  /**
   * Reads the files anew. The new version must be able to score `trial`, else the old one stays.
   *
   * @returns whether anything changed
   * @throws RewardError, ConfigError: what is wrong with the new version
   */
  async exchange(trial: readonly RewardInput[], groupSize: number, signal?: AbortSignal): Promise<boolean> {
    const fresh = this.open();
    if (sameVersions(fresh, this.opened)) {
      await fresh.close();
      return false;
    }
    try {
      await scoreAll(fresh.rewards, trial, { groupSize, ...(signal && { signal }) });
    } catch (error) {
      await fresh.close();
      throw error;
    }
    const old = this.opened;
    this.opened = fresh;
    this.list.splice(0, this.list.length, ...fresh.rewards);
    await old.close();
    return true;
  }

  /** Ends the processes. */
  close(): Promise<void> {
    return this.opened.close();
  }

  private open(): OpenRewards {
    const { stages, preset, seed } = this.config;
    const { rewards, rewardTimeout } = stages.scGrpo;
    return openRewards(rewards ?? [preset], {
      ...{ folder: process.cwd(), instrument: instrumentTypeScript, wallMs: rewardTimeout * 1000, seed },
    });
  }
}

function versionsOf({ rewards, programs }: OpenRewards): RewardVersion[] {
  return rewards.map(({ reward, weight }) => {
    const program = programs.find(({ functions }) => functions.some(({ name }) => name === reward.name));
    if (reward.scope !== "outside" || program === undefined) {
      return { name: reward.name, weight, version: null, file: null, copy: null };
    }
    return { name: reward.name, weight, version: reward.version, file: program.file, copy: copyOf(program) };
  });
}

function sameVersions(a: OpenRewards, b: OpenRewards): boolean {
  return JSON.stringify(versionsOf(a)) === JSON.stringify(versionsOf(b));
}

/** Relative to the run folder. */
function copyOf({ hash, file }: RewardProgram): string {
  return `rewards/${hash.slice(0, 12)}-${basename(file)}`;
}

/** Why a new version was not taken, in one sentence. */
export function refusal(error: unknown): string {
  return error instanceof AppError
    ? `${error.message}${error.hint === undefined ? "" : ` ${error.hint}`}`
    : formatError(error);
}
