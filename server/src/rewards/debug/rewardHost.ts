/**
 * What the workers of the reward debugger can do: one reads texts while a person types, the other has code run and looks at rollouts. Both are
 * this host; which methods are asked of which is decided in `debugService.ts`. What reads, runs and judges code is handed in.
 */
import { readdir, readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { RewardError } from "@iad-r1/models/errors";
import { TextLines } from "@iad-r1/models/util/textLines";
import type {
  ProbeView,
  RewardScope,
  RewardScopeChoices,
  RewardScopeState,
  RewardTestItem,
  RewardTestResult,
  RewardTrace,
  RewardVersionComparison,
  RolloutKey,
} from "@iad-r1/protocol/rewardDebugger";
import type { CallContext, Host } from "../../runtime/workerHost";
import { groupRows } from "../analysis/attribution";
import type { Finding } from "../analysis/finding";
import type { RewardOutcome } from "../contract";
import { discoverRewards, isRewardFile, languageOf } from "../user/discover";
import type { RewardDeclaration, RewardProgram } from "../user/program";
import type { RewardRunner } from "../user/runner";
import type { RolloutRow } from "../../rollouts/row";
import { type Analysis, analyze, shownFinding } from "./analyze";
import { compareVersions, recordedColumns } from "./compareVersions";
import type { DynamicReport, ShownFinding, StaticReport } from "./fileReport";
import { outcomeView } from "./functionReport";
import { type KnownSource, readScope, scopeChoices } from "./readScope";
import { defaultScope, isSameRollout, keyOf, noRollouts, type ScopedRollouts } from "./scopedRollouts";

interface Text {
  path: string;
  text: string;
}

interface Place extends Text {
  function: string;
  wallMs: number;
}

export type ScopeFacts = Pick<RewardScopeState, "source" | "label" | "numRollouts" | "numGroups" | "problem"> & {
  /** Columns that the data rows of the scope have; null where none were recorded, which says nothing about the data. */
  columns: string[] | null;
};

export interface ListedReward extends RewardDeclaration {
  line: number;
  character: number;
}

export type RewardDebugMethods = {
  /** Null: no reward stands in the text. `columns`: those of the data, null when unknown. */
  read: { params: Text & { columns: string[] | null }; result: StaticReport | null; event: never };
  /** Reward functions of the files below folders. */
  list: { params: { folders: string[]; names: string[] }; result: ListedReward[]; event: never };
  /** What the texts of the files below folders tell, but for those that are left out. */
  survey: {
    params: { folders: string[]; names: string[]; without: string[]; columns: string[] | null };
    result: { path: string; facts: StaticReport }[];
    event: never;
  };
  /** The rewards that the rollouts of the scope were scored with. */
  recorded: { params: null; result: ReturnType<typeof recordedColumns>; event: never };
  /** Two versions on the rollouts of the scope. */
  compare: {
    params: { before: Text; after: Text; wallMs: number };
    result: RewardVersionComparison;
    event: never;
  };
  scope: {
    params: { scope: RewardScope; sources: KnownSource[]; maxRollouts: number };
    result: ScopeFacts;
    event: never;
  };
  choices: { params: { sources: KnownSource[] }; result: RewardScopeChoices; event: never };
  analyze: { params: Text & { isLive: boolean; wallMs: number }; result: DynamicReport; event: never };
  /** The findings of the rollouts, which need more calls of the code; of the text and the scope that were analyzed last, else none. */
  examine: { params: Text; result: ShownFinding[]; event: never };
  probe: { params: Place; result: ProbeView[]; event: never };
  trace: { params: Place & { rollout: RolloutKey; completion: string | null }; result: RewardTrace; event: never };
  /** The rollout with everything a call needs. */
  rollout: {
    params: { rollout: RolloutKey | null };
    result: { row: RolloutRow; group: RolloutRow[] } | null;
    event: never;
  };
  tests: { params: Text; result: RewardTestItem[]; event: never };
  runTests: { params: Text & { ids: string[]; wallMs: number }; result: RewardTestResult[]; event: never };
};

export interface RewardTools {
  startRunner(program: RewardProgram): RewardRunner;
  /** Ends processes that wait for code. */
  stopSpares(): void;
  /** Findings of the rollouts. @param results by function: what it gave, or why it gave nothing */
  findings(
    program: RewardProgram,
    rollouts: ScopedRollouts,
    results: Analysis["results"],
    runner: RewardRunner,
    signal: AbortSignal,
  ): Promise<Finding[]>;
  /** What the text alone tells. */
  textFindings(program: RewardProgram, columns: readonly string[] | null): Promise<Finding[]>;
  probes(
    program: RewardProgram,
    name: string,
    rollouts: ScopedRollouts,
    wallMs: number,
    signal: AbortSignal,
  ): Promise<ProbeView[]>;
  tests(program: RewardProgram, rollouts: ScopedRollouts): Promise<RewardTestItem[]>;
  runTests(
    program: RewardProgram,
    ids: readonly string[],
    rollouts: ScopedRollouts,
    wallMs: number,
    signal: AbortSignal,
  ): Promise<RewardTestResult[]>;
}

/** Reports that are kept: going back to an earlier text, or to an earlier scope, costs nothing. */
const maxReports = 12;
const maxListedFiles = 200;
const skippedFolders = new Set(["node_modules", ".git", ".iadr1", "dist", ".venv", "venv", "__pycache__"]);
const maxDepth = 6;

export function createRewardHost(tools: RewardTools): Host<RewardDebugMethods> {
  let scope: RewardScope = defaultScope;
  let rollouts: ScopedRollouts = noRollouts;
  /** Changes with every reading of the rollouts. */
  let generation = 0;
  const reports = new Map<string, { report: DynamicReport; findings: ShownFinding[] | null }>();
  /** What was run last; its processes stay for further questions. */
  let current: {
    program: RewardProgram;
    runner: RewardRunner;
    results: Analysis["results"];
    key: string;
    entry: { findings: ShownFinding[] | null };
  } | null = null;
  const surveys = new Map<string, { about: string; facts: StaticReport }>();
  const first = new Map<string, { generation: number; outcomes: Map<string, readonly RewardOutcome[]> }>();

  const programOf = ({ path, text }: Text, name?: string): RewardProgram => {
    const program = discoverRewards(path, text);
    if (name !== undefined && !program.functions.some((one) => one.name === name)) {
      throw new RewardError("reward/unknown-name", `${path} has no reward named "${name}".`, {
        hint: "It was renamed or is half typed.",
      });
    }
    return program;
  };

  const keyOfReport = ({ file, hash }: RewardProgram, isLive: boolean): string =>
    [file, hash, generation, isLive, JSON.stringify(scope.pinned)].join("\n");

  return {
    methods: {
      async read({ path, text, columns }) {
        const facts = await textFacts(path, text, columns);
        return facts.functions.length === 0 && !isRewardFile(path) ? null : facts;
      },
      list: ({ folders, names }) => listRewards(folders, names),
      async survey({ folders, names, without, columns }, { signal }) {
        const found: { path: string; facts: StaticReport }[] = [];
        for (const path of await rewardFiles(folders, names)) {
          const text = without.includes(path) ? null : await readFile(path, "utf8").catch(() => null);
          signal.throwIfAborted();
          const facts = text === null ? null : await surveyed(path, text, columns);
          if (facts !== null && facts.functions.length + facts.problems.length > 0) found.push({ path, facts });
        }
        return found;
      },
      recorded: async () => recordedColumns(rollouts),
      compare: ({ before, after, wallMs }, { signal }) =>
        compareVersions({
          before: discoverRewards(before.path, before.text),
          after: discoverRewards(after.path, after.text),
          ...{ rollouts, start: tools.startRunner, wallMs, signal },
        }),
      async scope(params, { signal }) {
        scope = params.scope;
        rollouts = await readScope(scope, { ...params, signal });
        generation++;
        const { source, label, rows, problem } = rollouts;
        const columns = [...new Set(rows.slice(0, 64).flatMap((row) => Object.keys(row.columns)))];
        const numGroups = groupRows(rows).length;
        return {
          source,
          label,
          numRollouts: rows.length,
          numGroups,
          problem,
          columns: columns.length === 0 ? null : columns,
        };
      },
      choices: ({ sources }) => scopeChoices(sources),
      async analyze({ path, text, isLive, wallMs }, { signal }) {
        const program = programOf({ path, text });
        const key = keyOfReport(program, isLive);
        const known = reports.get(key);
        if (known !== undefined && (!isLive || known.findings !== null)) return known.report;
        // The processes of the old version are ended; nobody needs to see them go.
        void current?.runner.close().catch(() => undefined);
        current = null;
        const seen = first.get(path);
        const runner = isLive ? tools.startRunner(program) : null;
        try {
          const { report, outcomes, results } = await analyze({
            ...{ program, rollouts, runner, wallMs, pinned: scope.pinned, signal },
            first: seen?.generation === generation ? seen.outcomes : new Map(),
          });
          if (isLive && seen?.generation !== generation && outcomes.size > 0) first.set(path, { generation, outcomes });
          for (const old of reports.keys()) if (reports.size >= maxReports) reports.delete(old);
          const entry = { report, findings: null };
          reports.set(key, entry);
          if (runner !== null) current = { program, runner, results, key, entry };
          return report;
        } catch (error) {
          await runner?.close();
          throw error;
        }
      },
      async examine({ path, text }, { signal }) {
        const key = keyOfReport(discoverRewards(path, text), true);
        const entry = reports.get(key);
        if (entry?.findings != null) return entry.findings;
        if (current === null || current.key !== key) return [];
        const { program, runner, results } = current;
        const found = await tools.findings(program, rollouts, results, runner, signal);
        signal.throwIfAborted();
        current.entry.findings = found.map((finding) => shownFinding(finding, rollouts));
        return current.entry.findings;
      },
      async probe({ function: name, wallMs, ...text }, { signal }) {
        return tools.probes(programOf(text, name), name, rollouts, wallMs, signal);
      },
      trace: (params, context) => trace(params, context),
      async rollout({ rollout }) {
        const wanted = rollout ?? scope.pinned;
        const row = wanted === null ? undefined : rollouts.rows.find((one) => isSameRollout(keyOf(one), wanted));
        return row === undefined ? null : { row, group: groupOf(row) };
      },
      tests: (text) => tools.tests(programOf(text), rollouts),
      runTests: ({ ids, wallMs, ...text }, { signal }) =>
        tools.runTests(programOf(text), ids, rollouts, wallMs, signal),
    },
    async dispose() {
      tools.stopSpares();
      await current?.runner.close();
    },
  };

  async function textFacts(path: string, text: string, columns: readonly string[] | null): Promise<StaticReport> {
    const program = discoverRewards(path, text);
    const { functions, problems } = program;
    const findings = functions.length === 0 ? [] : await tools.textFindings(program, columns);
    return { text, functions, problems, findings };
  }

  /** The same for a file that lies there unchanged: looking through a pattern's tree takes its time. */
  async function surveyed(path: string, text: string, columns: readonly string[] | null): Promise<StaticReport> {
    const known = surveys.get(path);
    const about = JSON.stringify(columns);
    if (known?.facts.text === text && known.about === about) return known.facts;
    const facts = await textFacts(path, text, columns);
    surveys.set(path, { about, facts });
    return facts;
  }

  function groupOf(row: RolloutRow): RolloutRow[] {
    return rollouts.rows.filter(({ group, step }) => group === row.group && step === row.step);
  }

  async function trace(
    { function: name, rollout, completion, wallMs, ...text }: RewardDebugMethods["trace"]["params"],
    { signal }: CallContext<never>,
  ): Promise<RewardTrace> {
    const program = programOf(text, name);
    const row = rollouts.rows.find((one) => isSameRollout(keyOf(one), rollout));
    if (row === undefined) {
      throw new RewardError("reward/unknown-rollout", "The rollout is not in the scope any more.", {
        hint: "Choose it again.",
      });
    }
    const group = groupOf(row).map((one) => (one === row && completion !== null ? { ...one, completion } : one));
    const at = group.findIndex((one) => isSameRollout(keyOf(one), rollout));
    const runner = tools.startRunner(program);
    try {
      const options = { instrumented: true, pinned: at, wallMs, seed: 0, signal };
      const { outcomes, recording } = await runner.score(name, group, options);
      const lines = new TextLines(program.source);
      const steps = (recording?.trace?.steps ?? []).flatMap(({ site: id, preview }) => {
        const site = recording!.sites[id];
        if (site === undefined) return [];
        const { start, end, kind } = site;
        const line = lines.position(start).line - 1;
        const said = { value: preview?.text ?? "", type: preview?.type ?? "" };
        return [{ start, end, kind, line, source: program.source.slice(start, Math.min(end, start + 200)), ...said }];
      });
      return { outcome: outcomeView(outcomes[at]!), steps };
    } finally {
      await runner.close();
    }
  }
}

/** Files that are rewards by name, and code files in folders of certain names. */
async function rewardFiles(folders: readonly string[], names: readonly string[]): Promise<string[]> {
  const files: string[] = [];
  const look = async (folder: string, depth: number): Promise<void> => {
    const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
    const inRewards = names.includes(basename(folder));
    for (const entry of entries) {
      if (files.length >= maxListedFiles) return;
      const path = join(folder, entry.name);
      if (entry.isDirectory()) {
        if (depth < maxDepth && !skippedFolders.has(entry.name)) await look(path, depth + 1);
      } else if (isRewardFile(entry.name) || (inRewards && languageOf(entry.name) !== null)) files.push(path);
    }
  };
  for (const folder of folders) await look(folder, 0);
  return files;
}

async function listRewards(folders: readonly string[], names: readonly string[]): Promise<ListedReward[]> {
  const found: ListedReward[] = [];
  for (const path of await rewardFiles(folders, names)) {
    const text = await readFile(path, "utf8").catch(() => null);
    if (text === null) continue;
    const lines = new TextLines(text);
    for (const declaration of discoverRewards(path, text).functions) {
      const { line, column } = lines.position(declaration.nameSpan[0]);
      found.push({ ...declaration, line: line - 1, character: column - 1 });
    }
  }
  return found;
}
