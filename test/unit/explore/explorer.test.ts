/** Questions about a recorded run: its own numbers come back, another text is scored, exports can be read again. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { noFilter } from "@iad-r1/protocol/rollouts";
import { Explorer } from "@iad-r1/server/explore/explorer";
import { rolloutPicture } from "@iad-r1/server/explore/pictures";
import { readPaSft } from "@iad-r1/server/data/formats/paSft";
import { encodePng } from "@iad-r1/server/data/png";
import { scoreCompletions } from "@iad-r1/server/rewards/evaluate";
import { createRewardRegistry } from "@iad-r1/server/rewards/registry";
import { readParquet } from "@iad-r1/server/rollouts/parquet";
import { readRollouts } from "@iad-r1/server/rollouts/read";
import { groupAdvantages } from "@iad-r1/server/train/advantages";
import { describe, expect, it } from "vitest";
import { temporaryFolder } from "../../helpers/temporaryFolder";

const query = { filter: noFilter, order: "order" as const, descending: false };
const solution = "<location>top left</location><type>crack</type><answer>Yes</answer>";
const texts = [
  `<think>A dark line at the top left.</think>${solution}`,
  "<think>Even.</think><answer>No</answer>",
  "<think>A dark line.</think><location>center</location><type>crack</type><answer>Yes</answer>",
  "nothing to read",
];

/** Two groups of one step, scored with the published rewards at weights 1 and 0.5. */
function recorded(): string {
  const folder = temporaryFolder();
  mkdirSync(join(folder, "rollouts"));
  const rewards = [
    { name: "iad-r1/consistency", weight: 1 },
    { name: "iad-r1/accuracy", weight: 0.5 },
  ];
  writeFileSync(join(folder, "run.json"), JSON.stringify({ config: { stages: { scGrpo: { rewards } } } }));
  const used = createRewardRegistry().resolve(rewards);
  const completions = [...texts, ...texts.slice(0, 2), texts[0]!, texts[0]!];
  const rows = scoreCompletions(
    used,
    completions.map((completion) => ({ completion, solution, columns: {} })),
  );
  const { advantages } = groupAdvantages(
    rows.map(({ total }) => total),
    { groupSize: 4 },
  );
  const lines = rows.map(({ scores, total }, i) => ({
    ...{ run: "r", step: 7, mode: "train", group: Math.floor(i / 4), index: i % 4, sampleId: "s", promptHash: "h" },
    ...{ imageRefs: [], solution, completion: completions[i]!, finish: "eos", length: 9, rewards: scores },
    status: { "iad-r1/consistency": "ok", "iad-r1/accuracy": "ok" },
    ...{ notes: {}, total, advantage: advantages[i]!, refKl: null, entropy: 1, meanLogProb: -1 },
    timings: { generateMs: 1, rewardMs: 1 },
  }));
  writeFileSync(join(folder, "rollouts/step-000007.jsonl"), lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
  return folder;
}

describe("advantages by other rules", () => {
  it("are those of the run by its own rule, with the weights of its manifest", async () => {
    const folder = recorded();
    const table = await new Explorer().advantages(folder, 7, "7/0");
    expect(table.assumedWeights).toEqual([]);
    const of = (name: string) => table.methods.find(({ method }) => method === name)!.advantages;
    of("grpo").forEach((advantage, i) => {
      expect(advantage).toBeCloseTo(table.recorded[i]!, 12);
    });
    const { rollouts } = await new Explorer().group(folder, 7, "7/0", query);
    const mean = rollouts.reduce((sum, { total }) => sum + total!, 0) / 4;
    rollouts.forEach(({ total }, i) => {
      expect(of("dr-grpo")[i]).toBeCloseTo(total! - mean, 12);
    });
    // All rows of the step take part in the batch's deviation, those of the group in its own.
    expect([table.overall.count, table.insideGroups.count]).toEqual([8, 4]);
  });
});

describe("the tokens of a completion", () => {
  async function tokensOf(completion: string, tokens: object) {
    const folder = recorded();
    const file = join(folder, "rollouts/step-000007.jsonl");
    const [first, ...rest] = readFileSync(file, "utf8").trim().split("\n");
    const changed = JSON.stringify({ ...JSON.parse(first!), completion, ...tokens });
    writeFileSync(file, [changed, ...rest].map((line) => `${line}\n`).join(""));
    const { rollouts } = await new Explorer().group(folder, 7, "7/0", query);
    return rollouts.map(({ tokens }) => tokens);
  }

  it("are parts of the text with their probabilities, where they are recorded", async () => {
    const [first, second] = await tokensOf("a 🙂 b", {
      ...{ tokenLengths: [1, 0, 3, 2, 0], tokenLogProbs: [0, -0.916, -2.996, -0.105, 0] },
    });
    expect(first!.map(({ text }) => text)).toEqual(["a", "", " 🙂", " b", ""]);
    expect(first!.map(({ probability }) => Math.round(100 * probability))).toEqual([100, 40, 5, 90, 100]);
    expect(second).toBeNull();
  });

  it("are left out where the record does not fit the text", async () => {
    const faults = [
      { tokenLengths: [1, 3], tokenLogProbs: [0, 0] },
      { tokenLengths: [3], tokenLogProbs: [0, 0] },
      { tokenLengths: [4, -1], tokenLogProbs: [0, 0] },
      { tokenLengths: [1.5, 1.5], tokenLogProbs: [0, 0] },
      { tokenLengths: [3], tokenLogProbs: [null] },
      { tokenLengths: [3] },
      { tokenLengths: "3", tokenLogProbs: "0" },
    ];
    for (const tokens of faults) expect((await tokensOf("abc", tokens))[0], JSON.stringify(tokens)).toBeNull();
  });
});

describe("another text in place of a completion", () => {
  it("that is the recorded one gives the recorded numbers", async () => {
    const folder = recorded();
    for (const index of [0, 1, 2, 3]) {
      const { rollouts } = await new Explorer().group(folder, 7, "7/0", query);
      const found = await new Explorer().whatIf(folder, { step: 7, group: "7/0", index }, texts[index]!);
      expect(found.total).toBe(rollouts[index]!.total);
      expect(found.advantage).toBeCloseTo(rollouts[index]!.advantage!, 12);
      for (const { score, recorded: before } of found.rewards) expect(score).toBe(before);
      expect(found.verdict).toBe(rollouts[index]!.verdict);
    }
  });

  it("is scored, weighted and set against its group", async () => {
    const explorer = new Explorer();
    const folder = recorded();
    const worst = await explorer.whatIf(folder, { step: 7, group: "7/0", index: 0 }, "nothing");
    const best = await explorer.whatIf(folder, { step: 7, group: "7/0", index: 3 }, texts[0]!);
    expect(worst.total).toBe(0);
    expect(worst.verdict).toBe("unparsed");
    const scores = best.rewards.map(({ score }) => score!);
    expect(best.total).toBe(scores[0]! + 0.5 * scores[1]!);
    expect(best.advantage).toBeGreaterThan(0);
  });

  it("names the rewards that it cannot score, and keeps what they gave", async () => {
    const path = join(temporaryFolder(), "own.jsonl");
    const line = (index: number) => ({
      group: 1,
      index,
      completion: texts[index]!,
      solution,
      rewards: { mine: index, "iad-r1/accuracy": 2 },
    });
    writeFileSync(path, [0, 1].map((index) => `${JSON.stringify(line(index))}\n`).join(""));
    const found = await new Explorer().whatIf(path, { step: null, group: "1", index: 1 }, texts[1]!);
    expect(found.notScored).toEqual(["mine"]);
    const accuracy = found.rewards.find(({ name }) => name === "iad-r1/accuracy")!;
    expect(found.total).toBe(1 + accuracy.score!);
  });
});

describe("an export", () => {
  it("as lines is read again as the same rows", async () => {
    const folder = recorded();
    const out = join(temporaryFolder(), "out.jsonl");
    expect(await new Explorer().export(folder, query, "jsonl", out)).toEqual({ count: 8, left: null });
    const strip = (rows: Awaited<ReturnType<typeof readRollouts>>["rows"]) =>
      rows.map(({ recorded: _, ...row }) => row);
    expect(strip((await readRollouts(out)).rows)).toEqual(strip((await readRollouts(folder)).rows));
  });

  it("as parquet has TRL's columns: it is read as a table of TRL with the same scores and groups", async () => {
    const folder = recorded();
    const out = join(temporaryFolder(), "out.parquet");
    await new Explorer().export(folder, query, "parquet", out);
    const { rows } = await readRollouts(out, { rewards: ["iad-r1/consistency", "iad-r1/accuracy"], groupSize: 4 });
    const before = (await readRollouts(folder)).rows;
    expect(rows.map(({ rewards, total, advantage }) => ({ rewards, total, advantage }))).toEqual(
      before.map(({ rewards, total, advantage }) => ({ rewards, total, advantage })),
    );
    expect((await readParquet(out)).columns.get("group")![0]).toBe("7/0");
  });

  it("as CSV quotes what a table program would take apart, and holds only what passes", async () => {
    const path = join(temporaryFolder(), "quotes.jsonl");
    const lines = [
      { group: 1, completion: 'a "b", c\nd' },
      { group: 2, completion: "plain" },
    ];
    writeFileSync(path, lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
    const out = join(temporaryFolder(), "out.csv");
    const filter = { ...noFilter, text: 'a "B"' };
    expect(await new Explorer().export(path, { ...query, filter }, "csv", out)).toEqual({ count: 1, left: null });
    expect(readFileSync(out, "utf8")).toBe(
      'step,group,index,sample_id,prompt,completion,solution,finish,length,total,advantage\n,1,0,,,"a ""b"", c\nd",,,,,\n',
    );
  });
});

describe("training samples of recorded answers", () => {
  const yes = (place: string) =>
    `<think>A line at the ${place}.</think>\n<location>${place}</location><type>crack</type><answer>Yes</answer>`;
  const no = "<think>Even.</think><answer>No</answer>";
  const normal = "<answer>No</answer>";

  function answers(folder: string, lines: readonly Record<string, unknown>[]): string {
    const file = join(folder, "answers.jsonl");
    const defaults = { index: 0, prompt: "?", solution };
    writeFileSync(file, lines.map((line) => `${JSON.stringify({ ...defaults, ...line })}\n`).join(""));
    return file;
  }

  /** A folder with two pictures that a data set file can name. */
  function pictures(): string {
    const folder = temporaryFolder();
    const png = encodePng({ width: 8, height: 8, data: new Uint8Array(192) });
    for (const name of ["a.png", "b.png", "sound.png"]) writeFileSync(join(folder, name), png);
    return folder;
  }

  it("are the best right answer to each picture, as the reader of PA-SFT data takes them", async () => {
    const folder = pictures();
    const [a, b, sound] = ["a.png", "b.png", "sound.png"].map((name) => join(folder, name));
    const file = answers(folder, [
      { group: 1, images: [a], completion: yes("center"), total: 2 },
      { group: 1, index: 1, images: [a], completion: yes("top left"), total: 3 },
      // Later and not better, wrong though rich, and without an end.
      { group: 1, index: 2, images: [a], completion: yes("top right"), total: 3 },
      { group: 1, index: 3, images: [a], completion: no, total: 9 },
      { group: 1, index: 4, images: [a], completion: "<think>A line", total: 9 },
      { group: 2, images: [sound, b], completion: no, solution: normal, total: 1 },
      { group: 3, images: [b], completion: yes("center"), solution: normal, total: 1 },
      { group: 4, images: ["synth:1/2"], completion: no, solution: normal, total: 1 },
      { group: 6, images: [b], completion: no, solution: normal, mode: "eval" },
      { group: 5, images: [`${b}~3`], completion: no, solution: normal, total: 1 },
    ]);
    const out = join(folder, "samples.json");
    expect(await new Explorer().export(file, query, "pa-sft", out)).toEqual({
      count: 2,
      left: { withoutAnswer: 1, withoutFile: 2 },
    });
    const { value, problems } = await readPaSft(out);
    expect(problems).toEqual([]);
    expect(
      value.map(({ image, references, label, location, defectType, think }) => [
        ...[image, references, label, location, defectType, think],
      ]),
    ).toEqual([
      [a, [], "anomalous", "top left", "crack", "A line at the top left."],
      [b, [sound], "normal", null, null, "Even."],
    ]);
    const [first] = JSON.parse(readFileSync(out, "utf8"));
    expect(first.images).toBe("a.png");
  });

  it("are as many as the filter lets through", async () => {
    const folder = pictures();
    const file = answers(folder, [
      { group: 1, images: [join(folder, "a.png")], completion: yes("center"), total: 2 },
      { group: 2, images: [join(folder, "b.png")], completion: yes("top left"), total: 3 },
    ]);
    const ranges = [{ column: "total", min: 2.5, max: Number.POSITIVE_INFINITY }];
    const out = join(folder, "samples.json");
    const written = await new Explorer().export(file, { ...query, filter: { ...noFilter, ranges } }, "pa-sft", out);
    expect(written).toEqual({ count: 1, left: { withoutAnswer: 0, withoutFile: 0 } });
  });

  it("without a right answer are refused, and the file that was there stays", async () => {
    const folder = pictures();
    const file = answers(folder, [{ group: 1, images: [join(folder, "a.png")], completion: no, total: 1 }]);
    const out = join(folder, "samples.json");
    writeFileSync(out, "mine");
    const exporting = new Explorer().export(file, query, "pa-sft", out);
    await expect(exporting).rejects.toMatchObject({ code: "rollouts/no-right-answer" });
    await expect(exporting).rejects.toThrow("no answer to 1 picture is right");
    expect(readFileSync(out, "utf8")).toBe("mine");
  });

  it("are refused with the filter named where that lets nothing through", async () => {
    const folder = pictures();
    const file = answers(folder, [{ group: 1, images: [join(folder, "a.png")], completion: yes("center"), total: 1 }]);
    const ranges = [{ column: "total", min: 2.5, max: Number.POSITIVE_INFINITY }];
    const narrow = { ...query, filter: { ...noFilter, ranges } };
    await expect(new Explorer().export(file, narrow, "pa-sft", join(folder, "samples.json"))).rejects.toMatchObject({
      message: "There is no training sample to write: the filter lets no completion of a training through.",
      hint: "Let more completions through.",
    });
  });
});

it("says what is known of a group that is not there", async () => {
  await expect(new Explorer().group(recorded(), 8, "8/0", query)).rejects.toMatchObject({ code: "rollouts/no-group" });
});

it("turns a mask as the picture was turned, and makes small pictures small", async () => {
  const folder = temporaryFolder();
  const image = join(folder, "a.png");
  const mask = join(folder, "m.png");
  const data = new Uint8Array(200 * 100 * 3);
  writeFileSync(image, encodePng({ width: 200, height: 100, data }));
  // White at the left edge.
  for (let y = 0; y < 100; y++) data.fill(255, 3 * 200 * y, 3 * 200 * y + 30);
  writeFileSync(mask, encodePng({ width: 200, height: 100, data }));
  const { decodeImage } = await import("@iad-r1/models/vision/decode");
  const plain = await rolloutPicture({ id: image, mask, synth: null }, "picture");
  expect(Buffer.from(plain!.data)).toEqual(readFileSync(image));
  const turned = await rolloutPicture({ id: `${image}~1`, mask, synth: null }, "mask");
  const decoded = await decodeImage(turned!.data, "mask");
  expect([decoded.data[0], decoded.data[3 * 199]]).toEqual([0, 255]);
  const small = await decodeImage((await rolloutPicture({ id: image, mask, synth: null }, "thumbnail"))!.data, "small");
  expect([small.width, small.height]).toEqual([72, 36]);
  expect(await rolloutPicture({ id: "synth:1/2", mask: null, synth: null }, "picture")).toBeNull();
});
