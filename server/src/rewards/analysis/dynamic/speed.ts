/** RW114: rewards that keep a step waiting, and calls that never came back. */

import type { AppError } from "@iad-r1/models/errors";
import { counted } from "@iad-r1/models/util/counted";
import type { BatchResult } from "../../user/runner";
import { percentile, topValues } from "../distributions";
import { type Detector, type Examination, findingAbout, num, percent, type ScoredFunction } from "../examination";
import type { Finding } from "../finding";

/** Of the time of a step, where the run recorded both parts. */
const maxStepShare = 0.1;
/**
 * Where no step times are known: 25 ms for each of 64 completions is 1.6 s, more than a tenth of a step that generates for 15
 * seconds.
 */
const slowMs = 25;
/**
 * Recorded times are those of all rewards of a step together, the start of their processes included. A function that needs less than this
 * for a completion, 3 ms for 64, has no part in them.
 */
const minCostMs = 0.05;
/** Rows that are timed a second time: a busy machine makes one call slow, not both. */
const maxTimedRows = 48;

export const findSlowRewards: Detector = async (examination) => {
  const findings: Finding[] = [];
  for (const scored of examination.functions) {
    const finding =
      scored.result !== null
        ? await slow(examination, scored, scored.result)
        : scored.error === null
          ? null
          : hangFinding(scored.error, scored, examination.program.source, "the recorded completions");
    if (finding !== null) findings.push(finding);
  }
  return findings;
};

/** A line that matches a pattern, in either language. */
export const patternCall =
  /\bre\.\w+\(|\.(?:search|match|fullmatch|findall|finditer|sub|split|test|exec|matchAll|replace)\(/;

/**
 * A call that did not come back. RW113 when it hung in a pattern, else RW114.
 *
 * @param what completions it was given, for the message
 */
export function hangFinding(error: AppError, scored: ScoredFunction, source: string, what: string): Finding | null {
  if (error.code !== "reward/timeout" && error.code !== "reward/memory") return null;
  const { line, row } = (error.data ?? {}) as { line?: number | null; row?: number | null };
  const isKnown = typeof line === "number";
  const text = isKnown ? (source.split("\n")[line - 1] ?? "") : "";
  const start = isKnown
    ? source
        .split("\n")
        .slice(0, line - 1)
        .join("\n").length + (line > 1 ? 1 : 0)
    : 0;
  const indent = text.length - text.trimStart().length;
  const { name, nameSpan } = scored.declaration;
  const details = {
    rows: typeof row === "number" && row >= 0 ? [row] : [],
    numbers: (isKnown ? { line } : {}) as Record<string, number>,
    text: text.trim(),
    at: isKnown ? ([start + indent, start + text.trimEnd().length] as const) : nameSpan,
  };
  if (error.code === "reward/timeout" && patternCall.test(text)) {
    return findingAbout(
      scored,
      "RW113",
      `The pattern in line ${line} of ${name} takes forever on ${what}: it was ended at the time limit. Repeats inside repeats try every way to share the text among them. Take one repeat away, or use a linear-time engine (re2js).`,
      details,
    );
  }
  const happened =
    error.code === "reward/timeout" ? "did not finish within the time limit" : "took all the memory it may have";
  return findingAbout(
    scored,
    "RW114",
    `${name} ${happened} on ${what}${isKnown ? `; it was in line ${line}` : ""}. A run would stand still here. Bound the loop or the wait, and return "not applicable" after it, never 0.`,
    details,
  );
}

async function slow(examination: Examination, scored: ScoredFunction, first: BatchResult): Promise<Finding | null> {
  const { rows, rescore } = examination;
  const { name } = scored.declaration;
  const recorded = recordedShare(rows);
  const perCall = rows.length / Math.max(1, first.callMs.length);
  const costs = first.callMs.map((ms) => ms / perCall);
  // One call for many hides the slow ones among them, so a mean worth a look is enough to look.
  const isSuspicious =
    perCall > 1 ? Math.max(...costs) >= slowMs / 5 : percentile(Float64Array.from(costs).sort(), 0.99) >= slowMs;
  const isCostly = recorded !== null && recorded > maxStepShare;
  if (!isSuspicious && !isCostly) return null;
  const timed = rows.slice(0, maxTimedRows);
  const runs = [await rescore(name, timed, { batchSize: 1 }), await rescore(name, timed, { batchSize: 1 })];
  const fastest = timed.map((_, i) => Math.min(...runs.map(({ callMs }) => callMs[i] ?? 0)));
  const sorted = Float64Array.from(fastest).sort();
  const [p50, p99] = [percentile(sorted, 0.5), percentile(sorted, 0.99)];
  const mean = fastest.reduce((all, ms) => all + ms, 0) / fastest.length;
  if (p99 < slowMs && !(isCostly && mean >= minCostMs)) return null;
  const slowest = fastest.indexOf(sorted.at(-1)!);
  const share = recorded === null ? "" : `, ${percent(recorded)} of the recorded time of a step`;
  const line = slowestLines(scored);
  return findingAbout(
    scored,
    "RW114",
    `${name} takes ${num(p50)} ms a completion (p99 ${num(p99)} ms)${share}: ${num((p99 * 64) / 1000)} s for 64 completions, while generation waits${line}. Make it async, cache what repeats, or score the batch at once; after a time-out return "not applicable", never 0.`,
    {
      rows: [slowest],
      numbers: { p50Ms: p50, p99Ms: p99, ...(recorded !== null && { stepShare: recorded }) },
    },
  );
}

/** Recorded reward time over generation and reward time together; null where records have no times. */
function recordedShare(rows: Examination["rows"]): number | null {
  let [reward, all] = [0, 0];
  for (const { columns, recorded } of rows) {
    // A run's own record keeps them apart from the columns of the data.
    const timings = (recorded?.timings ?? columns.timings) as { generateMs?: unknown; rewardMs?: unknown } | undefined;
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
    : `; one call in it ran ${counted(busiest.count, "time")}`;
}
