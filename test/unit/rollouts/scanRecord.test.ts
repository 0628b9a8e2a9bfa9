/** Lines of our recorder, scanned, against the same lines read as a whole. */
import { parseObject, rowOf } from "@iad-r1/server/rollouts/jsonRows";
import { type IndexedRow, RecordScanner } from "@iad-r1/server/rollouts/scanRecord";
import fc from "fast-check";
import { expect, it } from "vitest";

const text = fc.oneof(
  fc.string({ unit: "grapheme", maxLength: 40 }),
  fc.constantFrom('"', "\\", '\\"', "a\\\\", '","completion":"', "}\n{", "<answer>Yes</answer>", "İ"),
);
const score = fc.oneof(fc.double({ noNaN: true, noDefaultInfinity: true }), fc.constant(null), fc.integer());
const count = fc.integer({ min: 0, max: 1_000_000 });

/** In the order in which a run writes. */
const record = fc
  .record({
    ...{ step: count, group: count, index: count, sampleId: text, promptHash: fc.constantFrom("abc", "def") },
    mode: fc.constantFrom("train", "eval"),
    imageRefs: fc.array(fc.record({ id: text, sha256: fc.constant("0"), sizeBytes: count }), { maxLength: 2 }),
    ...{ solution: fc.option(text), completion: text, length: count },
    finish: fc.constantFrom("eos", "length", "stop", "cancelled"),
    rewards: fc.dictionary(text, score, { maxKeys: 3 }),
    status: fc.dictionary(text, fc.constantFrom("ok", "na", "error"), { maxKeys: 3 }),
    notes: fc.dictionary(text, fc.oneof(text, score, fc.boolean()), { maxKeys: 3 }),
    hasTokens: fc.boolean(),
    ...{ total: score, advantage: score, refKl: score, entropy: score, meanLogProb: score },
  })
  .map((one) => ({
    ...{ run: "r", step: one.step, mode: one.mode, group: one.group, index: one.index, sampleId: one.sampleId },
    ...{ imageRefs: one.imageRefs, promptHash: one.promptHash, solution: one.solution, completion: one.completion },
    ...{ finish: one.finish, length: one.length, rewards: one.rewards, status: one.status, notes: one.notes },
    ...{ total: one.total, advantage: one.advantage, refKl: one.refKl, entropy: one.entropy },
    ...{ meanLogProb: one.meanLogProb, timings: { generateMs: 1.5, rewardMs: 0 } },
    ...(one.hasTokens && { tokenLengths: [one.completion.length, 0], tokenLogProbs: [-0.5, 0] }),
  }));

function whole(line: string): IndexedRow | null {
  const parsed = parseObject(line);
  return "value" in parsed ? rowOf(parsed.value, null, null).row : null;
}

const shared = ({ prompt: _, columns: __, ...row }: IndexedRow & { recorded?: unknown; promptHash?: unknown }) => {
  const { recorded: _recorded, promptHash: _hash, images = [], ...rest } = row;
  return { ...rest, images };
};

it("gives of every record what reading it as a whole gives, and falls back only for odd names", () => {
  const scanner = new RecordScanner();
  let numScanned = 0;
  fc.assert(
    fc.property(record, (one) => {
      const line = JSON.stringify(one);
      const scanned = scanner.scan(line);
      if (scanned === null) {
        // Brackets inside of what is cut out by its brackets.
        expect(JSON.stringify([one.imageRefs, one.status])).toMatch(/[\]}].*[\]}]|__proto__/);
        return;
      }
      numScanned++;
      expect(scanned.promptHash).toBe(one.promptHash);
      expect(shared(scanned)).toEqual(shared(whole(line)!));
    }),
    { numRuns: 2000, seed: 1 },
  );
  expect(numScanned).toBeGreaterThan(1200);
});

it("takes nothing from a line that is cut off or has other keys", () => {
  const scanner = new RecordScanner();
  const [one] = fc.sample(record, { seed: 3, numRuns: 1 });
  const line = JSON.stringify({ ...one, sampleId: "a", imageRefs: [], status: {}, notes: {}, rewards: { a: 1 } });
  expect(scanner.scan(line)).not.toBeNull();
  for (let end = 0; end < line.length - 1; end += 7) expect(scanner.scan(line.slice(0, end))).toBeNull();
  for (const key of ["step", "mode", "group", "completion", "rewards", "total", "advantage"]) {
    expect(scanner.scan(line.replace(`"${key}":`, `"${key} ":`)), key).toBeNull();
  }
  expect(scanner.scan(line.replace(/"total":[^,]*/, '"total":"1"'))).toBeNull();
  expect(scanner.scan(line.replace('"rewards":{"a":1}', '"rewards":{"a":[1]}'))).toBeNull();
});

it("reads numbers as JSON does, to the last bit", () => {
  const scanner = new RecordScanner();
  const [one] = fc.sample(record, { seed: 3, numRuns: 1 });
  const usual = { ...one, sampleId: "a", imageRefs: [], status: {}, notes: {}, rewards: {} };
  const line = (total: string) => JSON.stringify({ ...usual, total: 0 }).replace('"total":0,', `"total":${total},`);
  const decimal = fc
    .record({ digits: fc.bigInt({ min: 0n, max: 10n ** 17n }), point: fc.nat({ max: 17 }), isNegative: fc.boolean() })
    .map(({ digits, point, isNegative }) => {
      const text = digits.toString().padStart(point + 1, "0");
      const whole = text.slice(0, text.length - point);
      return `${isNegative ? "-" : ""}${whole}${point === 0 ? "" : `.${text.slice(text.length - point)}`}`;
    });
  fc.assert(
    fc.property(fc.oneof(decimal, fc.double({ noNaN: true, noDefaultInfinity: true }).map(JSON.stringify)), (text) => {
      expect(scanner.scan(line(text))?.total).toBe(JSON.parse(text));
    }),
    { numRuns: 3000, seed: 2 },
  );
  for (const text of ["-", ".", "1.2.3", "1x", "--1", ""]) expect(scanner.scan(line(text)), text).toBeNull();
});
