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

export interface HoverCase {
  /** Of the editor. */
  locale: string;
  /** The text on screen is newer than the report, as while somebody types. */
  isTyping: boolean;
}

/** Seconds of each hover. @throws InternalError `internal/bench` when a place has none */
export function hoverTimes(open: OpenReward, { locale, isTyping }: HoverCase, rounds: number): number[] {
  const { report } = open;
  if (report === null) throw new InternalError("internal/bench", "Expected a report to hover over.");
  const offsets = report.sites.map(({ start }) => start);
  const times: number[] = [];
  for (let round = 0; round < rounds; round++) {
    // A comment that grows by a letter a round, in front of everything.
    const typed = isTyping ? `// ${"x".repeat(round)}\n` : "";
    for (const offset of offsets) {
      const started = process.cpuUsage();
      const text = typed + open.text;
      const view = new RewardView({
        ...open,
        uri: "file:///bench/live.reward.ts",
        text,
        isUpdating: isTyping,
        facts: open.facts!,
      });
      const say = rewardTranslatorFor(locale);
      const found = rewardHover(view, typed.length + offset, placedFindings(view).map(say.placed));
      const markdown = found === null ? null : say.markdown(found.markdown);
      const { user, system } = process.cpuUsage(started);
      times.push((user + system) / 1e6);
      if (markdown === null) throw new InternalError("internal/bench", `Expected a hover at ${offset}, got none.`);
    }
  }
  return times;
}

/** Seconds for problems, lenses and values at the ends of all lines, after each of so many keystrokes. */
export function surfaceTimes(open: OpenReward, rounds: number): number[] {
  return Array.from({ length: rounds }, (_, round) => {
    const started = process.cpuUsage();
    const text = `// ${"x".repeat(round)}\n${open.text}`;
    const view = new RewardView({
      ...open,
      uri: "file:///bench/live.reward.ts",
      text,
      isUpdating: true,
      facts: open.facts!,
    });
    rewardFindings(view, placedFindings(view), () => null);
    rewardLenses(view);
    rewardHints(view, "all", 0, view.lines.position(text.length).line);
    const { user, system } = process.cpuUsage(started);
    return (user + system) / 1e6;
  });
}
