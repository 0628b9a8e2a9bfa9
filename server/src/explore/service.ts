/** The near side of the explorer: starts its worker when first asked, and again after a crash. */
import { WorkerError } from "@iad-r1/models/errors";
import type { RolloutKey } from "@iad-r1/protocol/rewardDebugger";
import type {
  AdvantageTable,
  ExploreAnswer,
  ExploredGroup,
  ExploreQuery,
  GroupRow,
  RolloutExport,
  RolloutExportFormat,
  RolloutOverview,
  WhatIfAnswer,
} from "@iad-r1/protocol/rollouts";
import type { RolloutRow } from "../rollouts/row";
import { entryPath } from "../runtime/entry";
import { startWorker, type WorkerClient } from "../runtime/workerClient";
import type { PictureReference } from "./pictures";

interface In {
  path: string;
}

interface InGroup extends In {
  step: number | null;
  group: string;
}

/** What the worker does; `path` is a run folder or a file. */
export type ExploreTypes = {
  overview: { params: In; result: Omit<RolloutOverview, "source"> };
  query: { params: In & { query: ExploreQuery; flips: RolloutKey[] | null }; result: ExploreAnswer };
  groups: {
    params: In & { query: ExploreQuery; offset: number; limit: number };
    result: { total: number; rows: GroupRow[] };
  };
  place: { params: In & { query: ExploreQuery; key: { step: number | null; group: string } }; result: number };
  group: { params: InGroup & { query: ExploreQuery }; result: ExploredGroup };
  advantages: { params: InGroup; result: AdvantageTable };
  whatIf: { params: In & { key: RolloutKey; completion: string }; result: WhatIfAnswer };
  row: { params: In & { key: RolloutKey }; result: RolloutRow };
  picture: { params: InGroup; result: PictureReference | null };
  export: { params: In & { query: ExploreQuery; format: RolloutExportFormat; out: string }; result: RolloutExport };
};

export type ExploreMethods = { [K in keyof ExploreTypes]: ExploreTypes[K] & { event: never } };

export class ExploreService {
  private client: Promise<WorkerClient<ExploreMethods>> | null = null;

  constructor(private readonly options: { entry?: string; onLog?: (text: string) => void } = {}) {}

  /** @throws what the explorer throws, WorkerError, CancelledError */
  async run<K extends keyof ExploreTypes>(
    name: K,
    params: ExploreTypes[K]["params"],
    signal?: AbortSignal,
  ): Promise<ExploreTypes[K]["result"]> {
    const client = await this.start();
    try {
      return await client.call(name, params as never, signal === undefined ? {} : { signal });
    } catch (error) {
      if (WorkerError.is(error, "worker/crashed")) this.client = null;
      throw error;
    }
  }

  async dispose(): Promise<void> {
    const client = this.client;
    this.client = null;
    await client?.then((one) => one.dispose()).catch(() => undefined);
  }

  private start(): Promise<WorkerClient<ExploreMethods>> {
    if (this.client !== null) return this.client;
    const { entry = entryPath("exploreWorker"), onLog } = this.options;
    const started = startWorker<ExploreMethods, null>(
      { isolation: "thread", entry },
      { name: "The rollout explorer", init: null, graceMs: 5_000, ...(onLog !== undefined && { onLog }) },
    );
    this.client = started;
    const forget = () => {
      if (this.client === started) this.client = null;
    };
    started.then((client) => client.closed).then(forget, forget);
    return started;
  }
}
