/** Data sets of all formats with damaged files, broken records and records that contradict themselves. */
import { mkdirSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type DataFormat, readDataset } from "@iad-r1/server/data/dataset";
import {
  CollectedProblems,
  type HarmlessCase,
  type HostileCase,
  type HostileContext,
  nested,
  put,
  soundPng,
} from "../helpers/hostileCase";

/** The user's file: a text, or what becomes JSON. */
function fileCase(
  name: string,
  format: DataFormat,
  content: unknown,
  code: string,
  says: HostileCase["says"],
  options: { noHint?: true } = { noHint: true },
): HostileCase {
  return {
    name,
    make: (context) => {
      put(context, "a.png", soundPng());
      put(context, "b.png", soundPng());
      return put(context, format === "folder" ? "annotations.jsonl" : "set.json", textOf(format, content));
    },
    act: (context, path) => read(context, path as string, format),
    code,
    says,
    ...options,
  };
}

function textOf(format: DataFormat, content: unknown): string | Uint8Array {
  if (typeof content === "string" || content instanceof Uint8Array) return content;
  if (format === "folder") return (content as unknown[]).map((record) => `${JSON.stringify(record)}\n`).join("");
  return JSON.stringify(content, null, 1);
}

async function read({ folder }: HostileContext, path: string, format?: DataFormat): Promise<unknown> {
  const { value, problems } = await readDataset(format === "folder" ? folder : path, format && { format });
  if (problems.some(({ severity }) => severity === "error")) throw new CollectedProblems(problems);
  return value;
}

const yes = "<think>A scratch.</think><location>center</location><type>scratch</type><answer>Yes</answer>";
const chat = (user: string, assistant: string) => [
  { role: "user", content: user },
  { role: "assistant", content: assistant },
];
const sft = { images: "a.png", messages: chat("<image>\nIs there a defect?", yes) };
const grpo = {
  id: "1",
  image: "a.png",
  problem: "Is there a defect?",
  solution: yes.replace(/<think>.*<\/think>/, ""),
};
const line = { id: "1", image: "a.png", category: "nut", label: "normal", defect_type: null, location: null };
const question = { Question: "Is there a defect?", Answer: "A", Options: { A: "Yes.", B: "No." }, type: "x" };
const meta = { img_path: "a.png", mask_path: "", cls_name: "nut", specie_name: "good", anomaly: 0 };

const wrongType = "data/wrong-type";

