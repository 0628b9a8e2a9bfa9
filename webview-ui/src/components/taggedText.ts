/**
 * A completion with its tags as chips, also while it is still being written. The text of a model is only ever text: nothing in it can
 * become markup. Reading is done by the parser that rewards and evaluations use.
 */
import { parseTags, type TagElement } from "@iad-r1/server/rewards/tags";
import { html, nothing, type TemplateResult } from "lit";
import type { StringKey } from "../strings/en";
import { t } from "../host/l10n";
import { Memo } from "../state/memo";
import { differingPieces, type Piece } from "../state/wordDiff";
import { icon } from "./basics";

const icons: Record<TagElement["name"], string> = {
  think: "lightbulb",
  location: "location",
  type: "tag",
  answer: "verified",
  description: "note",
};

/** Shows the part [start, end) of a text. */
type Part = (start: number, end: number) => unknown;

/**
 * @param writing a caret stands at the end, and a tag that is half written is not shown yet
 * @param other   another completion: words that its tag of the same name has not are marked
 * @param part    how a part of the text is shown where nothing is marked; as it is when left out
 */
export function taggedText(
  text: string,
  writing: boolean,
  other: string | null = null,
  part: Part = (start, end) => text.slice(start, end),
): TemplateResult {
  const shown = writing ? text.replace(/<\/?[a-z]{0,11}$/i, "") : text;
  const { elements } = parseTags(shown);
  const others = other === null ? null : bodies(other);
  const parts: unknown[] = [];
  let at = 0;
  for (const element of elements) {
    parts.push(outside(shown, at, element.start, part));
    const isLast = element.end === shown.length;
    parts.push(chip(shown, element, writing && isLast, others, part));
    at = element.end;
  }
  parts.push(outside(shown, at, shown.length, part));
  return html`<div class="tagged">${parts}${writing && elements.at(-1)?.closed !== false ? caret() : nothing}</div>`;
}

/** What stands in each kind of tag. */
function bodies(text: string): Map<TagElement["name"], string> {
  const { elements } = parseTags(text);
  return new Map(elements.map(({ name, bodyStart, bodyEnd }) => [name, text.slice(bodyStart, bodyEnd)]));
}

const kept = new Memo<Piece[]>();

function marked(name: string, body: string, other: string): TemplateResult[] {
  // Two completions with a few tags each: a bounded number of keys tells them apart most of the time.
  const pieces = kept.get(`${name} ${body.length % 64}`, [body, other], () => differingPieces(body, other));
  return pieces.map(({ text, isOwn }) => (isOwn ? html`<mark class="own-words">${text}</mark>` : html`${text}`));
}

function chip(
  text: string,
  element: TagElement,
  writing: boolean,
  others: ReadonlyMap<TagElement["name"], string> | null,
  part: Part,
): TemplateResult {
  const [start, end] = trimmed(text, element.bodyStart, element.bodyEnd);
  const body = text.slice(start, end);
  const isOpen = !element.closed;
  return html`<div class="tag tag-${element.name} ${isOpen && !writing ? "tag-broken" : ""}">
    <span class="chip" title=${`<${element.name}>`}>${icon(icons[element.name])}${t(`tag.${element.name}` as StringKey)}</span
    ><span class="tag-body">${others === null ? part(start, end) : marked(element.name, body, others.get(element.name) ?? "")}${isOpen && writing ? caret() : nothing}</span>
    ${isOpen && !writing ? html`<span class="problem">${t("tag.unclosed")}</span>` : nothing}
  </div>`;
}

function outside(text: string, from: number, to: number, part: Part): unknown {
  const [start, end] = trimmed(text, from, to);
  return start === end
    ? nothing
    : html`<div class="tag tag-outside"><span class="tag-body">${part(start, end)}</span></div>`;
}

/** The part without the blanks around it. */
function trimmed(text: string, from: number, to: number): [start: number, end: number] {
  const part = text.slice(from, to);
  const start = from + part.length - part.trimStart().length;
  return [start, Math.max(start, from + part.trimEnd().length)];
}

function caret(): TemplateResult {
  return html`<span class="caret" aria-hidden="true"></span>`;
}
