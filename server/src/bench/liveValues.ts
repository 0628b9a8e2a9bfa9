/**
 * What live values cost: three rewards on 512 rollouts, plain and instrumented in turns, in the workers that the editor uses; and how long
 * it takes to rewrite a file. The time counted is that of the calls inside the worker, without sending rows there and back.
 */
import { InternalError } from "@iad-r1/models/errors";
import { createRandom } from "@iad-r1/models/util/random";
import type { RewardOutcome } from "../rewards/contract";
import { compareRuns } from "../rewards/live/compareRuns";
import { instrumentTypeScript } from "../rewards/live/instrument";
import { discoverRewards } from "../rewards/user/discover";
import type { RewardProgram } from "../rewards/user/program";
import { type RewardRunner, startRunner } from "../rewards/user/runner";
import type { RolloutRow } from "../rollouts/row";
import { stripTypes } from "../rewards/user/stripTypes";
import { cpuSecondsOf } from "./cpuTime";

export type LiveLanguage = "typescript" | "python";

const typescript = `import { defineReward } from "iad-r1/reward";
const FORM = /<think>.*?<\\/think>\\s*<location>.*?<\\/location>\\s*<type>.*?<\\/type>\\s*<answer>.*?<\\/answer>/s;
const PLAIN = /<think>.*?<\\/think>\\s*<answer>.*?<\\/answer>/s;
function element(name: string, text: string): string | null {
  const open = "<" + name + ">";
  const start = text.indexOf(open);
  if (start < 0) return null;
  const end = text.indexOf("</" + name + ">", start);
  return end < 0 ? null : text.slice(start + open.length, end).trim().toLowerCase();
}
export const form = defineReward({ name: "form", score({ completion, solution }) {
  const truth = element("answer", solution ?? "");
  if (truth === "yes") { const found = FORM.exec(completion); return found === null ? 0 : 1; }
  if (completion.includes("<location>") || completion.includes("<type>")) return 0;
  return PLAIN.test(completion) ? 1 : 0;
} });
export const accuracy = defineReward({ name: "accuracy", score({ completion, solution }) {
  let score = 0;
  for (const name of ["answer", "location", "type"]) {
    const given = element(name, completion);
    const wanted = element(name, solution ?? "");
    if (given !== null && given === wanted) score += name === "answer" ? 1 : 0.5;
  }
  return score;
} });
export const words = defineReward({ name: "words", score({ completion }) {
  const text = element("think", completion) ?? "";
  const all = text.split(/\\s+/).filter((word) => word.length > 2);
  const distinct = new Set(all);
  const share = all.length === 0 ? 0 : distinct.size / all.length;
  return share > 0.5 && all.length < 200 ? share : share / 2;
} });
`;

const python = `import re
FORM = re.compile(r"<think>.*?</think>\\s*<location>.*?</location>\\s*<type>.*?</type>\\s*<answer>.*?</answer>", re.S)
PLAIN = re.compile(r"<think>.*?</think>\\s*<answer>.*?</answer>", re.S)
def element(name, text):
    found = re.search(f"<{name}>(.*?)</{name}>", text, re.S)
    return found.group(1).strip().lower() if found else None
def form(completions, solution, **kwargs):
    scores = []
    for completion, wanted in zip(completions, solution):
        truth = element("answer", wanted)
        if truth == "yes":
            scores.append(1.0 if FORM.search(completion) else 0.0)
        elif "<location>" in completion or "<type>" in completion:
            scores.append(0.0)
        else:
            scores.append(1.0 if PLAIN.search(completion) else 0.0)
    return scores
def accuracy(completions, solution, **kwargs):
    scores = []
    for completion, wanted in zip(completions, solution):
        score = 0.0
        for name in ("answer", "location", "type"):
            given = element(name, completion)
            if given is not None and given == element(name, wanted):
                score += 1.0 if name == "answer" else 0.5
        scores.append(score)
    return scores
def words(completions, **kwargs):
    scores = []
    for completion in completions:
        text = element("think", completion) or ""
        found = [word for word in text.split() if len(word) > 2]
        share = len(set(found)) / len(found) if found else 0.0
        scores.append(share if share > 0.5 and len(found) < 200 else share / 2)
    return scores
`;

/** Three rewards as people write them. */
export function liveSource(language: LiveLanguage): string {
  return language === "python" ? python : typescript;
}

export class LiveValuesBench {
  private readonly program: RewardProgram;
  private readonly runner: RewardRunner;
  private readonly rows: RolloutRow[];
  /** What each reward gave the first time: later runs must give the same. */
  private readonly outcomes = new Map<string, readonly RewardOutcome[]>();

  constructor(
    readonly language: LiveLanguage,
    numRows: number,
  ) {
    const path = `/bench/live.${language === "python" ? "py" : "reward.ts"}`;
    this.program = discoverRewards(path, liveSource(language));
    this.runner = startRunner(this.program, { instrument: instrumentTypeScript });
    this.rows = Array.from({ length: numRows }, (_, i) => liveRollout(i));
  }

  /** Places that are watched. */
  async numSites(): Promise<number> {
    const { recording } = await this.runner.score("form", this.rows.slice(0, 1), {
      instrumented: true,
      wallMs: 60_000,
    });
    return recording!.sites.length;
  }

  /**
   * Seconds in the calls of all three rewards.
   *
   * @throws InternalError `internal/bench` when instrumented code scores differently
   */
  async run(instrumented: boolean): Promise<number> {
    let milliseconds = 0;
    for (const { name } of this.program.functions) {
      const { outcomes, callMs } = await this.runner.score(name, this.rows, { instrumented, wallMs: 60_000 });
      milliseconds += callMs.reduce((sum, one) => sum + one, 0);
      const known = this.outcomes.get(name) ?? outcomes;
      this.outcomes.set(name, known);
      const { same, reason } = compareRuns(known, outcomes);
      if (!same) throw new InternalError("internal/bench", reason ?? "live values changed a score");
    }
    return milliseconds / 1000;
  }

  /** Seconds of the processor to rewrite the file and to take its types away; TypeScript only. */
  rewrite(): number {
    return cpuSecondsOf(() => {
      stripTypes(instrumentTypeScript(typescript, "/bench/live.reward.ts").code, "/bench/live.reward.ts");
    });
  }

  async close(): Promise<void> {
    await this.runner.close();
  }
}

/** As a model in training writes: mostly in form, of about 120 words. */
export function liveRollout(index: number): RolloutRow {
  const random = createRandom(index + 1);
  const vocabulary =
    "the surface plate shows scratch dark line edge left right smooth clean part defect light near corner".split(" ");
  const words = Array.from({ length: 120 }, () => random.pick(vocabulary));
  const think = `<think>${words.join(" ")}</think>`;
  const defect = "<location>upper left</location><type>scratch</type><answer>Yes</answer>";
  const isAnomalous = index % 2 === 0;
  const completion =
    random.next() < 0.2 ? words.join(" ") : think + (random.next() < 0.5 ? defect : "<answer>No</answer>");
  return {
    ...{ group: String(index >> 3), index: index & 7, prompt: "Are there any defects?", columns: {} },
    ...{ completion, solution: isAnomalous ? defect : "<answer>No</answer>" },
  };
}
