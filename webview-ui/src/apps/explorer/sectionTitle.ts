/** The heading of a part of the right side that opens and closes. */
import { html, type TemplateResult } from "lit";
import { icon } from "../../components/basics";
import type { Explorer } from "./explorer";
import type { Section } from "./view";

export function sectionTitle(app: Explorer, section: Section, title: string): TemplateResult {
  const isOpen = app.view.sections.includes(section);
  return html`<h3 class="section-head"><button
    class="section-title"
    id=${`section-${section}`}
    aria-expanded=${isOpen ? "true" : "false"}
    @click=${() => app.toggleSection(section)}
  >${icon(isOpen ? "chevron-down" : "chevron-right")}${title}</button></h3>`;
}
