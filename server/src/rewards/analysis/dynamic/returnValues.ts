/** RW101 and RW102: does a function give one finite number for each completion, whatever the size of the batch? */
import { counted } from "@iad-r1/models/util/counted";
import type { RewardOutcome } from "../../contract";
import type { BatchResult } from "../../user/runner";
import {
  type Detector,
  type Examination,
  findingAbout,
  notApplicable,
  quote,
  type ScoredFunction,
} from "../examination";
import type { Finding } from "../finding";

/** Calls with one completion are made for so many rows at most. */
export const maxSingleCalls = 512;

export const findWrongValues: Detector = async (examination) => {
  const findings: Finding[] = [];
  for (const scored of examination.functions) {
    const wrongCount = await findWrongCount(examination, scored);
    findings.push(...(wrongCount === null ? findNotNumbers(scored) : [wrongCount]));
  }
  return findings;
};

async function findWrongCount(examination: Examination, scored: ScoredFunction): Promise<Finding | null> {
  const { declaration, result } = scored;
  if (result === null || declaration.shape === "verl") return null;
  const whole = withCause(result, "count");
  // A function for one completion cannot give too few; one for many can, and perhaps only at some size of the batch.
  if (declaration.scope === "sample") {
    return whole.length === 0 ? null : wrongCountFinding(scored, whole, examination.rows.length, result, "");
  }
  const rows = examination.rows.slice(0, maxSingleCalls);
  const batches: { sizes: string; result: BatchResult }[] = [];
  if (declaration.scope === "batch") {
    batches.push({
      sizes: " when it is called with one completion",
      result: await examination.rescore(declaration.name, rows, { batchSize: 1 }),
    });
    batches.push({
      sizes: " when it is called with two completions",
      result: await examination.rescore(declaration.name, rows, { batchSize: 2 }),
    });
  }
  const single = batches[0] === undefined ? [] : withCause(batches[0].result, "count");
  // Which completions get no value shows best one at a time, unless one at a time never works.
  const { rawLength } = result;
  if (whole.length > 0 || (rawLength !== null && rawLength !== examination.rows.length)) {
    const some = single.length > 0 && single.length < rows.length;
    return some
      ? wrongCountFinding(scored, single, rows.length, batches[0]!.result, "", rawLength)
      : wrongCountFinding(scored, whole.length > 0 ? whole : [0], examination.rows.length, result, "", rawLength);
  }
  for (const batch of batches) {
    const failing = withCause(batch.result, "count");
    if (failing.length > 0) return wrongCountFinding(scored, failing, rows.length, batch.result, batch.sizes);
  }
  return null;
}

function wrongCountFinding(
  scored: ScoredFunction,
  failing: readonly number[],
  numRows: number,
  result: BatchResult,
  sizes: string,
  rawLength?: number | null,
): Finding {
  const { name } = scored.declaration;
  const outcome = result.outcomes[failing[0]!]!;
  const first = { message: outcome.status === "error" ? outcome.message : `${rawLength ?? 0} values` };
  const some =
    failing.length < numRows && outcome.status === "error"
      ? `gives no value for ${counted(failing.length, "completion")} of ${numRows}${sizes}`
      : rawLength === null || rawLength === undefined || rawLength === 0
        ? `does not give one value per completion${sizes}`
        : `gives ${counted(rawLength, "value")} for ${counted(numRows, "completion")}${sizes}`;
  const effect =
    failing.length < numRows
      ? "the list is shorter than the batch, so later scores would land on other people's completions"
      : "a trainer stops here, or spreads one value over the batch";
  return findingAbout(
    scored,
    "RW101",
    `${name} ${some} (${first.message}): ${effect}. Return one value per completion, on every branch; None where the reward does not apply.`,
    {
      rows: failing,
      numbers: { failing: failing.length, rows: numRows, ...(typeof rawLength === "number" && { values: rawLength }) },
      text: first.message,
    },
  );
}

function findNotNumbers(scored: ScoredFunction): Finding[] {
  const { result, declaration } = scored;
  if (result === null) return [];
  const numRows = result.outcomes.length;
  const findings: Finding[] = [];
  const values = withCause(result, "value");
  if (values.length > 0) {
    const first = result.outcomes[values[0]!] as RewardOutcome & { status: "error" };
    findings.push(
      findingAbout(
        scored,
        "RW102",
        `${declaration.name} gives something that is no finite number for ${counted(values.length, "completion")} of ${numRows}; first: ${first.message}. Map it to a number, or return "not applicable" (${notApplicable(declaration)}) where there is nothing to score.`,
        { rows: values, numbers: { failing: values.length, rows: numRows }, text: first.message },
      ),
    );
  }
  const outside = withCause(result, "range");
  if (outside.length > 0) {
    const first = result.outcomes[outside[0]!] as RewardOutcome & { status: "error" };
    findings.push(
      findingAbout(
        scored,
        "RW102",
        `${declaration.name} leaves its declared range for ${counted(outside.length, "completion")} of ${numRows}; first: ${first.message}. Clamp the value, or declare the range it really has.`,
        { rows: outside, numbers: { failing: outside.length, rows: numRows }, text: quote(first.message, 200) },
      ),
    );
  }
  return findings;
}

/** Rows whose outcome failed in this way. */
export function withCause(result: BatchResult, cause: "raised" | "value" | "range" | "count"): number[] {
  return result.outcomes.flatMap((outcome, i) => (outcome.status === "error" && outcome.cause === cause ? [i] : []));
}
