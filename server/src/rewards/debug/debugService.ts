/**
 * The reward files that one editor has open: what is known of each, and when it is looked at again. Reading and running happen in two workers,
 * one for texts and one for rollouts, so that typing waits for no reward; what surfaces show is kept here and looked up. Knows no LSP.
 *
 * No code of a reward runs before `startLive` was called.
 */
import { CancelledError, ConfigError, WorkerError } from "@iad-r1/models/errors";
import type {
  DebugLaunch,
  ProbeView,
  RewardReach,
  RewardScope,
  RewardScopeChoices,
  RewardScopeState,
  RewardTestItem,
  RewardTestResult,
  RewardTrace,
  RewardVersionComparison,
  RolloutKey,
} from "@iad-r1/protocol/rewardDebugger";
import { entryPath } from "../../runtime/entry";
import { startWorker, type WorkerClient } from "../../runtime/workerClient";
import { makeDebugLaunch, removeDebugLaunch } from "./debugLaunch";
import type { DynamicReport, ShownFinding, StaticReport } from "./fileReport";
import type { KnownSource } from "./readScope";
import type { ListedReward, RewardDebugMethods, ScopeFacts } from "./rewardHost";
import { defaultScope } from "./scopedRollouts";

export interface DebugServiceOptions {
  /** Runs with their folders, newest first. */
  runs: () => KnownSource[];
  /** Folders of the window. */
  folders: () => string[];
  /** Names of folders whose code files hold rewards, besides `*.reward.*` everywhere. */
  rewardFolders: () => readonly string[];
  /** False where the files lie on another machine than the server: their code is not run here. */
  mayRun: boolean;
  /** Something that surfaces show of this file has changed. */
  onChange: (path: string) => void;
  onScope: (state: RewardScopeState) => void;
  onLog?: (message: string) => void;
  /** Entry of the workers; that of this installation when left out. */
  entry?: string;
}

export interface LiveOptions {
  maxRollouts?: number | undefined;
  timeLimitMs?: number | undefined;
  /** Also while typing, not only when a file is saved. */
  onType?: boolean | undefined;
}

/** A text of a reward file; imports are looked for from its path. */
export interface VersionText {
  path: string;
  text: string;
}

/** What is known of an open file. */
export interface OpenReward {
  version: number;
  text: string;
  facts: StaticReport | null;
  report: DynamicReport | null;
  /** The newest findings of the rollouts, with the text that they are about. */
  examined: { text: string; findings: ShownFinding[] } | null;
  state: RewardReach["state"];
}

interface Entry extends OpenReward {
  /** Text that `facts` were last asked for. */
  asked: string | null;
  reading: Promise<void>;
  textTimer: NodeJS.Timeout | null;
  runTimer: NodeJS.Timeout | null;
  running: AbortController | null;
  /** Ends when the newest report is there. */
  settled: Promise<void>;
}

type Lane = "text" | "rollouts";
type Methods = RewardDebugMethods;

const textRestMs = 60;
/** Typing must rest so long before code is run. */
const runRestMs = 250;
/** Rollouts of a run that goes on are read again at most so often. */
const scopeRestMs = 2_000;
const defaults = { maxRollouts: 512, timeLimitMs: 2_000, onType: true };

export class RewardDebugService {
  private readonly files = new Map<string, Entry>();
  private readonly lanes = new Map<Lane, Promise<WorkerClient<Methods>>>();
  private scope: RewardScope = defaultScope;
  private facts: ScopeFacts | null = null;
  private live: typeof defaults | null = null;
  private limits = defaults;
  private scopeTimer: NodeJS.Timeout | null = null;
  private readingScope: Promise<void> | null = null;
  private disposed = false;

  constructor(private readonly options: DebugServiceOptions) {}

  // ---- documents

  change(path: string, version: number, text: string): void {
    const known = this.files.get(path);
    if (known === undefined && !looksLikeReward(path, text)) return;
    const entry: Entry = known ?? {
      ...{ version, text, facts: null, report: null, examined: null, state: "idle" as const, asked: null },
      ...{ reading: Promise.resolve(), textTimer: null, runTimer: null, running: null, settled: Promise.resolve() },
    };
    entry.version = version;
    entry.text = text;
    this.files.set(path, entry);
    clear(entry.textTimer);
    if (known === undefined) void this.read(path, entry);
    else entry.textTimer = setTimeout(() => void this.read(path, entry), textRestMs);
    // What runs now is about a text that nobody sees any more.
    entry.running?.abort();
    const isWanted = known === undefined || this.live === null || this.live.onType;
    if (isWanted) this.scheduleRun(path, entry, known === undefined ? 0 : runRestMs);
    else this.setState(path, entry, "updating");
  }

