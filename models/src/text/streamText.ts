/**
 * Text of a growing sequence of token ids, piece by piece, without ever breaking a character: bytes of an unfinished
 * UTF-8 sequence wait for the next token. It decides nothing about stopping.
 */
import { stripStart } from "./detokenize";
import type { Tokenizer } from "./tokenizer";

export interface TextStream {
  /** Takes the next id and returns the text that became complete; often empty for rare characters and emoji. */
  push(id: number): string;
  /** No more ids: what was waiting comes out as U+FFFD. The stream starts afresh. */
  end(): string;
}

/**
 * All pieces together equal `tokenizer.decode(ids)`, with one stated exception: where byte tokens (LLaMA) spell broken
 * UTF-8, decoding marks every byte of the run, while here characters already given out stay. Spacing is
 * never mended.
 *
 * @param options.skipSpecialTokens leave out ids in `tokenizer.specialIds`; default true
 */
export function createTextStream(tokenizer: Tokenizer, options: { skipSpecialTokens?: boolean } = {}): TextStream {
  const skip = options.skipSpecialTokens ?? true;
  const rules = tokenizer.decoderRules;
  let decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  let first = true;
  let blanksToStrip = rules.stripStart;

  function strip(text: string): string {
    if (blanksToStrip === 0 || text.length === 0) return text;
    const rest = stripStart(text, blanksToStrip);
    blanksToStrip = rest.length > 0 ? 0 : blanksToStrip - text.length;
    return rest;
  }

  return {
    push(id) {
      if ((skip && tokenizer.specialIds.has(id)) || tokenizer.idToToken(id) === undefined) return "";
      const { bytes } = tokenizer.tokenBytes(id, first);
      first = false;
      return strip(decoder.decode(bytes, { stream: true }));
    },
    end() {
      const text = strip(decoder.decode());
      decoder = new TextDecoder("utf-8", { ignoreBOM: true });
      first = true;
      blanksToStrip = rules.stripStart;
      return text;
    },
  };
}
