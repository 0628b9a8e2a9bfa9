/** What stands under the pointer means. */
import { configHover } from "./config/hovers";
import { datasetHover } from "./dataset/hovers";
import type { LanguageDocument } from "./documents";
import type { FeatureContext, HoverText, TextPosition } from "./types";

export async function hoverAt(
  document: LanguageDocument,
  position: TextPosition,
  context: FeatureContext,
): Promise<HoverText | null> {
  return document.kind === "config" ? configHover(document, position) : datasetHover(document, position, context);
}
