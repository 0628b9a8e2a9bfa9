/** Which charts there are, in which sections, in which order: from the columns of the runs and what the person filters and pins. */
import type { DashboardRun } from "@iad-r1/protocol/webview";

export interface ChartEntry {
  /** `stage/name`: the same for every run. */
  id: string;
  stage: string;
  name: string;
  /** Column with the deviation of this one, drawn as a band; null when there is none. */
  deviation: string | null;
}

export interface Section {
  id: string;
  stage: string | null;
  kind: "pinned" | "main" | "rewards" | "eval" | "completions" | "policy" | "speed" | "spread" | "other";
  charts: ChartEntry[];
}

/** Charts that say most come first: reward with held-out accuracy beside it. */
const order = [
  "reward",
  "eval/balanced_accuracy",
  "loss",
  "reward_std",
  "frac_reward_zero_std",
  "kl",
  "entropy",
  "grad_norm",
  "learning_rate",
  "mean_token_probability",
];
const mainCharts = new Set(order);
/** Columns that only measure how far the run is: they are x-axes. */
const axisColumns = new Set(["epoch", "num_tokens"]);

export function sectionKind(name: string): Section["kind"] {
  if (name.endsWith("/std")) return "spread";
  if (mainCharts.has(name)) return "main";
  const prefix = name.split("/", 1)[0];
  if (prefix === "rewards") return "rewards";
  if (prefix === "eval") return "eval";
  if (prefix === "completions") return "completions";
  if (prefix === "clip_ratio" || prefix === "kl" || prefix === "sampling") return "policy";
  return /(_ms|_seconds|per_second|time)$/.test(name) ? "speed" : "other";
}

const kindOrder: readonly Section["kind"][] = [
  "pinned",
  "main",
  "rewards",
  "eval",
  "policy",
  "completions",
  "speed",
  "other",
  "spread",
];

/** All charts of the runs, by stage; the stage that is trained last stands first. Evaluation stages have tables instead. */
export function listCharts(runs: readonly DashboardRun[]): ChartEntry[] {
  const evaluates = new Set(
    runs.flatMap((run) => run.plan.filter(({ kind }) => kind === "evaluate").map(({ id }) => id)),
  );
  const charts = new Map<string, ChartEntry>();
  for (const run of runs) {
    const names = new Set(run.columns.map(({ stage, name }) => `${stage}/${name}`));
    for (const { stage, name } of run.columns) {
      const id = `${stage}/${name}`;
      if (evaluates.has(stage) || axisColumns.has(name) || charts.has(id)) continue;
      const deviation = name === "reward" ? "reward_std" : name.endsWith("/mean") ? name.replace(/mean$/, "std") : null;
      charts.set(id, {
        id,
        stage,
        name,
        deviation: deviation !== null && names.has(`${stage}/${deviation}`) ? deviation : null,
      });
    }
  }
  return [...charts.values()];
}

export function sectionsOf(
  runs: readonly DashboardRun[],
  { filter, pins }: { filter: string; pins: readonly string[] },
): { sections: Section[]; badFilter: boolean } {
  const { matches, bad } = readFilter(filter);
  const charts = listCharts(runs).filter(({ id }) => matches(id));
  const sections = new Map<string, Section>();
  const pinned = pins.flatMap((id) => charts.find((chart) => chart.id === id) ?? []);
  if (pinned.length > 0) sections.set("pinned", { id: "pinned", stage: null, kind: "pinned", charts: pinned });
  for (const chart of charts) {
    if (pins.includes(chart.id)) continue;
    const kind = sectionKind(chart.name);
    const id = `${chart.stage}/${kind}`;
    const section = sections.get(id);
    if (section === undefined) sections.set(id, { id, stage: chart.stage, kind, charts: [chart] });
    else section.charts.push(chart);
  }
  const stages = [...new Set(runs.flatMap((run) => run.plan.map(({ id }) => id)))].reverse();
  const rank = (section: Section) =>
    section.kind === "pinned"
      ? -1
      : stages.indexOf(section.stage ?? "") * kindOrder.length + kindOrder.indexOf(section.kind);
  for (const section of sections.values()) if (section.kind !== "pinned") section.charts.sort(byImportance);
  return { sections: [...sections.values()].sort((a, b) => rank(a) - rank(b)), badFilter: bad };
}

function byImportance(a: ChartEntry, b: ChartEntry): number {
  const rank = ({ name }: ChartEntry) => {
    const at = order.indexOf(name);
    return at < 0 ? order.length : at;
  };
  return rank(a) - rank(b) || (a.name < b.name ? -1 : 1);
}

function readFilter(filter: string): { matches(id: string): boolean; bad: boolean } {
  const pattern = /^\/(.*)\/$/.exec(filter)?.[1];
  if (pattern === undefined) {
    const words = filter.toLowerCase().split(/\s+/).filter(Boolean);
    return { matches: (id) => words.every((word) => id.toLowerCase().includes(word)), bad: false };
  }
  try {
    const expression = new RegExp(pattern, "i");
    return { matches: (id) => expression.test(id), bad: false };
  } catch {
    return { matches: () => true, bad: true };
  }
}
