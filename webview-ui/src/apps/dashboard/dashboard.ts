/**
 * The state of the dashboard and what changes it: host messages are folded into `data`, points go into `series`, choices of the person
 * into `view`. Templates read from here and call its methods; they hold nothing themselves.
 */
import {
  type DashboardRun,
  type DashboardState,
  dashboardPanel,
  type HostMessage,
  type SeriesPoints,
} from "@iad-r1/protocol/webview";
import { Connection, HostError } from "../../host/connection";
import { t } from "../../host/l10n";
import { savedView, saveView } from "../../host/vscodeApi";
import { EvaluationAnswers } from "../../state/evaluationAnswers";
import { CurveMaker, RunSeries } from "../../state/runCurves";
import { type DashboardView, defaultView, restoreView } from "./view";

type Change = Extract<HostMessage<typeof dashboardPanel>, { kind: "change" }>;

const maxLogLines = 500;
/** So long after a failure points are asked for again. */
const retryMs = 3000;

export class Dashboard {
  data: DashboardState | null = null;
  view: DashboardView = defaultView({ smoothing: 0.6, smoothingMethod: "ema", xAxis: "step", staleAfterMs: 60_000 });
  /** A fault of the program, shown instead of everything. */
  fault: string | null = null;
  /** The run that went away last. */
  lastGone: string | null = null;
  /** While true the curves stand still; points are kept and shown afterwards. */
  paused = false;
  readonly curves = new CurveMaker();
  readonly answers: EvaluationAnswers;
  readonly connection: Connection<typeof dashboardPanel>;
  private readonly series = new Map<string, RunSeries>();
  /** Columns that were asked for, and whether the answer is on its way. */
  private readonly requested = new Map<string, "asking" | "here">();

  constructor(
    private readonly render: () => void,
    private readonly onCommand: (name: string) => void,
  ) {
    this.answers = new EvaluationAnswers((place) => this.connection.ask("answers/get", place), render);
    this.connection = new Connection(dashboardPanel, {
      onSnapshot: (state) => this.takeSnapshot(state),
      onChange: (change) => this.fold(change),
      onCommand: (name) => this.onCommand(name),
      onFault: (reason) => {
        this.fault = reason;
        render();
      },
    });
  }

  get mainRun(): DashboardRun | null {
    return this.data?.runs[0] ?? null;
  }

  run(id: string): DashboardRun | undefined {
    return this.data?.runs.find((run) => run.id === id);
  }

  /** The points of a run; columns are filled once `need` was called. */
  seriesOf(run: DashboardRun): RunSeries {
    let series = this.series.get(run.id);
    if (series === undefined) {
      series = new RunSeries();
      this.series.set(run.id, series);
    }
    return series;
  }

  /** Sees to it that the points of a column come. */
  need(run: DashboardRun, stage: string, name: string): void {
    const key = [run.id, stage, name].join("\u0000");
    if (this.requested.has(key)) return;
    const column = run.columns.find((each) => each.stage === stage && each.name === name);
    if (column === undefined) return;
    this.requested.set(key, "asking");
    void this.fetch(run.id, stage, name, 0);
  }

  update(change: Partial<DashboardView>): void {
    this.view = { ...this.view, ...change };
    this.keep();
    this.render();
  }

  /** Draws again after something outside the view changed. */
  refresh(): void {
    this.render();
  }

  /** Keeps what a new window needs to show the same: the view, and which runs, come or not. */
  private keep(): void {
    const runs = this.data === null ? savedView()?.runs : this.data.chosen;
    saveView({ ...this.view, ...(runs === undefined ? {} : { runs }) });
  }

  setPaused(paused: boolean): void {
    this.paused = paused;
    if (!paused) for (const run of this.data?.runs ?? []) this.catchUp(run);
    this.render();
  }

  openRollouts(run: string, stage: string, step: number): void {
    const steps = this.run(run)?.rolloutSteps.filter((each) => each.stage === stage) ?? [];
    if (steps.length === 0) return;
    // Not every step keeps its completions: the nearest that does.
    const nearest = steps.reduce((best, each) =>
      Math.abs(each.step - step) < Math.abs(best.step - step) ? each : best,
    );
    this.connection.tell("rollouts/explore", { run, stage, step: nearest.step });
  }

  async save(name: string, mime: string, content: Uint8Array | string): Promise<void> {
    const data = typeof content === "string" ? new TextEncoder().encode(content) : content;
    this.connection.tell("file/save", { name, mime, data });
  }

