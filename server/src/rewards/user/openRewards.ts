/**
 * Rewards of a run by name, people's own among them: `rewards/place.reward.ts#location`, `rewards/all.py`, `iad-r1/accuracy`,
 * `iad-r1-strict`. Own ones run in processes; a call that hangs or kills its process costs its completion, not the run.
 */
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { ConfigError, RewardError } from "@iad-r1/models/errors";
import { parseRewardPath } from "../../config/rewardPath";
import type { OutsideReward, RewardInput, RewardOutcome, WeightedReward } from "../contract";
import { failed } from "../contract";
import { createRewardRegistry, type RewardUse } from "../registry";
import { discoverRewards } from "./discover";
import { loadModuleGraph } from "./moduleGraph";
import { type RewardDeclaration, type RewardProgram, unreadable } from "./program";
import { pythonVersion } from "./pythonModules";
import type { Instrumenter } from "./recording";
import { type RewardRunner, type RunnerOptions, startRunner } from "./runner";
import type { RolloutRow } from "../../rollouts/row";

export interface OpenRewardsOptions {
  /** Folder that relative paths start from. */
  folder: string;
  /** Names the line of a hang in TypeScript. */
  instrument?: Instrumenter;
  /** Longest time of a reward for one step; 2 s when left out. */
  wallMs?: number;
  seed?: number;
  python?: string;
  /** The text of a file, where an editor holds a newer one than the disk. */
  read?: (file: string) => string;
}

export interface OpenRewards {
  rewards: WeightedReward[];
  /** The files behind the own rewards, as they were read. */
  programs: RewardProgram[];
  /** Ends their processes. */
  close(): Promise<void>;
}

/**
 * Finds the rewards; code runs only when they are asked to score. A file without `#name` means all of its functions. Weights are those
 * that are given, times the file's own where the weight is left out.
 *
 * @throws ConfigError as `RewardRegistry.resolve`
 * @throws RewardError `reward/unreadable`, `reward/unknown-name`, `reward/load`
 */
export function openRewards(uses: readonly (string | RewardUse)[], options: OpenRewardsOptions): OpenRewards {
  const programs = new Map<string, { program: RewardProgram; runner: RewardRunner; version: string }>();
  const open = (file: string) => {
    const existing = programs.get(file);
    if (existing !== undefined) return existing;
    const source = (options.read ?? readSource)(file);
    const program = discoverRewards(file, source);
    const version = program.language === "python" ? pythonVersion(file, source) : loadModuleGraph(file, source).hash;
    const { instrument, python } = options;
    const runnerOptions: RunnerOptions = { ...(instrument && { instrument }), ...(python !== undefined && { python }) };
    const opened = { program, runner: startRunner(program, runnerOptions), version };
    programs.set(file, opened);
    return opened;
  };
  const registry = createRewardRegistry();
  const rewards = uses.flatMap((use): WeightedReward[] => {
    const { name, weight } = typeof use === "string" ? { name: use, weight: undefined } : use;
    const path = parseRewardPath(name);
    if (path === null) return registry.resolve([use]);
    const opened = open(resolve(options.folder, path.file));
    return declarationsOf(opened.program, path.function).map((declaration) => ({
      reward: outsideReward(declaration, opened, options),
      weight: weight ?? declaration.weight,
    }));
  });
  checkUnique(rewards);
  return {
    rewards,
    programs: [...programs.values()].map(({ program }) => program),
    close: async () => {
      await Promise.all([...programs.values()].map(({ runner }) => runner.close()));
    },
  };
}

function readSource(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (cause) {
    const why = (cause as NodeJS.ErrnoException).code === "ENOENT" ? "there is no such file" : (cause as Error).message;
    throw new RewardError("reward/unreadable", `The reward file ${file} cannot be read: ${why}.`, {
      ...{ where: file, cause, hint: "Paths start from the folder of the experiment file, or from where you are." },
    });
  }
}

function declarationsOf(program: RewardProgram, name: string | null): RewardDeclaration[] {
  const { file, functions, problems } = program;
  const wanted = name === null ? functions : functions.filter((one) => one.name === name || one.exportName === name);
  // A weight or a range that was not understood would count as if it did not stand there.
  if (wanted.length > 0 && problems.length > 0) throw unreadable(program);
  if (wanted.length > 0) return wanted;
  const known = functions.map((one) => one.name).join(", ");
  const problem = problems[0];
  throw new RewardError(
    "reward/unknown-name",
    name === null ? `${file} declares no reward.` : `${file} has no reward named "${name}".`,
    {
      where: file,
      hint:
        problem !== undefined
          ? problem.message
          : known === ""
            ? "Use defineReward, the JSDoc tag @reward, a Python function with `completions`, or `# iad-r1: reward`."
            : `It has ${known}.`,
    },
  );
}

