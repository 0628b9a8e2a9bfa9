/** The accuracy table of an answers file against the recorded CSV texts and counts. */
import { type AnswerRecord, referenceSummary } from "@iad-r1/server/evaluate/referenceSummary";
import { expect, it } from "vitest";
import { type Golden, mismatches, readGoldens } from "../helpers/goldens";

interface SummaryGolden extends Golden {
  answers: AnswerRecord[];
  normal_flag: string;
  show_overkill_miss: boolean;
  output: unknown;
}

it("equals the recorded counts and CSV text, digit for digit", () => {
  const records = readGoldens<SummaryGolden>("summary");
  const check = (record: SummaryGolden) => {
    const { questionStats, csv, removed } = referenceSummary(record.answers, {
      normalFlag: record.normal_flag,
      showOverkillMiss: record.show_overkill_miss,
    });
    return { expected: record.output, received: { question_stats: questionStats, csv, removed } };
  };
  expect(records.length).toBeGreaterThan(50);
  expect(mismatches(records, check)).toEqual([]);
});
