/** A run folder with rollouts of the sample photographs, and the server's own explorer as the host's answers: no made-up numbers. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { RewardTrace, RolloutKey } from "@iad-r1/protocol/rewardDebugger";
import type { ExploreQuery } from "@iad-r1/protocol/rollouts";
import type { RolloutRecord } from "@iad-r1/protocol/runs";
import type { ExplorerState } from "@iad-r1/protocol/webview";
import { Explorer } from "@iad-r1/server/explore/explorer";
import { type PictureKind, rolloutPicture } from "@iad-r1/server/explore/pictures";
import { rolloutStatus, scoreCompletions } from "@iad-r1/server/rewards/evaluate";
import { createRewardRegistry } from "@iad-r1/server/rewards/registry";
import { RolloutTablesWriter } from "@iad-r1/server/rollouts/tables";
import { groupAdvantages } from "@iad-r1/server/train/advantages";
import { annotations } from "./pictures";
import { noise } from "./runs";

const samples = fileURLToPath(new URL("../../../samples/real/", import.meta.url));
const groupSize = 8;

export interface RecordedRun {
  folder: string;
  explorer: Explorer;
}

let recorded: Promise<RecordedRun> | null = null;

/** Forty steps of four groups of eight; made once, removed with the process. */
export function recordedRun(): Promise<RecordedRun> {
  recorded ??= record(40, 4).then(withOverview);
  return recorded;
}

export async function record(numSteps: number, groupsPerStep: number): Promise<RecordedRun> {
  const folder = mkdtempSync(join(tmpdir(), "iad-r1-rollouts-"));
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
  mkdirSync(join(folder, "rollouts"));
  writeFileSync(join(folder, "run.json"), JSON.stringify({ config: { preset: "iad-r1" } }));
  const rewards = createRewardRegistry().resolve(["iad-r1"]);
  const tables = new RolloutTablesWriter(folder);
  const random = noise(11);
  for (let step = 1; step <= numSteps; step++) {
    const records: RolloutRecord[] = [];
    for (let group = 0; group < groupsPerStep; group++) {
      const sample = annotations[(step * groupsPerStep + group) % 24]!;
      const solution =
        sample.label === "normal"
          ? "<answer>No</answer>"
          : `<location>${sample.locations[0]}</location><type>${sample.defect_type}</type><answer>Yes</answer>`;
      const columns = { id: sample.id, category: sample.category, label: sample.label, defectType: sample.defect_type };
      const isSure = (step + group) % 5 === 0;
      const completions = Array.from({ length: groupSize }, (_, index) =>
        isSure ? answers(solution, 0) : answers(solution, Math.floor(Math.abs(random()) * 6 + index / 8)),
      );
      const rows = scoreCompletions(
        rewards,
        completions.map((completion) => ({ completion, solution, columns })),
      );
      const { advantages } = groupAdvantages(
        rows.map(({ total }) => total),
        { groupSize },
      );
      const image = join(samples, sample.image);
      const mask = sample.mask === null ? null : join(samples, sample.mask);
      const hash = "5".repeat(64);
      tables.add([
        {
          ...{ hash, picture: image, sampleId: sample.id, image, mask, columns, synth: null },
          messages: [
            { role: "user", content: "<image>\nAre there any defects in the picture? Answer with Yes or No." },
          ],
        },
      ]);
      rows.forEach((row, index) => {
        const completion = completions[index]!;
        records.push({
          ...{ run: "demo", step, mode: "train", group, index, sampleId: sample.id, promptHash: hash },
          imageRefs: [{ id: image, sha256: "0".repeat(64), sizeBytes: 1 }],
          ...{ solution, completion, finish: completion.endsWith("</answer>") ? "eos" : "length" },
          ...{ length: 24 + Math.round(completion.length / 4), rewards: row.scores },
          status: Object.fromEntries(Object.entries(row.status).map(([name, one]) => [name, rolloutStatus(one)])),
          ...{ notes: {}, total: row.total, advantage: advantages[index]!, refKl: 0.012, entropy: 0.61 },
          ...{ meanLogProb: -0.42, timings: { generateMs: 900, rewardMs: 0.2 } },
          ...tokensOf(completion, noise(step * 100 + group * 10 + index)),
        });
      });
    }
    const name = `rollouts/step-${String(step).padStart(6, "0")}.jsonl`;
    writeFileSync(join(folder, name), records.map((record) => `${JSON.stringify(record)}\n`).join(""));
  }
  return { folder, explorer: new Explorer() };
}

