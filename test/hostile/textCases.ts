/** Tokenizer files and chat templates that are missing, broken or out to do harm; some are only found out while encoding. */
import { cpSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  copyCheckpoint,
  editJson,
  type HostileCase,
  type LooseJson,
  nested,
  prepareInputs,
} from "../helpers/hostileCase";

const broken = "model/broken-tokenizer";

function fileCase(
  name: string,
  change: (folder: string) => unknown,
  code: string,
  says: HostileCase["says"],
): HostileCase {
  return { name, make: (context) => change(copyCheckpoint(context)), act: prepareInputs, code, says };
}

/** A case that changes tokenizer.json. */
function jsonCase(
  name: string,
  edit: (json: LooseJson) => unknown,
  code: string,
  says: HostileCase["says"],
): HostileCase {
  return fileCase(name, (folder) => editJson(join(folder, "tokenizer.json"), edit), code, says);
}

function templateCase(
  name: string,
  template: string,
  code: string,
  says: HostileCase["says"],
  nowhere?: true,
): HostileCase {
  const write = (folder: string) => writeFileSync(join(folder, "chat_template.jinja"), template);
  return { ...fileCase(name, write, code, says), ...(nowhere && { nowhere }) };
}

const brokenTemplate = "model/broken-chat-template";

export const textCases: HostileCase[] = [
  fileCase(
    "a checkpoint without tokenizer",
    (folder) => rmSync(join(folder, "tokenizer.json")),
    "model/missing-tokenizer",
    ["tokenizer.json"],
  ),
  {
    name: "the tokenizer of another model",
    make: (context) => {
      const other = join(context.fixtures, "vlm/qwen2-5-vl/checkpoint");
      cpSync(join(other, "tokenizer.json"), join(copyCheckpoint(context), "tokenizer.json"));
    },
    act: prepareInputs,
    code: "model/config-value",
    says: ["image_token"],
  },
  fileCase(
    "a tokenizer.json cut in the middle",
    (folder) => truncateSync(join(folder, "tokenizer.json"), 4000),
    "model/broken-json",
    ["tokenizer.json"],
  ),
  fileCase(
    "a tokenizer.json that is a text",
    (folder) => writeFileSync(join(folder, "tokenizer.json"), '"BPE"'),
    "model/broken-json",
    ["JSON object"],
  ),
  fileCase(
    "an older tokenizer without merges",
    (folder) => {
      rmSync(join(folder, "tokenizer.json"));
      writeFileSync(join(folder, "vocab.json"), '{"a": 0}');
    },
    "model/missing-tokenizer",
    ["merges.txt"],
  ),
  fileCase(
    "an older tokenizer with a merge nobody knows",
    (folder) => {
      rmSync(join(folder, "tokenizer.json"));
      rmSync(join(folder, "tokenizer_config.json"));
      writeFileSync(join(folder, "vocab.json"), '{"a": 0, "b": 1}');
      writeFileSync(join(folder, "merges.txt"), "#version: 0.2\na b\n");
    },
    broken,
    ["a b", '"ab"'],
  ),
  jsonCase("a tokenizer without model", (json) => delete json.model, broken, ["model"]),
  jsonCase(
    "a tokenizer of another kind",
    (json) => {
      json.model.type = "Unigram";
    },
    "model/unsupported-tokenizer",
    ["BPE", "Unigram"],
  ),
  jsonCase(
    "a vocabulary that is a list",
    (json) => {
      json.model.vocab = ["a"];
    },
    broken,
    ["vocab", "list"],
  ),
  jsonCase(
    "a vocabulary without entries",
    (json) => {
      json.model.vocab = {};
    },
    broken,
    ["merge"],
  ),
  jsonCase(
    "a token id of four billion",
    (json) => {
      json.model.vocab.zzz = 4e9;
    },
    broken,
    ["4000000000"],
  ),
  jsonCase(
    "a token id of -1",
    (json) => {
      json.model.vocab.zzz = -1;
    },
    broken,
    ["-1"],
  ),
  jsonCase(
    "a token id that two tokens share",
    (json) => {
      json.model.vocab.zzz = 5;
    },
    broken,
    ["id 5", "zzz"],
  ),
  jsonCase(
    "a token id beyond the embedding",
    (json) => {
      json.model.vocab.zzz = 5000;
    },
    "model/processor-mismatch",
    ["360", "5000"],
  ),
  jsonCase(
    "merges that are a number",
    (json) => {
      json.model.merges = 7;
    },
    broken,
    ["merges", "7"],
  ),
  jsonCase(
    "a merge of three pieces",
    (json) => {
      json.model.merges[0] = ["a", "b", "c"];
    },
    broken,
    ["merge 0"],
  ),
  jsonCase(
    "an added token without content",
    (json) => {
      json.added_tokens.push({ id: 349 });
    },
    broken,
    ["added_tokens"],
  ),
  jsonCase(
    "an added token with the id of another",
    (json) => {
      json.added_tokens.push({ id: 347, content: "x" });
    },
    broken,
    ["347"],
  ),
  jsonCase(
    "no token for images",
    (json) => {
      json.added_tokens = json.added_tokens.filter((token: { content: string }) => token.content !== "<image>");
    },
    "model/config-value",
    ["<image>"],
  ),
  jsonCase(
    "an image token of another id than the configuration's",
    (json) => {
      const token = json.added_tokens.find(({ content }: { content: string }) => content === "<image>");
      token.id = 350;
    },
    "model/processor-mismatch",
    ["347", "350"],
  ),
  jsonCase(
    "an unknown normalizer",
    (json) => {
      json.normalizer = { type: "Magic" };
    },
    broken,
    ["Magic"],
  ),
  fileCase(
    "normalizers nested 50,000 deep",
    (folder) => {
      const text = nested(50_000, '{"type":"Sequence","normalizers":[', "]}");
      writeFileSync(join(folder, "tokenizer.json"), `{"normalizer": ${text}}`);
    },
    "model/broken-json",
    ["nested"],
  ),
  jsonCase(
    "an unknown pre-tokenizer",
    (json) => {
      json.pre_tokenizer = { type: "Magic" };
    },
    broken,
    ["Magic"],
  ),
  jsonCase(
    "a splitting pattern that does not compile",
    (json) => {
      patternOf(json).Regex = "([";
    },
    broken,
    ["character class"],
  ),
  jsonCase(
    "a splitting pattern that backtracks for ever",
    (json) => {
      patternOf(json).Regex = "([\\s\\S]+)+\\u{0}";
    },
    "model/slow-tokenizer",
    ["tokenizer", "ms"],
  ),
  jsonCase(
    "a normalizer whose pattern backtracks for ever",
    (json) => {
      json.normalizer = { type: "Replace", pattern: { Regex: "([\\s\\S]+)+\\u{0}" }, content: "" };
    },
    "model/slow-tokenizer",
    ["tokenizer", "ms"],
  ),
  jsonCase(
    "an unknown decoder",
    (json) => {
      json.decoder = { type: "CTC" };
    },
    "model/unsupported-tokenizer",
    ["CTC"],
  ),
  fileCase(
    "a tokenizer_config.json whose added ids are words",
    (folder) => {
      editJson(join(folder, "tokenizer_config.json"), (json) => {
        json.added_tokens_decoder = { first: { content: "<first>" } };
      });
    },
    broken,
    ["<first>"],
  ),

  fileCase(
    "a checkpoint without chat template",
    (folder) => rmSync(join(folder, "chat_template.jinja")),
    "model/missing-chat-template",
    ["chat template"],
  ),
  templateCase("a chat template with an open block", "{% for message in messages %}", brokenTemplate, ["parsed"]),
  templateCase("a chat template with an unknown tag", "{% include 'x' %}", brokenTemplate, ["parsed"]),
  templateCase("a chat template with a word too much", "{{ 'a' b }}", brokenTemplate, ["closing expression token"]),
  templateCase("a chat template nested 100,000 deep", `{{ ${nested(100_000, "(", ")")} }}`, brokenTemplate, ["parsed"]),
  templateCase("a chat template that raises an error", "{{ raise_exception('no system role') }}", "data/chat", [
    "no system role",
  ]),
  templateCase("a chat template that calls what is not there", "{{ messages.nothing() }}", "data/chat", [
    "chat template",
  ]),
  templateCase(
    "a chat template that loops a trillion times",
    "{% for i in range(10000) %}{% for j in range(10000) %}{% for k in range(10000) %}{% endfor %}{% endfor %}{% endfor %}",
    brokenTemplate,
    ["ms"],
  ),
  templateCase("a chat template that asks for a billion numbers", "{{ range(1000000000) | length }}", "data/chat", [
    "range",
    "1000000000",
  ]),
  templateCase(
    "a chat template that calls itself for ever",
    "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
    "data/chat",
    ["chat template"],
  ),
  templateCase(
    "a chat template that doubles its text without end",
    `{% set s = namespace(x='abcdefgh') %}${"{% set s.x = s.x ~ s.x %}".repeat(25)}{{ s.x }}`,
    brokenTemplate,
    ["characters"],
  ),
  templateCase(
    "a chat template that reaches for the process",
    "{{ messages.constructor.constructor('return process')().exit(3) }}",
    "data/chat",
    ["chat template"],
  ),
  templateCase(
    "a chat template that drops the pictures",
    "{% for m in messages %}{{ m['role'] }}{% endfor %}",
    "data/placeholders",
    ["0 placeholders", "1 pictures"],
    true,
  ),
  templateCase(
    "a chat template that doubles the pictures",
    "<image><image>",
    "data/placeholders",
    ["2 placeholders", "1 pictures"],
    true,
  ),
  fileCase(
    "a chat template that is a number",
    (folder) => {
      rmSync(join(folder, "chat_template.jinja"));
      writeFileSync(join(folder, "chat_template.json"), '{"chat_template": 42}');
    },
    brokenTemplate,
    ["42"],
  ),
];

function patternOf(json: { pre_tokenizer: { pretokenizers: { pattern: { Regex: string } }[] } }): { Regex: string } {
  return json.pre_tokenizer.pretokenizers[0]!.pattern;
}
