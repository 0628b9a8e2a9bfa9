/**
 * Opens a text for the language features: `iadr1.yaml`, or a data set file in one of the published layouts. A document is a
 * snapshot; what was found out about it is kept with it.
 */
import { basename } from "node:path";
import { ConfigDocument } from "./config/document";
import { DatasetDocument } from "./dataset/document";

export type LanguageDocument = ConfigDocument | DatasetDocument;

/**
 * @param path absolute path of the file, which need not exist yet
 * @param previous the snapshot before this one: unchanged pieces are not parsed again
 * @returns null for a text that is neither an experiment nor a data set
 */
export function openDocument(path: string, text: string, previous?: LanguageDocument | null): LanguageDocument | null {
  if (isConfigPath(path)) return ConfigDocument.open(path, text, previous instanceof ConfigDocument ? previous : undefined);
  if (!/\.jsonl?$/i.test(path)) return null;
  return DatasetDocument.open(path, text, previous instanceof DatasetDocument ? previous : undefined);
}

/** `iadr1.yaml`, `iadr1.yml`, `iadr1.json`, and `NAME.iadr1.yaml` for several experiments in one folder. */
export function isConfigPath(path: string): boolean {
  return /^(?:.+\.)?iadr1\.(?:ya?ml|json)$/i.test(basename(path));
}
