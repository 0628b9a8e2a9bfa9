/** Entry of one run's own process: does the run it is told, tells its events, stops when it is asked. Knows no editor. */
import type { RunEvent, RunKind } from "@iad-r1/protocol/runs";
import type { ExperimentConfig } from "./config/experiment";
import { type RunContext, type RunOutcome, runTraining } from "./runs/postTrain";
import { serveHost } from "./runtime/workerHost";

/** What is sent to start a run. */
export interface RunRequest extends Pick<RunContext, "resume" | "runsFolder" | "runId"> {
  kind: RunKind;
  /** Null when a run is resumed. */
  config: ExperimentConfig | null;
}

/** Methods of the run process. */
export type RunMethods = { run: { params: RunRequest; result: RunOutcome; event: RunEvent } };

serveHost<RunMethods, null>(async () => ({
  methods: {
    run: ({ kind, config, ...request }, { signal, emit }) =>
      runTraining(kind, config, { ...request, signal, onEvent: emit }),
  },
}));