export const dataCases: HostileCase[] = [
  // Files
  {
    name: "a data set that is not there",
    act: ({ folder }) => readDataset(join(folder, "none.json"), { format: "pa-sft" }),
    code: "data/missing-file",
    says: ["none.json"],
  },
  {
    name: "a data set that is a folder of nothing",
    act: ({ folder }) => readDataset(folder),
    code: "data/unknown-format",
    says: ["annotations.jsonl", "test/"],
  },
  {
    name: "a data set folder that links to itself",
    make: ({ folder }) => symlinkSync(join(folder, "loop"), join(folder, "loop")),
    act: ({ folder }) => readDataset(join(folder, "loop"), { format: "mvtec" }),
    code: "data/missing-folder",
    says: ["ELOOP"],
  },
  {
    name: "a data set of 300 MB",
    make: (context) => truncateSync(put(context, "set.json", "["), 300 * 2 ** 20),
    act: ({ folder }) => readDataset(join(folder, "set.json"), { format: "sc-grpo" }),
    code: "data/file-too-large",
    says: ["314572800"],
  },
  {
    name: "a data set of a format that cannot be told",
    make: (context) => put(context, "set.json", '[{"picture": "a.png"}]'),
    act: (_, path) => readDataset(path as string),
    code: "data/unknown-format",
    says: ["set.json", "messages"],
  },
  fileCase("a data set that is no JSON", "pa-sft", "images: a.png", "data/broken-json", [":1:1", "a value"]),
  fileCase(
    "a data set cut in the middle",
    "sc-grpo",
    JSON.stringify([grpo, grpo], null, 1).slice(0, 150),
    "data/broken-json",
    [/set\.json:\d+:\d+/],
  ),
  fileCase("a data set with a comma too many", "pa-sft", "[\n{},\n]", "data/broken-json", [":3:1", "a value"]),
  fileCase("a data set in UTF-16", "pa-sft", Buffer.from("\ufeff[]", "utf16le"), "data/not-text", ["UTF-8"], {}),
  fileCase(
    "a data set in Latin-1",
    "sc-grpo",
    Buffer.from('[{"id": "gr\xf6\xdfe"}]', "latin1"),
    "data/not-text",
    ["UTF-8"],
    {},
  ),
  fileCase("a data set nested 100,000 deep", "pa-sft", nested(100_000), "data/too-deep", ["64 deep"]),
  fileCase("a data set of objects nested 100,000 deep", "meta", nested(100_000, '{"a":', "}"), "data/too-deep", [
    "64 deep",
  ]),
  fileCase("a data set that is an object", "pa-sft", { images: [] }, "data/wrong-shape", ["list of records", "object"]),
  fileCase("a data set of numbers", "sc-grpo", [1, 2], "data/wrong-shape", ["Record 1", "1"]),
  fileCase("a text with a line break in it", "pa-sft", '[{"images": "a\n.png"}]', "data/broken-json", [":1:"]),
  fileCase("a text with a wrong escape", "pa-sft", '[{"images": "C:\\part.png"}]', "data/broken-json", ["escape"]),
  // PA-SFT
  fileCase("a chat without messages", "pa-sft", [{ images: "a.png" }], wrongType, ["messages", "nothing"]),
  fileCase("a chat of texts", "pa-sft", [{ ...sft, messages: ["hello"] }], wrongType, ["Message 1", "role"]),
  fileCase(
    "a chat that the assistant begins",
    "pa-sft",
    [{ ...sft, messages: [...sft.messages].reverse() }],
    "data/role-order",
    ["user", "assistant"],
  ),
  fileCase(
    "a chat with an unknown role",
    "pa-sft",
    [{ ...sft, messages: [{ role: "robot", content: "<image>" }, sft.messages[1]] }],
    "data/role-order",
    ["robot"],
  ),
  fileCase("a chat without an answer", "pa-sft", [{ ...sft, messages: sft.messages.slice(0, 1) }], "data/role-order", [
    "pairs",
  ]),
  fileCase(
    "a chat with a placeholder too few",
    "pa-sft",
    [{ ...sft, images: ["a.png", "b.png"] }],
    "data/placeholder-count",
    ["1 <image> placeholder", "2 images"],
  ),
  fileCase(
    "a chat with a placeholder too many",
    "pa-sft",
    [{ ...sft, messages: chat("<image><image>", yes) }],
    "data/placeholder-count",
    ["2 <image> placeholders", "1 image"],
  ),
  fileCase(
    "a chat about no picture",
    "pa-sft",
    [{ images: [], messages: chat("Is there a defect?", yes) }],
    "data/no-image",
    ["no image"],
  ),
  fileCase(
    "a chat about a picture that is not there",
    "pa-sft",
    [{ ...sft, images: "gone.png" }],
    "data/missing-image",
    ["gone.png"],
  ),
  fileCase("a chat about a picture with NUL in its name", "pa-sft", [{ ...sft, images: "a\0.png" }], wrongType, [
    "images",
  ]),
  fileCase("a chat whose images are numbers", "pa-sft", [{ ...sft, images: [1] }], wrongType, ["images"]),
  fileCase(
    "an answer without tags",
    "pa-sft",
    [{ ...sft, messages: chat("<image>", "It is broken.") }],
    "data/broken-tags",
    ["outside the tags"],
  ),
  fileCase(
    "an answer that is neither yes nor no",
    "pa-sft",
    [{ ...sft, messages: chat("<image>", yes.replace("Yes", "Perhaps")) }],
    "data/broken-tags",
    ["Perhaps"],
  ),
  fileCase(
    "an answer that is no but names a defect",
    "pa-sft",
    [{ ...sft, messages: chat("<image>", yes.replace("Yes", "No")) }],
    "data/contradiction",
    ["No", "location or type"],
  ),
  fileCase(
    "an answer that is yes but names no defect",
    "pa-sft",
    [{ ...sft, messages: chat("<image>", "<think>x</think><answer>Yes</answer>") }],
    "data/contradiction",
    ["Yes", "missing"],
  ),
  fileCase(
    "an answer with two verdicts",
    "pa-sft",
    [{ ...sft, messages: chat("<image>", `${yes}<answer>No</answer>`) }],
    "data/broken-tags",
    ["twice"],
  ),
  fileCase(
    "an answer of a million open tags",
    "pa-sft",
    [{ ...sft, messages: chat("<image>", "<think>".repeat(1_000_000)) }],
    "data/broken-tags",
    ["<think>"],
  ),
  // SC-GRPO
  fileCase("a row without a problem", "sc-grpo", [{ ...grpo, problem: undefined }], "data/missing-field", ["problem"]),
  fileCase("a row whose solution is a number", "sc-grpo", [{ ...grpo, solution: 1 }], wrongType, ["solution", "1"]),
  fileCase(
    "a row whose solution contradicts itself",
    "sc-grpo",
    [{ ...grpo, solution: grpo.solution.replace("Yes", "No") }],
    "data/contradiction",
    ["No"],
  ),
  fileCase("a row without image", "sc-grpo", [{ ...grpo, image: undefined }], "data/no-image", ["no image"]),
  fileCase(
    "a row whose image is an object",
    "sc-grpo",
    [{ ...grpo, image: { path: "a.png" } }],
    wrongType,
    ["path"],
    {},
  ),
  fileCase(
    "a row whose image is not there",
    "sc-grpo",
    [{ ...grpo, image: "../a.png" }],
    "data/missing-image",
    ["a.png"],
    {},
  ),
  // Test files and meta.json
  fileCase("a test file that is a list", "test", [], "data/wrong-shape", ["object of image paths"]),
  fileCase("a test entry without a conversation", "test", { "a.png": { image_path: "a.png" } }, wrongType, [
    "conversation",
  ]),
  fileCase(
    "a test entry whose answer is C",
    "test",
    { "a.png": { conversation: [{ ...question, Answer: "C" }] } },
    wrongType,
    ["Answer", "C"],
  ),
  fileCase(
    "a test entry whose templates are a text",
    "test",
    { "a.png": { conversation: [question], similar_templates: "b.png" } },
    wrongType,
    ["similar_templates"],
  ),
  fileCase("a meta.json whose category is a text", "meta", { nut: "a.png" }, "data/wrong-shape", ["nut"]),
  fileCase("a meta.json whose flag is a text", "meta", { nut: [{ ...meta, anomaly: "0" }] }, wrongType, [
    "anomaly",
    '"0"',
  ]),
  fileCase(
    "a meta.json that says good and anomalous",
    "meta",
    { nut: [{ ...meta, anomaly: 1 }] },
    "data/contradiction",
    ["good", "1"],
  ),
  // The folder layout
  fileCase("an annotation of no label", "folder", [{ ...line, label: "fine" }], wrongType, ["label", "fine"]),
  fileCase("a normal annotation with a defect", "folder", [{ ...line, defect_type: "scratch" }], "data/contradiction", [
    "normal",
    "scratch",
  ]),
  fileCase(
    "an annotation at a place that does not exist",
    "folder",
    [{ ...line, label: "anomalous", defect_type: "scratch", location: "underneath" }],
    "data/bad-location",
    ["underneath", "center"],
  ),
  fileCase(
    "an annotation that is its own reference",
    "folder",
    [{ ...line, reference: "a.png" }],
    "data/contradiction",
    ["own reference"],
  ),
  fileCase(
    "an annotation file with half a line",
    "folder",
    `${JSON.stringify(line)}\n{"id": "2", "ima`,
    "data/broken-json",
    [":2:"],
  ),
  fileCase(
    "an annotation with a path of ten thousand characters",
    "folder",
    [{ ...line, image: "a/".repeat(5000) }],
    "data/bad-path",
    ["not a path"],
  ),
  // MVTec layout
  {
    name: "an MVTec folder without its parts",
    make: ({ folder }) => mkdirSync(join(folder, "nut/pictures"), { recursive: true }),
    act: ({ folder }) => readDataset(folder, { format: "mvtec" }),
    code: "data/wrong-layout",
    says: ["test", "train/good"],
  },
  {
    name: "an MVTec folder whose mask is damaged",
    make: ({ folder }) => {
      for (const name of ["test/cut", "train/good", "ground_truth/cut"])
        mkdirSync(join(folder, "nut", name), { recursive: true });
      writeFileSync(join(folder, "nut/test/cut/1.png"), soundPng());
      writeFileSync(join(folder, "nut/ground_truth/cut/1_mask.png"), soundPng().subarray(0, 40));
    },
    act: (context) => read(context, context.folder, "mvtec"),
    code: "data/broken-image",
    says: ["1_mask.png", "damaged"],
    noHint: true,
  },
];

