/**
 * A completion with its tags as chips, also while it is still being written. The text of a model is only ever text: nothing in it can
 * become markup. Reading is done by the parser that rewards and evaluations use.
 */
import { parseTags, type TagElement } from "@iad-r1/server/rewards/tags";
import { html, nothing, type TemplateResult } from "lit";
import type { StringKey } from "../strings/en";
import { t } from "../host/l10n";
import { icon } from "./basics";

const icons: Record<TagElement["name"], string> = {
  think: "lightbulb",
  location: "location",
  type: "tag",
  answer: "verified",
  description: "note",
};

/** @param writing a caret stands at the end, and a tag that is half written is not shown yet */
export function taggedText(text: string, writing: boolean): TemplateResult {
  const shown = writing ? text.replace(/<\/?[a-z]{0,11}$/i, "") : text;
  const { elements } = parseTags(shown);
  const parts: unknown[] = [];
  let at = 0;
  for (const element of elements) {
    parts.push(outside(shown.slice(at, element.start)));
    const isLast = element.end === shown.length;
    parts.push(chip(shown, element, writing && isLast));
    at = element.end;
  }
  parts.push(outside(shown.slice(at)));
  return html`<div class="tagged">${parts}${writing && elements.at(-1)?.closed !== false ? caret() : nothing}</div>`;
}

function chip(text: string, element: TagElement, writing: boolean): TemplateResult {
  const body = text.slice(element.bodyStart, element.bodyEnd).trim();
  const isOpen = !element.closed;
  return html`<div class="tag tag-${element.name} ${isOpen && !writing ? "tag-broken" : ""}">
    <span class="chip" title=${`<${element.name}>`}>${icon(icons[element.name])}${t(`tag.${element.name}` as StringKey)}</span
    ><span class="tag-body">${body}${isOpen && writing ? caret() : nothing}</span>
    ${isOpen && !writing ? html`<span class="problem">${t("tag.unclosed")}</span>` : nothing}
  </div>`;
}

function outside(text: string): unknown {
  return text.trim() === ""
    ? nothing
    : html`<div class="tag tag-outside"><span class="tag-body">${text.trim()}</span></div>`;
}

function caret(): TemplateResult {
  return html`<span class="caret" aria-hidden="true"></span>`;
}
