/**
 * Every damaged or hostile input ends in one clear error: of a known kind, with the right code, that says what is wrong, where and
 * what to do about it; within seconds, within bounded memory, and never in a crash. The cases are tables beside this file.
 */
import { describe, expect, test } from "vitest";
import { hostileRunner } from "../helpers/hostileRunner";
import { harmlessCases, hostileCases, subjects } from "./cases";

/** Of the processor. */
const maxMs = 5000;
const maxGrowthMiB = 200;
/** Longer messages have swallowed the file they complain about. */
const maxMessageLength = 2000;

const run = hostileRunner();

test("the table has many cases, each with a name of its own", () => {
  const names = [...hostileCases, ...harmlessCases].map(({ name }) => name);
  expect(names.filter((name, i) => names.indexOf(name) !== i)).toEqual([]);
  expect(names.length).toBeGreaterThanOrEqual(80);
});

describe.each(Object.entries(subjects))("%s", (_, cases) => {
  test.each(cases.map((one) => [one.name, one] as const))("%s ends in one clear error", async (name, one) => {
    const { code, says, noHint, nowhere } = one;
    const { outcome, ms, growthMiB } = await run(name);
    expect(outcome).toMatchObject({ kind: "refused", code });
    if (outcome.kind !== "refused") return;
    const { family, message, hint, where, printed } = outcome;
    expect(family).not.toMatch(/^(InternalError|AppError|Error)$/);
    for (const what of says) {
      if (typeof what === "string") expect(`${printed} ${hint ?? ""}`).toContain(what);
      else expect(`${printed} ${hint ?? ""}`).toMatch(what);
    }
    expect(message.length).toBeGreaterThan(10);
    expect(printed.length).toBeLessThan(maxMessageLength);
    if (!noHint) expect(hint ?? "").not.toBe("");
    if (!nowhere) expect(where ?? "").not.toBe("");
    expect(printed).not.toMatch(/\n\s+at |node_modules|\[object Object\]|\bundefined\b/);
    // Bytes of a file must not reach the terminal as commands.
    // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
    expect(printed).not.toMatch(/[\x00-\x09\x0b-\x1f\x7f-\x9f]/);
    expect(ms).toBeLessThan(maxMs);
    expect(growthMiB).toBeLessThan(maxGrowthMiB);
  });
});

test.each(harmlessCases.map((one) => [one.name, one] as const))("%s is read rightly", async (name, { gives }) => {
  const { outcome } = await run(name);
  expect(outcome).toEqual({ kind: "nothing", value: gives });
});
