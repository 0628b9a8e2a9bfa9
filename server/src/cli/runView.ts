/**
 * Shows a run in the terminal while it happens: one line per stage with bar, loss or reward, sparkline and time left. It is a
 * reader of run events like any other view and knows nothing of training. Without a redrawing terminal it prints plain lines.
 */
import type { EvaluationReport, RunEvent, StagePlan } from "@iad-r1/protocol/runs";
import { createLogUpdate } from "log-update";
import type { CliContext } from "./context";
import { bar, clip, duration, metric, sparkline, table } from "./terminalText";

/** How often a plain log repeats the progress of a stage. */
const PLAIN_INTERVAL_MS = 10_000;
const SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏";

interface StageView {
  readonly plan: StagePlan;
  state: "waiting" | "running" | "finished";
  step: number;
  totalSteps: number;
  activity: string;
  secondsLeft: number | null;
  startedMs: number;
  seconds: number;
  /** Loss of PA-SFT, mean reward of SC-GRPO: the curve beside the bar. */
  curve: number[];
  values: Record<string, number>;
  report: EvaluationReport | null;
  example: string | null;
}

export interface RunView {
  show(event: RunEvent): void;
  /** Leaves the last picture on the screen and stops redrawing. */
  close(): void;
}

export function createRunView(context: CliContext): RunView {
  if (context.json) return { show: (event) => context.printJson(event), close: () => {} };
  return context.interactive ? liveView() : plainView(context);
}

/** Follows the events; both views draw from this picture. */
function createModel() {
  const stages = new Map<string, StageView>();
  return {
    stages,
    follow(event: RunEvent): StageView | undefined {
      if (event.type === "plan") {
        for (const plan of event.stages) {
          const known = stages.get(plan.id);
          if (known === undefined) stages.set(plan.id, emptyStage(plan, event.finished.includes(plan.id)));
        }
        return undefined;
      }
      const stage = "stage" in event ? stages.get(event.stage) : undefined;
      if (stage === undefined) return undefined;
      switch (event.type) {
        case "stage":
          if (event.phase === "started") {
            stage.state = "running";
            stage.startedMs = event.timeMs;
          } else {
            stage.state = "finished";
            stage.seconds = (event.timeMs - stage.startedMs) / 1000;
            stage.step = event.step;
          }
          stage.totalSteps = event.totalSteps;
          break;
        case "progress":
          stage.step = event.step;
          stage.totalSteps = event.totalSteps;
          stage.activity = event.activity;
          stage.secondsLeft = event.secondsLeft;
          break;
        case "scalars": {
          Object.assign(stage.values, event.values);
          const value = event.values[stage.plan.kind === "sc-grpo" ? "reward" : "loss"];
          if (value !== undefined) stage.curve.push(value);
          break;
        }
        case "evaluation":
          stage.report = event.report;
          break;
        case "rollouts":
          stage.example = event.example?.completion ?? null;
          break;
      }
      return stage;
    },
  };
}

function emptyStage(plan: StagePlan, finished: boolean): StageView {
  return {
    plan,
    state: finished ? "finished" : "waiting",
    step: finished ? plan.totalSteps : 0,
    totalSteps: plan.totalSteps,
    activity: "",
    secondsLeft: null,
    startedMs: 0,
    seconds: 0,
    curve: [],
    values: {},
    report: null,
    example: null,
  };
}

/** The numbers that say how a stage goes. */
function headline(stage: StageView): string {
  const parts: string[] = [];
  const add = (label: string, value: number | undefined) =>
    value !== undefined && parts.push(`${label} ${metric(value)}`);
  if (stage.plan.kind === "sc-grpo") {
    add("reward", stage.values.reward);
    add("kl", stage.values.kl);
  } else if (stage.plan.kind !== "evaluate") {
    add("loss", stage.values.loss);
  }
  const accuracy = stage.report?.balancedAccuracy;
  if (accuracy !== null && accuracy !== undefined) {
    parts.push(
      stage.plan.kind === "evaluate"
        ? `balanced accuracy ${accuracy.toFixed(1)} %`
        : `held-out ${accuracy.toFixed(1)} %`,
    );
  }
  return parts.join(" · ");
}

function plainView(context: CliContext): RunView {
  const model = createModel();
  let lastShownMs = 0;
  let lastLine = "";
  return {
    show(event) {
      const stage = model.follow(event);
      const line = plainLine(event, stage);
      // A step that takes long would be told again and again.
      if (line === undefined || line === lastLine) return;
      if (event.type === "progress" || event.type === "scalars") {
        if (event.timeMs - lastShownMs < PLAIN_INTERVAL_MS) return;
        lastShownMs = event.timeMs;
      }
      lastLine = line;
      context.log(line);
    },
    close: () => {},
  };
}

