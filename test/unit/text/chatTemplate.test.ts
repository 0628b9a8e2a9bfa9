import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { DataError, ModelFileError } from "@iad-r1/models/errors";
import { type ChatMessage, createChatTemplate, loadChatTemplate } from "@iad-r1/models/text/chatTemplate";
import { describe, expect, test } from "vitest";
import { temporaryFolder } from "../../helpers/temporaryFolder";

const partsTemplate =
  "{% for m in messages %}{{ m['role'] }}:{% for c in m['content'] | selectattr('type', 'equalto', 'image') %}<image>{% endfor %}" +
  "{% for c in m['content'] | selectattr('type', 'equalto', 'text') %}{{ c['text'] }}{% endfor %};{% endfor %}" +
  "{% if add_generation_prompt %}assistant:{% endif %}";
const plainTemplate = "{% for m in messages %}{{ bos_token }}{{ m['role'] }}:{{ m['content'] }};{% endfor %}";

describe("rendering", () => {
  test("a plain text is one text part for a template that walks over parts", () => {
    const template = createChatTemplate(partsTemplate);
    expect(template.render([{ role: "user", content: "hi" }])).toBe("user:hi;assistant:");
  });

  test("text parts are joined for a template that prints the content, and named tokens are at hand", () => {
    const template = createChatTemplate(plainTemplate, { bos_token: "<s>" });
    const content = [
      { type: "text" as const, text: "a" },
      { type: "text" as const, text: "b" },
    ];
    expect(template.render([{ role: "user", content }])).toBe("<s>user:ab;");
  });

  test("a picture for a text-only template is refused", () => {
    const template = createChatTemplate(plainTemplate);
    expect(() => template.render([{ role: "user", content: [{ type: "image" }] }])).toThrow(DataError);
  });

  test("raise_exception of a template becomes an error that carries its message", () => {
    const template = createChatTemplate(
      "{% if messages[0]['role'] != 'user' %}{{ raise_exception('user first') }}{% endif %}",
    );
    expect(() => template.render([{ role: "assistant", content: "x" }])).toThrow(/user first/);
  });

  test("tojson writes JSON as Python's json.dumps does, without escaping HTML or letters", () => {
    const template = createChatTemplate("{{ tools | tojson }}|{{ tools | tojson(indent=2) }}");
    const variables = { tools: [{ name: "é<b>", n: 1, ok: true }] };
    expect(template.render([{ role: "user", content: "" }], { variables })).toBe(
      '[{"name": "é<b>", "n": 1, "ok": true}]|[\n  {\n    "name": "é<b>",\n    "n": 1,\n    "ok": true\n  }\n]',
    );
  });

  test("blocks on lines of their own leave no blank lines, as with trim_blocks and lstrip_blocks", () => {
    const template = createChatTemplate(
      "{% for m in messages %}\n  {% if true %}\n{{ m['role'] }}\n  {% endif %}\n{% endfor %}\n",
    );
    expect(template.render([{ role: "user", content: "" }])).toBe("user\n");
  });
});

describe("messages of a wrong form are refused", () => {
  const template = createChatTemplate(partsTemplate);
  const wrong: [string, unknown][] = [
    ["no message", []],
    ["no role", [{ content: "x" }]],
    ["a number as content", [{ role: "user", content: 3 }]],
    ["an unknown part", [{ role: "user", content: [{ type: "video" }] }]],
    ["a text part without text", [{ role: "user", content: [{ type: "text" }] }]],
    ["a bare text among parts", [{ role: "user", content: ["x"] }]],
  ];
  test.each(wrong)("%s", (_, messages) => {
    expect(() => template.render(messages as ChatMessage[])).toThrow(DataError);
  });
});

describe("loading", () => {
  const folderWith = (files: Record<string, string>) => {
    const folder = temporaryFolder();
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
    return folder;
  };
  const said = async (folder: string) => (await loadChatTemplate(folder)).render([{ role: "user", content: "" }]);

  test("files win in the order of transformers 5.18: processor_config.json, chat_template.json, chat_template.jinja", async () => {
    const files = {
      "processor_config.json": '{"chat_template": "processor"}',
      "chat_template.json": '{"chat_template": "json"}',
      "chat_template.jinja": "jinja",
      // Its processors do not look here at all.
      "tokenizer_config.json": '{"chat_template": "tokenizer"}',
    };
    const order: string[] = [];
    for (const name of Object.keys(files) as (keyof typeof files)[]) {
      order.push(await said(folderWith(files)));
      delete (files as Partial<typeof files>)[name];
    }
    expect(order).toEqual(["processor", "json", "jinja", "tokenizer"]);
  });

  test("of several named templates the default one is taken", async () => {
    const list = '{"chat_template": [{"name": "rag", "template": "r"}, {"name": "default", "template": "d"}]}';
    expect(await said(folderWith({ "tokenizer_config.json": list }))).toBe("d");
  });

  test("a missing, broken or misshapen template is a model file error", async () => {
    await expect(loadChatTemplate(folderWith({}))).rejects.toThrow(ModelFileError);
    await expect(loadChatTemplate(folderWith({ "chat_template.jinja": "{% for %}" }))).rejects.toThrow(ModelFileError);
    await expect(loadChatTemplate(folderWith({ "chat_template.json": '{"chat_template": 3}' }))).rejects.toThrow(
      ModelFileError,
    );
    await expect(loadChatTemplate(folderWith({ "chat_template.json": "{" }))).rejects.toThrow(ModelFileError);
  });
});
