/** `<iad-explorer>`: puts the parts of the rollout explorer together, and its keys. State is in explorer.ts. */
import "../../components/virtualList";
import "../../picture/pictureElement";
import { html, render, type TemplateResult } from "lit";
import type { explorerPanel } from "@iad-r1/protocol/webview";
import { button, faultPanel, icon } from "../../components/basics";
import type { VirtualListElement } from "../../components/virtualList";
import { t } from "../../host/l10n";
import { Explorer } from "./explorer";
import { facetPanel } from "./facets";
import { groupList } from "./groupList";
import { addProbe, debug, pin, rolloutPanel } from "./rolloutPanel";

/** Keys of the page, each the same as a command. */
const keys: Readonly<Record<string, (typeof explorerPanel)["commands"][number]>> = {
  j: "nextGroup",
  k: "previousGroup",
  l: "nextCompletion",
  h: "previousCompletion",
  Enter: "toggleGroup",
  f: "focusFilter",
  "/": "focusFilter",
  d: "debugRollout",
  p: "pinRollout",
  x: "compareSteps",
  e: "editCompletion",
  u: "toggleProbabilities",
};

class ExplorerElement extends HTMLElement {
  private frame = 0;
  private app!: Explorer;
  private list: VirtualListElement | null = null;

  connectedCallback(): void {
    this.app = new Explorer(
      () => this.schedule(),
      (name) => this.command(name),
      // After the next drawing: the row may have just come.
      (row) => requestAnimationFrame(() => this.list?.reveal(row)),
    );
    document.addEventListener("keydown", this.onKey);
    this.schedule();
  }

  disconnectedCallback(): void {
    document.removeEventListener("keydown", this.onKey);
    cancelAnimationFrame(this.frame);
  }

  private schedule(): void {
    cancelAnimationFrame(this.frame);
    this.frame = requestAnimationFrame(() => render(this.template(), this));
  }

  private template(): TemplateResult {
    const { app } = this;
    if (app.fault !== null) return faultPanel(app.fault);
    const { data } = app;
    if (data?.overview == null || data.overview.numRollouts === 0) {
      const { error = null, overview = null } = data ?? {};
      return html`<main class="panel"><h1 class="visually-hidden">${t("explorer.title")}</h1>
        ${
          error === null
            ? html`<p class="empty" role="status">${icon("list-tree")}${overview === null ? t("loading") : t("explorer.none")}</p>`
            : html`<div class="notice notice-error" role="alert">${icon("error")}<div><strong>${error.message}</strong>${error.hint === undefined ? "" : html`<div>${error.hint}</div>`}</div></div>`
        }
        ${data === null || (overview === null && error === null) ? "" : html`<p class="centered">${button({ text: t("explorer.pick"), run: () => app.connection.tell("source/pick", {}) })}</p>`}
      </main>`;
    }
    const { overview } = data;
    return html`<main class="explorer">
      <header class="explorer-head">
        <h1>${t("explorer.title")}</h1>
        <button class="link" title=${t("explorer.pick")} @click=${() => app.connection.tell("source/pick", {})}>${overview.label}</button>
        <span class="muted">${t("explorer.count", { rollouts: overview.numRollouts.toLocaleString(), groups: overview.numGroups.toLocaleString() })}${
          overview.steps.length === 0
            ? ""
            : ` · ${t("explorer.steps", { from: overview.steps[0]!, to: overview.steps.at(-1)! })}`
        }</span>
        ${overview.sumsTotals ? html`<span class="muted">${t("explorer.sums")}</span>` : ""}
        ${data.flips === null ? "" : html`<span class="chip">${data.flips}</span>`}
        ${overview.numProblems === 0 ? "" : html`<span class="problem" title=${overview.problem ?? ""}>${icon("warning")} ${t("explorer.problems", { count: overview.numProblems })}</span>`}
      </header>
      ${facetPanel(app)}
      ${groupList(app, (list) => {
        this.list = list;
      })}
      ${rolloutPanel(app)}
    </main>`;
  }

  private readonly onKey = (event: KeyboardEvent): void => {
    const { target } = event;
    const isField = target instanceof HTMLInputElement && target.type !== "checkbox";
    if (target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement || isField) {
      // Out of a field, back to the list.
      if (event.key === "Escape") this.list?.querySelector<HTMLElement>(".list-body")?.focus();
      return;
    }
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    // Enter belongs to the button that has the focus.
    if (event.key === "Enter" && target instanceof HTMLElement && target.closest("button, a, summary") !== null) return;
    const name = keys[event.key];
    if (name === undefined) return;
    this.command(name);
    event.preventDefault();
  };

  private command(name: string): void {
    const { app } = this;
    if (app.data?.overview == null) return;
    const actions: Record<string, () => void> = {
      nextGroup: () => app.moveBy(1),
      previousGroup: () => app.moveBy(-1),
      nextCompletion: () => app.moveCompletion(1),
      previousCompletion: () => app.moveCompletion(-1),
      toggleGroup: () => app.update({ expanded: !app.view.expanded }),
      focusFilter: () => this.querySelector<HTMLElement>("#rollout-search")?.focus(),
      clearFilter: () => app.clearFilter(),
      debugRollout: () => debug(app),
      pinRollout: () => pin(app),
      compareSteps: () => app.compareNext(),
      addProbe: () => addProbe(app),
      editCompletion: () => {
        app.toggleSection("whatIf", true);
        // At once, not with the next frame: the next key that is pressed belongs into the text.
        render(this.template(), this);
        this.querySelector<HTMLElement>("#what-if")?.focus();
      },
      explainScore: () => this.openSection("why"),
      compareAdvantages: () => this.openSection("advantages"),
      toggleProbabilities: () => app.toggleProbabilities(),
      exportRollouts: () => app.connection.tell("export/start", app.view.query),
      copyCompletion: () => {
        if (app.rollout !== null) app.connection.tell("text/copy", { text: app.rollout.completion });
      },
    };
    actions[name]?.();
  }

  private openSection(section: "why" | "advantages"): void {
    this.app.toggleSection(section, true);
    render(this.template(), this);
    const head = this.querySelector<HTMLElement>(`#section-${section}`);
    head?.scrollIntoView({ block: "start" });
    head?.focus();
  }
}

customElements.define("iad-explorer", ExplorerElement);
