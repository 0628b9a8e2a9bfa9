/** generation_config.json: which tokens end a text and what sampling the checkpoint's authors recommend. */
import { readJsonFile } from "../util/jsonFile";
import { ConfigReader } from "./configReader";

export interface GenerationConfig {
  /** Any of these ends a completion. */
  eosTokenIds: readonly number[];
  padTokenId: number | null;
  doSample: boolean;
  temperature: number;
  topK: number;
  topP: number;
  /** 1 is off; above 1 divides positive logits of tokens already seen, prompt included. */
  repetitionPenalty: number;
}

/**
 * Reads the file; what it leaves out comes from the text configuration, then from transformers' defaults.
 *
 * @param text the text_config of config.json
 * @param vocabSize V; an end token beyond it would never come
 * @throws ModelFileError `model/config-value`
 */
export async function readGenerationConfig(
  folder: string,
  text: ConfigReader,
  vocabSize: number,
): Promise<GenerationConfig> {
  const tokenIds = { min: 0, max: vocabSize - 1 };
  const name = "generation_config.json";
  const reader = new ConfigReader((await readJsonFile(folder, name)) ?? {}, name);
  const eosTokenIds = reader.integers("eos_token_id", tokenIds);
  const pad = reader.has("pad_token_id") ? reader : text;
  return {
    eosTokenIds: eosTokenIds.length > 0 ? eosTokenIds : text.integers("eos_token_id", tokenIds),
    padTokenId: pad.has("pad_token_id") ? pad.integer("pad_token_id", { min: -1, max: tokenIds.max }) : null,
    doSample: reader.boolean("do_sample", false),
    temperature: reader.number("temperature", { min: 0, max: 1e6 }, 1),
    topK: reader.integer("top_k", { min: 0, max: 1 << 22 }, 50),
    topP: reader.number("top_p", { min: 0, max: 1 }, 1),
    repetitionPenalty: reader.number("repetition_penalty", { min: 1e-6, max: 1e6 }, 1),
  };
}
