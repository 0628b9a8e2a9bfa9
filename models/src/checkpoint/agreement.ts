/** What config.json and the processor's files both say must be the same: token counts come from one, features from the other. */
import { ModelFileError } from "../errors";

const hint = "Take config.json, tokenizer and processor files from the same checkpoint.";

/**
 * @param facts what, as config.json says, as the processor's files say
 * @param where the processor's file
 * @throws ModelFileError `model/processor-mismatch`
 */
export function requireAgreement(
  facts: readonly (readonly [what: string, config: unknown, files: unknown])[],
  where: string,
): void {
  for (const [what, expected, got] of facts) {
    if (expected === got) continue;
    throw new ModelFileError(
      "model/processor-mismatch",
      `${what}: config.json says ${String(expected)}, the processor's files say ${String(got)}.`,
      { where, hint },
    );
  }
}

/**
 * Embeddings often have more rows than there are tokens; with fewer, a token would read beyond the table.
 *
 * @throws ModelFileError `model/processor-mismatch`
 */
export function requireVocabulary(modelSize: number, tokenizerSize: number): void {
  if (tokenizerSize <= modelSize) return;
  throw new ModelFileError(
    "model/processor-mismatch",
    `vocab_size: config.json says ${modelSize}, the tokenizer has the id ${tokenizerSize - 1}.`,
    { where: "tokenizer.json", hint },
  );
}
