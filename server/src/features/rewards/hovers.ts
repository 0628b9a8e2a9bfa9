/** What a reward or a place in it did. Looks things up in reports that are there; computes nothing and waits for nothing. */
import type { Finding } from "../../rewards/analysis/finding";
import { rangeAt } from "../places";
import type { HoverText } from "../types";
import { functionMarkdown } from "./functionHover";
import { siteMarkdown } from "./siteHover";
import type { RewardView } from "./view";

/** @param findings all that are shown for the file, gravest first */
export function rewardHover(view: RewardView, offset: number, findings: readonly Finding[]): HoverText | null {
  const found = view.functionAt(offset);
  if (found !== null) {
    const worst = findings.find((finding) => finding.function === found.declaration.name) ?? null;
    const markdown = functionMarkdown(view, found, worst);
    return { range: rangeAt(view.lines, found.name.start, found.name.end), markdown };
  }
  const placed = view.keywordSite(offset) ?? view.siteAt(offset);
  if (placed === null) return null;
  const { text } = view.input;
  const around = placed.site.kind === "expression" ? view.conditionAround(placed.start, placed.end) : null;
  const condition = around === null ? null : { site: around.site, source: text.slice(around.start, around.end) };
  const hang = findings.find(({ id, start, end }) => id === "RW113" && start < placed.end && end > placed.start);
  const { regex } = placed.site;
  const site = regex === null ? placed.site : { ...placed.site, regex: { ...regex, warning: hang?.message ?? null } };
  const markdown = siteMarkdown(view, site, text.slice(placed.start, placed.end), condition);
  return { range: rangeAt(view.lines, placed.start, placed.end), markdown };
}
