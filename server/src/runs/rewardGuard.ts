/**
 * The checks that watch over a run: after each step, what the rewards said and how they failed. Looks at the last steps only and changes
 * nothing.
 */
import type { RunFindingEvent } from "@iad-r1/protocol/runs";
import type { RewardFailure } from "../rewards/contract";
import type { RewardProgram } from "../rewards/user/program";
import type { Group } from "../train/rollouts";

export type GuardFinding = Pick<RunFindingEvent, "id" | "severity" | "reward" | "file" | "message"> & {
  /** It has gone so far that a run may be held for it. */
  mayPause: boolean;
};

const maxErrorShare = 0.05;
const maxFlatShare = 0.9;
const flatSteps = 8;

export class RewardGuard {
  /** Share of groups without a difference in each of the last steps. */
  private flatShares: number[] = [];

  constructor(private programs: readonly RewardProgram[]) {}

  /** After an exchange: what the old version did is over. */
  reset(programs: readonly RewardProgram[]): void {
    this.programs = programs;
    this.flatShares = [];
  }

  async inspect(_step: number, groups: readonly Group[]): Promise<GuardFinding[]> {
    const rows = groups.flatMap((group) => group.rows);
    const findings: GuardFinding[] = [];
    for (const name of Object.keys(rows[0]?.status ?? {})) {
      const failures = rows.flatMap(({ failures: all }) => all?.[name] ?? []);
      const add = (id: string, severity: GuardFinding["severity"], message: string, mayPause: boolean) =>
        findings.push({ id, severity, message, mayPause, reward: name, file: this.fileOf(name) });
      const example = (cause: RewardFailure) =>
        String(rows.find(({ failures: all }) => all?.[name] === cause)?.notes[name]?.error ?? "");
      const count = (cause: RewardFailure) => failures.filter((one) => one === cause).length;
      const share = (number: number) => `${number} of ${rows.length} completions`;
      if (count("count") > 0) add("RW101", "error", `${name}: ${example("count")}.`, true);
      const wrong = count("value") + count("range");
      if (wrong > 0) {
        const first = example(count("value") > 0 ? "value" : "range");
        add("RW102", "error", `${name} gave no usable number for ${share(wrong)}: ${first}.`, true);
      }
      const raised = count("raised");
      if (raised > 0) {
        const message = `${name} failed on ${share(raised)}: ${example("raised")}.`;
        add("RW104", "warning", message, raised > maxErrorShare * rows.length);
      }
    }
    const flat = groups.filter(({ rows: members }) => members.every(({ total }) => total === members[0]!.total)).length;
    this.flatShares = [...this.flatShares, flat / Math.max(1, groups.length)].slice(-flatSteps);
    const isLong = this.flatShares.length === flatSteps && this.flatShares.every((share) => share > maxFlatShare);
    if (isLong) {
      findings.push({
        ...{ id: "RW106", severity: "warning", reward: "total", file: null, mayPause: true },
        message: `For ${flatSteps} steps, more than ${100 * maxFlatShare} % of the groups had equal totals: nothing can be learnt from them.`,
      });
    }
    return findings;
  }

  private fileOf(name: string): string | null {
    return this.programs.find(({ functions }) => functions.some((one) => one.name === name))?.file ?? null;
  }
}
