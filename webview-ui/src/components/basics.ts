/** Small pieces of every panel: icons, icon buttons, toggles, tabs, choices. Functions from values to templates; no state. */
import { html, nothing, type TemplateResult } from "lit";
import { live } from "lit/directives/live.js";
import { t } from "../host/l10n";

export type Template = TemplateResult | typeof nothing;

/** A codicon; decoration only, the text beside it or the label of its button says the same. */
export function icon(name: string): TemplateResult {
  return html`<span class="codicon codicon-${name}" aria-hidden="true"></span>`;
}

/** What a panel shows when it cannot go on. */
export function faultPanel(fault: string): TemplateResult {
  return html`<main class="panel"><div class="notice notice-error" role="alert">${icon("error")}<div><strong>${t("fault.title")}</strong><div>${fault}</div></div></div></main>`;
}

export interface ActionOptions {
  icon?: string;
  /** For a button without text, and as tooltip. */
  title?: string;
  text?: string;
  key?: string;
  disabled?: boolean;
  primary?: boolean;
  run(): void;
}

export function button({
  icon: name,
  title,
  text,
  key,
  disabled = false,
  primary = false,
  run,
}: ActionOptions): TemplateResult {
  const tip = key === undefined ? (title ?? text ?? "") : `${title ?? text} (${key})`;
  return html`<button
    class=${text === undefined ? "icon-button" : primary ? "button primary" : "button"}
    title=${tip}
    aria-label=${text === undefined ? (title ?? "") : nothing}
    aria-keyshortcuts=${key ?? nothing}
    ?disabled=${disabled}
    @click=${run}
  >${name === undefined ? nothing : icon(name)}${text ?? nothing}</button>`;
}

/** A button that stays down. */
export function toggle(options: ActionOptions & { on: boolean }): TemplateResult {
  const tip = options.key === undefined ? options.title : `${options.title} (${options.key})`;
  return html`<button
    class=${options.text === undefined ? "icon-button" : "button toggle"}
    title=${tip ?? ""}
    aria-label=${options.text === undefined ? (options.title ?? "") : nothing}
    aria-keyshortcuts=${options.key ?? nothing}
    aria-pressed=${options.on ? "true" : "false"}
    ?disabled=${options.disabled ?? false}
    @click=${options.run}
  >${options.icon === undefined ? nothing : icon(options.icon)}${options.text ?? nothing}</button>`;
}

export interface Choice<T extends string> {
  value: T;
  text: string;
  disabled?: boolean;
}

export function select<T extends string>(
  label: string,
  value: T,
  choices: readonly Choice<T>[],
  choose: (value: T) => void,
  { hideLabel = false }: { hideLabel?: boolean } = {},
): TemplateResult {
  return html`<label class="field"
    ><span class=${hideLabel ? "visually-hidden" : ""}>${label}</span
    ><select .value=${live(value)} @change=${(event: Event) => choose((event.target as HTMLSelectElement).value as T)}>
      ${choices.map((each) => html`<option value=${each.value} ?selected=${each.value === value} ?disabled=${each.disabled ?? false}>${each.text}</option>`)}
    </select></label
  >`;
}

export interface SliderOptions {
  label: string;
  value: number;
  min: number;
  max: number;
  step: number;
  /** What a screen reader says instead of the bare number. */
  text: string;
  disabled?: boolean;
  set(value: number): void;
  /** The value is chosen: the mouse button or the key was let go. */
  done?(value: number): void;
}

export function slider(options: SliderOptions): TemplateResult {
  const { label, value, min, max, step, text, disabled = false, set, done } = options;
  return html`<label class="field slider"
    ><span>${label}</span
    ><input
      type="range"
      min=${min}
      max=${max}
      step=${step}
      .value=${live(String(value))}
      ?disabled=${disabled}
      aria-valuetext=${text}
      @input=${(event: Event) => set(Number((event.target as HTMLInputElement).value))}
      @change=${(event: Event) => done?.(Number((event.target as HTMLInputElement).value))}
    /><output>${text}</output></label
  >`;
}

export function checkbox(label: string, on: boolean, set: (on: boolean) => void): TemplateResult {
  return html`<label class="field check"
    ><input type="checkbox" .checked=${live(on)} @change=${(event: Event) => set((event.target as HTMLInputElement).checked)} /><span
      >${label}</span
    ></label
  >`;
}

export interface Tab<T extends string> {
  id: T;
  text: string;
  count?: number;
}

/** Arrow keys move between tabs, as everywhere. */
export function tabBar<T extends string>(
  label: string,
  tabs: readonly Tab<T>[],
  current: T,
  choose: (id: T) => void,
): TemplateResult {
  const onKey = (event: KeyboardEvent) => {
    const by = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
    if (by === 0) return;
    const at = tabs.findIndex(({ id }) => id === current);
    const next = tabs[(at + by + tabs.length) % tabs.length]!;
    choose(next.id);
    const bar = event.currentTarget as HTMLElement;
    requestAnimationFrame(() => bar.querySelector<HTMLElement>(`#tab-${next.id}`)?.focus());
    event.preventDefault();
  };
  return html`<div class="tabs" role="tablist" aria-label=${label} @keydown=${onKey}>
    ${tabs.map(
      ({ id, text, count }) => html`<button
        role="tab"
        id="tab-${id}"
        aria-selected=${id === current ? "true" : "false"}
        aria-controls="panel-${id}"
        tabindex=${id === current ? 0 : -1}
        @click=${() => choose(id)}
      >${text}${count === undefined || count === 0 ? nothing : html`<span class="badge">${count}</span>`}</button>`,
    )}
  </div>`;
}

export function tabPanel(id: string, content: unknown): TemplateResult {
  return html`<div class="tab-panel" role="tabpanel" id="panel-${id}" aria-labelledby="tab-${id}" tabindex="-1">${content}</div>`;
}

/** A button with a list of actions under it; Escape and a click elsewhere close it. */
export function menu(label: string, name: string, items: readonly { text: string; run(): void }[]): TemplateResult {
  const close = (target: EventTarget | null) => (target as HTMLElement).closest("details")?.removeAttribute("open");
  return html`<details
    class="menu"
    @keydown=${(event: KeyboardEvent) => {
      if (event.key !== "Escape") return;
      close(event.target);
      (event.currentTarget as HTMLElement).querySelector("summary")?.focus();
      event.stopPropagation();
    }}
    @focusout=${(event: FocusEvent) => {
      const menuElement = event.currentTarget as HTMLElement;
      if (!menuElement.contains(event.relatedTarget as Node | null)) menuElement.removeAttribute("open");
    }}
  >
    <summary class="icon-button" title=${label} aria-label=${label}>${icon(name)}</summary>
    <div class="menu-items">
      ${items.map(
        ({ text, run }) => html`<button
          @click=${(event: Event) => {
            close(event.target);
            run();
          }}
        >${text}</button>`,
      )}
    </div>
  </details>`;
}
