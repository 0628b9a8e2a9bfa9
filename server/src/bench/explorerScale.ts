/**
 * A hundred thousand rollouts, as a long run leaves them: how long the explorer takes to open them and to answer a filter. What a page does
 * with the answer is not in it.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { InternalError } from "@iad-r1/models/errors";
import { createRandom } from "@iad-r1/models/util/random";
import { type ExploreFilter, noFilter } from "@iad-r1/protocol/rollouts";
import type { RolloutRecord } from "@iad-r1/protocol/runs";
import { Explorer } from "../explore/explorer";

const groupSize = 8;
const groupsPerStep = 25;

/** Writes a run folder with `numSteps` steps of 200 rollouts. */
export function writeLongRun(folder: string, numSteps: number): void {
  mkdirSync(join(folder, "rollouts"), { recursive: true });
  writeFileSync(join(folder, "run.json"), JSON.stringify({ config: { preset: "iad-r1" } }));
  const random = createRandom("bench", "explorer");
  const vocabulary = "the surface plate shows a scratch dark line edge left right smooth clean part defect".split(" ");
  for (let step = 1; step <= numSteps; step++) {
    const lines: string[] = [];
    for (let group = 0; group < groupsPerStep; group++) {
      const sample = (step * groupsPerStep + group) % 400;
      const isAnomalous = sample % 2 === 0;
      const defect = "<location>top left</location><type>scratch</type><answer>Yes</answer>";
      for (let index = 0; index < groupSize; index++) {
        const think = Array.from({ length: 60 }, () => random.pick(vocabulary)).join(" ");
        const right = random.next() < 0.6;
        const score = right ? 1 : 0;
        const record: RolloutRecord = {
          ...{ run: "bench", step, mode: "train", group, index, sampleId: `sample-${sample}` },
          imageRefs: [{ id: `/data/${sample}.png`, sha256: "0".repeat(64), sizeBytes: 100_000 }],
          ...{ promptHash: "a".repeat(64), solution: isAnomalous ? defect : "<answer>No</answer>" },
          completion: `<think>${think}</think>${isAnomalous === right ? defect : "<answer>No</answer>"}`,
          ...{ finish: "eos", length: 90 },
          rewards: { "iad-r1/consistency": score, "iad-r1/accuracy": score * random.next() },
          status: { "iad-r1/consistency": "ok", "iad-r1/accuracy": "ok" },
          ...{ notes: {}, total: score * (1 + random.next()), advantage: random.next() - 0.5 },
          ...{ refKl: random.next() / 10, entropy: random.next(), meanLogProb: -random.next() },
          timings: { generateMs: 900.5, rewardMs: 0.2 },
          // Of most tokens a model is sure.
          tokenLengths: Array.from({ length: 90 }, () => Math.floor(random.next() * 8)),
          tokenLogProbs: Array.from({ length: 90 }, () =>
            random.next() < 0.7 ? 0 : -Math.round(1000 * random.next()) / 1000,
          ),
        };
        lines.push(`${JSON.stringify(record)}\n`);
      }
    }
    writeFileSync(join(folder, `rollouts/step-${String(step).padStart(6, "0")}.jsonl`), lines.join(""));
  }
}

const filters: readonly ExploreFilter[] = [
  { ...noFilter, facets: { verdict: ["missed"] } },
  { ...noFilter, text: "scratch dark" },
  { ...noFilter, ranges: [{ column: "total", min: 1, max: 1.5 }], facets: { label: ["anomalous"] } },
];

export class ExplorerBench {
  constructor(
    private readonly folder: string,
    private readonly numRollouts: number,
  ) {}

  /** What a person waits for when the explorer opens: what there is, the facets, the first rows, one group. @throws InternalError `internal/bench` */
  async open(): Promise<Explorer> {
    const explorer = new Explorer();
    const { folder } = this;
    const { numRollouts } = await explorer.overview(folder);
    const query = { filter: noFilter, order: "order", descending: false } as const;
    const answer = await explorer.query(folder, query, null);
    const { rows } = await explorer.groups(folder, query, 0, 50);
    await explorer.group(folder, rows[0]!.step, rows[0]!.group, query);
    if (numRollouts !== this.numRollouts || answer.numRollouts !== this.numRollouts) {
      throw new InternalError("internal/bench", `Expected ${this.numRollouts} rollouts, got ${numRollouts}.`);
    }
    return explorer;
  }

  /** Seconds of the slowest of a few filters that were not asked before. */
  async slowestFilter(explorer: Explorer, turn: number): Promise<number> {
    let slowest = 0;
    for (const filter of filters) {
      // Another order each time: an answer that is remembered costs nothing.
      const varied = { ...filter, ranges: [...filter.ranges, { column: "step", min: 1, max: 100_000 + turn }] };
      const started = performance.now();
      const { numRollouts } = await explorer.query(
        this.folder,
        { filter: varied, order: "std", descending: true },
        null,
      );
      slowest = Math.max(slowest, (performance.now() - started) / 1000);
      if (numRollouts === 0) throw new InternalError("internal/bench", "A filter let nothing through.");
    }
    return slowest;
  }
}
