import { ApiRequestError, askWithRetries, replyText, sentImageSize } from "@iad-r1/server/evaluate/api";
import { describe, expect, it } from "vitest";

async function ask(family: Parameters<typeof askWithRetries>[0], results: (unknown | Error)[]) {
  const sleeps: number[] = [];
  let calls = 0;
  const body = await askWithRetries(
    family,
    async () => {
      const result = results[Math.min(calls++, results.length - 1)];
      if (result instanceof Error) throw result;
      return result as { status: number; body: unknown };
    },
    async (seconds) => void sleeps.push(seconds),
  );
  return { body, calls, sleeps };
}

const answer = (content: string) => ({ status: 200, body: { choices: [{ message: { content } }] } });

describe("askWithRetries", () => {
  it("doubles the pause and gives up after five failures", async () => {
    expect(await ask("openai", [{ status: 500, body: {} }])).toEqual({
      body: null,
      calls: 5,
      sleeps: [1, 2, 4, 8, 16],
    });
    expect((await ask("dashscope", [new ApiRequestError("time-out")])).sleeps).toEqual([2, 4, 8, 16, 32]);
  });

  it("takes a refusal for a failure with GPT models only", async () => {
    const results = [answer("Sorry, I cannot assist."), answer("yes")];
    expect(await ask("openai", results)).toEqual({ body: answer("yes").body, calls: 2, sleeps: [1] });
    expect((await ask("dashscope", results)).calls).toBe(1);
    expect(await ask("base-class", results)).toMatchObject({ calls: 2, sleeps: [] });
  });

  it("lets unexpected errors of the base class through", async () => {
    await expect(ask("base-class", [new SyntaxError("bad JSON")])).rejects.toThrow(SyntaxError);
    expect((await ask("openai", [new SyntaxError("bad JSON"), answer("no")])).calls).toBe(2);
  });
});

it("a reply of any shape has a text", () => {
  for (const reply of [
    null,
    undefined,
    5,
    "x",
    [],
    {},
    { choices: {} },
    { choices: [null] },
    { choices: [{ message: 1 }] },
  ]) {
    expect(replyText("openai", reply)).toBe("");
    expect(replyText("anthropic", reply)).toBe("");
  }
});

it("small images are enlarged, and a very long one can lose a side", () => {
  expect(sentImageSize(64, 32)).toEqual({ width: 512, height: 256 });
  expect(sentImageSize(3000, 1)).toEqual({ width: 512, height: 0 });
});
