import { DataError } from "@iad-r1/models/errors";
import { type GroupReward, scored, type WeightedReward } from "@iad-r1/server/rewards/contract";
import { createRewardRegistry } from "@iad-r1/server/rewards/registry";
import { scoreRewardFile } from "@iad-r1/server/rewards/scoreFile";
import { describe, expect, it } from "vitest";

const anomalous = "<location>left</location><type>hole</type><answer>Yes</answer>";

async function run(
  input: Iterable<Uint8Array | string>,
  uses: string[] | WeightedReward[] = ["iad-r1"],
  signal?: AbortSignal,
) {
  const rewards =
    typeof uses[0] === "string" ? createRewardRegistry().resolve(uses as string[]) : (uses as WeightedReward[]);
  const lines: string[] = [];
  const summary = await scoreRewardFile(input, rewards, (line) => void lines.push(line), { where: "in.jsonl", signal });
  return { rows: lines.map((line) => JSON.parse(line)), summary };
}

async function failure(input: Iterable<Uint8Array | string>): Promise<DataError> {
  const error = await run(input).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (DataError.is(error)) return error;
  throw new Error(`expected a DataError, got ${String(error)}`);
}

function row(completion: unknown, solution: unknown = "<answer>No</answer>"): string {
  return `${JSON.stringify({ completion, solution })}\n`;
}

describe("scoreRewardFile", () => {
  it("answers each line in order with scores, status and notes", async () => {
    const good = "<think>x</think><answer>No</answer>";
    const { rows, summary } = await run([row(good), row("<answer>Yes</answer>"), row(good, "<answer>maybe</answer>")]);
    expect(rows[0]).toEqual({
      scores: { "iad-r1/consistency": 1, "iad-r1/accuracy": 1 },
      status: { "iad-r1/consistency": "ok", "iad-r1/accuracy": "ok" },
      notes: {},
      total: 2,
    });
    expect(rows[1].scores).toEqual({ "iad-r1/consistency": 0, "iad-r1/accuracy": 0 });
    expect(rows[2]).toMatchObject({
      scores: { "iad-r1/consistency": null, "iad-r1/accuracy": 0 },
      status: { "iad-r1/consistency": "not-applicable", "iad-r1/accuracy": "ok" },
    });
    expect(summary).toEqual({
      numRows: 3,
      perReward: {
        "iad-r1/consistency": { ok: 2, notApplicable: 1, error: 0 },
        "iad-r1/accuracy": { ok: 3, notApplicable: 0, error: 0 },
      },
    });
  });

  it("takes the first of a list of messages", async () => {
    const messages = [
      { role: "assistant", content: "<think>x</think><answer>No</answer>" },
      { role: "user", content: "<answer>Yes</answer>" },
    ];
    expect((await run([row(messages)])).rows[0].total).toBe(2);
  });

  it.each([[null], [7], [[{ role: "assistant", content: null }]]])(
    "completion %j is an error where the original raises, and 0 where it swallows the exception",
    async (completion) => {
      const { rows } = await run([row(completion)]);
      expect(rows[0].status).toEqual({ "iad-r1/consistency": "error", "iad-r1/accuracy": "ok" });
      expect(rows[0].scores).toEqual({ "iad-r1/consistency": null, "iad-r1/accuracy": 0 });
    },
  );

  it("a line without a solution is an error of the rewards, not of the file", async () => {
    const { rows } = await run(['{"completion": "x"}\n']);
    expect(rows[0].status["iad-r1/consistency"]).toBe("error");
    expect(rows[0].notes["iad-r1/consistency"].error).toContain("missing");
  });

  it("reads bytes cut anywhere, blank lines, CRLF, a byte order mark and a last line without end", async () => {
    const text = `\ufeff${row("<think>ä😀</think><answer>No</answer>").replace("\n", "\r\n")}\n  \n${row("x").trimEnd()}`;
    const bytes = new TextEncoder().encode(text);
    const pieces = Array.from({ length: Math.ceil(bytes.length / 3) }, (_, i) => bytes.subarray(3 * i, 3 * i + 3));
    const { rows } = await run(pieces);
    expect(rows.map(({ total }) => total)).toEqual([2, 0]);
  });

  it("columns reach the rewards", async () => {
    const line = JSON.stringify({
      completion: "<think>x</think><location>right</location><type>hole</type><answer>Yes</answer>",
      solution: anomalous,
      locations: ["right"],
    });
    const { rows } = await run([line], ["iad-r1-strict/location"]);
    expect(rows[0].scores).toEqual({ "iad-r1-strict/location": 1 });
  });

  it.each([
    ["no JSON", "{completion: 1}"],
    ["cut JSON", '{"completion": "x"'],
    ["a list", "[1]"],
    ["a number", "5"],
    ["no completion", '{"solution": "x"}'],
    ["an empty list of messages", '{"completion": []}'],
    ["a message without content", '{"completion": [{"role": "assistant"}]}'],
  ])("%s ends in an error with the number of the line", async (_, line) => {
    const error = await failure([row("x"), "\n", `${line}\n`, row("y")]);
    expect(error.code).toBe("reward/bad-line");
    expect(error.message).toContain("in.jsonl, line 3");
    expect(error.where).toBe("in.jsonl:3");
    expect(error.hint).toBeDefined();
  });

  it("bytes that are no UTF-8 end in an error with the number of the line", async () => {
    const error = await failure([Uint8Array.from([0x22, 0xff, 0x22, 0x0a])]);
    expect(error.message).toContain("line 1: not UTF-8 text");
  });

  it("a line without end is refused before it fills the memory", async () => {
    const megabyte = new Uint8Array(1 << 20).fill(0x20);
    function* endless() {
      for (;;) yield megabyte;
    }
    expect((await failure(endless())).message).toContain("longer than");
  });

  it("writes the lines before a broken one", async () => {
    const lines: string[] = [];
    const rewards = createRewardRegistry().resolve(["iad-r1"]);
    const result = scoreRewardFile([row("x"), "broken\n"], rewards, (line) => void lines.push(line), { where: "f" });
    await expect(result).rejects.toThrow(DataError);
    expect(lines).toHaveLength(1);
  });

  it("neighbouring lines of one group are scored together", async () => {
    const numbered: GroupReward = {
      name: "numbered",
      range: { min: 0, max: 10 },
      scope: "group",
      description: "Size of the group.",
      score: (inputs) => inputs.map(() => scored(inputs.length)),
    };
    const line = (group: unknown) => `${JSON.stringify({ completion: "x", group })}\n`;
    const { rows } = await run(
      [line(1), line(1), line("1"), line(2), line(2), line(2)],
      [{ reward: numbered, weight: 1 }],
    );
    expect(rows.map(({ total }) => total)).toEqual([2, 2, 1, 3, 3, 3]);
    await expect(run([row("x")], [{ reward: numbered, weight: 1 }])).rejects.toThrow(/no `group`/);
  });

  it("stops when asked", async () => {
    const controller = new AbortController();
    controller.abort();
    await expect(run([row("x")], ["iad-r1"], controller.signal)).rejects.toMatchObject({ code: "cancelled" });
  });
});
