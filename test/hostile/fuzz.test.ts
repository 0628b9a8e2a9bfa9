/**
 * Sound files with random damage: whatever comes out, it is either read or refused by one of our errors. The cases that people
 * thought of are the tables beside this file; here chance does the thinking, with fixed seeds.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { linearModulesOf } from "@iad-r1/models/adapters/adapter";
import { loraTargets, parseLoraConfig } from "@iad-r1/models/adapters/loraConfig";
import { openSafetensors } from "@iad-r1/models/checkpoint/safetensors";
import { AppError, formatError } from "@iad-r1/models/errors";
import { parseLlavaOnevisionConfig } from "@iad-r1/models/llavaOnevision/config";
import { parameterShapes } from "@iad-r1/models/llavaOnevision/weights";
import { createChatTemplate } from "@iad-r1/models/text/chatTemplate";
import { createTokenizer } from "@iad-r1/models/text/tokenizer";
import { parseStrictJson } from "@iad-r1/models/util/strictJson";
import { decodeImage } from "@iad-r1/models/vision/decode";
import { parseExperiment } from "@iad-r1/server/config/parseExperiment";
import { parseAnnotations } from "@iad-r1/server/data/formats/annotations";
import { metaDrafts } from "@iad-r1/server/data/formats/metaJson";
import { paSftDrafts } from "@iad-r1/server/data/formats/paSft";
import { draftsIn } from "@iad-r1/server/data/formats/records";
import { scGrpoDrafts } from "@iad-r1/server/data/formats/scGrpo";
import { testFileDrafts } from "@iad-r1/server/data/formats/testFile";
import { Problems } from "@iad-r1/server/data/problems";
import { createRewardRegistry } from "@iad-r1/server/rewards/registry";
import { scoreRewardFile } from "@iad-r1/server/rewards/scoreFile";
import fc from "fast-check";
import { expect, test } from "vitest";
import { type LooseJson, safetensors, soundPng } from "../helpers/hostileCase";
import { temporaryFolder } from "../helpers/temporaryFolder";

const fixture = join(import.meta.dirname, "../fixtures/vlm/llava-onevision");
const readText = (name: string) => readFileSync(join(fixture, name), "utf8");
const options = { seed: 20_260, numRuns: 250 } as const;

/** Runs an action that may refuse; anything but one of our errors fails the test. */
async function refusedOr<T>(act: () => T | Promise<T>): Promise<T | null> {
  try {
    return await act();
  } catch (error) {
    if (!(error instanceof AppError) || error.name === "InternalError") throw error;
    expect(formatError(error).length).toBeLessThan(2000);
    return null;
  }
}

/** A place, as a share of the length. Not fc.double: nearly all doubles between 0 and 1 are nearly 0. */
const place = fc.integer({ min: 0, max: 9999 }).map((share) => share / 10_000);

/** One change of bytes: flip, overwrite, cut out, put in, cut off. */
const byteEdit = fc.record({
  kind: fc.constantFrom("flip", "write", "delete", "insert", "truncate"),
  at: place,
  bytes: fc.uint8Array({ minLength: 1, maxLength: 12 }),
});
type ByteEdit = { kind: string; at: number; bytes: Uint8Array };

function editBytes(bytes: Uint8Array, edits: readonly ByteEdit[]): Buffer {
  return edits.reduce<Buffer>((current, { kind, at, bytes: other }) => {
    const index = Math.min(current.length, Math.floor(at * current.length));
    const [head, tail] = [current.subarray(0, index), current.subarray(index)];
    switch (kind) {
      case "flip": {
        const copy = Buffer.from(current);
        if (index < copy.length) copy[index]! ^= 1 << (other[0]! & 7);
        return copy;
      }
      case "write":
        return Buffer.concat([head, other, tail.subarray(other.length)]);
      case "delete":
        return Buffer.concat([head, tail.subarray(other.length)]);
      case "insert":
        return Buffer.concat([head, other, tail]);
      default:
        return Buffer.from(head);
    }
  }, Buffer.from(bytes));
}

/** Values that configurations hold by mistake or on purpose. */
const oddValue: fc.Arbitrary<unknown> = fc.oneof(
  fc.constantFrom<unknown>(
    null,
    true,
    false,
    0,
    -1,
    1,
    0.5,
    1e9,
    2 ** 53,
    -(2 ** 31),
    1e308,
    "",
    "0",
    "64",
    "a\u0000b",
    [],
    {},
    [[]],
    [{}],
    [null],
  ),
  fc.integer(),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.string({ maxLength: 20 }),
  fc.jsonValue({ maxDepth: 2 }),
);

