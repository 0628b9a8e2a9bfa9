/**
 * For processes that work on a step of a run. Ctrl-C in a terminal goes to a whole group of processes: these would die of it in the middle
 * of the step that the run, which hears it too, still wants to finish and save. They end with their connection to the run.
 */
export const ownGroup = { detached: true, windowsHide: true } as const;
