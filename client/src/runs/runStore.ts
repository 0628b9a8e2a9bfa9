/**
 * The runs as this window knows them: kept current by the stream, by notifications where there is no stream, and read anew after every
 * new connection. It knows no view; views read it and hear when it changed.
 */
import type { RunListing, RunState } from "@iad-r1/protocol/runs";
import type { RunsDelta } from "@iad-r1/protocol/stream";
import { Emitter } from "../emitter";

const finalStates: readonly RunState[] = ["completed", "stopped", "failed"];

export const isFinal = ({ state }: Pick<RunListing, "state">): boolean => finalStates.includes(state);

/** What changed; `before` is null for a run that is new, `after` for one that is gone. */
export interface RunChange {
  before: RunListing | null;
  after: RunListing | null;
}

export class RunStore {
  private readonly byId = new Map<string, RunListing>();
  private readonly changed = new Emitter<RunChange[]>();
  readonly onDidChange = this.changed.event;
  private isRead = false;

  /** Whether the server has said at least once which runs there are. */
  get isKnown(): boolean {
    return this.isRead;
  }

  /** Newest first. */
  get all(): RunListing[] {
    return [...this.byId.values()].sort((a, b) => b.createdMs - a.createdMs);
  }

  get(id: string): RunListing | undefined {
    return this.byId.get(id);
  }

  /** Runs that are not over, newest first. */
  get active(): RunListing[] {
    return this.all.filter((run) => !isFinal(run));
  }

  /** Everything the server knows. */
  replace(runs: readonly RunListing[]): void {
    const changes: RunChange[] = [];
    const ids = new Set(runs.map(({ id }) => id));
    for (const [id, before] of this.byId) if (!ids.has(id)) changes.push({ before, after: null });
    for (const after of runs) {
      const before = this.byId.get(after.id) ?? null;
      if (before === null || !isSame(before, after)) changes.push({ before, after });
    }
    const isFirst = !this.isRead;
    this.isRead = true;
    this.apply(changes, isFirst);
  }

  change(delta: RunsDelta | { run: RunListing } | { removed: string }): void {
    const after = "run" in delta ? delta.run : null;
    const id = after?.id ?? ("removed" in delta ? delta.removed : "id" in delta ? delta.id : "");
    const before = this.byId.get(id) ?? null;
    if (after !== null ? before !== null && isSame(before, after) : before === null) return;
    this.apply([{ before, after }], false);
  }

  private apply(changes: RunChange[], always: boolean): void {
    for (const { before, after } of changes) {
      if (after !== null) this.byId.set(after.id, after);
      else if (before !== null) this.byId.delete(before.id);
    }
    if (always || changes.length > 0) this.changed.fire(changes);
  }
}

function isSame(a: RunListing, b: RunListing): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

/** The run's most telling state, for the context key `iadr1.runState`: `none`, `idle` (all are over) or `running`. */
export function overallState(runs: readonly RunListing[]): "none" | "idle" | "running" {
  if (runs.length === 0) return "none";
  return runs.every(isFinal) ? "idle" : "running";
}
