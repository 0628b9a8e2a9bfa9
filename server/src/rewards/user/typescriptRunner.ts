/**
 * Runs TypeScript rewards: one process for the plain code and, when live values are asked for, one for the instrumented code. A
 * process that hangs or dies is replaced by a fresh one at the next call.
 */
import { RewardError } from "@iad-r1/models/errors";
import { batchResultOf, type FailedMessage, hostFunction, type RunResult, type StartMessage } from "./hostMessages";
import { loadModuleGraph } from "./moduleGraph";
import { declarationOf, lineAt, type RewardProgram } from "./program";
import type { InstrumentedSource, Site } from "./recording";
import type { BatchResult, RewardRunner, RunnerOptions, ScoreOptions } from "./runner";
import type { RolloutRow } from "../../rollouts/row";
import { Turns } from "./turns";
import { HostFailure, rewardErrorOf, TypeScriptHost } from "./typescriptHost";

const defaultWallMs = 2_000;
const defaultMemoryMb = 512;
/** Longest time for naming the line of a hang; it hangs again, so it need not be long: the one row that hung, or all of them. */
const attributionMs = { row: 200, rows: 400 };
/** Part of the limit after which the process that names lines is started. */
const preparedAt = 0.5;

interface Version {
  host: TypeScriptHost;
  sites: Site[] | null;
}

export class TypeScriptRunner implements RewardRunner {
  private plain: Version | null = null;
  private live: Version | null = null;
  private readonly turns = new Turns();
  private isClosed = false;

  constructor(
    private readonly program: RewardProgram,
    private readonly options: RunnerOptions,
  ) {}

  score(name: string, rows: readonly RolloutRow[], options: ScoreOptions = {}): Promise<BatchResult> {
    const which = options.instrumented === true ? "live" : "plain";
    return this.turns.take(which, () => this.scoreNow(name, rows, options));
  }

  async close(): Promise<void> {
    this.isClosed = true;
    await Promise.all([this.plain?.host.kill(), this.live?.host.kill()]);
  }

  private async scoreNow(name: string, rows: readonly RolloutRow[], options: ScoreOptions): Promise<BatchResult> {
    const { instrumented = false, wallMs = defaultWallMs } = options;
    const { file } = this.program;
    declarationOf(this.program, name);
    const version = this.open(instrumented);
    const prepared = instrumented ? undefined : this.prepareAttribution(wallMs);
    try {
      const result = await this.run(version, name, rows, { ...options, wallMs });
      return batchResultOf(result, version.sites);
    } catch (error) {
      if (!(error instanceof HostFailure)) throw error;
      throw rewardErrorOf(name, file, await this.attributed(error.failure, version, name, rows));
    } finally {
      clearTimeout(prepared);
    }
  }

  /** What takes long will perhaps never end: the process that finds the line is started while the limit runs, so that nobody waits for it after. */
  private prepareAttribution(wallMs: number): NodeJS.Timeout | undefined {
    if (this.options.instrument === undefined || this.program.functions.some(({ impure }) => impure)) return undefined;
    const timer = setTimeout(() => {
      try {
        if (!this.isClosed) this.open(true);
      } catch (error) {
        // Whoever asks for the line hears of it.
        if (!RewardError.is(error)) throw error;
      }
    }, wallMs * preparedAt);
    timer.unref();
    return timer;
  }

  private run(
    { host }: Version,
    name: string,
    rows: readonly RolloutRow[],
    { signal, batchSize, wallMs, seed = 0, pinned = -1 }: ScoreOptions & { wallMs: number },
  ): Promise<RunResult> {
    const size = Math.max(1, batchSize ?? rows.length);
    return host.run({ name, rows: [...rows], wallMs, batchSize: size, seed, pinned }, signal);
  }

  /** Adds the line: known from the last site of instrumented code, or found by letting it hang once more, instrumented. */
  private async attributed(
    failure: FailedMessage,
    version: Version,
    name: string,
    rows: readonly RolloutRow[],
  ): Promise<FailedMessage> {
    if (failure.line !== null) return failure;
    // Watched code has said all that it knows.
    if (version.sites !== null) return failure.siteId === null ? failure : this.withLine(failure, version.sites);
    const isHang = failure.code === "reward/timeout" || failure.code === "reward/memory";
    if (!isHang || this.options.instrument === undefined || this.isClosed) return failure;
    return this.turns.take("live", async () => {
      const live = this.open(true);
      try {
        // The same row first; a function that keeps state, or looks at its peers, may need all of them.
        const declared = declarationOf(this.program, name);
        const hanging = failure.row === null ? undefined : rows[failure.row];
        const isOne = hanging !== undefined && declared.scope === "sample";
        await this.run(live, name, isOne ? [hanging] : rows, { wallMs: attributionMs[isOne ? "row" : "rows"] });
      } catch (error) {
        if (error instanceof HostFailure && error.failure.siteId !== null) {
          return this.withLine({ ...failure, siteId: error.failure.siteId }, live.sites ?? []);
        }
      }
      return failure;
    });
  }

  private withLine(failure: FailedMessage, sites: readonly Site[]): FailedMessage {
    const site = sites.find(({ id }) => id === failure.siteId);
    if (site === undefined) return failure;
    return { ...failure, line: lineAt(this.program.source, site.start) };
  }

  private open(instrumented: boolean): Version {
    if (this.isClosed) throw new RewardError("reward/crashed", "The runner is closed.", { show: "log" });
    const existing = instrumented ? this.live : this.plain;
    if (existing !== null && !existing.host.isOver) return existing;
    const { file, source, functions } = this.program;
    let changed: InstrumentedSource | undefined;
    if (instrumented) {
      const { instrument } = this.options;
      if (instrument === undefined) {
        throw new RewardError("reward/load", `${file}: live values need an instrumenter.`, { show: "log" });
      }
      changed = instrument(source, file);
    }
    const { entry, modules } = loadModuleGraph(file, source, { instrumented: changed });
    const start: StartMessage = {
      ...{ kind: "start", entry, modules, sites: changed?.sites ?? null, loadMs: defaultWallMs },
      functions: functions.map(hostFunction),
      isImpure: functions.some(({ impure }) => impure),
      memoryMb: this.options.memoryMb ?? defaultMemoryMb,
    };
    const version = { host: new TypeScriptHost(start), sites: changed?.sites ?? null };
    if (instrumented) this.live = version;
    else this.plain = version;
    return version;
  }
}
