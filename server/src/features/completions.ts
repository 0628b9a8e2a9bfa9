/** What can be written at a place. Data set files have none: they are made by tools and looked at by people. */
import { configCompletions } from "./config/completions";
import type { LanguageDocument } from "./documents";
import type { Completion, FeatureContext, TextPosition } from "./types";

export async function completionsAt(
  document: LanguageDocument,
  position: TextPosition,
  context: FeatureContext,
): Promise<Completion[]> {
  return document.kind === "config" ? configCompletions(document, position, context) : [];
}
