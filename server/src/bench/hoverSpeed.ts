/**
 * What a hover, and everything else that an editor asks for after a keystroke, costs from the newest report: on every reward and every watched
 * place of a file, as the server answers it. Time of the processor; the way to the editor is not in it.
 */
import { rewardTranslatorFor } from "../features/localise/rewards";
import { placedFindings, rewardFindings } from "../features/rewards/findings";
import { rewardHover } from "../features/rewards/hovers";
import { rewardHints } from "../features/rewards/inlayHints";
import { rewardLenses } from "../features/rewards/lenses";
import { RewardView } from "../features/rewards/view";
import { InternalError } from "@iad-r1/models/errors";
import type { OpenReward } from "../rewards/debug/debugService";
import { cpuSecondsOf } from "./cpuTime";

export interface HoverCase {
  /** Of the editor. */
  locale: string;
  /** The text on screen is newer than the report, as while somebody types. */
  isTyping: boolean;
}

/** The file as the editor shows it while somebody writes a comment of so many letters in front of everything. */
function viewOf(open: OpenReward, isUpdating: boolean, typed: string): RewardView {
  const [uri, text, facts] = ["file:///bench/live.reward.ts", typed + open.text, open.facts!] as const;
  return new RewardView({ ...open, uri, text, isUpdating, facts });
}

const comment = (letters: number) => `// ${"x".repeat(letters)}\n`;

/** Seconds of each hover. @throws InternalError `internal/bench` when a place has none */
export function hoverTimes(open: OpenReward, { locale, isTyping }: HoverCase, rounds: number): number[] {
  const { report } = open;
  if (report === null) throw new InternalError("internal/bench", "Expected a report to hover over.");
  const offsets = report.sites.map(({ start }) => start);
  const times: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const typed = isTyping ? comment(round) : "";
    for (const offset of offsets) {
      let markdown: string | null = null;
      const seconds = cpuSecondsOf(() => {
        const view = viewOf(open, isTyping, typed);
        const say = rewardTranslatorFor(locale);
        const found = rewardHover(view, typed.length + offset, placedFindings(view).map(say.placed));
        markdown = found === null ? null : say.markdown(found.markdown);
      });
      if (markdown === null) throw new InternalError("internal/bench", `Expected a hover at ${offset}, got none.`);
      times.push(seconds);
    }
  }
  return times;
}

/** Seconds for problems, lenses and values at the ends of all lines, after each of so many keystrokes. */
export function surfaceTimes(open: OpenReward, rounds: number): number[] {
  return Array.from({ length: rounds }, (_, round) =>
    cpuSecondsOf(() => {
      const typed = comment(round);
      const view = viewOf(open, true, typed);
      rewardFindings(view, placedFindings(view), () => null);
      rewardLenses(view);
      rewardHints(view, "all", 0, view.lines.position(typed.length + open.text.length).line);
    }),
  );
}
