/**
 * Opens a text for the language features: `iadr1.yaml`, or a data set file in one of the published layouts. A document is a
 * snapshot; what was found out about it is kept with it.
 */
import { isConfigPath } from "../config/configPath";
import { ConfigDocument } from "./config/document";
import { namedPaths } from "./config/paths";
import { DatasetDocument } from "./dataset/document";

export type LanguageDocument = ConfigDocument | DatasetDocument;

export interface OpenOptions {
  /** Folder that the image paths of a data set start from; that of the file when left out. See `imageFolders`. */
  images?: string;
  /** The snapshot before this one: unchanged pieces are not parsed again. */
  previous?: LanguageDocument | null;
}

/**
 * @param path absolute path of the file, which need not exist yet
 * @returns null for a text that is neither an experiment nor a data set
 */
export function openDocument(path: string, text: string, options: OpenOptions = {}): LanguageDocument | null {
  const { previous, images } = options;
  if (isConfigPath(path)) return ConfigDocument.open(path, text, previous?.kind === "config" ? previous : undefined);
  return DatasetDocument.open(path, text, images, previous?.kind === "dataset" ? previous : undefined);
}

/** Image folders that an experiment names for its data files, by the file's absolute path. */
export function imageFolders(config: ConfigDocument): Map<string, string> {
  const paths = new Map(namedPaths(config).map(({ at, absolute }) => [at.join("."), absolute]));
  const folders = new Map<string, string>();
  for (const [at, folder] of paths) {
    const file = at.endsWith(".images") ? paths.get(at.replace(/images$/, "path")) : undefined;
    if (file !== undefined) folders.set(file, folder);
  }
  return folders;
}
