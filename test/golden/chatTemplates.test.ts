import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type ChatMessage, createChatTemplate, loadChatTemplate } from "@iad-r1/models/text/chatTemplate";
import { loadTokenizer } from "@iad-r1/models/text/tokenizer";
import { expect, test } from "vitest";
import { fixturesFolder, readJsonLines, type TokenizerFamily, tokenizerFolder } from "../helpers/tokenizerFolders";

interface Golden {
  model: string;
  case: string;
  messages: ChatMessage[];
  add_generation_prompt: boolean;
  rendered: string;
  ids?: number[];
}

const records = readJsonLines<Golden>("tokenizers/golden/chat.jsonl");

test.each<TokenizerFamily>(["llava-onevision", "qwen2-vl", "qwen2.5-vl"])(
  "conversations through the template of %s give the recorded text and ids",
  async (family) => {
    const tokenizer = await loadTokenizer(tokenizerFolder(family));
    const template = await loadChatTemplate(tokenizerFolder(family), tokenizer.namedTokens);
    const own = records.filter((record) => record.model === family);
    expect(own).toHaveLength(5);
    for (const record of own) {
      const text = template.render(record.messages, { addGenerationPrompt: record.add_generation_prompt });
      expect(text, record.case).toBe(record.rendered);
      expect(tokenizer.encode(text), record.case).toEqual(record.ids);
    }
  },
);

test("conversations through the template of LLaVA-1.6 give the recorded text", () => {
  const source = readFileSync(join(fixturesFolder, "tokenizers/llava-1.6-mistral/chat_template.jinja"), "utf8");
  const template = createChatTemplate(source);
  const own = records.filter((record) => record.model === "llava-1.6-mistral");
  expect(own).toHaveLength(5);
  for (const record of own) {
    const text = template.render(record.messages, { addGenerationPrompt: record.add_generation_prompt });
    expect(text, record.case).toBe(record.rendered);
  }
});
