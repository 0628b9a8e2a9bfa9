/**
 * `<iad-virtual-list>`: rows of one height, of which only those in sight exist. The list is one stop of the Tab key; arrows, Page keys,
 * Home and End move the choice. It knows nothing of what a row shows.
 */
import { html, render, type TemplateResult } from "lit";
import { t } from "../host/l10n";
import { announce } from "./announce";

export interface VirtualListModel {
  label: string;
  numRows: number;
  rowHeight: number;
  selected: number | null;
  columns: readonly {
    title: string;
    className: string;
    sorted?: "ascending" | "descending" | null;
    sort?: () => void;
  }[];
  /** The cells of a row, in the order of the columns; null while it is on its way. */
  cells(row: number): readonly unknown[] | null;
  select(row: number): void;
}

/** Rows drawn above and below what is in sight. */
const spare = 8;
/** Browsers cut off elements that are much taller. */
const maxHeight = 8_000_000;

export class VirtualListElement extends HTMLElement {
  private current: VirtualListModel | null = null;
  private readonly resizes = new ResizeObserver(() => this.update());

  connectedCallback(): void {
    this.resizes.observe(this);
    this.addEventListener("scroll", this.onScroll, { capture: true, passive: true });
    this.update();
  }

  disconnectedCallback(): void {
    this.resizes.disconnect();
    this.removeEventListener("scroll", this.onScroll, { capture: true });
  }

  set model(model: VirtualListModel) {
    this.current = model;
    this.update();
  }

  /** Scrolls as little as needed to have a row in sight. */
  reveal(row: number): void {
    const body = this.querySelector<HTMLElement>(".list-body");
    if (body === null || this.current === null) return;
    const { rowHeight } = this.current;
    const top = row * rowHeight;
    if (top < body.scrollTop) body.scrollTop = top;
    else if (top + rowHeight > body.scrollTop + body.clientHeight) body.scrollTop = top + rowHeight - body.clientHeight;
  }

  private rowElement(row: number): Element | null {
    return this.querySelector(`.list-body [aria-rowindex="${row + 2}"]`);
  }

  private readonly onScroll = () => this.update();

  private update(): void {
    if (this.current !== null) render(this.template(this.current), this);
  }

  private template(model: VirtualListModel): TemplateResult {
    const { numRows, rowHeight, selected, columns } = model;
    const body = this.querySelector<HTMLElement>(".list-body");
    const height = body?.clientHeight ?? 400;
    const first = Math.max(0, Math.floor((body?.scrollTop ?? 0) / rowHeight) - spare);
    const last = Math.min(numRows, first + Math.ceil(height / rowHeight) + 2 * spare);
    const rows = Array.from({ length: Math.max(0, last - first) }, (_, i) => first + i);
    return html`<div class="list" role="table" aria-label=${model.label} aria-rowcount=${numRows + 1}>
      <div role="rowgroup"><div class="list-row list-head" role="row" aria-rowindex="1">
        ${columns.map(({ title, className, sorted, sort }) =>
          sort === undefined
            ? html`<span role="columnheader" class=${className}>${title}</span>`
            : html`<span role="columnheader" class=${className} aria-sort=${sorted ?? "none"}><button @click=${sort}>${title}${sorted === null || sorted === undefined ? "" : sorted === "ascending" ? " ↑" : " ↓"}</button></span>`,
        )}
      </div></div>
      <div class="list-body" role="rowgroup" tabindex="0" aria-label=${model.label} @keydown=${(event: KeyboardEvent) => this.onKey(event)}>
        <div class="list-space" role="presentation" .style=${`height:${Math.min(maxHeight, numRows * rowHeight)}px`}>
          ${rows.map((row) => {
            const cells = model.cells(row);
            return html`<div
              class="list-row ${row === selected ? "selected" : ""}"
              role="row"
              aria-rowindex=${row + 2}
              aria-current=${row === selected ? "true" : "false"}
              .style=${`top:${row * rowHeight}px;height:${rowHeight}px`}
              @click=${() => model.select(row)}
            >${columns.map(({ className }, i) => html`<span role="cell" class=${className}>${cells === null ? "…" : cells[i]}</span>`)}</div>`;
          })}
        </div>
      </div>
    </div>`;
  }

  private onKey(event: KeyboardEvent): void {
    const { current } = this;
    const body = event.currentTarget as HTMLElement;
    if (current === null || current.numRows === 0) return;
    const page = Math.max(1, Math.floor(body.clientHeight / current.rowHeight) - 1);
    const from = current.selected ?? -1;
    const targets: Record<string, number> = {
      ArrowDown: from + 1,
      j: from + 1,
      ArrowUp: from - 1,
      k: from - 1,
      PageDown: from + page,
      PageUp: from - page,
      Home: 0,
      End: current.numRows - 1,
    };
    const target = targets[event.key];
    if (target === undefined) return;
    const row = Math.min(current.numRows - 1, Math.max(0, target));
    current.select(row);
    this.reveal(row);
    this.update();
    // The list keeps the focus, so nothing else says which row it is at now.
    const cells =
      current.cells(row) === null
        ? []
        : [...(this.rowElement(row)?.querySelectorAll<HTMLElement>("[role=cell]") ?? [])];
    const texts = cells.map((cell) => cell.innerText.trim().replaceAll(/\s+/g, " "));
    announce([...texts, t("strip.position", { at: row + 1, of: current.numRows })].filter(Boolean).join(", "));
    event.preventDefault();
    event.stopPropagation();
  }
}

customElements.define("iad-virtual-list", VirtualListElement);
