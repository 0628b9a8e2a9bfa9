/**
 * The reward debugger in the editor's language. Its messages are several sentences with a person's own names, patterns and completions in
 * them, so they are taken apart sentence by sentence and piece by piece; where one piece is not in the tables the whole message stays English.
 */
import type { ProbeView } from "@iad-r1/protocol/rewardDebugger";
import type { RewardHint } from "../rewards/inlayHints";
import type { RewardLens } from "../rewards/lenses";
import type { PlacedFinding } from "../rewards/findings";
import type { Finding } from "../types";
import { rewardPhrases, rewardSentences, rewardSurfaceTexts } from "./rewardsZhCn";
import { isChineseLocale, makeLookUp, outsideFences } from "./translate";

export interface RewardTranslator {
  /** Before it goes into hovers, which quote it. */
  placed(finding: PlacedFinding): PlacedFinding;
  /** What is made around a finding: titles of fixes, words on rollouts. */
  finding(finding: Finding): Finding;
  markdown(text: string): string;
  hint(hint: RewardHint): RewardHint;
  lens(lens: RewardLens): RewardLens;
  probe(probe: ProbeView): ProbeView;
}

/** @param locale as editors write it, such as `zh-cn` */
export function rewardTranslatorFor(locale: string): RewardTranslator {
  return isChineseLocale(locale) ? chinese : english;
}

const same = <T>(value: T): T => value;
const english: RewardTranslator = {
  ...{ placed: same, finding: same, markdown: same, hint: same, lens: same, probe: same },
};

const chinese: RewardTranslator = {
  placed: (finding) => ({ ...finding, message: translateMessage(finding.message) }),
  finding: (finding) => ({
    ...finding,
    fixes: finding.fixes.map((fix) => ({ ...fix, title: translateTitle(fix.title) })),
    ...(finding.related !== undefined && {
      related: finding.related.map((one) => ({ ...one, message: translateTitle(one.message) })),
    }),
  }),
  markdown: translateHover,
  hint: ({ label, tooltip, ...hint }) => ({
    ...{ ...hint, label: translatePieces(label), tooltip: translateHover(tooltip) },
  }),
  lens: (lens) => ({
    ...{ ...lens, title: translatePieces(lens.title), tooltip: translatePieces(lens.tooltip) },
  }),
  probe: (probe) => ({ ...probe, title: phrase(probe.title), expectation: phrase(probe.expectation) }),
};

const sentence = makeLookUp(rewardSentences, phrase);
const surface = makeLookUp(rewardSurfaceTexts, (text) => {
  // Hovers escape what could be read as Markdown.
  const plain = text.replaceAll(/\\([\\`*_{}[\]()<>#!|~$])/g, "$1");
  const translated = phrase(plain);
  return translated === plain ? text : translated;
});
const known = makeLookUp(rewardPhrases, phrase);

/** The message of a finding; as it is when a part of it is not in the table. */
export function translateMessage(text: string): string {
  const parts = sentencesOf(text).map((part) => sentence(part));
  if (parts.every((part) => part !== null)) return parts.join("");
  // Code in a message may look like the end of a sentence.
  return sentence(text) ?? text;
}

export function translateTitle(text: string): string {
  return sentence(text) ?? phrase(text);
}

/** What stands in a place: ours, a list of ours, or a person's own. */
function phrase(text: string): string {
  const whole = known(text);
  if (whole !== null) return whole;
  for (const [mark, by] of separators) {
    const parts = splitOutside(text, mark);
    if (parts.length === 1) continue;
    const translated = parts.map((part) => known(part));
    if (translated.some((part) => part !== null)) return parts.map((part, i) => translated[i] ?? part).join(by);
  }
  return text;
}

const separators: readonly (readonly [string, string])[] = [
  ["; ", "；"],
  [", and ", "，并"],
  [", ", "，"],
];

function translateHover(markdown: string): string {
  return outsideFences(markdown, (line) => {
    if (line.startsWith("| "))
      return line.replace(/(?<=\| (?:(?:&nbsp;)*)?)[^|&]+(?= \|)/g, (cell) => surface(cell) ?? cell);
    const [, begin, body] = /^((?:- )?)(.*)$/.exec(line)!;
    return begin! + translatePieces(body!);
  });
}

/** Pieces between dots. */
function translatePieces(text: string): string {
  return splitOutside(text, " · ")
    .map((piece) => changes(piece) ?? surface(piece) ?? piece)
    .join(" · ");
}

/** "This edit flips 17 of 512 scores, mean +0.02, 3 groups regain variance": the end is there or not. */
function changes(text: string): string | null {
  const found =
    /^(This edit flips .*?, mean \S+?)((?:, (?:\d+ groups? (?:regains?|loses?) (?:variance|it)|\d+ groups? lose it))*)$/.exec(
      text,
    );
  const head = found === null ? null : surface(found[1]!);
  if (head === null) return null;
  const counts = [...found![2]!.matchAll(/(\d+) groups? (regain|lose)/g)];
  return head + counts.map(([, count, what]) => `，${count} 组${what === "regain" ? "恢复" : "失去"}差异`).join("");
}

/** Cut where one sentence ends and another begins, outside of what is quoted. */
function sentencesOf(text: string): string[] {
  const parts: string[] = [];
  let from = 0;
  for (const at of placesOutside(text)) {
    if (!".!?".includes(text[at]!) || !/^ [A-Z`]/.test(text.slice(at + 1, at + 3))) continue;
    parts.push(text.slice(from, at + 1));
    from = at + 2;
  }
  parts.push(text.slice(from));
  return parts;
}

function splitOutside(text: string, mark: string): string[] {
  const parts: string[] = [];
  let from = 0;
  for (const at of placesOutside(text)) {
    if (at < from || !text.startsWith(mark, at)) continue;
    parts.push(text.slice(from, at));
    from = at + mark.length;
  }
  parts.push(text.slice(from));
  return parts;
}

/** Offsets that are neither in a JSON text nor between back quotes nor in brackets. */
function* placesOutside(text: string): Generator<number> {
  let depth = 0;
  const quotation = /"(?:\\.|[^"\\])*"|(`+)(?!`)[\s\S]*?[^`]\1(?!`)/y;
  for (let at = 0; at < text.length; at++) {
    quotation.lastIndex = at;
    const quoted = quotation.exec(text);
    if (quoted !== null) {
      at += quoted[0].length - 1;
      continue;
    }
    if ("([".includes(text[at]!)) depth++;
    else if (")]".includes(text[at]!)) depth = Math.max(0, depth - 1);
    else if (depth === 0) yield at;
  }
}
