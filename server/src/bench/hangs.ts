/**
 * How long a reward that never comes back keeps anybody waiting: from the call that hangs to the message with its line, in the process that
 * the editor and a run use. By the clock; the limit counts the time that the code was given, so on a busy machine it takes longer.
 */
import { InternalError, RewardError } from "@iad-r1/models/errors";
import { instrumentTypeScript } from "../rewards/live/instrument";
import { discoverRewards } from "../rewards/user/discover";
import { type RewardRunner, startRunner } from "../rewards/user/runner";
import type { RolloutRow } from "../rollouts/row";
import type { LiveLanguage } from "./liveValues";

const typescript = `/** @reward */
export function pattern({ completion }: { completion: string }): number {
  const words = /^(\\w+\\s?)+$/;
  return words.test(completion) ? 1 : 0;
}
/** @reward */
export function loop({ completion }: { completion: string }): number {
  let at = 0;
  while (at < completion.length) if (completion[at] === " ") at++;
  return at;
}
`;

const python = `import re
def pattern(completions, **kwargs):
    words = re.compile(r"^(\\w+\\s?)+$")
    return [1.0 if words.match(one) else 0.0 for one in completions]
def loop(completions, **kwargs):
    at = 0
    while completions[0] and at < len(completions[0]):
        at += completions[0][at] == " "
    return [float(at) for _ in completions]
`;

/** Lines that may be named: those of the loop or the match. */
const places: Record<LiveLanguage, Record<string, readonly number[]>> = {
  typescript: { pattern: [4], loop: [9] },
  python: { pattern: [4], loop: [7, 8] },
};

/** Ways to hang: in a pattern, which nothing can interrupt, and in a loop. */
export const hangs = ["pattern", "loop"] as const;

export class HangBench {
  private readonly runner: RewardRunner;

  constructor(private readonly language: LiveLanguage) {
    const isPython = language === "python";
    const program = discoverRewards(
      isPython ? "/bench/hang.py" : "/bench/hang.reward.ts",
      isPython ? python : typescript,
    );
    this.runner = startRunner(program, { instrument: instrumentTypeScript });
  }

  /** Seconds until it is told, with a process that was ready. @throws InternalError `internal/bench` when another line is named, or none */
  async hang(name: (typeof hangs)[number]): Promise<number> {
    await this.runner.score(name, [rolloutOf("")]);
    const started = performance.now();
    try {
      await this.runner.score(name, [rolloutOf(`${"word ".repeat(12)}!`.replaceAll(" ", name === "loop" ? "_" : " "))]);
    } catch (error) {
      const seconds = (performance.now() - started) / 1000;
      const line = RewardError.is(error, "reward/timeout") ? error.data?.line : undefined;
      if (typeof line === "number" && places[this.language][name]!.includes(line)) return seconds;
      throw new InternalError("internal/bench", `Expected the line of the ${name}, got ${String(line)}.`, {
        cause: error,
      });
    }
    throw new InternalError("internal/bench", `The ${name} came back.`);
  }

  close(): Promise<void> {
    return this.runner.close();
  }
}

function rolloutOf(completion: string): RolloutRow {
  return { group: "0", index: 0, prompt: null, completion, solution: null, columns: {} };
}
