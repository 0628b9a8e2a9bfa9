/** Pictures of rollouts as addresses that the page can show, asked for once and kept a while. */

type Kind = "picture" | "mask" | "thumbnail";
type Ask = (step: number | null, group: string, kind: Kind) => Promise<{ mime: string; data: Uint8Array } | null>;

const maxKept = 400;

export class RolloutPictures {
  /** Null: there is none, or it cannot be shown. */
  private readonly kept = new Map<string, string | "asking" | null>();
  /** What was asked before all was forgotten may be a picture of another source with the same name. */
  private turn = 0;

  constructor(
    private readonly ask: Ask,
    private readonly changed: () => void,
  ) {}

  /** @param name of the picture: groups that show the same one share it */
  get(name: string, kind: Kind, step: number | null, group: string): string | null {
    const key = `${kind} ${name}`;
    const known = this.kept.get(key);
    if (known === "asking") return null;
    if (known !== undefined) {
      this.kept.delete(key);
      this.kept.set(key, known);
      return known;
    }
    this.kept.set(key, "asking");
    const { turn } = this;
    const keep = (found: Awaited<ReturnType<Ask>>) => {
      if (turn === this.turn) this.keep(key, found === null ? null : addressOf(found));
    };
    this.ask(step, group, kind).then(keep, () => keep(null));
    return null;
  }

  /** Whether it was asked for and did not come. */
  isMissing(name: string, kind: Kind): boolean {
    return this.kept.get(`${kind} ${name}`) === null;
  }

  forget(): void {
    for (const address of this.kept.values()) release(address);
    this.kept.clear();
    this.turn++;
  }

  private keep(key: string, address: string | null): void {
    this.kept.set(key, address);
    while (this.kept.size > maxKept) {
      const [oldest, value] = this.kept.entries().next().value!;
      this.kept.delete(oldest);
      release(value);
    }
    this.changed();
  }
}

function addressOf({ mime, data }: { mime: string; data: Uint8Array }): string {
  return URL.createObjectURL(new Blob([new Uint8Array(data)], { type: mime }));
}

function release(address: string | null): void {
  if (address !== null && address !== "asking") URL.revokeObjectURL(address);
}
