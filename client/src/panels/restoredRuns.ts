/**
 * Which runs a dashboard showed before its window was closed. Its page keeps them as its state; VS Code writes a state down some time after
 * the title, so that a window closed at once leaves only the title, which names the first run.
 */

/** Most runs that one dashboard shows. */
export const maxShownRuns = 20;

/** @param titleOf what a dashboard of a run is called, in the language of the window */
export function restoredRuns(state: unknown, title: string, titleOf: (run: string) => string): string[] {
  const kept = typeof state === "object" && state !== null && "runs" in state ? state.runs : null;
  if (Array.isArray(kept)) return kept.filter((id): id is string => typeof id === "string").slice(0, maxShownRuns);
  // Ids have no blank in them. A title that was not made here names no run.
  const last = title.split(" ").at(-1)!;
  return last !== "" && titleOf(last) === title ? [last] : [];
}
