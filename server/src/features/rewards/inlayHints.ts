/** Short values at the end of lines: what was returned, what was swallowed, or (mode "all") what each line came to. One a line, ≤ 32 characters. */
import type { RewardSurfaces, SiteReport } from "@iad-r1/protocol/rewardDebugger";
import { clipped } from "../markdown";
import { positionAt } from "../places";
import type { TextPosition } from "../types";
import { shortNumber } from "./histogram";
import { siteMarkdown } from "./siteHover";
import type { RewardView } from "./view";

export interface RewardHint {
  position: TextPosition;
  label: string;
  /** Markdown. */
  tooltip: string;
}

export const maxHintLength = 32;

/** Before others when a line has several. */
const rank: Record<SiteReport["kind"], number> = {
  catch: 0,
  return: 1,
  condition: 2,
  regex: 3,
  call: 4,
  expression: 5,
  statement: 6,
};

/** @param from first line from 0; @param to last line, inclusive */
export function rewardHints(
  view: RewardView,
  mode: RewardSurfaces["inlayHints"],
  from: number,
  to: number,
): RewardHint[] {
  if (mode === "off") return [];
  const bodies = view.functions.map(({ body }) => body);
  const byLine = new Map<number, { site: SiteReport; start: number; end: number }>();
  for (const placed of view.sites) {
    const { site, start, end } = placed;
    if (mode === "returns") {
      const isInside = bodies.some((body) => start >= body.start && end <= body.end);
      const isWanted = (site.kind === "return" && isInside) || (site.kind === "catch" && site.thrown.length > 0);
      if (!isWanted) continue;
    }
    // Of a statement over several lines the last one; of a catch the line of its head.
    const line = view.lines.position(site.kind === "catch" ? start : Math.max(start, end - 1)).line - 1;
    if (line < from || line > to) continue;
    const known = byLine.get(line);
    if (known === undefined || isBefore(placed, known)) byLine.set(line, placed);
  }
  return [...byLine]
    .sort(([a], [b]) => a - b)
    .flatMap(([line, { site, start, end }]) => {
      const label = hintLabel(site);
      if (label === null) return [];
      const tooltip = siteMarkdown(view, site, view.input.text.slice(start, end));
      const position = positionAt(view.lines, view.lines.endOfLine(line + 1));
      return [{ position, label: clipped(label, maxHintLength), tooltip }];
    });
}

function isBefore(a: { site: SiteReport; start: number; end: number }, b: typeof a): boolean {
  const [rankA, rankB] = [rank[a.site.kind], rank[b.site.kind]];
  // Of two of a kind the wider: it holds the other.
  return rankA < rankB || (rankA === rankB && a.end - a.start > b.end - b.start);
}

function hintLabel({
  kind,
  numbers,
  top,
  distinct,
  rowsReached,
  thrown,
  reached,
  kept,
  branches,
}: SiteReport): string | null {
  if (kind === "catch") {
    return thrown.length === 0 ? null : `caught ${reached}×`;
  }
  if (reached === 0) return "never reached";
  if (branches !== null) return `true ${branches.yes}× false ${branches.no}×`;
  const times = `${rowsReached ?? reached}×`;
  if (numbers !== null && distinct > 1) return `mean ${shortNumber(numbers.mean)} · ${times}`;
  const first = top[0];
  if (first === undefined) return null;
  const text = clipped(first.text.replace(/\s+/g, " "), 18);
  return distinct === 1 ? `${text} · ${times}` : `${text} ${first.count}× of ${kept}`;
}
