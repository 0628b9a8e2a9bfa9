/** Findings about a reward as problems of a document: those of the text and those of the rollouts, with fixes, links and rollouts to look at. */
import type { RewardSurfaces } from "@iad-r1/protocol/rewardDebugger";
import type { FindingEdit, FindingId } from "../../rewards/analysis/finding";
import { type Finding as RewardFinding, findingTitles, sortFindings } from "../../rewards/analysis/finding";
import { mergeFindings } from "../../rewards/analysis/examine";
import { ignoringEdit, withoutIgnored } from "../../rewards/analysis/ignoredFindings";
import type { ShownFinding } from "../../rewards/debug/fileReport";
import { rangeAt } from "../places";
import type { Finding, Fix } from "../types";
import { TextShift } from "./textShift";
import type { RewardView } from "./view";

/** A finding at its place in the text on screen. */
export interface PlacedFinding extends RewardFinding {
  rollouts: ShownFinding["rollouts"];
}

const maxRelated = 5;

/** What is shown for a file, gravest first; never more than the limit of `sortFindings`. */
export function placedFindings(view: RewardView, overrides: RewardSurfaces["findings"] = {}): PlacedFinding[] {
  const { text, facts, report, examined } = view.input;
  const ofText = place(facts?.findings ?? [], facts?.text ?? text, text);
  const ofRollouts = [
    ...place(report?.findings ?? [], report?.text ?? text, text),
    ...place(examined?.findings ?? [], examined?.text ?? text, text),
  ];
  const all = mergeFindings(ofText, ofRollouts).flatMap((finding): PlacedFinding[] => {
    const wanted = overrides[finding.id];
    if (wanted === "off") return [];
    const severity = wanted === undefined ? finding.severity : wanted === "info" ? "information" : wanted;
    return [{ rollouts: [], ...finding, severity }];
  });
  return sortFindings(withoutIgnored(text, all)) as PlacedFinding[];
}

/** @param explain address of what explains an id */
export function rewardFindings(
  view: RewardView,
  placed: readonly PlacedFinding[],
  explain: (id: string) => string | null,
): Finding[] {
  const problems = (view.input.facts?.problems ?? []).map(({ message, start, end }): Finding => {
    return { severity: "error", code: "reward/unreadable", message, range: rangeAt(view.lines, start, end), fixes: [] };
  });
  return [
    ...(view.input.facts?.text === view.input.text ? problems : []),
    ...placed.map((finding): Finding => {
      const { id, severity, message, start, end, rollouts } = finding;
      const link = explain(id);
      return {
        ...{ severity: severity === "information" ? ("info" as const) : severity, code: id, message },
        range: rangeAt(view.lines, start, end),
        fixes: fixesOf(view, finding),
        ...(link !== null && { link }),
        related: rollouts.slice(0, maxRelated).map(({ key, path, line }) => ({
          message: `Rollout ${key.index} of group ${key.group}${key.step === null ? "" : `, step ${key.step}`}`,
          path,
          range: { start: { line, character: 0 }, end: { line, character: 0 } },
        })),
      };
    }),
  ];
}

function fixesOf(view: RewardView, { id, start, fixes, probes = [], function: name }: PlacedFinding): Fix[] {
  const toEdit = ({ start: from, end, text }: FindingEdit) => ({
    range: rangeAt(view.lines, from, end),
    newText: text,
  });
  const language = view.input.facts?.functions[0]?.language ?? "typescript";
  return [
    ...fixes.map(
      ({ title, edits }, i): Fix => ({ title, edits: edits.map(toEdit), sure: i === 0 && fixes.length === 1 }),
    ),
    ...(probes.length === 0
      ? []
      : [
          {
            title: probes.length === 1 ? "Add a probe for this" : `Add ${probes.length} probes for this`,
            ...{ edits: [], sure: false, keeps: { function: name, probes } },
          },
        ]),
    {
      title: `Ignore ${id} (${findingTitles[id as FindingId]}) on this line`,
      edits: [toEdit(ignoringEdit(view.input.text, start, id, language))],
      sure: false,
    },
  ];
}

/** Findings and their edits in the text on screen; those in what was changed are left out until they are found again. */
function place<F extends RewardFinding>(findings: readonly F[], before: string, now: string): F[] {
  const shift = new TextShift(before, now);
  if (shift.isSame) return [...findings];
  return findings.flatMap((finding) => {
    const span = shift.spanToNew(finding.start, finding.end);
    if (span === null) return [];
    const fixes = finding.fixes.flatMap((fix) => {
      const moved = fix.edits.map(({ start, end, text }) => ({ span: shift.spanToNew(start, end), text }));
      if (moved.some((edit) => edit.span === null)) return [];
      return [{ ...fix, edits: moved.map((edit) => ({ ...edit.span!, text: edit.text })) }];
    });
    return [{ ...finding, ...span, fixes }];
  });
}
