/**
 * Findings, hovers and completions in the editor's language. The checks that write them serve the command line too and speak English; here
 * whole sentences are looked up in a table with places for what varies. A sentence that is not in the table stays English, and what
 * a person has written is never touched: it only ever stands in such a place, or in a fence.
 */
import { escapeRegExp } from "@iad-r1/models/util/escapeRegExp";
import type { Completion, Finding, HoverText, Lens } from "../types";
import { phrases, sentences } from "./zhCn";

export interface Translator {
  finding(finding: Finding): Finding;
  hover(hover: HoverText): HoverText;
  completion(completion: Completion): Completion;
  lens(lens: Lens): Lens;
}

/** @param locale as editors write it, such as `zh-cn` */
export function translatorFor(locale: string): Translator {
  return isChineseLocale(locale) ? chinese : english;
}

/** Simplified Chinese, whatever the country. */
export function isChineseLocale(locale: string): boolean {
  return /^zh\b(?!-(tw|hk|hant))/i.test(locale);
}

const same = <T>(value: T): T => value;
const english: Translator = { finding: same, hover: same, completion: same, lens: same };

const chinese: Translator = {
  finding: (finding) => ({
    ...finding,
    message: translate(finding.message),
    ...(finding.hint === undefined ? {} : { hint: translate(finding.hint) }),
    fixes: finding.fixes.map((fix) => ({ ...fix, title: translate(fix.title) })),
  }),
  hover: (hover) => ({ ...hover, markdown: translateLines(hover.markdown) }),
  completion: (completion) => ({
    ...completion,
    detail: completion.detail.split(" · ").map(translate).join(" · "),
    documentation: translateLines(completion.documentation),
  }),
  lens: (lens) => ({ ...lens, title: translate(lens.title) }),
};

/** A template with places, ready to be compared. */
interface Pattern {
  expression: RegExp;
  /** Number of each place, in the order of the English text. */
  places: number[];
  text: string;
}

/**
 * A table of sentences with places, as a function that finds one.
 *
 * @param inPlace what becomes of the text in a place; it is mostly a person's own word
 * @returns null for what is not in the table
 */
export function makeLookUp(
  table: Readonly<Record<string, string>>,
  inPlace: (text: string) => string,
): (text: string) => string | null {
  let patterns: Pattern[] | null = null;
  return (text) => {
    // What is looked up may be a person's own word, and "constructor" is a name like others.
    if (Object.hasOwn(table, text)) return table[text]!;
    patterns ??= Object.entries(table)
      .filter(([template]) => /\{\d\}/.test(template))
      // What says more comes first: a place takes any text.
      .sort(([a], [b]) => literalLength(b) - literalLength(a))
      .map(([template, translated]) => patternOf(template, translated));
    for (const { expression, places, text: translated } of patterns) {
      const match = expression.exec(text);
      if (match === null) continue;
      const values = new Map(places.map((place, index) => [place, inPlace(match[index + 1]!)]));
      return translated.replaceAll(/\{(\d)\}/g, (_, place: string) => values.get(Number(place)) ?? "");
    }
    return null;
  };
}

function literalLength(template: string): number {
  return template.replaceAll(/\{\d\}/g, "").length;
}

const lookUp = makeLookUp(sentences, phrase);

/** Markdown line by line; what stands in a fence is somebody's text. */
export function outsideFences(markdown: string, change: (line: string) => string): string {
  let fence: string | null = null;
  return markdown
    .split("\n")
    .map((line) => {
      const mark = /^(`{3,}|~{3,})/.exec(line)?.[1] ?? null;
      if (fence !== null) {
        if (mark !== null && mark.length >= fence.length) fence = null;
        return line;
      }
      if (mark !== null) {
        fence = mark;
        return line;
      }
      return change(line);
    })
    .join("\n");
}

export function translateLines(markdown: string): string {
  return outsideFences(markdown, (line) => {
    const [, begin, body, end] = /^((?:- )?)(.*?)(\s*)$/.exec(line)!;
    return begin! + translate(body!) + end!;
  });
}

/** One sentence, or several that are each in the table. */
export function translate(text: string): string {
  const known = lookUp(text);
  if (known !== null) return known;
  // A key path before the sentence is the same in every language.
  const keyed = /^((?:--set [^:]+: )?[\w.[\]-]+: )(.+)$/s.exec(text);
  if (keyed !== null) {
    const rest = lookUp(keyed[2]!);
    if (rest !== null) return keyed[1]! + rest;
  }
  return text;
}

/** What stands in a place is mostly a person's own word; some are ours, such as "whole number". */
function phrase(text: string): string {
  for (const [expression, translated] of phrases) {
    if (expression.test(text)) return text.replace(expression, translated);
  }
  return text;
}

function patternOf(template: string, text: string): Pattern {
  const places: number[] = [];
  const source = template
    .split(/(\{\d\})/)
    .map((part) => {
      const place = /^\{(\d)\}$/.exec(part)?.[1];
      if (place === undefined) return escapeRegExp(part);
      places.push(Number(place));
      return "(.+?)";
    })
    .join("");
  return { expression: new RegExp(`^${source}$`, "s"), places, text };
}
