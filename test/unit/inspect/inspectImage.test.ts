/** Inspecting single pictures with the fixture: order of events, times, references, questions, errors. */
import { join } from "node:path";
import { CancelledError, DataError, ModelFileError } from "@iad-r1/models/errors";
import type { InspectEvent } from "@iad-r1/protocol/inspect";
import { type Inspector, openInspector } from "@iad-r1/server/inspect/inspectImage";
import { afterAll, beforeAll, expect, it } from "vitest";
import { tinyCheckpoint, tinyFixture } from "../../helpers/tinyModel";

const image = join(tinyFixture, "images/image1.png");
const other = join(tinyFixture, "images/image2.jpg");

let inspector: Inspector;
beforeAll(async () => {
  inspector = await openInspector({ model: { base: tinyCheckpoint, adapter: null }, device: "cpu", threads: 1 });
});
afterAll(() => inspector.dispose());

async function look(request: Partial<Parameters<Inspector["inspect"]>[0]> = {}) {
  const events: InspectEvent[] = [];
  const result = await inspector.inspect({
    ...{ image, maxNewTokens: 16 },
    ...request,
    onEvent: (event) => events.push(event),
  });
  return { result, events };
}

it("streams what it says between the start and the result", async () => {
  const { result, events } = await look();
  expect(events.map(({ type }) => type).filter((type) => type !== "tag" && type !== "text")).toEqual([
    "started",
    "prefilled",
    "finished",
  ]);
  expect(events.flatMap((event) => (event.type === "text" ? [event.text] : [])).join("")).toBe(result.text);
  expect(events.at(-1)).toEqual({ type: "finished", result });
  expect(result).toMatchObject({ image, finish: "length", answer: null, tokens: { completion: 16 } });
  expect(result.tokens.prompt).toBeGreaterThan(result.tokens.image);
  expect(result.anomalyScore).toBeGreaterThan(0);
  const { preprocess, vision, prefill, decode, firstToken, total } = result.timings;
  expect(preprocess + vision + prefill + decode).toBeCloseTo(total, 3);
  expect(firstToken).toBeLessThanOrEqual(total);
});

it("says the same again, and something else for another picture, reference or question", async () => {
  const first = await look();
  expect((await look()).result.text).toBe(first.result.text);
  const changes = [{ image: other }, { references: [other] }, { question: "Is the surface cracked or scratched?" }];
  for (const change of changes) {
    const { result } = await look(change);
    expect([result.text, result.tokens.prompt]).not.toEqual([first.result.text, first.result.tokens.prompt]);
  }
});

it("names every token with its probability and the nearest others, when asked to", async () => {
  const plain = await look();
  expect(plain.events.flatMap((event) => (event.type === "text" ? event.choices : []))).toEqual([]);
  const { result, events } = await look({ alternatives: 3 });
  expect(result.text).toBe(plain.result.text);
  const choices = events.flatMap((event) => (event.type === "text" ? event.choices : []));
  expect(choices.map(({ text }) => text).join("")).toBe(result.text);
  for (const { probability, alternatives } of choices) {
    const shares = [probability, ...alternatives.map((other) => other.probability)];
    expect(alternatives).toHaveLength(3);
    // Greedy: the chosen token is the likeliest one, and the others come in order.
    expect(shares).toEqual([...shares].sort((a, b) => b - a));
    expect(shares.reduce((sum, share) => sum + share, 0)).toBeLessThanOrEqual(1.00001);
  }
});

it("depends on the seed when it samples", async () => {
  const sample = async (seed: number) => (await look({ temperature: 2, seed })).result.text;
  expect(await sample(1)).toBe(await sample(1));
  expect(await sample(1)).not.toBe(await sample(2));
});

it("asks for no more tokens than the model has positions", async () => {
  const { result } = await look({ maxNewTokens: 1e6, signal: AbortSignal.timeout(100) }).catch((error: unknown) => {
    // The tiny model never stops by itself; the time-out ends the long answer. What must not come is a refusal.
    expect(error).toBeInstanceOf(CancelledError);
    return { result: null };
  });
  expect(result).toBeNull();
});

it("names the picture that cannot be read and goes on with the next", async () => {
  await expect(look({ image: join(tinyFixture, "images/nobody.png") })).rejects.toThrow(DataError);
  await expect(look({ references: [join(tinyFixture, "cases.json")] })).rejects.toThrow("cases.json");
  expect((await look()).result.image).toBe(image);
});

it("refuses a folder that is no checkpoint", async () => {
  await expect(openInspector({ model: { base: tinyFixture, adapter: null }, device: "cpu" })).rejects.toThrow(
    ModelFileError,
  );
});