const shortOf = (value: unknown) =>
  (value as { id: string; label: string; category: string; defectType: string | null }[]).map(
    ({ id, label, defectType }) => [id, label, defectType],
  );

export const oddDatasets: HarmlessCase[] = [
  {
    name: "a data set with a byte order mark and Windows line ends",
    make: (context) => {
      put(context, "a.png", soundPng());
      return put(context, "set.json", `\ufeff${JSON.stringify([grpo], null, 2).replaceAll("\n", "\r\n")}\r\n`);
    },
    act: async (context, path) => shortOf(await read(context, path as string, "sc-grpo")),
    gives: [["1", "anomalous", "scratch"]],
  },
  {
    name: "an annotation file with Windows line ends, blank lines and unknown keys",
    make: (context) => {
      put(context, "a.png", soundPng());
      put(context, "annotations.jsonl", `\ufeff${JSON.stringify({ ...line, camera: { id: 3 } })}\r\n\r\n`);
    },
    act: async (context) => shortOf(await read(context, "", "folder")),
    gives: [["1", "normal", null]],
  },
  {
    name: "a data set with the key __proto__",
    make: (context) => {
      put(context, "a.png", soundPng());
      return put(context, "set.json", `[${JSON.stringify(grpo).replace("{", '{"__proto__": {"polluted": true}, ')}]`);
    },
    act: async (context, path) => [
      shortOf(await read(context, path as string)),
      ({} as { polluted?: boolean }).polluted ?? false,
    ],
    gives: [[["1", "anomalous", "scratch"]], false],
  },
];
