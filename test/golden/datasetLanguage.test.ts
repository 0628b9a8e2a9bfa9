/** Data set files in an editor: problems with fixes, hovers and lenses, as text in golden files. */
import { openDocument } from "@iad-r1/server/features/documents";
import { fileFindings, textFindings } from "@iad-r1/server/features/findings";
import { hoverAt } from "@iad-r1/server/features/hovers";
import { lensesOf } from "@iad-r1/server/features/lenses";
import { describe, expect, it } from "vitest";
import { expectGoldenText } from "../helpers/goldenText";
import { fakeFiles, openFixture, printFindings, printHover } from "../helpers/languageFixture";

const files = fakeFiles(["/lab/img/a_001.png", "/lab/img/a_002.png", "/lab/img/good (1).png", "/lab/masks/a_001.png"]);
const chat = (answer: string, image = "img/a_001.png", question = "<image>\\nAre there any defects?") =>
  `  {"images": "${image}", "messages": [{"role": "user", "content": "${question}"}, {"role": "assistant", "content": "${answer}"}]}`;
const row = (solution: string, image = '"img/a_001.png"') =>
  `  {"id": "1", "image": ${image}, "problem": "Are there any defects?", "solution": "${solution}"}`;
const yes = "<think>A dark line.</think><location>top left</location><type>scratch</type><answer>Yes</answer>";
const tags = "<location>top left</location><type>scratch</type><answer>Yes</answer>";
const list = (...records: string[]) => `[\n${records.join(",\n")}\n]\n`;

describe("problems of a data set file", () => {
  const cases: [name: string, path: string, text: string][] = [
    [
      "pa-sft-tags",
      "/lab/pa_sft.json",
      list(
        chat(yes),
        chat(yes.replace("</type>", "")),
        chat(yes.replaceAll("answer", "Answer")),
        chat(`Here it is: ${yes}`),
        chat(yes.replace("<location>", "\\n<location>")),
        chat(yes.replace("top left", "upper left corner")),
        chat(yes.replace("top left", "left upper")),
        chat("<think>a</think><type>scratch</type><location>center</location><answer>Yes</answer>"),
      ),
    ],
    [
      "pa-sft-contradictions",
      "/lab/pa_sft.json",
      list(
        chat(yes.replace("Yes", "No")),
        chat("<think>All \\u201ceven\\u201d.</think><answer>Yes</answer>"),
        chat("<think>All even.</think><answer>no</answer>"),
        chat("<think>All even.</think><answer>Maybe</answer>"),
        chat("<think>All even.</think>"),
      ),
    ],
    ["pa-sft-placeholders", "/lab/pa_sft.json", list(chat(yes, "img/a_001.png", "Are there any defects?"))],
    [
      "sc-grpo",
      "/lab/sc_grpo.json",
      list(row(tags), row(yes), row("<answer>no.</answer>"), row(tags, '{"path": "img/a_001.png"}'), row(tags, '""')),
    ],
    [
      "test-file",
      "/lab/test_x_format.json",
      `{\n"img/a_001.png": {"image_path": "img/a_001.png", "conversation": [{"Question": "q", "Answer": "Yes"}]},\n"img/a_002.png": {"image_path": "other.png", "conversation": [{"Question": "q", "Answer": "B"}]}\n}\n`,
    ],
    [
      "meta",
      "/lab/meta.json",
      `{"screw": [\n  {"img_path": "img/a_001.png", "mask_path": "", "cls_name": "screw", "specie_name": "good", "anomaly": 1},\n  {"img_path": "img/a_002.png", "specie_name": "hole", "anomaly": "1"}\n]}\n`,
    ],
    [
      "annotations",
      "/lab/annotations.jsonl",
      `{"id": "1", "image": "img/a_001.png", "category": "screw", "label": "normal", "defect_type": "hole", "location": null}\n{"id": "2", "image": "img/a_002.png", "category": "screw", "label": "anomalous", "defect_type": "hole", "location": "middle left"}\n{"id": "3", "image":\n`,
    ],
    [
      "half-typed",
      "/lab/sc_grpo.json",
      `[\n${row("<answer>yes</answer>")},\n${row(tags)},\n  {"id": "3", "image": \n]\n`,
    ],
  ];
  it.each(cases)("%s", (name, path, text) => {
    const { document } = openFixture(path, text);
    expectGoldenText(`features/dataset/problems-${name}.txt`, printFindings(document, textFindings(document)));
  });

  it("pictures that are not there, with near names", async () => {
    const text = list(chat(yes, "img/a_0001.png"), chat(yes, "img/b.png"), chat(yes));
    const { document } = openFixture("/lab/pa_sft.json", text);
    expectGoldenText(
      "features/dataset/problems-files.txt",
      printFindings(document, await fileFindings(document, files)),
    );
  });
});

