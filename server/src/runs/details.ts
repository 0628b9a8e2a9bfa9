/** One run in full, for a view: what the manifest says, checkpoints that are on disk, evaluations, the end of the log. */
import type { RunDetails, RunListing } from "@iad-r1/protocol/runs";
import { CheckpointStore } from "./checkpoints";
import { evaluationRows } from "./compareRuns";
import { folderSize } from "./durableFile";
import { checkpointModel } from "./postTrain";
import { readRunLog } from "./process";
import type { StoredRun } from "./store";

const maxLogBytes = 64 << 10;

export function runDetails(run: StoredRun, listing: RunListing): RunDetails {
  const { folder, manifest } = run;
  const checkpoints = new CheckpointStore(folder).list();
  return {
    ...{ listing, manifest, log: readRunLog(folder, maxLogBytes) },
    checkpoints: checkpoints.flatMap(({ folder: place, path, state }) => {
      const sizeBytes = sizeUnlessGone(place);
      if (sizeBytes === null) return [];
      const newest = checkpoints.findLast((other) => other.state.stage === state.stage);
      const one = {
        ...{ path, stage: state.stage, step: state.step, balancedAccuracy: state.balancedAccuracy },
        best: newest?.state.best?.step === state.step,
        ...{ sizeBytes, model: checkpointModel(folder, manifest, state.stage, place) },
      };
      return [one];
    }),
    evaluations: evaluationRows(run.evaluations()).map(({ label, stage, step, report, samplesFile }) => {
      return { label, stage, step, report, samplesFile };
    }),
  };
}

/** The run may delete a checkpoint, or write it anew, while it is looked at. */
function sizeUnlessGone(checkpoint: string): number | null {
  try {
    return folderSize(checkpoint);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
}