/** One change of parsed JSON: a value replaced, removed or added at a random place. */
const jsonEdit = fc.record({
  path: fc.array(place, { minLength: 1, maxLength: 5 }),
  kind: fc.constantFrom("replace", "replace", "remove", "add"),
  key: fc.oneof(
    fc.constantFrom("__proto__", "constructor", "type", "id", "content", "length"),
    fc.string({ maxLength: 8 }),
  ),
  value: oddValue,
});
type JsonEdit = { path: number[]; kind: string; key: string; value: unknown };

const plain = { enumerable: true, configurable: true, writable: true };

function editJson(json: LooseJson, { path, kind, key, value }: JsonEdit): void {
  let parent: LooseJson = json;
  let name: string | undefined;
  for (const share of path) {
    const here: LooseJson = name === undefined ? parent : parent[name];
    if (typeof here !== "object" || here === null) break;
    const keys = Object.keys(here as object);
    if (keys.length === 0) break;
    parent = here;
    name = keys[Math.min(keys.length - 1, Math.floor(share * keys.length))];
  }
  // Copies: later edits change what an earlier one put in.
  const copy: unknown = structuredClone(value);
  if (kind === "add" && Array.isArray(parent)) parent.push(copy);
  else if (kind === "add") Object.defineProperty(parent, key, { ...plain, value: copy });
  else if (name !== undefined && kind === "remove") delete parent[name];
  else if (name !== undefined) parent[name] = copy;
}

/** The file's JSON after some changes; the same text gives fresh objects each time. */
function edited(text: string, edits: readonly JsonEdit[]): LooseJson {
  const json: LooseJson = JSON.parse(text);
  for (const edit of edits) editJson(json, edit);
  return json;
}

const jsonEdits = fc.array(jsonEdit, { minLength: 1, maxLength: 3 });
const byteEdits = fc.array(byteEdit, { minLength: 1, maxLength: 4 });

test("safetensors with random damage are refused, or every tensor lies inside the file", async () => {
  const path = join(temporaryFolder(), "x.safetensors");
  const header = {
    __metadata__: { format: "pt" },
    a: { dtype: "F32", shape: [2, 3], data_offsets: [0, 24] },
    b: { dtype: "BF16", shape: [5], data_offsets: [24, 34] },
    c: { dtype: "I64", shape: [], data_offsets: [34, 42] },
  };
  const sound = safetensors(header, new Uint8Array(42).fill(7));
  // Half of the damage goes to the JSON, where most of the meaning is.
  const damaged = fc.oneof(
    byteEdits.map((edits) => editBytes(sound, edits)),
    jsonEdits.map((edits) => safetensors(edited(JSON.stringify(header), edits), new Uint8Array(42).fill(7))),
  );
  await fc.assert(
    fc.asyncProperty(damaged, async (bytes) => {
      writeFileSync(path, bytes);
      const checkpoint = await refusedOr(() => openSafetensors(path));
      if (checkpoint === null) return;
      let covered = 0;
      for (const { name, offset, length } of checkpoint.tensors.values()) {
        expect(offset).toBeGreaterThanOrEqual(8);
        expect(offset + length).toBeLessThanOrEqual(bytes.length);
        covered += length;
        expect((await checkpoint.read(name)).byteLength).toBe(length);
      }
      expect(covered + 8 + Number(bytes.readBigUInt64LE(0))).toBe(bytes.length);
    }),
    { ...options, numRuns: 600 },
  );
});

test("config.json with random changes is refused or gives whole, positive sizes", async () => {
  const text = readText("checkpoint/config.json");
  await fc.assert(
    fc.asyncProperty(jsonEdits, async (edits) => {
      const config = await refusedOr(() => parseLlavaOnevisionConfig(edited(text, edits)));
      if (config === null) return;
      for (const shape of parameterShapes(config).values()) {
        expect(shape.every((extent) => Number.isSafeInteger(extent) && extent > 0)).toBe(true);
      }
    }),
    { ...options, numRuns: 1000 },
  );
});

test("tokenizers with random changes are refused or encode and decode", async () => {
  const text = readText("checkpoint/tokenizer.json");
  await fc.assert(
    fc.asyncProperty(jsonEdits, async (edits) => {
      await refusedOr(() => {
        const tokenizer = createTokenizer({ tokenizerJson: edited(text, edits), where: "x" });
        const ids = tokenizer.encode("A scratch <image> at the top left.<|im_end|>\n");
        expect(ids.every((id) => Number.isInteger(id) && id >= 0)).toBe(true);
        expect(typeof tokenizer.decode(ids)).toBe("string");
      });
    }),
    options,
  );
});

