/** The groups of an answer, fetched in pages as they are looked at. Late answers to another question are dropped. */
import type { ExploreQuery, GroupRow } from "@iad-r1/protocol/rollouts";

const pageSize = 50;
/** Pages kept; the ones looked at last. */
const maxPages = 40;

export class GroupPages {
  numRows = 0;
  error: string | null = null;
  private query: ExploreQuery | null = null;
  private readonly pages = new Map<number, GroupRow[] | "asking">();
  private turn = 0;

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
  }

  /** The group in a row, or null while it is on its way; asking for it fetches its page. */
  at(row: number): GroupRow | null {
    const number = Math.floor(row / pageSize);
    const page = this.pages.get(number);
    if (page === undefined) {
      if (row >= 0 && row < this.numRows) this.fetch(number);
      return null;
    }
    if (page === "asking") return null;
    this.pages.delete(number);
    this.pages.set(number, page);
    return page[row % pageSize] ?? null;
  }

  private fetch(number: number): void {
    const { query, turn } = this;
    if (query === null) return;
    this.pages.set(number, "asking");
    this.ask(query, number * pageSize, pageSize).then(
      ({ rows }) => {
        if (turn !== this.turn) return;
        this.pages.set(number, rows);
        if (this.pages.size > maxPages) this.pages.delete(this.pages.keys().next().value!);
        this.changed();
      },
      (error: unknown) => {
        if (turn !== this.turn) return;
        // The page stays marked, so that drawing the list again does not ask again.
        this.error = error instanceof Error ? error.message : String(error);
        this.changed();
      },
    );
  }
}
