/**
 * A person's own rules on the curves of a run (`alerts` of the experiment file): each is told once for each stage, when a value has been
 * outside for so many steps in a row. It sees numbers and says sentences; the recorder writes them down, and nothing here stops a run.
 */
import type { RunAlertEvent } from "@iad-r1/protocol/runs";
import { type AlertRule, alertsSchema } from "../config/experiment";

export type Alert = Omit<Extract<RunAlertEvent, { type: "alert" }>, "runId" | "seq" | "timeMs" | "type">;

export class AlertWatch {
  /** Values in a row that were outside, by rule and stage; null: it has been told. */
  private readonly outside = new Map<string, number | null>();

  constructor(private readonly rules: readonly AlertRule[]) {}

  /** Rules of the configuration that a run was started with; what cannot be read there is no rule. */
  static of(config: unknown): AlertWatch {
    const written = (config as { alerts?: unknown } | null)?.alerts;
    const { data } = alertsSchema.safeParse(written ?? []);
    return new AlertWatch(data ?? []);
  }

  /** Takes the metrics of one step; answers with what is to be told now. */
  check(stage: string, step: number, values: Readonly<Record<string, number>>): Alert[] {
    return this.rules.flatMap((rule, index) => {
      const value = values[rule.metric];
      if (value === undefined || (rule.stage !== undefined && rule.stage !== stage)) return [];
      const key = `${index} ${stage}`;
      const count = this.outside.get(key);
      if (count === null) return [];
      const limit = limitPassed(rule, value);
      const inRow = limit === null ? 0 : (count ?? 0) + 1;
      const isTold = limit !== null && inRow >= rule.steps;
      this.outside.set(key, isTold ? null : inRow);
      if (!isTold) return [];
      return [
        {
          ...{ stage, step, rule: index, name: rule.name ?? null, metric: rule.metric, value },
          message: sentence(rule, limit, value),
        },
      ];
    });
  }
}

/** The limit that a value is beyond, with the word for it; null when it is inside. */
function limitPassed({ above, below }: AlertRule, value: number): string | null {
  if (above !== undefined && value > above) return `above ${above}`;
  if (below !== undefined && value < below) return `below ${below}`;
  return null;
}

function sentence({ name, metric, steps }: AlertRule, limit: string, value: number): string {
  const since = steps === 1 ? "" : ` for ${steps} steps`;
  const what = `${metric} is ${Number(value.toPrecision(4))}, ${limit}${since}.`;
  return name === undefined ? what : `${name}: ${what}`;
}
