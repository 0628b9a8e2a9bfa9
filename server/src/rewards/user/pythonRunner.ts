/** Runs Python rewards in a long-lived Python process, or in two when live values are asked for. */
import { RewardError } from "@iad-r1/models/errors";
import { batchResultOf, hostFunction } from "./hostMessages";
import { declarationOf, type RewardProgram } from "./program";
import { findPython } from "../../runtime/python";
import { PythonHost } from "./pythonHost";
import type { BatchResult, RewardRunner, RunnerOptions, ScoreOptions } from "./runner";
import type { RolloutRow } from "../../rollouts/row";
import { Turns } from "./turns";
import { HostFailure, rewardErrorOf } from "./typescriptHost";

const defaultWallMs = 2_000;
/** Importing packages can take long. */
const loadMs = 60_000;
const defaultMemoryMb = 1_024;
/** Impure rewards load models. */
const impureMemoryMb = 64 * 1_024;

export class PythonRunner implements RewardRunner {
  private plain: PythonHost | null = null;
  private live: PythonHost | null = null;
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
    await Promise.all([this.plain?.kill(), this.live?.kill()]);
  }

  private async scoreNow(name: string, rows: readonly RolloutRow[], options: ScoreOptions): Promise<BatchResult> {
    const { instrumented = false, wallMs = defaultWallMs, batchSize, seed = 0, pinned = -1, signal } = options;
    const { file } = this.program;
    declarationOf(this.program, name);
    const host = this.open(instrumented);
    try {
      const size = Math.max(1, batchSize ?? rows.length);
      const result = await host.run({ name, rows: [...rows], wallMs, batchSize: size, seed, pinned }, signal);
      return batchResultOf(result, host.sites);
    } catch (error) {
      if (!(error instanceof HostFailure)) throw error;
      throw rewardErrorOf(name, file, error.failure);
    }
  }

  private open(instrumented: boolean): PythonHost {
    if (this.isClosed) throw new RewardError("reward/crashed", "The runner is closed.", { show: "log" });
    const existing = instrumented ? this.live : this.plain;
    if (existing !== null && !existing.isOver) return existing;
    const { file, source, functions } = this.program;
    const isImpure = functions.some(({ impure }) => impure);
    const host = new PythonHost(
      {
        ...{ kind: "start", file, source, isImpure, instrument: instrumented, loadMs },
        functions: functions.map(hostFunction),
        memoryMb: this.options.memoryMb ?? (isImpure ? impureMemoryMb : defaultMemoryMb),
      },
      this.options.python ?? findPython(),
    );
    if (instrumented) this.live = host;
    else this.plain = host;
    return host;
  }
}
