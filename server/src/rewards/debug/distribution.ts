/** Numbers of one column as they cross to the editor. */
import type { Distribution } from "@iad-r1/protocol/rewardDebugger";
import { histogram, summarize } from "../analysis/distributions";

/** Enough to see the shape in a hover; more would only be noise. */
const numBins = 24;

/** @returns null without a finite number; others are left out */
export function distributionOf(values: readonly number[]): Distribution | null {
  const finite = values.filter(Number.isFinite);
  if (finite.length === 0) return null;
  return { ...summarize(finite), bins: histogram(finite, numBins).counts };
}