  saved(path: string): void {
    const entry = this.files.get(path);
    if (entry !== undefined && entry.report?.text !== entry.text) this.scheduleRun(path, entry, 0);
  }

  close(path: string): void {
    const entry = this.files.get(path);
    if (entry === undefined) return;
    clear(entry.textTimer);
    clear(entry.runTimer);
    entry.running?.abort();
    this.files.delete(path);
    this.options.onChange(path);
  }

  /** What is there now; null for a file that holds no reward. Waits for nothing. */
  look(path: string): OpenReward | null {
    return this.files.get(path) ?? null;
  }

  /** The same once the text that was opened has been read: for what must be there from the first paint. */
  async opened(path: string): Promise<OpenReward | null> {
    const entry = this.files.get(path);
    if (entry === undefined) return null;
    if (entry.asked === null) await this.read(path, entry);
    await entry.reading;
    return this.look(path);
  }

  /** Resolves when the newest report of a file is there, or there will be none. */
  async settled(path: string): Promise<void> {
    const entry = this.files.get(path);
    if (entry === undefined) return;
    if (entry.state === "updating" && entry.running === null) await this.run(path, entry);
    else await entry.settled;
  }

  get open(): string[] {
    return [...this.files.keys()];
  }

  // ---- scope

  get scopeState(): RewardScopeState {
    const { source, label, numRollouts, numGroups, problem } = this.facts ?? noFacts;
    return { scope: this.scope, source, label, numRollouts, numGroups, problem, isLive: this.live !== null };
  }

  /**
   * The state once the rollouts have been read. That nothing is new is told to nobody: who asks because of such news would be told again,
   * without end, and each time the code that runs would begin anew.
   */
  async readyScope(): Promise<RewardScopeState> {
    await (this.readingScope ?? this.readScope({ onlyNews: true }));
    return this.scopeState;
  }

  async setScope(change: Partial<RewardScope>): Promise<RewardScopeState> {
    this.scope = { ...this.scope, ...change };
    // Another source has other steps and other rollouts.
    if (change.source !== undefined) {
      if (change.steps === undefined) this.scope.steps = null;
      if (change.pinned === undefined) this.scope.pinned = null;
    }
    await this.readScope();
    return this.scopeState;
  }

  choices(): Promise<RewardScopeChoices> {
    return this.call("rollouts", "choices", { sources: this.options.runs() });
  }

  /** A run wrote rollouts, or came or went. */
  rolloutsChanged(run: string): void {
    const { source } = this.scope;
    if (this.files.size === 0 || this.scopeTimer !== null) return;
    if (source !== null && !(source.kind === "run" && source.run === run)) return;
    this.scopeTimer = setTimeout(() => {
      this.scopeTimer = null;
      void this.readScope().catch((error: unknown) => this.complain(error));
    }, scopeRestMs);
  }

  // ---- running code

  get isLive(): boolean {
    return this.live !== null;
  }

  /** @throws ConfigError `reward/remote` */
  async startLive({ maxRollouts, timeLimitMs, onType }: LiveOptions): Promise<RewardScopeState> {
    this.requireRunning();
    this.limits = {
      maxRollouts: maxRollouts ?? defaults.maxRollouts,
      timeLimitMs: timeLimitMs ?? defaults.timeLimitMs,
      onType: onType ?? defaults.onType,
    };
    this.live = this.limits;
    await this.readScope();
    return this.scopeState;
  }

  async stopLive(): Promise<RewardScopeState> {
    this.live = null;
    for (const [path, entry] of this.files) {
      entry.running?.abort();
      entry.report = null;
      entry.examined = null;
      this.scheduleRun(path, entry, 0);
    }
    this.options.onScope(this.scopeState);
    return this.scopeState;
  }

  /** Runs a file as it is on screen; resolves when its report is there. */
  async rescore(path: string): Promise<void> {
    const entry = this.requireOpen(path);
    await this.readyScope();
    this.scheduleRun(path, entry, 0);
    await this.run(path, entry);
  }

  probe(path: string, text: string, name: string, signal: AbortSignal): Promise<ProbeView[]> {
    this.requireLive();
    return this.call("rollouts", "probe", { ...this.place(path, text, name) }, signal);
  }

  trace(
    path: string,
    text: string,
    name: string,
    rollout: RolloutKey,
    completion: string | null,
    signal: AbortSignal,
  ): Promise<RewardTrace> {
    this.requireLive();
    return this.call("rollouts", "trace", { ...this.place(path, text, name), rollout, completion }, signal);
  }

  /** @throws ConfigError `reward/no-rollout` */
  async debug(path: string, text: string, name: string, rollout: RolloutKey | null): Promise<DebugLaunch> {
    this.requireRunning();
    await this.readyScope();
    const found = await this.call("rollouts", "rollout", { rollout });
    if (found === null) {
      throw new ConfigError("reward/no-rollout", "There is no rollout to debug the reward with.", {
        hint: "Pin one, or sample some first.",
      });
    }
    return makeDebugLaunch({ path, text, name, ...found });
  }

