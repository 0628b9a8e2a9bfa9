/**
 * From messages to token ids in which each image placeholder is repeated for as many rows as its picture has. What the
 * pictures are is the processors' matter.
 */
import type { ConfigReader } from "../checkpoint/configReader";
import { DataError } from "../errors";
import type { ChatMessage, ChatTemplate } from "./chatTemplate";
import type { Tokenizer } from "./tokenizer";

/** The text half of a processor. */
export interface TextSide {
  readonly tokenizer: Tokenizer;
  readonly chatTemplate: ChatTemplate;
  /** The placeholder of a picture, such as `<image>`. */
  readonly imageToken: string;
}

export interface PreparedText {
  /** Text of the chat template, with one placeholder for each picture. */
  promptText: string;
  inputIds: Int32Array;
  /** Places in `inputIds` of the rows of image features, in order. */
  imageTokenPositions: Int32Array;
}

/**
 * Renders and tokenizes messages, with the tokens that the model wants around a text unless the template wrote them.
 *
 * @param tokensPerImage rows of each picture, in the order of the image parts
 * @throws DataError `data/chat`, `data/placeholders`
 */
export function prepareText(
  side: TextSide,
  messages: readonly ChatMessage[],
  tokensPerImage: readonly number[],
  options: { addGenerationPrompt?: boolean } = {},
): PreparedText {
  const { tokenizer, chatTemplate, imageToken } = side;
  const promptText = chatTemplate.render(messages, options);
  const bos = tokenizer.namedTokens.bos_token;
  const addSpecialTokens = bos === undefined || !promptText.startsWith(bos);
  const ids = tokenizer.encode(promptText, { addSpecialTokens });
  const expanded = expandPlaceholders(ids, tokenizer.tokenToId(imageToken)!, tokensPerImage, imageToken);
  return { promptText, inputIds: expanded.ids, imageTokenPositions: expanded.positions };
}

/** The placeholder of a picture: of the tokenizer, of the processor's file, or the class's own. */
export function readImageToken(processor: ConfigReader, tokenizer: Tokenizer, fallback: string): string {
  const token = tokenizer.namedTokens.image_token ?? processor.string("image_token", fallback);
  if (tokenizer.tokenToId(token) === undefined) processor.fail("image_token", "a token of the tokenizer", token);
  return token;
}

export interface ExpandedIds {
  ids: Int32Array;
  /** Where the rows of image features go, in order; as many as all counts together. */
  positions: Int32Array;
}

/**
 * The same ids as tokenizing the text with repeated placeholders gives, since a placeholder is an added token, which
 * nothing beside it can change.
 *
 * @param counts rows of each picture, in the order of the placeholders
 * @throws DataError `data/placeholders` when there are not as many placeholders as pictures
 */
export function expandPlaceholders(
  ids: readonly number[],
  placeholderId: number,
  counts: readonly number[],
  placeholder: string,
): ExpandedIds {
  const found = ids.reduce((sum, id) => sum + (id === placeholderId ? 1 : 0), 0);
  if (found !== counts.length) {
    throw new DataError(
      "data/placeholders",
      `The prompt has ${found} placeholders ${placeholder} for ${counts.length} pictures.`,
      { hint: `Give one picture for each image part, and leave ${placeholder} out of the texts.` },
    );
  }
  const rows = counts.reduce((sum, count) => sum + count, 0);
  const result = new Int32Array(ids.length - found + rows);
  const positions = new Int32Array(rows);
  let at = 0;
  let row = 0;
  let picture = 0;
  for (const id of ids) {
    const count = id === placeholderId ? counts[picture++]! : 1;
    for (let i = 0; i < count; i++) {
      if (id === placeholderId) positions[row++] = at;
      result[at++] = id;
    }
  }
  return { ids: result, positions };
}
