/** Image placeholders among token ids: each is repeated for as many rows as its picture has. */
import { DataError } from "../errors";

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
