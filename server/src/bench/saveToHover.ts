/**
 * From a saved reward file to new values in its hovers, through the service and the workers that an editor uses: the file is read, rewritten,
 * run plainly and watched on 512 rollouts, and the answer is put together.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { InternalError } from "@iad-r1/models/errors";
import { type OpenReward, RewardDebugService } from "../rewards/debug/debugService";
import type { RolloutRow } from "../rollouts/row";

export class SaveToHover {
  private readonly service: RewardDebugService;
  private readonly path: string;
  private version = 1;
  private onReport: (() => void) | null = null;

  /** @param source text of a reward file with a line `// version 0`, which is changed at each save */
  constructor(
    folder: string,
    name: string,
    private readonly source: string,
    rows: readonly RolloutRow[],
  ) {
    mkdirSync(folder, { recursive: true });
    const rollouts = join(folder, "rollouts.jsonl");
    writeFileSync(rollouts, rows.map((row) => `${JSON.stringify(row)}\n`).join(""));
    this.path = join(folder, name);
    this.service = new RewardDebugService({
      runs: () => [{ source: { kind: "file", path: rollouts }, path: rollouts, name: "bench" }],
      folders: () => [folder],
      rewardFolders: () => ["rewards"],
      mayRun: true,
      onChange: () => this.onReport?.(),
      onScope: () => undefined,
    });
  }

  /** Opens the file and waits for its first values. */
  async start(): Promise<void> {
    await this.service.startLive({ onType: false, timeLimitMs: 60_000 });
    await this.save();
  }

  /** Seconds from saving another text to the report that hovers look at. @throws InternalError `internal/bench` */
  async save(): Promise<number> {
    const text = this.source.replace("// version 0", `// version ${++this.version}`);
    const started = performance.now();
    const isThere = new Promise<void>((resolve, reject) => {
      this.onReport = () => {
        const entry = this.service.look(this.path);
        if (entry?.state === "failed") reject(failed(entry.report?.problem ?? "the reward could not be run"));
        if (entry?.state === "live" && entry.report?.text === text) resolve();
      };
    });
    this.service.change(this.path, this.version, text);
    this.service.saved(this.path);
    await isThere;
    this.onReport = null;
    const { report } = this.service.look(this.path)!;
    const isScored = report!.functions.length > 0 && report!.functions.every(({ freshness }) => freshness === "live");
    if (!isScored || report!.sites.length === 0) throw failed("the report holds no new values");
    return (performance.now() - started) / 1000;
  }

  /** What is known of the file now. */
  look(): OpenReward {
    return this.service.look(this.path)!;
  }

  /** Waits for findings that come after the values. */
  settled(): Promise<void> {
    return this.service.settled(this.path);
  }

  close(): Promise<void> {
    return this.service.dispose();
  }
}

function failed(what: string): InternalError {
  return new InternalError("internal/bench", `Expected new values, but ${what}.`);
}
