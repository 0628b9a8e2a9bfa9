/**
 * The text of a model token by token: where it was not sure a word is tinted, and what it might have written instead is told for the token
 * that is pointed at, clicked or reached with the arrow keys. Texts of a model are only ever text.
 */
import type { TokenChoice } from "@iad-r1/protocol/inspect";
import { html, nothing, type TemplateResult } from "lit";
import { t } from "../host/l10n";

/** Which token of a text is looked at. */
export interface TokenReader {
  /** Number of the token, or null. */
  at: number | null;
  choose(index: number | null): void;
}

/** A token; of one that was recorded it is not known what else might have stood there. */
type Token = Pick<TokenChoice, "text" | "probability"> & Partial<Pick<TokenChoice, "alternatives">>;

/** Tokens that are shown of one text; longer answers are cut here. */
const maxTokens = 4096;

/** A text in its tokens. */
export class TokenText {
  /** (T + 1,) where each token begins in the text, and the end of the last. */
  private readonly starts: number[] = [0];
  /** The token that Tab leads to while none is chosen: the first that is shown, as those of tags are chips. */
  private first: number | null = null;

  constructor(
    private readonly text: string,
    private readonly choices: readonly Token[],
    private readonly reader: TokenReader,
  ) {
    for (const choice of choices.slice(0, maxTokens)) this.starts.push(this.starts.at(-1)! + choice.text.length);
  }

  /** The part [start, end) of the text; what no token is known for stays plain. */
  part(start: number, end: number): TemplateResult[] {
    const parts: TemplateResult[] = [];
    let at = start;
    for (let i = 0; i + 1 < this.starts.length && this.starts[i]! < end; i++) {
      const from = Math.max(this.starts[i]!, start);
      const to = Math.min(this.starts[i + 1]!, end);
      if (to <= from) continue;
      parts.push(this.token(i, this.text.slice(from, to)));
      at = to;
    }
    if (at < end) parts.push(html`${this.text.slice(at, end)}`);
    return parts;
  }

  private token(index: number, text: string): TemplateResult {
    const { probability } = this.choices[index]!;
    if (text.trim() !== "") this.first ??= index;
    const { at } = this.reader;
    return html`<span
      class="token"
      data-token=${index}
      role="button"
      tabindex=${index === (at ?? this.first) ? 0 : -1}
      aria-pressed=${index === at ? "true" : "false"}
      aria-label=${t("token.label", { word: visible(text), percent: percent(probability) })}
      .style=${`--doubt:${(100 * (1 - probability)).toFixed(0)}%`}
    >${text}</span>`;
  }
}

/** Puts tokens under pointer and keys; what is inside is found by `data-token`. */
export function tokenArea(reader: TokenReader, content: TemplateResult): TemplateResult {
  const indexOf = (target: EventTarget | null) => {
    const index = (target as HTMLElement | null)?.closest<HTMLElement>("[data-token]")?.dataset.token;
    return index === undefined ? null : Number(index);
  };
  const move = (event: KeyboardEvent) => {
    const by = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (by === undefined || indexOf(event.target) === null) return;
    const area = event.currentTarget as HTMLElement;
    const tokens = [...area.querySelectorAll<HTMLElement>("[data-token]")];
    const next = tokens[tokens.indexOf((event.target as HTMLElement).closest("[data-token]")!) + by];
    next?.focus();
    // Arrows move the picture elsewhere.
    event.preventDefault();
    event.stopPropagation();
  };
  const choose = (event: Event) => {
    const index = indexOf(event.target);
    if (index !== null) reader.choose(index);
  };
  // Moves, not entries: a pointer that rests enters again whenever the text is painted anew, and would take the choice from the keys.
  return html`<div class="tokens" role="group" aria-label=${t("token.group")} @pointermove=${choose} @click=${choose} @focusin=${choose} @keydown=${move}>${content}</div>`;
}

/** What is known about the token that is looked at. */
export function tokenDetail(choices: readonly Token[], { at }: TokenReader): TemplateResult {
  const choice = at === null ? undefined : choices[at];
  const isRecorded = choices[0]?.alternatives === undefined;
  const size = isRecorded ? "token-detail token-detail-short" : "token-detail";
  if (choice === undefined) {
    return html`<p class="${size} muted">${t(isRecorded ? "token.hintRecorded" : "token.hint")}</p>`;
  }
  const { text, probability, alternatives = [] } = choice;
  const rows = [{ text, probability, chosen: true }, ...alternatives];
  return html`<div class=${size} role="status">
    <table>
      <caption class="visually-hidden">${t("token.table")}</caption>
      ${rows.map(
        (row) => html`<tr class=${"chosen" in row ? "chosen" : ""}>
          <th scope="row"><code>${visible(row.text)}</code>${"chosen" in row ? html` <span class="visually-hidden">${t("token.chosen")}</span>` : nothing}</th>
          <td><span class="token-bar" aria-hidden="true"><span .style=${`width:${(100 * row.probability).toFixed(1)}%`}></span></span></td>
          <td class="number">${percent(row.probability)} %</td>
        </tr>`,
      )}
    </table>
  </div>`;
}

const percent = (probability: number) => (100 * probability).toFixed(1);

/** Blanks and line ends as signs, where they are all that there is to see. */
function visible(text: string): string {
  return text.replace(/\n/g, "⏎").replace(/^ | $/g, "␣").replace(/\t/g, "⇥");
}
