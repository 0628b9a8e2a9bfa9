/** Thousands of generated functions must do the same with and without the recorder: results, exceptions, and every side effect. */
import { comparableMessage } from "@iad-r1/server/rewards/live/compareRuns";
import { instrumentTypeScript } from "@iad-r1/server/rewards/live/instrument";
import { makeRecorder } from "@iad-r1/server/rewards/live/recorder";
import { recorderName, sharedLayout } from "@iad-r1/server/rewards/user/recording";
import { inspect } from "node:util";
import vm from "node:vm";
import { transform } from "sucrase";
import { describe, expect, it } from "vitest";
import { Choices, generateFunction } from "../../../helpers/generateTypeScript";

const functionsPerModule = 50;
const modules = 104;

type Log = (...values: unknown[]) => void;
type Generated = (a: unknown, b: unknown, c: unknown, log: Log, later: unknown) => Promise<unknown>;

const prelude = `const tag = (strings: any, ...values: any[]) => strings.raw.length + values.length;
const kind = (error: any) => (error instanceof Error ? error.name : typeof error);
`;

const inputs: [unknown, unknown, unknown][] = [
  [1, undefined, { n: 2 }],
  ["3", null, [1, 2]],
];

function load(source: string, hooks: unknown): Record<string, Generated> {
  const { code } = transform(source, { transforms: ["typescript", "imports"], disableESTransforms: true });
  const exports: Record<string, Generated> = {};
  vm.compileFunction(code, ["exports", recorderName], { filename: "generated.ts" })(exports, hooks);
  return exports;
}

const depth = { depth: 3, breakLength: Number.POSITIVE_INFINITY };

async function observe(run: Generated, [a, b, c]: [unknown, unknown, unknown]): Promise<string[]> {
  const seen: string[] = [];
  const log: Log = (...values) => {
    if (seen.length < 200) seen.push(values.map((value) => inspect(value, depth)).join(" "));
  };
  const later = async (value: unknown) => value;
  try {
    seen.push(`returned ${inspect(await run(a, b, structuredClone(c), log, later), depth)}`);
  } catch (error) {
    const text = error instanceof Error ? `${error.name}: ${comparableMessage(error.message)}` : inspect(error, depth);
    seen.push(`threw ${text}`);
  }
  return seen.map((text) => text.split("\n").map(comparableMessage).join("\n"));
}

// What a function looks like as text, and in which column it threw, is all that instrumenting may change.
Function.prototype.toString = () => "function";
Error.stackTraceLimit = 0;

/** Some combinations are no JavaScript (an `await` in a plain function); those are drawn again. */
function validFunction(name: string, choices: Choices): string {
  for (;;) {
    const text = generateFunction(name, choices);
    try {
      load(text, undefined);
      return text;
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
    }
  }
}

describe("generated TypeScript", () => {
  it(`does the same instrumented, for ${functionsPerModule * modules} functions`, { timeout: 600_000 }, async () => {
    let returned = 0;
    let threw = 0;
    let visited = 0;
    let sitesReached = 0;
    let sitesTotal = 0;
    for (let m = 0; m < modules; m++) {
      const choices = new Choices(1000 + m);
      const texts = Array.from({ length: functionsPerModule }, (_, i) => validFunction(`f${i}`, choices));
      const source = prelude + texts.join("\n");
      const { code, sites } = instrumentTypeScript(source, "generated.ts");
      const recorder = makeRecorder(sites, new Int32Array(sharedLayout.length).fill(-1));
      const plain = load(source, undefined);
      const instrumented = load(code, recorder.hooks);
      for (let i = 0; i < functionsPerModule; i++) {
        for (const input of inputs) {
          const expected = await observe(plain[`f${i}`]!, input);
          const got = await observe(instrumented[`f${i}`]!, input);
          if (JSON.stringify(got) !== JSON.stringify(expected)) {
            // The text of the function is what one needs to see.
            expect({ function: texts[i], seed: 1000 + m, did: got }).toEqual({
              function: texts[i],
              seed: 1000 + m,
              did: expected,
            });
          }
          if (expected.at(-1)!.startsWith("threw")) threw++;
          else returned++;
        }
        visited++;
      }
      sitesTotal += sites.length;
      sitesReached += recorder.records().filter(({ reached }) => reached > 0).length;
    }
    expect(visited).toBeGreaterThanOrEqual(5000);
    // The generator is worth something only while both ways of ending, and most of the code, are really reached.
    expect(returned).toBeGreaterThan(1500);
    expect(threw).toBeGreaterThan(1500);
    expect(sitesReached / sitesTotal).toBeGreaterThan(0.3);
  });
});
