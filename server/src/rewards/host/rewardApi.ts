/**
 * What a reward file gets when it imports "iad-r1/reward". Its types for people's projects are `user/rewardDeclaration.ts`; a test
 * keeps both together.
 */
import { typeScore } from "../defectConcepts";
import { referenceTypeScore } from "../defectType";
import { parseCell, referenceCell } from "../location";
import { ratio } from "../similarity";
import { parseTags as readTags } from "../tags";

const skipMark = Symbol("iad-r1/skip");

/** What `skip` gives: "this reward says nothing here". */
export interface Skipped {
  readonly [skipMark]: true;
  readonly reason: string;
}

export interface RewardDescriptor {
  readonly name?: string;
  readonly weight?: number;
  readonly scope?: "sample" | "group";
  readonly range?: { readonly min: number; readonly max: number };
  readonly impure?: boolean;
  readonly description?: string;
  readonly score: (context: never) => unknown;
}

/** Marks a descriptor as a reward; returns it. */
export function defineReward(descriptor: RewardDescriptor): RewardDescriptor {
  return descriptor;
}

/** Ends a reward without a score: return what this gives. */
export function skip(reason = "does not apply"): Skipped {
  return { [skipMark]: true, reason: String(reason) };
}

export function isSkipped(value: unknown): value is Skipped {
  return typeof value === "object" && value !== null && skipMark in value;
}

/** Reads a text in the answer grammar with care; see `tags.ts`. */
export const parseTags = readTags;

/** Cell 1 to 9 of the 3x3 grid in the published way: substrings, and no keyword is the centre. */
export const publishedCell = referenceCell;

/** Cell 1 to 9 of a phrase read with care, or null when it names no place. */
export const placeCell = parseCell;

/** The published score of a defect type against the true one, 0 to 1. */
export function publishedTypeScore(predicted: string, actual: string): number {
  return referenceTypeScore(predicted, actual).score;
}

/** Score of a defect type in any wording against the true one, 0 to 1. */
export const defectTypeScore = typeScore;

/** Python's `difflib.SequenceMatcher(None, a, b).ratio()`. */
export const similarity = ratio;