function plainLine(event: RunEvent, stage: StageView | undefined): string | undefined {
  switch (event.type) {
    case "state":
      // How it ended is told once, by the command.
      if ((event.state === "failed" && event.error !== null) || event.state === "stopped") return undefined;
      return event.reason === null ? undefined : `run ${event.state}: ${event.reason}`;
    case "stage":
      if (stage === undefined) return undefined;
      return event.phase === "started"
        ? `${stage.plan.title}…`
        : `${stage.plan.title}: done in ${duration(stage.seconds)}${prefixed(headline(stage))}`;
    case "progress":
    case "scalars": {
      if (stage === undefined) return undefined;
      const left = stage.secondsLeft === null ? "" : ` · ${duration(stage.secondsLeft)} left`;
      const unit = stage.plan.kind === "evaluate" ? "images" : "steps";
      return `  ${stage.step}/${stage.totalSteps} ${unit}${prefixed(headline(stage))}${left}`;
    }
    case "log":
      if (event.level === "warning") return `warning: ${event.message}`;
      return event.code === "device/chosen" ? event.message : undefined;
    case "alert":
      return `alert: ${event.stage} step ${event.step}: ${event.message}`;
    default:
      return undefined;
  }
}

const prefixed = (text: string) => (text === "" ? "" : ` · ${text}`);

function liveView(): RunView {
  const model = createModel();
  const screen = createLogUpdate(process.stderr, { showCursor: true });
  const warnings: string[] = [];
  let frame = 0;
  const draw = () => {
    frame++;
    const columns = Math.min(process.stderr.columns ?? 80, 120);
    const titleWidth = Math.max(0, ...[...model.stages.values()].map((stage) => stage.plan.title.length));
    const lines: string[] = [];
    for (const stage of model.stages.values()) lines.push(...liveLines(stage, titleWidth, columns, frame));
    screen([...lines, ...warnings.map((line) => clip(`! ${line}`, columns))].join("\n"));
  };
  const timer = setInterval(draw, 100);
  timer.unref();
  return {
    show(event) {
      model.follow(event);
      const isWarning = event.type === "alert" || (event.type === "log" && event.level === "warning");
      if (isWarning && warnings.length < 3) warnings.push(event.message);
    },
    close() {
      clearInterval(timer);
      draw();
      screen.done();
    },
  };
}

function liveLines(stage: StageView, titleWidth: number, columns: number, frame: number): string[] {
  const title = stage.plan.title.padEnd(titleWidth);
  if (stage.state === "waiting") return [`  ${title}`];
  if (stage.state === "finished") {
    const time = stage.seconds > 0 ? duration(stage.seconds) : "earlier";
    return [clip(`✔ ${title}  ${time}${prefixed(headline(stage))}`, columns)];
  }
  const spinner = SPINNER[frame % SPINNER.length];
  const share = stage.totalSteps > 0 ? stage.step / stage.totalSteps : 0;
  const left = stage.secondsLeft === null ? "" : `  ${duration(stage.secondsLeft)} left`;
  const lines = [`${spinner} ${title}  ${bar(share, 20)} ${stage.step}/${stage.totalSteps}${left}`.slice(0, columns)];
  const curve = stage.curve.length > 1 ? `  ${sparkline(stage.curve, 24)}` : "";
  const detail = `${headline(stage)}${curve}`;
  if (detail !== "") lines.push(`    ${detail}`.slice(0, columns));
  lines.push(clip(stage.example ?? stage.activity, columns - 4).padStart(0));
  lines[lines.length - 1] = `    ${lines.at(-1)}`;
  return lines;
}

/** The table that stands at the end of a run: one row per model state, all in percent but the reward. */
export function evaluationTable(rows: readonly { label: string; report: EvaluationReport }[]): string[] {
  const percent = (value: number | null) => (value === null ? "–" : value.toFixed(1));
  return table(
    ["model", "balanced", "normal", "anomalous", "location", "type", "AUROC", "unparsed", "reward"],
    rows.map(({ label, report }) => [
      label,
      percent(report.balancedAccuracy),
      percent(report.normalAccuracy),
      percent(report.anomalousAccuracy),
      percent(report.locationAccuracy),
      percent(report.typeScore),
      percent(report.auroc),
      percent(report.unparsed),
      report.rewardTotal === null ? "–" : report.rewardTotal.toFixed(3),
    ]),
  );
}
