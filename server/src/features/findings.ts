/** Problems of a document with quick fixes. */
import { configFileFindings } from "./config/fileFindings";
import { configFindings } from "./config/findings";
import { datasetFileFindings, datasetFindings } from "./dataset/findings";
import type { LanguageDocument } from "./documents";
import type { FileProbe, Finding } from "./types";

/** What the text alone tells; quick enough for every keystroke. */
export function textFindings(document: LanguageDocument): Finding[] {
  return document.kind === "config" ? configFindings(document) : datasetFindings(document);
}

/** Files that are named and are not there. For a pause in typing. @throws the reason of an aborted signal */
export async function fileFindings(
  document: LanguageDocument,
  files: FileProbe,
  signal?: AbortSignal,
): Promise<Finding[]> {
  return document.kind === "config"
    ? configFileFindings(document, files, signal)
    : datasetFileFindings(document, files, signal);
}
