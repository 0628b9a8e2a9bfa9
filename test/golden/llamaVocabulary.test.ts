/**
 * LLaVA-1.5 with the real LLaMA vocabulary. Its licence keeps it out of this project, so this runs only where the folder `shared`
 * with the vocabulary lies beside the project.
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { loadLlavaProcessor } from "@iad-r1/models/llava/processor";
import { type ChatMessage, loadChatTemplate } from "@iad-r1/models/text/chatTemplate";
import { loadTokenizer } from "@iad-r1/models/text/tokenizer";
import { describe, expect, test } from "vitest";
import { formulaPicture } from "../helpers/pictures";
import { readJsonLines } from "../helpers/tokenizerFolders";

const shared = join(import.meta.dirname, "../../../shared/tokenizers");
const folder = join(shared, "llava-1.5");

function sharedLines<T>(name: string): T[] {
  const lines = readFileSync(join(shared, "golden", name), "utf8")
    .trimEnd()
    .split("\n");
  return lines.map((line) => JSON.parse(line) as T);
}

describe.runIf(existsSync(folder))("with the LLaMA vocabulary, LLaVA-1.5", () => {
  test("gives the recorded ids of texts, and the texts back", async () => {
    const tokenizer = await loadTokenizer(folder);
    type Golden = { text: string; ids: number[]; ids_with_special: number[]; decoded: string };
    const records = sharedLines<Golden>("llava-1.5.jsonl");
    expect(records).toHaveLength(35);
    for (const { text, ids, ids_with_special, decoded } of records) {
      expect(tokenizer.encode(text), text).toEqual(ids);
      expect(tokenizer.encode(text, { addSpecialTokens: true }), text).toEqual(ids_with_special);
      expect(tokenizer.decode(ids), text).toBe(decoded);
    }
  });

  test("renders conversations as recorded", async () => {
    const tokenizer = await loadTokenizer(folder);
    const template = await loadChatTemplate(folder, tokenizer.namedTokens);
    type Chat = {
      model: string;
      case: string;
      messages: ChatMessage[];
      add_generation_prompt: boolean;
      rendered: string;
    };
    const records = sharedLines<Chat>("chat.jsonl").filter(({ model }) => model === "llava-1.5");
    expect(records).toHaveLength(5);
    for (const record of records) {
      const text = template.render(record.messages, { addGenerationPrompt: record.add_generation_prompt });
      expect(text, record.case).toBe(record.rendered);
    }
  });

  test("gives the recorded ids of prompts with pictures", async () => {
    interface PromptRecord {
      id: string;
      processor: string;
      messages: ChatMessage[];
      image_height_width: [number, number][];
      add_generation_prompt: boolean;
      text: string;
      input_ids: (number | [number, number])[];
      pixel_values_shape: number[];
    }
    const records = readJsonLines<PromptRecord>("vlm/prompts.jsonl").filter(
      ({ processor }) => processor === "llava-1-5",
    );
    expect(records).toHaveLength(4);
    const processor = await loadLlavaProcessor(folder);
    for (const record of records) {
      const pictures = record.image_height_width.map(([height, width]) => formulaPicture(height, width));
      const inputs = processor.prepareInputs(record.messages, pictures, {
        addGenerationPrompt: record.add_generation_prompt,
      });
      expect(inputs.promptText, record.id).toBe(record.text);
      const ids = record.input_ids.flatMap((id) => (typeof id === "number" ? [id] : Array<number>(id[1]).fill(id[0])));
      expect([...inputs.inputIds], record.id).toEqual(ids);
      expect(inputs.pixelShape, record.id).toEqual(record.pixel_values_shape);
    }
  });
});
