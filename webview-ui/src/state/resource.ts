/** Something that is asked for and may come late, fail, or no longer be wanted. Solved once, for every view. */

export type ResourceState<T> =
  | { phase: "idle" }
  | { phase: "loading" }
  | { phase: "ready"; value: T }
  | { phase: "failed"; message: string };

/** Holds the newest answer; an answer to an older question is dropped. */
export class Resource<T> {
  state: ResourceState<T> = { phase: "idle" };
  private turn = 0;

  constructor(private readonly changed: () => void) {}

  load(ask: () => Promise<T>): void {
    const turn = ++this.turn;
    this.state = { phase: "loading" };
    this.changed();
    ask().then(
      (value) => this.settle(turn, { phase: "ready", value }),
      (error: unknown) =>
        this.settle(turn, { phase: "failed", message: error instanceof Error ? error.message : String(error) }),
    );
  }

  reset(): void {
    this.turn++;
    this.state = { phase: "idle" };
  }

  private settle(turn: number, state: ResourceState<T>): void {
    if (turn !== this.turn) return;
    this.state = state;
    this.changed();
  }
}