function checkUnique(rewards: readonly WeightedReward[]): void {
  const seen = new Set<string>();
  for (const { reward } of rewards) {
    if (seen.has(reward.name)) {
      throw new ConfigError("reward/duplicate", `Two rewards are named "${reward.name}".`, {
        hint: "Give one of them another name in its file, or use it once.",
      });
    }
    seen.add(reward.name);
  }
  if (rewards.length > 0) return;
  throw new ConfigError("reward/none", "Expected at least one reward, got none.", {
    hint: "Name a reward such as iad-r1-strict.",
  });
}

const anyScore = { min: Number.NEGATIVE_INFINITY, max: Number.POSITIVE_INFINITY };
/** So many calls of a step may hang or kill their process before the rest of the step is given up. */
const maxFatal = 3;

function outsideReward(
  declaration: RewardDeclaration,
  { runner, version }: { runner: RewardRunner; version: string },
  { wallMs = 2_000, seed = 0 }: OpenRewardsOptions,
): OutsideReward {
  const { name, file, scope, range } = declaration;
  return {
    ...{ name, scope: "outside", range: range ?? anyScore, version, needsGroups: scope === "group" },
    description: `${declaration.exportName} of ${file}`,
    async scoreAll(inputs, { groupSize, signal }) {
      const outcomes = new Array<RewardOutcome>(inputs.length);
      const readable: number[] = [];
      inputs.forEach(({ completion }, i) => {
        if (typeof completion === "string") readable.push(i);
        else outcomes[i] = failed("expected the completion to be text", "raised");
      });
      const rows = readable.map((i) => rowOf(inputs[i]!, i, groupSize));
      const options = { wallMs, seed, ...(signal && { signal }) };
      const given = await scoreAround(runner, declaration, rows, options);
      readable.forEach((at, i) => {
        outcomes[at] = given[i]!;
      });
      return outcomes;
    },
  };
}

/** Scores what can be scored around completions that hang or kill the process; those have failed. */
async function scoreAround(
  runner: RewardRunner,
  { name, scope }: RewardDeclaration,
  rows: readonly RolloutRow[],
  options: { wallMs: number; seed: number; signal?: AbortSignal },
): Promise<RewardOutcome[]> {
  let fatal = 0;
  const score = async (some: readonly RolloutRow[]): Promise<readonly RewardOutcome[]> => {
    if (some.length === 0) return [];
    try {
      return (await runner.score(name, some, options)).outcomes;
    } catch (error) {
      if (!isFatalCall(error)) throw error;
      const outcome = failed(error.message, "raised");
      const { row } = error.data;
      fatal++;
      // Of a call with many completions it is not known which one it was; and a file that always hangs is not tried for ever.
      if (scope !== "sample" || typeof row !== "number" || fatal > maxFatal) return some.map(() => outcome);
      return [...(await score(some.slice(0, row))), outcome, ...(await score(some.slice(row + 1)))];
    }
  };
  return [...(await score(rows))];
}

function isFatalCall(error: unknown): error is RewardError {
  return RewardError.is(error) && ["reward/timeout", "reward/memory", "reward/crashed"].includes(error.code);
}

/** What a line of a file says about the completion; everything else there is a column of the data row. */
const recordKeys = new Set([
  ...["group", "index", "prompt", "sampleId", "step", "finish", "length", "run", "mode", "imageRefs", "promptHash"],
  ...["rewards", "status", "notes", "total", "advantage", "refKl", "entropy", "meanLogProb", "timings", "scores"],
  ...["tokenLengths", "tokenLogProbs"],
]);

function rowOf({ completion, solution, columns, origin }: RewardInput, i: number, groupSize: number): RolloutRow {
  const { group, prompt, sampleId, step, finish, length } = origin ?? fromRecord(columns);
  const isOfRow = ([name]: [string, unknown]) => origin !== undefined || !recordKeys.has(name);
  return {
    group: group ?? `${Math.floor(i / groupSize)}`,
    index: i % groupSize,
    prompt: prompt ?? null,
    completion: completion as string,
    solution: typeof solution === "string" ? solution : null,
    columns: Object.fromEntries(Object.entries(columns).filter(isOfRow)),
    ...{ ...(sampleId !== undefined && { sampleId }), ...(step !== undefined && { step }) },
    ...{ ...(finish !== undefined && { finish }), ...(length !== undefined && { length }) },
  };
}

/** Lines of a file carry these among their columns. */
function fromRecord(columns: Readonly<Record<string, unknown>>): NonNullable<RewardInput["origin"]> {
  const { group, prompt, sampleId, step, finish, length } = columns;
  return {
    ...(group !== undefined && { group: typeof group === "string" ? group : JSON.stringify(group) }),
    ...(prompt !== undefined && { prompt }),
    ...(typeof sampleId === "string" && { sampleId }),
    ...(typeof step === "number" && { step }),
    ...((finish === "eos" || finish === "length" || finish === "stop") && { finish }),
    ...(typeof length === "number" && { length }),
  };
}