/** Words, blanks, and tags in their pieces; the model is unsure of some words. */
function tokensOf(completion: string, random: () => number) {
  const tokens = completion.match(/<\/?|>|\s?[\w]+|\s|[^\w\s<>]/g)!;
  return {
    tokenLengths: [...tokens.map(({ length }) => length), 0],
    tokenLogProbs: [
      ...tokens.map((text) => (/\w/.test(text) ? -Math.round(3000 * Math.abs(random()) ** 3) / 1000 : 0)),
      0,
    ],
  };
}

/** From right to cut off. */
function answers(solution: string, kind: number): string {
  const think = "The part is evenly lit. From the upper edge a thin dark line runs towards the middle.";
  if (kind === 0) return `<think>${think}</think>${solution}`;
  if (kind === 1) return `<think>${think}</think><location>center</location><type>stain</type><answer>Yes</answer>`;
  if (kind === 2) return "<think>The surface is even and nothing breaks the texture.</think><answer>No</answer>";
  if (kind === 3)
    return `<think>${think}</think>\n<location>\ntop left\n</location>\n<type>crack</type>\n<answer>Yes</answer>`;
  if (kind === 4) return "<think>The product is fine, I think.</think>No defect";
  return `<think>${think} It is not clear whether`;
}

export const trace: RewardTrace = {
  outcome: { status: "ok", score: 0.5, reason: null },
  steps: [
    {
      start: 0,
      end: 9,
      line: 11,
      kind: "regex",
      source: "/<location>(.*?)<\\/location>/.exec(completion)",
      value: "null",
      type: "null",
    },
    { start: 12, end: 20, line: 12, kind: "condition", source: "match === null", value: "true", type: "boolean" },
    {
      start: 30,
      end: 50,
      line: 16,
      kind: "expression",
      source: "answer === truth ? 0.5 : 0",
      value: "0.5",
      type: "number",
    },
    { start: 60, end: 66, line: 18, kind: "return", source: "score", value: "0.5", type: "number" },
  ],
};

export function explorerState({ folder }: RecordedRun, change: Partial<ExplorerState> = {}): ExplorerState {
  return {
    source: { kind: "run", run: "demo" },
    overview: null,
    error: null,
    wanted: { turn: 0, query: null, rollout: null, reward: null },
    ...{ pinned: null, flips: null, canRun: true },
    functions: [{ name: "locationReward", uri: `file://${folder}/rewards/location.reward.ts` }],
    ...overviews.get(folder),
    ...change,
  };
}

/** Filled by `explorerAnswers`: the overview comes from the explorer too. */
const overviews = new Map<string, Pick<ExplorerState, "overview">>();

export async function withOverview(run: RecordedRun): Promise<RecordedRun> {
  const overview = await run.explorer.overview(run.folder);
  overviews.set(run.folder, { overview: { ...overview, label: "demo-run", source: { kind: "run", run: "demo" } } });
  return run;
}

export function explorerAnswers({ folder, explorer }: RecordedRun): Record<string, (body: never) => unknown> {
  type Place = { step: number | null; group: string };
  return {
    "query/get": (query: ExploreQuery) => explorer.query(folder, query, null),
    "groups/get": ({ query, offset, limit }: { query: ExploreQuery; offset: number; limit: number }) =>
      explorer.groups(folder, query, offset, limit),
    "place/get": ({ query, step, group }: Place & { query: ExploreQuery }) =>
      explorer.place(folder, query, { step, group }),
    "group/get": ({ query, step, group }: Place & { query: ExploreQuery }) =>
      explorer.group(folder, step, group, query),
    "advantages/get": ({ step, group }: Place) => explorer.advantages(folder, step, group),
    "whatIf/get": ({ rollout, completion }: { rollout: RolloutKey; completion: string }) =>
      explorer.whatIf(folder, rollout, completion),
    "trace/get": () => trace,
    "picture/get": async ({ step, group, kind }: Place & { kind: PictureKind }) => {
      const picture = await explorer.picture(folder, step, group);
      const found = picture === null ? null : await rolloutPicture(picture, kind);
      return found === null ? null : { mime: found.mime, data: found.data };
    },
  };
}
