/** RW114: rewards that keep a step waiting, and calls that never came back. */

import type { BatchResult } from "../../user/runner";
import { percentile, topValues } from "../distributions";
import {
  count,
  type Detector,
  type Examination,
  findingAbout,
  num,
  percent,
  type ScoredFunction,
} from "../examination";
import type { Finding } from "../finding";

/** Of the time of a step, where the run recorded both parts. */
const maxStepShare = 0.1;
/**
 * Where no step times are known: 25 ms for each of 64 completions is 1.6 s, more than a tenth of a step that generates for 15
 * seconds.
 */
const slowMs = 25;
/** Rows that are timed a second time: a busy machine makes one call slow, not both. */
const maxTimedRows = 64;

export const findSlowRewards: Detector = async (examination) => {
  const findings: Finding[] = [];
  for (const scored of examination.functions) {
    const finding = scored.result === null ? unfinished(scored) : await slow(examination, scored, scored.result);
    if (finding !== null) findings.push(finding);
  }
  return findings;
};

/** A call that was ended by the time limit. A pattern that did it is told by RW113. */
function unfinished(scored: ScoredFunction): Finding | null {
  const { error, declaration } = scored;
  if (error === null || error.code !== "reward/timeout") return null;
  const { line } = (error.data ?? {}) as { line?: number | null };
  const where = line === null || line === undefined ? "" : `; it was in line ${line}`;
  return findingAbout(
    scored,
    "RW114",
    `${declaration.name} did not finish within the time limit${where}, and was ended. A run would stand still here. End the loop or wait with a time-out of its own, and return "not applicable" after it, never 0.`,
    { numbers: typeof line === "number" ? { line } : {} },
  );
}

async function slow(examination: Examination, scored: ScoredFunction, first: BatchResult): Promise<Finding | null> {
  const { rows, rescore } = examination;
  const { name } = scored.declaration;
  const recorded = recordedShare(rows);
  const costs = first.callMs.map((ms) => ms / Math.max(1, rows.length / first.callMs.length));
  const suspicious = percentile(Float64Array.from(costs).sort(), 0.99) >= slowMs;
  if (!suspicious && !(recorded !== null && recorded > maxStepShare)) return null;
  const timed = rows.slice(0, maxTimedRows);
  const perCall = first.callMs.length === rows.length ? 1 : timed.length;
  const again = await rescore(name, timed);
  const fastest = again.callMs.map((ms, i) => Math.min(ms / perCall, perCall === 1 ? first.callMs[i]! : costs[0]!));
  const sorted = Float64Array.from(fastest).sort();
  const [p50, p99] = [percentile(sorted, 0.5), percentile(sorted, 0.99)];
  if (p99 < slowMs && !(recorded !== null && recorded > maxStepShare)) return null;
  const slowest = fastest.indexOf(sorted.at(-1)!);
  const share = recorded === null ? "" : `, ${percent(recorded)} of the recorded time of a step`;
  const line = slowestLines(scored);
  return findingAbout(
    scored,
    "RW114",
    `${name} takes ${num(p50)} ms a completion (p99 ${num(p99)} ms)${share}: ${num((p99 * 64) / 1000)} s for 64 completions, while generation waits${line}. Make it async, cache what repeats, or score the batch at once; after a time-out return "not applicable", never 0.`,
    {
      rows: perCall === 1 ? [slowest] : [],
      numbers: { p50Ms: p50, p99Ms: p99, ...(recorded !== null && { stepShare: recorded }) },
    },
  );
}

/** Recorded reward time over generation and reward time together; null where records have no times. */
function recordedShare(rows: Examination["rows"]): number | null {
  let [reward, all] = [0, 0];
  for (const { columns } of rows) {
    const timings = columns.timings as { generateMs?: unknown; rewardMs?: unknown } | undefined;
    if (typeof timings?.generateMs !== "number" || typeof timings.rewardMs !== "number") continue;
    reward += timings.rewardMs;
    all += timings.rewardMs + timings.generateMs;
  }
  return all === 0 ? null : reward / all;
}

/** The call that was reached most often: where to look first. */
function slowestLines({ result, declaration }: ScoredFunction): string {
  const recording = result?.recording;
  if (recording === null || recording === undefined) return "";
  const calls = recording.sites.flatMap((site, i) => {
    const { reached } = recording.records[i]!;
    const inside = site.start >= declaration.bodySpan[0] && site.end <= declaration.bodySpan[1];
    return site.kind === "call" && inside && reached > 0
      ? Array.from({ length: Math.min(reached, 4096) }, () => `${site.id}`)
      : [];
  });
  const busiest = topValues(calls, 1).top[0];
  return busiest === undefined || busiest.count <= result!.outcomes.length * 4
    ? ""
    : `; one call in it ran ${count(busiest.count, "time")}`;
}
