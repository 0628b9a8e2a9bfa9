/** The total of a row for lists and filters: the recorded one; where the recorder kept none, the sum of its rewards, as trainers weigh them unless told otherwise. */
import type { IndexedRow } from "./scanRecord";

export function totalOf({ total, rewards, status }: Pick<IndexedRow, "total" | "rewards" | "status">): number | null {
  if (total !== undefined) return total;
  let sum: number | null = null;
  for (const name in rewards) {
    // A failure leaves the total unknown, as in our own runs.
    if (status?.[name] === "error") return null;
    const score = rewards[name];
    if (score !== null && score !== undefined) sum = (sum ?? 0) + score;
  }
  return sum;
}
