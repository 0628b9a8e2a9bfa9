/** What Hugging Face keeps beside the weights of a checkpoint: copied when a new checkpoint is made from an old one. */
import { copyFile, readdir } from "node:fs/promises";
import { join } from "node:path";
import { writeError } from "./atomicFile";

export const companionFiles = [
  "config.json",
  "generation_config.json",
  "tokenizer.json",
  "tokenizer.model",
  "tokenizer_config.json",
  "special_tokens_map.json",
  "added_tokens.json",
  "vocab.json",
  "merges.txt",
  "chat_template.jinja",
  "chat_template.json",
  "preprocessor_config.json",
  "processor_config.json",
  "video_preprocessor_config.json",
];

/** @throws CheckpointError `checkpoint/unwritable`, ResourceError `disk/full` */
export async function copyCompanionFiles(
  source: string,
  target: string,
  except: readonly string[] = [],
): Promise<void> {
  const present = new Set(await readdir(source));
  for (const name of companionFiles) {
    if (!present.has(name) || except.includes(name)) continue;
    const path = join(target, name);
    await copyFile(join(source, name), path).catch((error: unknown) => {
      throw writeError(path, error);
    });
  }
}
