/**
 * The accuracy table of the published system out of an answers file, number for number (reference section 13), faults
 * included: a record that cannot be counted hides the one behind it, and normal images are known by a word in their path.
 * Needed to compare with published tables; `metrics.ts` has the numbers to trust.
 */

/** One record of an answers file; fields that the summary does not need are left out. */
export interface AnswerRecord {
  /** Path; the part before the first `/` is the data set. */
  image: string;
  question_type: string;
  correct_answer: unknown;
  gpt_answer: unknown;
}

export interface QuestionStats {
  total: number;
  correct: number;
  /** Letter to count, in order of first appearance. */
  correct_answers: Record<string, number>;
  answers: Record<string, number>;
}

export interface ReferenceSummary {
  /** By data set, then by type of question. Every data set has every type. */
  questionStats: Record<string, Record<string, QuestionStats>>;
  /** Text of the `_accuracy.csv` file. */
  csv: string;
  /** Records that were noticed to be invalid; each hid the one behind it. */
  removed: number;
}

const letters: ReadonlySet<unknown> = new Set(["A", "B", "C", "D", "E"]);
const detection = "Anomaly Detection";
const mergedTypes: Readonly<Record<string, string>> = {
  "Object Structure": "Object Analysis",
  "Object Details": "Object Analysis",
};

/**
 * @param options.normalFlag       a path that contains this text is a normal image; "good" when left out
 * @param options.showOverkillMiss adds the shares of false alarms and of missed defects
 */
export function referenceSummary(
  records: readonly AnswerRecord[],
  options: { normalFlag?: string; showOverkillMiss?: boolean } = {},
): ReferenceSummary {
  const { normalFlag = "good", showOverkillMiss = false } = options;
  const dataSets = [...new Set(records.map(dataSetOf))];
  const types = [...new Set(records.map(typeOf))];
  const table = new Map(
    dataSets.map((dataSet) => [dataSet, new Map(types.map((type) => [type, { stats: newStats(), ...newCounts() }]))]),
  );

  let removed = 0;
  for (let i = 0; i < records.length; i++) {
    const record = records[i]!;
    if (!letters.has(record.correct_answer) || !letters.has(record.gpt_answer)) {
      // The original deletes the record from the list it walks over, and so steps over the next one.
      removed++;
      i++;
      continue;
    }
    const cell = table.get(dataSetOf(record))!.get(typeOf(record))!;
    const correct = record.gpt_answer === record.correct_answer ? 1 : 0;
    const kind = record.image.includes(normalFlag) ? cell.normal : cell.abnormal;
    for (const counts of [cell.stats, kind]) {
      counts.total++;
      counts.correct += correct;
    }
    increment(cell.stats.correct_answers, record.correct_answer as string);
    increment(cell.stats.answers, record.gpt_answer as string);
  }

  const columns = [...types, "Average", ...(showOverkillMiss && types.includes(detection) ? ["Overkill", "Miss"] : [])];
  const rows = dataSets.map((dataSet) => {
    const cells = table.get(dataSet)!;
    const values = types.map((type) => {
      const { stats, normal, abnormal } = cells.get(type)!;
      return type === detection ? ((share(normal) + share(abnormal)) / 2) * 100 : share(stats) * 100;
    });
    const row = [...values, mean(values)];
    if (columns.length > row.length) {
      const { normal, abnormal } = cells.get(detection)!;
      row.push((1 - share(normal)) * 100, (1 - share(abnormal)) * 100);
    }
    return row;
  });
  const averages = columns.map((_, column) => (rows.length === 0 ? null : columnMean(rows.map((row) => row[column]!))));
  const lines = [
    ["", ...columns],
    ...rows.map((row, i) => [dataSets[i]!, ...row.map(formatPythonFloat)]),
    ["Average", ...averages.map((value) => (value === null ? "" : formatPythonFloat(value)))],
  ];
  return {
    questionStats: Object.fromEntries(
      [...table].map(([dataSet, cells]) => [
        dataSet,
        Object.fromEntries([...cells].map(([type, { stats }]) => [type, stats])),
      ]),
    ),
    csv: lines.map((line) => `${line.map(quoteCsv).join(",")}\n`).join(""),
    removed,
  };
}

interface Counts {
  total: number;
  correct: number;
}

function newStats(): QuestionStats {
  return { total: 0, correct: 0, correct_answers: {}, answers: {} };
}

function newCounts(): { normal: Counts; abnormal: Counts } {
  return { normal: { total: 0, correct: 0 }, abnormal: { total: 0, correct: 0 } };
}

function dataSetOf(record: AnswerRecord): string {
  return record.image.split("/", 1)[0]!;
}

function typeOf(record: AnswerRecord): string {
  return Object.hasOwn(mergedTypes, record.question_type) ? mergedTypes[record.question_type]! : record.question_type;
}

function increment(histogram: Record<string, number>, letter: string): void {
  histogram[letter] = (histogram[letter] ?? 0) + 1;
}

function share({ total, correct }: Counts): number {
  return total === 0 ? 0 : correct / total;
}

/** Mean of a row: columns are added one after another. */
function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Mean of a column, which NumPy adds in pairs: the last digit of a table of eight or more data sets depends on it. */
function columnMean(values: readonly number[]): number {
  return pairwiseSum(values) / values.length;
}

/** NumPy's order of addition: eight running sums beside each other, halves for long lists, short lists as they stand. */
function pairwiseSum(values: readonly number[]): number {
  const lanes = 8;
  if (values.length < lanes) return values.reduce((sum, value) => sum + value, 0);
  if (values.length > 128) {
    const half = Math.floor(values.length / 2 / lanes) * lanes;
    return pairwiseSum(values.slice(0, half)) + pairwiseSum(values.slice(half));
  }
  const whole = values.length - (values.length % lanes);
  const sums = values.slice(0, lanes);
  for (let i = lanes; i < whole; i++) sums[i % lanes]! += values[i]!;
  const [a, b, c, d, e, f, g, h] = sums as [number, number, number, number, number, number, number, number];
  return values.slice(whole).reduce((sum, value) => sum + value, a + b + (c + d) + (e + f + (g + h)));
}

function quoteCsv(field: string): string {
  return /[",\r\n]/.test(field) ? `"${field.replaceAll('"', '""')}"` : field;
}

/** Python `repr(float)`: shortest digits, `.0` behind whole numbers, two-digit exponents below 1e-4 and from 1e16 on. */
export function formatPythonFloat(value: number): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "nan" : value > 0 ? "inf" : "-inf";
  if (value === 0) return Object.is(value, -0) ? "-0.0" : "0.0";
  const [mantissa, exponentText] = value.toExponential().split("e") as [string, string];
  const exponent = Number(exponentText);
  if (exponent < -4 || exponent >= 16) {
    return `${mantissa}e${exponent < 0 ? "-" : "+"}${String(Math.abs(exponent)).padStart(2, "0")}`;
  }
  const sign = value < 0 ? "-" : "";
  const digits = mantissa.replace(/[-.]/g, "");
  if (exponent < 0) return `${sign}0.${"0".repeat(-exponent - 1)}${digits}`;
  const whole = digits.slice(0, exponent + 1).padEnd(exponent + 1, "0");
  return `${sign}${whole}.${digits.slice(exponent + 1) || "0"}`;
}
