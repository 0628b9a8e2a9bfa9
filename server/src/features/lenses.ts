/** Actions above lines. */
import { datasetLenses } from "./dataset/lenses";
import type { LanguageDocument } from "./documents";
import type { Lens } from "./types";

export function lensesOf(document: LanguageDocument): Lens[] {
  return document.kind === "config" ? [] : datasetLenses(document);
}