  endDebug(session: string): Promise<void> {
    return removeDebugLaunch(session);
  }

  async tests(path: string, text: string): Promise<RewardTestItem[]> {
    await this.readyScope();
    return this.call("rollouts", "tests", { path, text });
  }

  async runTests(path: string, text: string, ids: string[], signal: AbortSignal): Promise<RewardTestResult[]> {
    this.requireLive();
    await this.readyScope();
    return this.call("rollouts", "runTests", { path, text, ids, wallMs: this.limits.timeLimitMs }, signal);
  }

  list(): Promise<ListedReward[]> {
    return this.call("text", "list", this.places());
  }

  /** What the texts of the files say that are not open. */
  survey(signal?: AbortSignal): Promise<{ path: string; facts: StaticReport }[]> {
    const columns = this.facts?.columns ?? null;
    return this.call("text", "survey", { ...this.places(), without: this.open, columns }, signal);
  }

  private places(): { folders: string[]; names: string[] } {
    return { folders: this.options.folders(), names: [...this.options.rewardFolders()] };
  }

  /** The rewards that the rollouts of the scope were scored with. */
  async recorded(): Promise<RewardDebugMethods["recorded"]["result"]> {
    await this.readyScope();
    return this.call("rollouts", "recorded", null);
  }

  /** Runs two versions on the rollouts of the scope. @throws ConfigError `reward/not-live`, `reward/remote`, `reward/no-rollout` */
  async compare(before: VersionText, after: VersionText, signal: AbortSignal): Promise<RewardVersionComparison> {
    this.requireLive();
    const { numRollouts } = await this.readyScope();
    if (numRollouts === 0) {
      throw new ConfigError("reward/no-rollout", "There are no rollouts to compare the versions on.", {
        hint: "Sample some, or choose a run.",
      });
    }
    return this.call("rollouts", "compare", { before, after, wallMs: this.limits.timeLimitMs }, signal);
  }

  async dispose(): Promise<void> {
    this.disposed = true;
    clear(this.scopeTimer);
    for (const entry of this.files.values()) {
      clear(entry.textTimer);
      clear(entry.runTimer);
      entry.running?.abort();
    }
    const all = [...this.lanes.values()];
    this.lanes.clear();
    await Promise.all(all.map((client) => client.then((one) => one.dispose()).catch(() => undefined)));
  }

  // ---- inside

  private place(path: string, text: string, name: string) {
    return { path, text, function: name, wallMs: this.limits.timeLimitMs };
  }

  private requireRunning(): void {
    if (this.options.mayRun) return;
    throw new ConfigError("reward/remote", "Reward code of this machine is not run on a remote server.", {
      hint: "Open the folder on the server's machine, or use the server inside the extension.",
    });
  }

  private requireLive(): void {
    this.requireRunning();
    if (this.live !== null) return;
    throw new ConfigError(
      "reward/not-live",
      "Reward code of this folder does not run before live values were started.",
      {
        hint: "Use the command Start Live Values.",
      },
    );
  }

  private requireOpen(path: string): Entry {
    const entry = this.files.get(path);
    if (entry !== undefined) return entry;
    throw new ConfigError("reward/not-open", `${path} is not open, or holds no reward.`, { hint: "Open it first." });
  }

  private read(path: string, entry: Entry): Promise<void> {
    const { text } = entry;
    entry.asked = text;
    entry.reading = this.call("text", "read", { path, text, columns: this.facts?.columns ?? null }).then(
      (facts) => {
        if (this.files.get(path) !== entry || entry.asked !== text) return;
        entry.facts = merged(entry.facts, facts);
        this.options.onChange(path);
      },
      (error: unknown) => this.complain(error),
    );
    return entry.reading;
  }

  private scheduleRun(path: string, entry: Entry, delayMs: number): void {
    clear(entry.runTimer);
    entry.runTimer = setTimeout(() => void this.run(path, entry), delayMs);
    this.setState(path, entry, "updating");
  }

  private run(path: string, entry: Entry): Promise<void> {
    clear(entry.runTimer);
    entry.running?.abort();
    const controller = new AbortController();
    entry.running = controller;
    entry.settled = this.runNow(path, entry, controller.signal).finally(() => {
      if (entry.running === controller) entry.running = null;
    });
    return entry.settled;
  }

