/**
 * The streams of single runs, shared: two dashboards that show the same run read one stream. A run is followed as long as someone looks
 * at it. Changes are handed on at most ten times a second.
 */
import type { CheckpointInfo } from "@iad-r1/protocol/runs";
import { type Disposable, Emitter } from "../emitter";
import { RunModel, type RunUpdate } from "./runModel";
import type { StreamClient } from "../server/streamClient";

const tellEveryMs = 100;

export class RunFeed {
  readonly model = new RunModel();
  private readonly changed = new Emitter<RunUpdate>();
  readonly onDidChange = this.changed.event;
  private readonly gone = new Emitter<string>();
  readonly onDidEnd = this.gone.event;
  private pending: RunUpdate | null = null;
  private timer: NodeJS.Timeout | null = null;
  private readonly subscription: Disposable;
  users = 0;

  constructor(
    readonly run: string,
    stream: StreamClient,
    private readonly readCheckpoints: (run: string) => Promise<CheckpointInfo[]>,
  ) {
    const { model } = this;
    this.subscription = stream.subscribe(`run/${run}`, {
      snapshot: (state) => {
        this.tell(model.applySnapshot(state));
        this.updateCheckpoints();
      },
      deltas: (deltas) => {
        this.tell(model.applyDeltas(deltas));
        if (deltas.some((delta) => delta.type === "event" && delta.event.type === "checkpoint"))
          this.updateCheckpoints();
      },
      points: (header, points) => this.tell(model.applyPoints(header, points)),
      held: () => model.held,
      end: (error) => this.gone.fire(error?.message ?? ""),
    });
  }

  dispose(): void {
    this.subscription.dispose();
    if (this.timer !== null) clearTimeout(this.timer);
    this.changed.dispose();
    this.gone.dispose();
  }

  /** The journal names checkpoints that were deleted since; the server knows which are on disk. */
  private updateCheckpoints(): void {
    this.readCheckpoints(this.run).then(
      (checkpoints) => {
        this.model.setCheckpoints(checkpoints);
        if (this.model.isKnown) this.tell({ fields: this.model.progressFields(), log: [], points: [], isWhole: false });
      },
      () => {}, // the journal's list stays
    );
  }

  private tell(update: RunUpdate): void {
    this.pending = this.pending === null ? update : merge(this.pending, update);
    this.timer ??= setTimeout(() => {
      const told = this.pending;
      this.timer = null;
      this.pending = null;
      if (told !== null) this.changed.fire(told);
    }, tellEveryMs);
  }
}

function merge(a: RunUpdate, b: RunUpdate): RunUpdate {
  return {
    fields: { ...a.fields, ...b.fields },
    log: [...a.log, ...b.log],
    points: [...a.points, ...b.points],
    isWhole: a.isWhole || b.isWhole,
  };
}

export class RunFeeds {
  private readonly byRun = new Map<string, RunFeed>();

  constructor(
    private readonly stream: StreamClient,
    private readonly readCheckpoints: (run: string) => Promise<CheckpointInfo[]>,
  ) {}

  /** Follows a run; every `open` needs one `close`. */
  open(run: string): RunFeed {
    let feed = this.byRun.get(run);
    if (feed === undefined) {
      feed = new RunFeed(run, this.stream, this.readCheckpoints);
      this.byRun.set(run, feed);
    }
    feed.users++;
    return feed;
  }

  close(feed: RunFeed): void {
    feed.users--;
    if (feed.users > 0) return;
    this.byRun.delete(feed.run);
    feed.dispose();
  }

  dispose(): void {
    for (const feed of this.byRun.values()) feed.dispose();
    this.byRun.clear();
  }
}