test("tokenizer_config.json with random changes is refused or used", async () => {
  const tokenizerJson = JSON.parse(readText("checkpoint/tokenizer.json")) as LooseJson;
  const text = readText("checkpoint/tokenizer_config.json");
  await fc.assert(
    fc.asyncProperty(jsonEdits, async (edits) => {
      await refusedOr(() =>
        createTokenizer({ tokenizerJson, tokenizerConfig: edited(text, edits), where: "x" }).encode("a<image>"),
      );
    }),
    options,
  );
});

test("chat templates with random damage are refused or print text", async () => {
  const text = Buffer.from(readText("checkpoint/chat_template.jinja"));
  await fc.assert(
    fc.asyncProperty(byteEdits, async (edits) => {
      await refusedOr(() => {
        const template = createChatTemplate(editBytes(text, edits).toString("utf8"), {}, "x");
        const prompt = template.render([
          { role: "user", content: [{ type: "image" }, { type: "text", text: "Look." }] },
        ]);
        expect(typeof prompt).toBe("string");
      });
    }),
    options,
  );
});

test("adapter configurations with random changes are refused or name modules of the model", async () => {
  const shapes = parameterShapes(parseLlavaOnevisionConfig(JSON.parse(readText("checkpoint/config.json"))));
  const modules = linearModulesOf(shapes, "lm_head");
  const text = readText("adapter_config.json");
  await fc.assert(
    fc.asyncProperty(jsonEdits, async (edits) => {
      const targets = await refusedOr(() => loraTargets(parseLoraConfig(edited(text, edits)), modules));
      for (const { path, rank, scaling } of targets ?? []) {
        expect(modules).toContain(path);
        expect(rank).toBeGreaterThan(0);
        expect(Number.isFinite(scaling)).toBe(true);
      }
    }),
    { ...options, numRuns: 1000 },
  );
});

test("JSON with random damage is refused or parsed as JSON.parse does", async () => {
  const text = Buffer.from(readText("checkpoint/config.json"));
  await fc.assert(
    fc.asyncProperty(byteEdits, async (edits) => {
      const damaged = editBytes(text, edits).toString("utf8");
      const value = await refusedOr(() => parseStrictJson(damaged, "x/broken", "x", "x"));
      if (value !== null) expect(value).toEqual(JSON.parse(damaged));
    }),
    { ...options, numRuns: 600 },
  );
});

const yaml = `project: part
model: {base: model, adapter: null}
data:
  train:
    - {kind: synth, seed: 1, count: 8}
    - {kind: folder, path: data, part: {share: 0.5, side: first}}
stages: &stages
  paSft: {learningRate: 1e-3, epochs: 2, lora: {r: 4}}
  scGrpo: {groupSize: 4, rewards: [{name: iad-r1/accuracy, weight: 2}]}
seed: 7
`;

test("experiment files with random damage never throw: they give a configuration or problems with places", () => {
  const damaged = fc.oneof(
    byteEdits.map((edits) => editBytes(Buffer.from(yaml), edits).toString("utf8")),
    fc
      .array(
        fc.constantFrom(
          "[",
          "{",
          "&a ",
          "*a",
          "\t",
          "- ",
          ": ",
          "\n",
          "!!x ",
          "<<: ",
          "'",
          '"',
          "|",
          "%",
          "---\n",
          "? ",
        ),
        { maxLength: 6 },
      )
      .chain((pieces) =>
        place.map((at) => yaml.slice(0, at * yaml.length) + pieces.join("") + yaml.slice(at * yaml.length)),
      ),
  );
  fc.assert(
    fc.property(damaged, (text) => {
      const { value, problems } = parseExperiment(text, { folder: "/" });
      expect(value === null).toBe(problems.length > 0);
      const lines = text.split("\n").length;
      for (const { line, column, message } of problems) {
        expect(message).not.toBe("");
        expect(line).toBeGreaterThanOrEqual(1);
        expect(line).toBeLessThanOrEqual(lines + 1);
        expect(column).toBeGreaterThanOrEqual(1);
      }
    }),
    { ...options, numRuns: 600 },
  );
});

test("overrides of any text never throw", () => {
  const override = fc.oneof(
    fc.string({ maxLength: 30 }),
    fc
      .tuple(
        fc.constantFrom("seed", "stages.paSft.steps", "data.train.0.count", "model", "__proto__.x", "a..b"),
        fc.string({ maxLength: 12 }),
      )
      .map(([key, value]) => `${key}=${value}`),
  );
  fc.assert(
    fc.property(fc.array(override, { minLength: 1, maxLength: 3 }), (overrides) => {
      const { value, problems } = parseExperiment(yaml, { folder: "/", overrides });
      expect(value === null).toBe(problems.length > 0);
    }),
    { ...options, numRuns: 600 },
  );
  expect(({} as { x?: unknown }).x).toBeUndefined();
});

