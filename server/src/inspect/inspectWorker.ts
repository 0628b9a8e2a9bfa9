/**
 * Entry of the process that owns one model for inspections. A process and not a thread: a driver that crashes takes only this model's
 * jobs with it.
 */
import type { HeatMap, InspectEvent, Inspection } from "@iad-r1/protocol/inspect";
import { constants, setPriority } from "node:os";
import { serveHost } from "../runtime/workerHost";
import type { HeatMapQuestion } from "./heatMap";
import { type InspectorOptions, type InspectRequest, openInspector } from "./inspectImage";

/** Methods of the model process. */
export type InspectMethods = {
  /** Another adapter on the loaded base; jobs after it are answered with it. */
  useAdapter: { params: { folder: string | null }; result: null; event: never };
  inspect: { params: Omit<InspectRequest, "signal" | "onEvent">; result: Inspection; event: InspectEvent };
  heatMap: {
    params: Omit<HeatMapQuestion, "signal" | "onProgress">;
    result: HeatMap;
    event: { done: number; total: number };
  };
};

export interface InspectWorkerOptions extends InspectorOptions {
  /** Lets what else runs go first; default false. */
  background?: boolean;
}

serveHost<InspectMethods, InspectWorkerOptions>(async ({ background = false, ...options }) => {
  try {
    if (background) setPriority(constants.priority.PRIORITY_BELOW_NORMAL);
  } catch {
    // Only a wish; not every system lets a process have it.
  }
  const inspector = await openInspector(options);
  return {
    methods: {
      useAdapter: async ({ folder }) => {
        await inspector.useAdapter(folder);
        return null;
      },
      inspect: (request, { signal, emit }) => inspector.inspect({ ...request, signal, onEvent: emit }),
      heatMap: (request, { signal, emit }) =>
        inspector.heatMap({ ...request, signal, onProgress: (done, total) => emit({ done, total }) }),
    },
    dispose: () => inspector.dispose(),
  };
});
