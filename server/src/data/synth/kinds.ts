/** All kinds of products that the generator knows, by id. */
import { PART_KINDS } from "./kinds/parts";
import { PRINTED_KINDS } from "./kinds/printed";
import { TEXTURE_KINDS } from "./kinds/textures";
import type { Kind } from "./scene";

export const KINDS: readonly Kind[] = [...TEXTURE_KINDS, ...PART_KINDS, ...PRINTED_KINDS];

export const KIND_IDS: readonly string[] = KINDS.map((kind) => kind.id);
