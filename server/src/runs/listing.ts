/**
 * From what is known about a run to its line in a list. The store reads a folder once, the follower keeps up with a growing one; both
 * come here. Reads nothing itself.
 */
import {
  alertKey,
  type ListedAlert,
  type ListedFinding,
  type RunEvent,
  type RunListing,
  type RunManifest,
  type RunProgressEvent,
  type RunStateEvent,
} from "@iad-r1/protocol/runs";

const maxFindings = 20;
const maxAlerts = 20;

/** The newest value of every curve, and which point was written last. */
export class CurveTail {
  readonly last: Record<string, number> = {};
  stage: string | null = null;
  step = 0;
  private timeMs = -1;

  add(stage: string, name: string, step: number, timeMs: number, value: number): void {
    this.last[`${stage}/${name}`] = value;
    if (timeMs < this.timeMs) return;
    this.timeMs = timeMs;
    this.stage = stage;
    this.step = step;
  }
}

export interface RunFacts {
  folder: string;
  /** With the true state, see `actualState` in store.ts. */
  manifest: RunManifest;
  tail: CurveTail;
  /** The newest change of state in the journal. */
  lastState: RunStateEvent | null;
  progress: RunProgressEvent | null;
  findings: ListedFinding[];
  alerts: ListedAlert[];
}

export function listingOf({ folder, manifest, tail, lastState, progress, findings, alerts }: RunFacts): RunListing {
  const { id, kind, project, state, attempt, createdMs, updatedMs, plan, finishedStages, lineage } = manifest;
  return {
    ...{ id, kind, project, state, reason: reasonOf(manifest, lastState), attempt, createdMs, updatedMs },
    ...{ plan, finishedStages, lastStage: tail.stage, lastStep: tail.step, last: tail.last },
    progress: isFinal(state) || progress === null ? null : progressOf(progress),
    ...{ folder, lineage, findings },
    ...(alerts.length > 0 && { alerts }),
  };
}

/** The balanced accuracy of the last stage that was evaluated; undefined when none was. */
export function lastBalancedAccuracy({ plan, last }: Pick<RunListing, "plan" | "last">): number | undefined {
  return plan.map(({ id }) => last[`${id}/eval/balanced_accuracy`]).findLast((value) => value !== undefined);
}

export function isFinal(state: RunManifest["state"]): boolean {
  return state === "completed" || state === "stopped" || state === "failed";
}

export function lastStateOf(events: readonly RunEvent[]): RunStateEvent | null {
  return events.findLast((event): event is RunStateEvent => event.type === "state") ?? null;
}

/** What was found since the rewards in use came into use; an exchange ends what the old ones were blamed for. */
export function findingsOf(events: readonly RunEvent[]): ListedFinding[] {
  const from = events.findLastIndex((event) => event.type === "rewards" && event.reason === "exchanged") + 1;
  return events
    .slice(from)
    .flatMap((event): ListedFinding[] => {
      if (event.type !== "finding") return [];
      const { id, severity, reward, file, message, step, pauses } = event;
      return [{ id, severity, reward, file, message, step, pauses }];
    })
    .slice(-maxFindings);
}

/** The newest of what rules of the experiment file told, each rule of a stage once. */
export function alertsOf(events: readonly RunEvent[]): ListedAlert[] {
  const told = new Map<string, ListedAlert>();
  for (const event of events) {
    if (event.type !== "alert") continue;
    const { stage, step, rule, name, metric, value, message } = event;
    told.set(alertKey(event), { stage, step, ...(rule !== undefined && { rule }), name, metric, value, message });
  }
  return [...told.values()].slice(-maxAlerts);
}

function reasonOf({ state }: RunManifest, event: RunStateEvent | null): string | null {
  // The journal of a process that died does not say so.
  if (state === "failed" && event?.state !== "failed") return "its process is gone and left no last word";
  if (event === null || event.state !== state) return null;
  return event.error?.message ?? event.reason;
}

function progressOf({ stage, step, totalSteps, activity, tokensPerSecond, secondsLeft }: RunProgressEvent) {
  return { stage, step, totalSteps, activity, tokensPerSecond, secondsLeft };
}
