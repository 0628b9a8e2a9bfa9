/**
 * The checks that watch over a run: after each step, what the rewards said and how they failed in the last steps. What the numbers mean
 * is `rewards/analysis/guard.ts`; this keeps the last steps and adds what only the trainer knows, the way a reward failed.
 */
import type { RunFindingEvent } from "@iad-r1/protocol/runs";
import { scopeSteps } from "../rewards/analysis/examination";
import { guardRollouts, type GuardFinding as RolloutFinding, shouldPause } from "../rewards/analysis/guard";
import type { RewardFailure, WeightedReward } from "../rewards/contract";
import { rolloutStatus } from "../rewards/evaluate";
import type { RewardProgram } from "../rewards/user/program";
import type { RolloutRow } from "../rollouts/row";
import type { ScoredGroup } from "../train/rollouts";

export type GuardFinding = Pick<RunFindingEvent, "id" | "severity" | "reward" | "file" | "message"> & {
  /** It has gone so far that a run may be held for it. */
  mayPause: boolean;
};

export class RewardGuard {
  /** Of the last steps, oldest first. */
  private steps: RolloutRow[][] = [];

  constructor(private programs: readonly RewardProgram[]) {}

  /** After an exchange: what the old version did is over. */
  reset(programs: readonly RewardProgram[]): void {
    this.programs = programs;
    this.steps = [];
  }

  inspect(step: number, groups: readonly ScoredGroup[], rewards: readonly WeightedReward[]): GuardFinding[] {
    this.steps = [...this.steps, groups.flatMap((group, g) => rowsOf(group, g, step))].slice(-scopeSteps);
    const used = rewards.map(({ reward, weight }) => ({ name: reward.name, weight, least: reward.range.min }));
    return [
      ...used.flatMap(({ name }) => this.contractFaults(name, groups)),
      ...guardRollouts(this.steps.flat(), { rewards: used }).map((finding) => this.described(finding)),
    ];
  }

  /** RW101 and RW102: a reward that does not keep to its contract shows it at once. */
  private contractFaults(name: string, groups: readonly ScoredGroup[]): GuardFinding[] {
    const rows = groups.flatMap((group) => group.rows);
    const failing = (...causes: RewardFailure[]) =>
      rows.filter(({ failures }) => failures?.[name] !== undefined && causes.includes(failures[name]));
    const common = { severity: "error" as const, reward: name, file: this.fileOf(name), mayPause: true };
    const [counted, valued] = [failing("count"), failing("value", "range")];
    const first = (some: typeof rows) => String(some[0]!.notes[name]?.error ?? "");
    return [
      ...(counted.length === 0
        ? []
        : [{ ...common, id: "RW101", message: `${name} does not give one value per completion: ${first(counted)}.` }]),
      ...(valued.length === 0
        ? []
        : [
            {
              ...{ ...common, id: "RW102" },
              message: `${name} gave no usable number for ${valued.length} of ${rows.length} completions: ${first(valued)}.`,
            },
          ]),
    ];
  }

  private described(finding: RolloutFinding): GuardFinding {
    const { id, severity, reward, message } = finding;
    return {
      ...{ id, severity, message, reward: reward ?? "total", file: reward === null ? null : this.fileOf(reward) },
      mayPause: shouldPause([finding], { pauseOn: [id] }) !== null,
    };
  }

  private fileOf(name: string): string | null {
    return this.programs.find(({ functions }) => functions.some((one) => one.name === name))?.file ?? null;
  }
}

function rowsOf({ sample, example, completions, rows }: ScoredGroup, group: number, step: number): RolloutRow[] {
  return completions.map(({ text, ids, finish }, index) => {
    const { scores, status, notes, total } = rows[index]!;
    const errors = Object.entries(notes).flatMap(([name, { error }]) => (error === undefined ? [] : [[name, error]]));
    return {
      ...{ group: `${step}.${group}`, index, prompt: null, completion: text, solution: example.solution },
      columns: { ...example.columns, errors: Object.fromEntries(errors) },
      ...{ sampleId: sample.id, step, length: ids.length, total, rewards: scores },
      ...(finish !== "cancelled" && { finish }),
      status: Object.fromEntries(Object.entries(status).map(([name, one]) => [name, rolloutStatus(one)])),
    };
  });
}
