/** The completions of one step, fetched in pages as they are looked at. Late answers for another step are dropped. */
import type { RolloutRecord } from "@iad-r1/protocol/runs";

export interface RolloutPlace {
  run: string;
  stage: string;
  step: number;
}

export type RolloutOrder = "group" | "total" | "advantage" | "length";

const pageSize = 200;
/** Up to here all pages are fetched, so that the list can be sorted and filtered. */
const maxSorted = 5000;

export class RolloutPages {
  place: RolloutPlace | null = null;
  total: number | null = null;
  error: string | null = null;
  order: RolloutOrder = "group";
  descending = false;
  filter = "";
  /** Place of the chosen record in the shown order. */
  selected: number | null = null;
  private readonly pages = new Map<number, RolloutRecord[] | "asking">();
  private turn = 0;
  private sorted: { key: string; records: RolloutRecord[] } | null = null;
  private version = 0;

  constructor(
    private readonly ask: (
      place: RolloutPlace,
      offset: number,
      limit: number,
    ) => Promise<{ total: number; records: RolloutRecord[] }>,
    private readonly changed: () => void,
  ) {}

  open(place: RolloutPlace): void {
    if (this.place !== null && samePlace(this.place, place)) return;
    this.load(place);
  }

  retry(): void {
    if (this.place !== null) this.load(this.place);
  }

  private load(place: RolloutPlace): void {
    this.turn++;
    this.place = place;
    this.total = null;
    this.error = null;
    this.selected = null;
    this.pages.clear();
    this.version++;
    this.fetch(0);
  }

  /** Whether every record is here. */
  get isComplete(): boolean {
    if (this.total === null) return false;
    for (let page = 0; page * pageSize < this.total; page++) if (!Array.isArray(this.pages.get(page))) return false;
    return true;
  }

  get canSort(): boolean {
    return this.total !== null && this.total <= maxSorted;
  }

  /** Rows of the list as it is sorted and filtered; the total while pages are missing. */
  get numRows(): number {
    return this.arranged()?.length ?? this.total ?? 0;
  }

  /** The record of a row, or null while it is on its way; asking for it fetches its page. */
  at(row: number): RolloutRecord | null {
    const arranged = this.arranged();
    if (arranged !== null) return arranged[row] ?? null;
    const page = this.pages.get(Math.floor(row / pageSize));
    if (page === undefined) this.fetch(Math.floor(row / pageSize));
    return Array.isArray(page) ? (page[row % pageSize] ?? null) : null;
  }

  sortBy(order: RolloutOrder): void {
    this.descending = this.order === order ? !this.descending : order !== "group";
    this.order = order;
    this.selected = null;
    this.changed();
  }

  setFilter(filter: string): void {
    this.filter = filter;
    this.selected = null;
    this.changed();
  }

  private arranged(): RolloutRecord[] | null {
    if (!this.canSort || !this.isComplete) return null;
    const key = [this.version, this.order, this.descending, this.filter].join("\u0000");
    if (this.sorted?.key === key) return this.sorted.records;
    const words = this.filter.toLowerCase();
    const all = [...this.pages.entries()].sort(([a], [b]) => a - b).flatMap(([, page]) => page as RolloutRecord[]);
    const records =
      words === ""
        ? all
        : all.filter(({ completion, sampleId }) => `${completion} ${sampleId}`.toLowerCase().includes(words));
    const sign = this.descending ? -1 : 1;
    const value = (record: RolloutRecord) => {
      if (this.order === "group") return record.group + record.index / 1e6;
      return record[this.order] ?? Number.NEGATIVE_INFINITY;
    };
    records.sort((a, b) => sign * (value(a) - value(b)));
    this.sorted = { key, records };
    return records;
  }

  private fetch(page: number): void {
    const { place, turn } = this;
    if (place === null || this.pages.has(page)) return;
    this.pages.set(page, "asking");
    this.ask(place, page * pageSize, pageSize).then(
      ({ total, records }) => {
        if (turn !== this.turn) return;
        this.total = total;
        this.pages.set(page, records);
        this.version++;
        if (this.canSort) for (let next = 0; next * pageSize < total; next++) this.fetch(next);
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

function samePlace(a: RolloutPlace, b: RolloutPlace): boolean {
  return a.run === b.run && a.stage === b.stage && a.step === b.step;
}
