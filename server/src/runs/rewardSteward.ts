/**
 * Looks after the rewards of an SC-GRPO stage: says which versions it uses, exchanges them when somebody asks, hands what each step
 * said to the guard, and holds the run when the guard found something that the configuration wants it to be held for.
 */
import type { RewardVersion, StagePlan } from "@iad-r1/protocol/runs";
import type { ExperimentConfig } from "../config/experiment";
import type { RewardInput, WeightedReward } from "../rewards/contract";
import type { GroupAdvantages } from "../train/advantages";
import type { ScoredGroup } from "../train/rollouts";
import type { RewardSource } from "../train/scGrpo";
import type { PauseGate, StepGuard } from "../train/stage";
import { hashJson } from "./manifest";
import type { RunRecorder } from "./recorder";
import { RewardGuard } from "./rewardGuard";
import { refusal, type RunRewards } from "./runRewards";

interface Surroundings {
  recorder: RunRecorder;
  plan: StagePlan;
  config: ExperimentConfig;
  pauses: PauseGate | null;
  signal: AbortSignal;
}

export class RewardSteward implements RewardSource, StepGuard {
  private readonly guard: RewardGuard;
  /** Told already: once for each id and reward, until the rewards are exchanged. */
  private told = new Set<string>();
  private isAnnounced = false;
  /** Completions of the last step, to try a new version on. */
  private lastInputs: RewardInput[] = [];

  constructor(
    private readonly rewards: RunRewards,
    private readonly at: Surroundings,
  ) {
    this.guard = new RewardGuard(rewards.programs);
  }

  async current(step: number): Promise<readonly WeightedReward[]> {
    if (!this.isAnnounced) this.announce(step);
    // A version that is refused leaves the run waiting; the next request, or letting it go on as it is, ends that.
    while (this.at.pauses?.takeExchange() === true) {
      const error = await this.exchange(step);
      if (error === null) break;
      await this.holdFor(`The new rewards were not taken. ${error}`);
    }
    return this.rewards.list;
  }

  async inspect(step: number, groups: readonly ScoredGroup[], _advantages: GroupAdvantages): Promise<string | null> {
    const { recorder, plan, config } = this.at;
    this.lastInputs = inputsOf(groups.slice(0, 2));
    const findings = this.guard.inspect(step, groups, this.rewards.list);
    const wanted: readonly string[] = config.stages.scGrpo.pauseOn;
    let reason: string | null = null;
    for (const finding of findings) {
      const pauses = finding.mayPause && wanted.includes(finding.id);
      const key = `${finding.id} ${finding.reward} ${pauses}`;
      if (this.told.has(key)) continue;
      this.told.add(key);
      const { id, severity, reward, file, message } = finding;
      recorder.emit({ type: "finding", stage: plan.id, step, id, severity, reward, file, message, pauses });
      if (pauses) reason ??= `${id}: ${message}`;
    }
    return reason;
  }

  /** @returns why the new version was not taken, or null */
  private async exchange(step: number): Promise<string | null> {
    const { recorder, config, signal } = this.at;
    try {
      const { groupSize } = config.stages.scGrpo;
      if (!(await this.rewards.exchange(this.lastInputs, groupSize, signal))) {
        recorder.log("info", "reward/unchanged", "The reward files are as they were; nothing was exchanged.");
        return null;
      }
    } catch (error) {
      recorder.log("warning", "reward/refused", `The new rewards were not taken. ${refusal(error)}`);
      return refusal(error);
    }
    this.guard.reset(this.rewards.programs);
    this.told = new Set();
    this.announce(step);
    return null;
  }

  private async holdFor(reason: string): Promise<void> {
    const { recorder, pauses, signal } = this.at;
    pauses!.request();
    recorder.enter("paused", reason);
    await pauses!.released(signal);
    if (!signal.aborted) recorder.enter("running", "resumed by the user");
  }

  /** Events, the manifest and its lineage say which versions are in use from here on. */
  private announce(step: number): void {
    const { recorder, plan } = this.at;
    const { manifest } = recorder;
    const versions = this.rewards.keep(recorder.folder);
    const lineage = manifest.rewardLineage ?? [];
    const before = lineage.at(-1)?.rewards;
    const isExchange = this.isAnnounced || (before !== undefined && !sameCode(before, versions));
    if (before === undefined || isExchange) {
      manifest.rewardLineage = [...lineage, { stage: plan.id, step, rewards: versions }];
    }
    manifest.hashes.rewards = rewardHashes(this.rewards);
    recorder.saveManifest();
    const reason = isExchange ? "exchanged" : "started";
    recorder.emit({ type: "rewards", stage: plan.id, step, reason, rewards: versions });
    this.isAnnounced = true;
  }
}

/** SHA-256 of each reward with its weight; of people's own, the code is in it. */
export function rewardHashes({ list }: RunRewards): Record<string, string> {
  return Object.fromEntries(list.map(({ reward, weight }) => [reward.name, hashJson({ ...reward, weight })]));
}

function sameCode(a: readonly RewardVersion[], b: readonly RewardVersion[]): boolean {
  const code = (all: readonly RewardVersion[]) =>
    JSON.stringify(all.map(({ name, weight, version }) => [name, weight, version]));
  return code(a) === code(b);
}

function inputsOf(groups: readonly ScoredGroup[]): RewardInput[] {
  return groups.flatMap(({ completions, example, sample }) =>
    completions.map(({ text, ids }) => ({
      ...{ completion: text, solution: example.solution, columns: example.columns },
      origin: { prompt: example.source.messages, sampleId: sample.id, length: ids.length },
    })),
  );
}