describe("hovers in a data set file", () => {
  const cases: [name: string, path: string, text: string][] = [
    ["pa-sft", "/lab/pa_sft.json", list(chat("<answer>No</answer>"), chat(yes).replace("dark", "da$0rk"))],
    ["sc-grpo", "/lab/sc_grpo.json", list(row(tags, '["img/good (1).png", "img/a_0$002.png"]'))],
    ["missing", "/lab/sc_grpo.json", list(row(tags, '"img/no$0ne.png"'))],
    [
      "hostile",
      "/lab/sc_grpo.json",
      list(row("<location>`](x)[</location><type>``` <b>t</b></type><answer>Ye$0s</answer>")),
    ],
    [
      "test-file",
      "/lab/test_x_format.json",
      `{"img/a_$0001.png": {"image_path": "img/a_001.png", "conversation": [{"Question": "q", "Answer": "A"}]}}\n`,
    ],
    [
      "meta",
      "/lab/meta.json",
      `{"screw": [{"img_path": "img/a_001.png", "mask_path": "masks/a_001.png", "specie_name": "ho$0le", "anomaly": 1}]}\n`,
    ],
    [
      "annotations",
      "/lab/annotations.jsonl",
      `{"id": "2", "image": "img/a_002.png", "category": "screw", "label": "anomalous", "defect_type": "ho$0le", "location": "center left"}\n`,
    ],
    ["between", "/lab/sc_grpo.json", `$0${list(row(tags))}`],
  ];
  it.each(cases)("%s", async (name, path, text) => {
    const { document, cursor } = openFixture(path, text);
    const hover = await hoverAt(document, cursor, { files });
    expectGoldenText(`features/dataset/hover-${name}.txt`, `${printHover(document, hover)}\n`);
  });
});

describe("lenses of a data set file", () => {
  it("inspect the last picture of every record with those before as references", () => {
    const { document } = openFixture(
      "/lab/sc_grpo.json",
      list(row(tags, '["img/good (1).png", "img/a_002.png"]'), row(tags), row("<bro", '""')),
    );
    expect(lensesOf(document).map(({ range, title, action }) => [range.start, title, action])).toEqual([
      [
        { line: 1, character: 2 },
        "Inspect",
        { kind: "inspect", image: "/lab/img/a_002.png", references: ["/lab/img/good (1).png"] },
      ],
      [{ line: 2, character: 2 }, "Inspect", { kind: "inspect", image: "/lab/img/a_001.png", references: [] }],
    ]);
  });

  it("stand above the key of a test file's entry", () => {
    const text = `{\n  "img/a_001.png":\n    {"conversation": [{"Question": "q", "Answer": "A"}]}\n}\n`;
    expect(lensesOf(openFixture("/lab/test_x_format.json", text).document)[0]).toMatchObject({
      range: { start: { line: 1, character: 2 } },
      action: { image: "/lab/img/a_001.png" },
    });
  });
});

describe("a JSON file of a workspace", () => {
  it.each([
    ["package.json", '{"workspaces": ["a"], "test": "b"}'],
    ["chats.json", '[{"messages": [{"role": "user", "content": "hello"}]}]'],
    ["math.json", '[{"question": "1+1", "solution": "2"}]'],
    ["list.json", "[1, 2]"],
    ["notes.txt", "hello"],
  ])("is left alone when it is no data set: %s", (name, text) => {
    expect(openDocument(`/lab/${name}`, text)).toBeNull();
  });

  it("stays a data set while it is being typed", () => {
    const before = openDocument("/lab/set.json", list(row(tags)));
    expect(openDocument("/lab/set.json", "[\n  {", { previous: before })).toMatchObject({ format: "sc-grpo" });
    expect(openDocument("/lab/set.json", "[\n  {")).toBeNull();
  });

  it("finds its pictures where the experiment says", () => {
    const document = openDocument("/lab/set.json", list(row(tags)), { images: "/pictures" });
    expect(lensesOf(document!)[0]!.action.image).toBe("/pictures/img/a_001.png");
  });
});
