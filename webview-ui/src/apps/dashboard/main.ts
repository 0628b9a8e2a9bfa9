/** `<iad-dashboard>`: puts the parts of the run dashboard together. State is in dashboard.ts. */
import "../../charts/chartElement";
import "../../components/virtualList";
import { html, nothing, type TemplateResult } from "lit";
import { faultPanel, icon, tabBar, tabPanel } from "../../components/basics";
import { FrameElement } from "../../components/frameElement";
import { t } from "../../host/l10n";
import { allExports, chartSections } from "./charts";
import { Dashboard } from "./dashboard";
import { findings, runHeader } from "./header";
import { rolloutsTab } from "./rolloutsTab";
import { configTab, evaluationsTab, logTab } from "./tables";
import { runsBar, toolbar } from "./toolbar";
import type { DashboardTab } from "./view";

class DashboardElement extends FrameElement {
  private clock = 0;
  private app!: Dashboard;

  connectedCallback(): void {
    this.app = new Dashboard(
      () => this.schedule(),
      (name) => this.command(name),
    );
    document.addEventListener("keydown", this.onKey);
    // The stale warning and the time since the last sign of life go on without messages.
    this.clock = window.setInterval(() => this.schedule(), 5000);
    this.schedule();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    document.removeEventListener("keydown", this.onKey);
    window.clearInterval(this.clock);
  }

  protected template(): TemplateResult {
    const { app } = this;
    if (app.fault !== null) return faultPanel(app.fault);
    const run = app.mainRun;
    if (run === null) {
      const none = app.lastGone === null ? t("dashboard.none") : t("dashboard.gone", { run: app.lastGone });
      return html`<main class="panel"><h1 class="visually-hidden">${t("dashboard.title")}</h1><p class="empty" role="status">${icon("graph-line")}${app.data === null ? t("loading") : none}</p></main>`;
    }
    const { tab } = app.view;
    const tabs: { id: DashboardTab; text: string; count?: number }[] = [
      { id: "curves", text: t("tab.curves") },
      { id: "rollouts", text: t("tab.rollouts"), count: run.rolloutSteps.length },
      { id: "evaluations", text: t("tab.evaluations"), count: run.evaluations.length },
      { id: "config", text: t("tab.config") },
      { id: "log", text: t("tab.log"), count: run.log.filter(({ level }) => level !== "info").length },
    ];
    return html`<main class="panel dashboard">
      ${runHeader(app, run, Date.now())} ${findings(app, run)}
      ${tabBar(t("dashboard.title"), tabs, tab, (id) => app.update({ tab: id }))} ${this.tab(tab)}
    </main>`;
  }

  private tab(tab: DashboardTab): TemplateResult {
    const { app } = this;
    if (tab === "rollouts") return tabPanel(tab, rolloutsTab(app));
    if (tab === "evaluations") return tabPanel(tab, evaluationsTab(app));
    if (tab === "config") return tabPanel(tab, configTab(app));
    if (tab === "log") return tabPanel(tab, logTab(app));
    const { content, badFilter, charts } = chartSections(app);
    return tabPanel(tab, html`${toolbar(app, allExports(app, charts), badFilter)}${runsBar(app)}${content}${nothing}`);
  }

  private readonly onKey = (event: KeyboardEvent): void => {
    if (event.target instanceof HTMLInputElement || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "/") this.command("focusFilter");
    else if (event.key === "t") this.command("toggleTable");
    else return;
    event.preventDefault();
  };

  private command(name: string): void {
    const { app } = this;
    if (app.data === null) return;
    const charts = () => chartSections(app).charts;
    const actions: Record<string, () => void> = {
      focusFilter: () => {
        app.update({ tab: "curves" });
        // At once, not with the next frame: the next key that is pressed belongs into the field.
        this.draw();
        this.querySelector<HTMLElement>("#chart-filter")?.focus();
      },
      toggleTable: () => app.update({ tab: "curves", table: !app.view.table }),
      exportAllCsv: () => allExports(app, charts())[0]!.run(),
      exportAllJson: () => allExports(app, charts())[1]!.run(),
      openRollouts: () => app.update({ tab: "rollouts" }),
      resetZoom: () => app.update({ windows: {} }),
    };
    actions[name]?.();
  }
}

customElements.define("iad-dashboard", DashboardElement);