const solution = "<location>center</location><type>scratch</type><answer>Yes</answer>";
const formats = {
  "pa-sft": {
    sound: [
      {
        images: "a.png",
        messages: [
          { role: "user", content: "<image>?" },
          { role: "assistant", content: `<think>x</think>${solution}` },
        ],
      },
    ],
    parse: (text: string, problems: Problems) => draftsIn(text, "/data", problems, paSftDrafts),
  },
  "sc-grpo": {
    sound: [{ id: "1", image: ["a.png", "b.png"], problem: "?", solution }],
    parse: (text: string, problems: Problems) => draftsIn(text, "/data", problems, scGrpoDrafts),
  },
  test: {
    sound: {
      "a.png": {
        image_path: "a.png",
        conversation: [{ Question: "?", Answer: "A", Options: { A: "Yes.", B: "No." } }],
        similar_templates: ["b.png"],
      },
    },
    parse: (text: string, problems: Problems) => draftsIn(text, "/data", problems, testFileDrafts),
  },
  meta: {
    sound: { nut: [{ img_path: "a.png", mask_path: "", cls_name: "nut", specie_name: "good", anomaly: 0 }] },
    parse: (text: string, problems: Problems) => draftsIn(text, "/data", problems, metaDrafts),
  },
  folder: {
    sound: {
      id: "1",
      image: "a.png",
      category: "nut",
      label: "anomalous",
      defect_type: "cut",
      location: "center",
      locations: ["center"],
      mask: "m.png",
      reference: "b.png",
    },
    parse: (text: string, problems: Problems) => parseAnnotations(text, "/data", problems),
  },
};

test.each(Object.entries(formats))(
  "%s data with random damage never throw: they give samples or problems",
  (_, { sound, parse }) => {
    const text = JSON.stringify(sound);
    const damaged = fc.oneof(
      byteEdits.map((edits) => editBytes(Buffer.from(text), edits).toString("utf8")),
      jsonEdits.map((edits) => JSON.stringify(edited(text, edits))),
    );
    fc.assert(
      fc.property(damaged, (content) => {
        const problems = new Problems("x");
        const drafts = parse(content, problems);
        for (const { sample } of drafts) expect(["normal", "anomalous"]).toContain(sample.label);
        for (const { code, message, line } of problems.list()) {
          expect(code).toMatch(/^data\//);
          expect(message).not.toBe("");
          expect(line).toBeGreaterThanOrEqual(0);
        }
      }),
      { ...options, numRuns: 600 },
    );
  },
);

test("lines of completions with random damage are refused by number or scored", async () => {
  const rewards = createRewardRegistry().resolve(["iad-r1", "iad-r1-strict"]);
  const text = JSON.stringify({ completion: `<think>x</think>${solution}`, solution, group: 1 });
  const damaged = fc.oneof(
    byteEdits.map((edits) => editBytes(Buffer.from(text), edits)),
    jsonEdits.map((edits) => Buffer.from(JSON.stringify(edited(text, edits)))),
  );
  await fc.assert(
    fc.asyncProperty(damaged, async (bytes) => {
      const rows: string[] = [];
      await refusedOr(() => scoreRewardFile([bytes], rewards, (row) => void rows.push(row), { where: "x" }));
      for (const row of rows) {
        const { total } = JSON.parse(row) as { total: number | null };
        expect(total === null || Number.isFinite(total)).toBe(true);
      }
    }),
    options,
  );
});

const pictures = join(import.meta.dirname, "../fixtures/vision/pictures");
const soundPictures: [string, Buffer][] = [
  ["PNG", soundPng(24, 18)],
  ["palette PNG", readFileSync(join(pictures, "p_trns.png"))],
  ["JPEG", readFileSync(join(pictures, "q95s0.jpg"))],
  ["WebP", readFileSync(join(pictures, "l.webp"))],
  ["TIFF", readFileSync(join(pictures, "lzw.tif"))],
  ["BMP", readFileSync(join(pictures, "p.bmp"))],
];

test.each(soundPictures)(
  "a %s with random damage is refused or has as many bytes as its size says",
  async (name, sound) => {
    await fc.assert(
      fc.asyncProperty(byteEdits, async (edits) => {
        const image = await refusedOr(() => decodeImage(editBytes(sound, edits), name, { maxPixels: 1 << 24 }));
        if (image === null) return;
        expect(image.width).toBeGreaterThan(0);
        expect(image.data.length).toBe(image.width * image.height * 3);
      }),
      options,
    );
  },
);