  private async runNow(path: string, entry: Entry, signal: AbortSignal): Promise<void> {
    try {
      if (this.facts === null) await (this.readingScope ?? this.readScope());
      await entry.reading;
      if (signal.aborted || this.files.get(path) !== entry) return;
      if (entry.facts === null) return this.setState(path, entry, "off");
      const { text } = entry;
      const isLive = this.live !== null;
      const wallMs = this.limits.timeLimitMs;
      const report = await this.call("rollouts", "analyze", { path, text, isLive, wallMs }, signal);
      if (signal.aborted || this.files.get(path) !== entry) return;
      entry.report = report;
      if (!report.isLive) entry.examined = null;
      const state = report.problem !== null ? "failed" : report.isLive ? "live" : "idle";
      this.setState(path, entry, state);
      if (!report.isLive) return;
      const found = await this.call("rollouts", "examine", { path, text }, signal);
      if (signal.aborted || this.files.get(path) !== entry) return;
      entry.examined = { text, findings: found };
      this.options.onChange(path);
    } catch (error) {
      if (CancelledError.is(error) || signal.aborted) return;
      this.complain(error);
      this.setState(path, entry, "failed");
    }
  }

  private setState(path: string, entry: Entry, state: Entry["state"]): void {
    const isNews = entry.state !== state || state !== "updating";
    entry.state = state;
    if (isNews && this.files.get(path) === entry) this.options.onChange(path);
  }

  private readScope({ onlyNews = false } = {}): Promise<void> {
    let reading: Promise<void> | null = null;
    const read = async () => {
      const params = { scope: this.scope, sources: this.options.runs(), maxRollouts: this.limits.maxRollouts };
      const facts = await this.call("rollouts", "scope", params);
      if (this.readingScope !== reading) return;
      const isNewColumns = JSON.stringify(facts.columns) !== JSON.stringify(this.facts?.columns);
      const isNews = !onlyNews || JSON.stringify(facts) !== JSON.stringify(this.facts);
      this.facts = facts;
      if (!isNews) return;
      this.options.onScope(this.scopeState);
      for (const [path, entry] of this.files) {
        if (isNewColumns) void this.read(path, entry);
        this.scheduleRun(path, entry, 0);
      }
    };
    reading = read();
    this.readingScope = reading;
    const forget = () => {
      if (this.readingScope === reading) this.readingScope = null;
    };
    reading.then(forget, forget);
    return reading;
  }

  private async call<K extends keyof Methods & string>(
    lane: Lane,
    method: K,
    params: Methods[K]["params"],
    signal?: AbortSignal,
  ): Promise<Methods[K]["result"]> {
    const client = await this.start(lane);
    return client.call(method, params, signal === undefined ? {} : { signal });
  }

  private start(lane: Lane): Promise<WorkerClient<Methods>> {
    const known = this.lanes.get(lane);
    if (known !== undefined) return known;
    const { entry = entryPath("rewardDebugWorker"), onLog } = this.options;
    const started = startWorker<Methods, null>(
      // Rollouts need memory of their own, and a child of the child must die with it.
      { isolation: lane === "text" ? "thread" : "process", entry },
      { name: `The reward debugger (${lane})`, init: null, graceMs: 10_000, ...(onLog !== undefined && { onLog }) },
    );
    this.lanes.set(lane, started);
    void started
      .then((client) => client.closed)
      .catch(() => undefined)
      .then(() => {
        if (this.lanes.get(lane) !== started) return;
        this.lanes.delete(lane);
        // A new worker has read nothing.
        if (lane === "rollouts") this.facts = null;
      });
    return started;
  }

  private complain(error: unknown): void {
    if (this.disposed || WorkerError.is(error, "worker/crashed") || CancelledError.is(error)) return;
    this.options.onLog?.(error instanceof Error ? (error.stack ?? error.message) : String(error));
  }
}

const noFacts: ScopeFacts = { source: null, label: "", numRollouts: 0, numGroups: 0, problem: null, columns: null };

/**
 * Whether a text is worth reading as a reward file. A cheap look at words, because every document of the two languages comes by here; the
 * worker decides.
 */
export function looksLikeReward(path: string, text: string): boolean {
  if (!/\.(?:[cm]?[jt]s|py)$/i.test(path) || /\.d\.[cm]?ts$/i.test(path)) return false;
  if (/\.reward\.\w+$/i.test(path)) return true;
  return /iad-r1\/reward|@reward\b|\bcompletions\b|\bcompute_score\b|\bORM\b|#\s*iad-?r1/i.test(text);
}

/** A half-typed text hides functions; those that were known stay until it can be read again, so that lenses do not jump. */
function merged(before: StaticReport | null, now: StaticReport | null): StaticReport | null {
  if (before === null || now === null || now.problems.length === 0) return now;
  return now.functions.length < before.functions.length ? { ...before, problems: now.problems, findings: [] } : now;
}

function clear(timer: NodeJS.Timeout | null): void {
  if (timer !== null) clearTimeout(timer);
}
