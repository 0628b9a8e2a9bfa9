/** The person's correction of an answer: a small form that becomes an Expert-AD sample. It checks what a sample needs before it is sent. */
import { LOCATIONS, type Location } from "@iad-r1/protocol/locations";
import type { Correction, InspectorItem } from "@iad-r1/protocol/webview";
import { parseCell } from "@iad-r1/server/rewards/location";
import { parseTags } from "@iad-r1/server/rewards/tags";
import { html, nothing } from "lit";
import { live } from "lit/directives/live.js";
import { button, icon, select, type Template } from "../../components/basics";
import { t } from "../../host/l10n";
import { Resource } from "../../state/resource";
import type { StringKey } from "../../strings/en";

export function placeName(place: Location): string {
  return t(`place.${place}` as StringKey);
}

export class CorrectionForm {
  /** null while the form is closed. */
  draft: Correction | null = null;
  readonly saving: Resource<{ savedTo: string | null }>;

  constructor(
    private readonly save: (correction: Correction) => Promise<{ savedTo: string | null }>,
    private readonly changed: () => void,
  ) {
    this.saving = new Resource(changed);
  }

  /** Begins with what is known: the true label where there is one, else the answer, and the model's words. */
  open(
    image: string,
    text: string,
    truth: { label: Correction["label"]; locations: Location[]; type: string | null } | null,
  ): void {
    const said = parseTags(text);
    const cell = said.location === null ? null : parseCell(said.location);
    const label = truth?.label ?? (said.answer === "yes" ? "anomalous" : "normal");
    this.saving.reset();
    this.draft = {
      image,
      label,
      location: truth?.locations[0] ?? (cell === null ? null : LOCATIONS[cell - 1]!),
      type: truth?.type ?? said.type,
      think: said.think ?? "",
    };
    this.changed();
  }

  close(): void {
    this.draft = null;
    this.saving.reset();
  }

  set(change: Partial<Correction>): void {
    if (this.draft === null) return;
    this.draft = { ...this.draft, ...change };
    this.saving.reset();
    this.changed();
  }

  /** What is still missing, for people; empty when the sample can be saved. */
  get missing(): string[] {
    const { draft } = this;
    if (draft === null) return [];
    const missing: string[] = [];
    if (draft.think.trim() === "") missing.push(t("correct.needThink"));
    if (draft.label === "anomalous" && draft.location === null) missing.push(t("correct.needLocation"));
    if (draft.label === "anomalous" && (draft.type ?? "").trim() === "") missing.push(t("correct.needType"));
    if (/<\/?(think|location|type|answer)>/i.test(`${draft.think}${draft.type ?? ""}`))
      missing.push(t("correct.noTags"));
    return missing;
  }

  submit(): void {
    const { draft } = this;
    if (draft === null || this.missing.length > 0) return;
    const isNormal = draft.label === "normal";
    const sample = {
      ...draft,
      think: draft.think.trim(),
      location: isNormal ? null : draft.location,
      type: isNormal ? null : draft.type!.trim(),
    };
    this.saving.load(() => this.save(sample));
  }
}

export function correctionForm(form: CorrectionForm, items: readonly InspectorItem[], close: () => void): Template {
  const { draft } = form;
  if (draft === null) return nothing;
  const types = [...new Set(items.flatMap(({ defectType }) => defectType ?? []))].sort();
  const { missing } = form;
  const saving = form.saving.state;
  return html`<form
    class="correction"
    aria-label=${t("correct.title")}
    @submit=${(event: Event) => {
      event.preventDefault();
      form.submit();
    }}
    @keydown=${(event: KeyboardEvent) => {
      if (event.key === "Escape") close();
      // The keys of the picture must not act while someone writes.
      event.stopPropagation();
    }}
  >
    <h2>${t("correct.title")}</h2>
    <fieldset class="choices"><legend>${t("correct.label")}</legend>
      ${(["normal", "anomalous"] as const).map(
        (label) =>
          html`<label class="field check"><input type="radio" name="label" value=${label} .checked=${live(draft.label === label)} @change=${() => form.set({ label })} /><span>${t(`label.${label}`)}</span></label>`,
      )}
    </fieldset>
    ${
      draft.label === "normal"
        ? nothing
        : html`${select(
            t("correct.location"),
            draft.location ?? "",
            [
              { value: "" as Location | "", text: t("correct.chooseLocation") },
              ...LOCATIONS.map((place) => ({ value: place, text: placeName(place) })),
            ],
            (place) => form.set({ location: place === "" ? null : place }),
          )}
          <label class="field"><span>${t("correct.type")}</span><input type="text" list="defect-types" .value=${live(draft.type ?? "")} @input=${(event: Event) => form.set({ type: (event.target as HTMLInputElement).value })} /></label>
          <datalist id="defect-types">${types.map((type) => html`<option value=${type}></option>`)}</datalist>`
    }
    <label class="field column"><span>${t("correct.think")}</span><textarea rows="6" .value=${live(draft.think)} @input=${(event: Event) => form.set({ think: (event.target as HTMLTextAreaElement).value })}></textarea></label>
    ${missing.length === 0 ? nothing : html`<p class="muted">${t("correct.missing", { list: missing.join(", ") })}</p>`}
    <div class="actions">
      <button type="submit" class="button primary" ?disabled=${missing.length > 0 || saving.phase === "loading"}>${icon("save")}${t("correct.save")}</button>
      ${button({ text: t("close"), run: close })}
    </div>
    <div role="status">
      ${saving.phase === "ready" && saving.value.savedTo !== null ? html`<p class="saved">${icon("pass")} ${t("correct.saved", { file: saving.value.savedTo })}</p>` : nothing}
      ${saving.phase === "failed" ? html`<p class="problem">${icon("error")} ${saving.message}</p>` : nothing}
    </div>
  </form>`;
}