  private takeSnapshot(state: DashboardState): void {
    const isFirst = this.data === null;
    this.data = state;
    this.fault = null;
    this.series.clear();
    this.requested.clear();
    for (const run of state.runs) this.curves.forget(run.id);
    if (isFirst) this.view = restoreView(state.settings, savedView());
    this.keep();
    this.render();
  }

  private fold(change: Change): void {
    const data = this.data;
    if (data === null) return;
    switch (change.type) {
      case "settings/changed":
        data.settings = change.body;
        break;
      case "available/changed":
        data.available = change.body;
        break;
      case "baseline/changed":
        data.baseline = change.body;
        break;
      case "chosen/changed":
        data.chosen = change.body;
        this.keep();
        break;
      case "run/shown":
        // A run that is there already stays in its place; its points may be others now.
        this.forget(change.body.id);
        data.runs = data.runs.some(({ id }) => id === change.body.id)
          ? data.runs.map((run) => (run.id === change.body.id ? change.body : run))
          : [...data.runs, change.body];
        break;
      case "run/hidden":
        data.runs = data.runs.filter(({ id }) => id !== change.body.run);
        this.lastGone = change.body.run;
        this.forget(change.body.run);
        break;
      case "run/changed": {
        const run = this.run(change.body.run);
        if (run !== undefined) Object.assign(run, change.body.change);
        break;
      }
      case "run/points": {
        const run = this.run(change.body.run);
        if (run !== undefined) for (const points of change.body.points) this.takePoints(run, points);
        break;
      }
      case "run/log": {
        const run = this.run(change.body.run);
        if (run !== undefined) run.log = [...run.log, ...change.body.lines].slice(-maxLogLines);
        break;
      }
    }
    this.render();
  }

  private takePoints(run: DashboardRun, points: SeriesPoints): void {
    const { stage, name, from, values } = points;
    const column = run.columns.find((each) => each.stage === stage && each.name === name);
    const numPoints = from + values.length;
    if (column === undefined) run.columns = [...run.columns, { stage, name, numPoints }];
    else column.numPoints = numPoints;
    run.lastEventMs = Math.max(run.lastEventMs, points.timesMs.at(-1) ?? 0);
    const key = [run.id, stage, name].join("\u0000");
    // What comes during a pause stays with the host and is asked for afterwards.
    if (this.paused || this.requested.get(key) !== "here") return;
    const series = this.seriesOf(run).ensure(stage, name);
    if (!series.append(from, points.steps, points.timesMs, values)) {
      this.requested.set(key, "asking");
      void this.fetch(run.id, stage, name, series.numPoints);
    }
  }

  private catchUp(run: DashboardRun): void {
    for (const { stage, name, numPoints } of run.columns) {
      const key = [run.id, stage, name].join("\u0000");
      const series = this.seriesOf(run).get(stage, name);
      if (this.requested.get(key) !== "here" || series === undefined || series.numPoints === numPoints) continue;
      this.requested.set(key, "asking");
      // A resume during the pause may have taken points back.
      void this.fetch(run.id, stage, name, series.numPoints < numPoints ? series.numPoints : 0);
    }
  }

  private async fetch(id: string, stage: string, name: string, from: number): Promise<void> {
    const key = [id, stage, name].join("\u0000");
    const data = this.data;
    try {
      const points = await this.connection.ask("series/get", { run: id, stage, name, from });
      const run = this.run(id);
      // A snapshot in between began everything anew.
      if (this.data !== data || run === undefined) return;
      const series = this.seriesOf(run).ensure(stage, name);
      series.append(points.from, points.steps, points.timesMs, points.values);
      const column = run.columns.find((each) => each.stage === stage && each.name === name);
      const isBehind = column !== undefined && series.numPoints < column.numPoints && points.values.length > 0;
      if (isBehind) await this.fetch(id, stage, name, series.numPoints);
      else this.requested.set(key, "here");
    } catch (error) {
      if (!(error instanceof HostError)) throw error;
      const run = this.run(id);
      if (this.data !== data) return;
      window.setTimeout(() => this.askAgain(data, key), retryMs);
      const text = t("curves.unreadable", { name, reason: error.message });
      // Said once, however often it is tried.
      if (run?.log.every((line) => line.text !== text)) run.log.push({ timeMs: Date.now(), level: "error", text });
    }
    this.render();
  }

  /** A chart that is still looked at asks for its points anew; those that are here stay until they come. */
  private askAgain(data: DashboardState | null, key: string): void {
    if (this.data !== data || this.requested.get(key) !== "asking") return;
    this.requested.delete(key);
    this.render();
  }

  private forget(run: string): void {
    this.series.delete(run);
    this.curves.forget(run);
    for (const key of this.requested.keys()) if (key.startsWith(`${run}\u0000`)) this.requested.delete(key);
  }
}
