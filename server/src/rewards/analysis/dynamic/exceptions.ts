/** RW104: exceptions that a `catch` turns into a score, and exceptions that leave completions without one. */
import { counted } from "@iad-r1/models/util/counted";
import { topValues } from "../distributions";
import {
  type Detector,
  type Examination,
  findingAbout,
  notApplicable,
  num,
  percent,
  quote,
  type ScoredFunction,
} from "../examination";
import type { Finding } from "../finding";
import { mean } from "../groupMath";
import { maxSingleCalls, withCause } from "./returnValues";

/** A run stops above this share of failures (policy "skip and count"). */
const maxErrorShare = 0.05;

export const findExceptions: Detector = async (examination) => {
  const findings: Finding[] = [];
  for (const scored of examination.functions) {
    findings.push(...swallowed(scored, examination.program.source), ...(await raised(examination, scored)));
  }
  return findings;
};

/** One finding per `catch` that was reached and let a number out. */
function swallowed(scored: ScoredFunction, source: string): Finding[] {
  const { result, declaration, scores } = scored;
  const recording = result?.recording;
  if (result === null || recording === null || recording === undefined) return [];
  return recording.sites.flatMap((site, i): Finding[] => {
    if (site.kind !== "catch" || site.start < declaration.bodySpan[0] || site.end > declaration.bodySpan[1]) return [];
    const { thrown } = recording.records[i]!;
    // A handler that says "not applicable", or passes the failure on, keeps the three outcomes apart.
    // Outside of the loop over completions (row -1) an exception strikes the whole batch.
    const isScored = (row: number) =>
      row < 0 ? scores.some((score) => score !== null) : (scores[row] ?? null) !== null;
    const scoredThrows = thrown.filter(({ row }) => isScored(row));
    if (scoredThrows.length === 0 || isNarrow(source.slice(site.start, site.end))) return [];
    const rows = [
      ...new Set(
        scoredThrows.flatMap(({ row }) =>
          row < 0 ? scores.flatMap((score, at) => (score === null ? [] : [at])) : [row],
        ),
      ),
    ];
    const given = rows.map((row) => scores[row]!);
    const { top, distinct } = topValues(
      scoredThrows.map(({ message, line }) => JSON.stringify([message, line])),
      3,
    );
    const kinds = top.map(({ value, count: times }) => {
      const [message, line] = JSON.parse(value) as [string, number];
      return `${times}× ${quote(message, 80)} from line ${line}`;
    });
    const share = rows.length / scores.length;
    return [
      findingAbout(
        scored,
        "RW104",
        `An exception becomes a score on ${counted(rows.length, "completion")} of ${scores.length} (${percent(share)}): ${kinds.join(", ")}${distinct > top.length ? ` and ${distinct - top.length} more` : ""}. They get ${num(mean(given))} on average, as if the answer were judged. Narrow the try to the line that may fail, and return "not applicable" (${notApplicable(declaration)}) for what cannot be scored.`,
        {
          ...{ rows, text: kinds[0]!, at: [site.start, site.end] },
          exceptions: [...new Set(scoredThrows.map(({ message }) => /^[\w.]+/.exec(message)?.[0] ?? ""))],
          numbers: { caught: scoredThrows.length, rows: rows.length, share, meanScore: mean(given) },
        },
      ),
    ];
  });
}

/**
 * A handler that picks what it takes: a Python `except` that names its exceptions and none of the two that stand for everything, or one that
 * throws on what it does not mean, which is how TypeScript says it.
 */
function isNarrow(text: string): boolean {
  if (/^\s*(?:[^/#\n]*[\s{;:)])?(?:throw|raise)\b/m.test(text)) return true;
  const head = /^except\b([^:]*):/.exec(text);
  if (head === null) return false;
  const names = head[1]!.replace(/\bas\s+\w+\s*$/, "").match(/[\w.]+/g) ?? [];
  return names.length > 0 && !names.some((name) => /(?:^|\.)(?:Base)?Exception$/.test(name));
}

/** Uncaught exceptions: the checker failed, which says nothing about the completion. */
async function raised({ rows: all, rescore }: Examination, scored: ScoredFunction): Promise<Finding[]> {
  const { declaration } = scored;
  let { result } = scored;
  if (result === null) return [];
  if (declaration.scope === "batch" && withCause(result, "raised").length > 0) {
    // One completion takes the whole batch with it; which one, shows one at a time.
    result = await rescore(declaration.name, all.slice(0, maxSingleCalls), { batchSize: 1 });
  }
  const { outcomes } = result;
  const rows = withCause(result, "raised");
  const share = rows.length / outcomes.length;
  if (rows.length === 0 || share <= maxErrorShare) return [];
  const messages = rows.map((row) => {
    const outcome = outcomes[row]!;
    return outcome.status === "error" ? outcome.message : "";
  });
  const { top, distinct } = topValues(messages, 2);
  const kinds = top.map(({ value, count: times }) => `${times}× ${quote(value, 100)}`).join(", ");
  return [
    findingAbout(
      scored,
      "RW104",
      `${declaration.name} raises on ${counted(rows.length, "completion")} of ${outcomes.length} (${percent(share)}): ${kinds}${distinct > top.length ? ` and ${distinct - top.length} more` : ""}. These completions have no score, and a run stops above ${percent(maxErrorShare)}. Handle the case, or return "not applicable" (${notApplicable(declaration)}).`,
      { rows, numbers: { raised: rows.length, share }, text: top[0]!.value },
    ),
  ];
}
