/** What the features of a reward file look at: the text on screen, and the newest reports, which may belong to an older text. */
import { TextLines } from "@iad-r1/models/util/textLines";
import type { RewardFunctionReport, SiteReport } from "@iad-r1/protocol/rewardDebugger";
import type { DynamicReport, ShownFinding, StaticReport } from "../../rewards/debug/fileReport";
import type { RewardDeclaration } from "../../rewards/user/program";
import { TextShift } from "./textShift";

export interface RewardViewInput {
  uri: string;
  text: string;
  facts: StaticReport | null;
  report: DynamicReport | null;
  /** Findings of the rollouts with the text that they are about; they come later than the report. */
  examined: { text: string; findings: ShownFinding[] } | null;
  /** A newer report is being made. */
  isUpdating: boolean;
}

export interface PlacedFunction {
  declaration: RewardDeclaration;
  /** In the text on screen. */
  name: { start: number; end: number };
  body: { start: number; end: number };
  report: RewardFunctionReport | null;
}

export class RewardView {
  readonly lines: TextLines;
  private readonly factShift: TextShift | null;
  private readonly reportShift: TextShift | null;

  constructor(readonly input: RewardViewInput) {
    this.lines = new TextLines(input.text);
    this.factShift = input.facts === null ? null : new TextShift(input.facts.text, input.text);
    this.reportShift = input.report === null ? null : new TextShift(input.report.text, input.text);
  }

  /** The numbers belong to another text than the one on screen, or new ones are on their way. */
  get isStale(): boolean {
    return this.input.isUpdating || this.reportShift?.isSame === false;
  }

  get functions(): PlacedFunction[] {
    const { facts, report } = this.input;
    return (facts?.functions ?? []).flatMap((declaration) => {
      const name = this.factShift!.spanToNew(...declaration.nameSpan);
      const body = this.factShift!.spanToNew(...declaration.bodySpan);
      if (name === null) return [];
      const known = report?.functions.find((one) => one.name === declaration.name) ?? null;
      return [{ declaration, name, body: body ?? name, report: known }];
    });
  }

  functionAt(offset: number): PlacedFunction | null {
    return this.functions.find(({ name }) => offset >= name.start && offset <= name.end) ?? null;
  }

  functionNamed(name: string): PlacedFunction | null {
    return this.functions.find(({ declaration }) => declaration.name === name) ?? null;
  }

  /** The smallest watched place around an offset. */
  siteAt(offset: number): { site: SiteReport; start: number; end: number } | null {
    let found: { site: SiteReport; start: number; end: number } | null = null;
    for (const placed of this.sites) {
      if (offset < placed.start || offset > placed.end || placed.site.kind === "statement") continue;
      const length = placed.end - placed.start;
      const known = found === null ? Number.POSITIVE_INFINITY : found.end - found.start;
      // A pattern says more than the expression that it is.
      if (length < known || (length === known && placed.site.kind === "regex")) found = placed;
    }
    return found;
  }

  /** The smallest condition around a place that is a part of one. */
  conditionAround(start: number, end: number): { site: SiteReport; start: number; end: number } | null {
    let found: { site: SiteReport; start: number; end: number } | null = null;
    for (const placed of this.sites) {
      if (placed.site.kind !== "condition" || placed.start > start || placed.end < end) continue;
      if (found === null || placed.end - placed.start < found.end - found.start) found = placed;
    }
    return found;
  }

  /** What a keyword is about: the condition behind `if` and `while`, the value behind `return`, the catch behind `catch`. */
  keywordSite(offset: number): { site: SiteReport; start: number; end: number } | null {
    const { line } = this.lines.position(offset);
    const from = this.lines.offset(line, 1);
    const text = this.input.text.slice(from, this.lines.endOfLine(line));
    const at = offset - from;
    const word = [...text.matchAll(/\b(if|elif|while|return|catch|except)\b/g)].find(
      ({ index, 0: match }) => at >= index && at <= index + match.length,
    );
    if (word === undefined) return null;
    const kind = /catch|except/.test(word[0]) ? "catch" : word[0] === "return" ? "return" : "condition";
    const begin = from + word.index;
    const candidates = this.sites.filter(({ site, start, end }) => {
      if (site.kind !== kind) return false;
      return kind === "condition"
        ? start >= begin && start <= begin + word[0].length + 3
        : start <= begin + 8 && end >= begin;
    });
    return candidates.sort((a, b) => a.end - a.start - (b.end - b.start))[0] ?? null;
  }

  /** All watched places that the text on screen still has. */
  get sites(): { site: SiteReport; start: number; end: number }[] {
    return (this.input.report?.sites ?? []).flatMap((site) => {
      const span = this.reportShift!.spanToNew(site.start, site.end);
      return span === null ? [] : [{ site, ...span }];
    });
  }

  /** A line of the report's text, both from 0, in the text on screen; null where it was changed. */
  lineToNew(line: number): number | null {
    const { report } = this.input;
    if (report === null) return null;
    const offset = this.reportShift!.toNew(new TextLines(report.text).offset(line + 1, 1));
    return offset === null ? null : this.lines.position(offset).line - 1;
  }
}
