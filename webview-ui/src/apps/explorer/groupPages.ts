/** The groups of an answer, fetched in pages as they are looked at. Late answers to another question are dropped. */
import type { ExploreQuery, GroupRow } from "@iad-r1/protocol/rollouts";

const pageSize = 50;
/** Pages kept; the ones looked at last. */
const maxPages = 40;
/** So many rows before the end of a page the next one is fetched: who scrolls on finds it there. */
const aheadRows = 30;
/** Pages on their way at once, and pages that wait for their turn: who drags the bar through thousands wants only the last. */
const maxInFlight = 2;
const maxWaiting = 3;

export class GroupPages {
  numRows = 0;
  error: string | null = null;
  private query: ExploreQuery | null = null;
  private readonly pages = new Map<number, GroupRow[] | "asking">();
  private turn = 0;
  private inFlight = 0;
  private waiting: number[] = [];

  constructor(
    private readonly ask: (
      query: ExploreQuery,
      offset: number,
      limit: number,
    ) => Promise<{ total: number; rows: GroupRow[] }>,
    private readonly changed: () => void,
  ) {}

  /** @param numRows as the answer to the same question said */
  open(query: ExploreQuery, numRows: number): void {
    this.turn++;
    this.query = query;
    this.numRows = numRows;
    this.error = null;
    this.pages.clear();
    this.waiting = [];
    this.inFlight = 0;
  }

  /** The group in a row, or null while it is on its way; asking for it fetches its page. */
  at(row: number): GroupRow | null {
    const number = Math.floor(row / pageSize);
    const page = this.pages.get(number);
    if (page === undefined) {
      this.want(number);
      return null;
    }
    if (page === "asking") return null;
    this.pages.delete(number);
    this.pages.set(number, page);
    const place = row % pageSize;
    if (place >= pageSize - aheadRows) this.want(number + 1);
    if (place < aheadRows) this.want(number - 1);
    return page[place] ?? null;
  }

  /** Fetches a page when it is neither here nor asked for. */
  private want(number: number): void {
    if (this.pages.has(number) || number < 0 || number * pageSize >= this.numRows) return;
    this.pages.set(number, "asking");
    this.waiting.push(number);
    // Forgotten, not failed: a row of it that is still in sight asks again.
    if (this.waiting.length > maxWaiting) this.pages.delete(this.waiting.shift()!);
    this.fetchNext();
  }

  private fetchNext(): void {
    while (this.inFlight < maxInFlight) {
      const number = this.waiting.pop();
      if (number === undefined) return;
      this.fetch(number);
    }
  }

  private fetch(number: number): void {
    const { query, turn } = this;
    if (query === null) return;
    this.inFlight++;
    const ended = () => {
      this.inFlight--;
      this.fetchNext();
    };
    this.ask(query, number * pageSize, pageSize).then(
      ({ rows }) => {
        if (turn !== this.turn) return;
        this.pages.set(number, rows);
        ended();
        if (this.pages.size > maxPages) this.pages.delete(this.pages.keys().next().value!);
        this.changed();
      },
      (error: unknown) => {
        if (turn !== this.turn) return;
        ended();
        // The page stays marked, so that drawing the list again does not ask again.
        this.error = error instanceof Error ? error.message : String(error);
        this.changed();
      },
    );
  }
}
