/** Small drawings in a row: totals and advantages of a group, and how a column is spread. Decoration; the numbers stand beside them. */
import { html, nothing, svg, type TemplateResult } from "lit";

const height = 22;

/** A bar a completion, from the least to the greatest total of all. */
export function totalBars(totals: readonly (number | null)[], min: number, max: number): TemplateResult {
  const scale = max > min ? (height - 4) / (max - min) : 0;
  return bars(totals, (total, x, width) => {
    const size = 2 + (total - min) * scale;
    return svg`<rect class="mark-total" x=${x} y=${height - size} width=${width} height=${size}></rect>`;
  });
}

/** Bars up and down from the middle. */
export function advantageBars(advantages: readonly (number | null)[]): TemplateResult {
  const largest = Math.max(1e-9, ...advantages.map((each) => Math.abs(each ?? 0)));
  const middle = height / 2;
  return bars(advantages, (advantage, x, width) => {
    const size = Math.max(1, (Math.abs(advantage) / largest) * (middle - 1));
    const kind = advantage > 0 ? "up" : advantage < 0 ? "down" : "flat";
    const y = advantage > 0 ? middle - size : middle;
    return svg`<rect class=${`mark-${kind}`} x=${x} y=${y} width=${width} height=${size}></rect>`;
  });
}

function bars(
  values: readonly (number | null)[],
  draw: (value: number, x: number, width: number) => TemplateResult,
): TemplateResult {
  // Very large groups are drawn by their first.
  const shown = values.slice(0, 64);
  const width = shown.length > 24 ? 2 : 4;
  const gap = shown.length > 24 ? 0 : 1;
  const total = Math.max(1, shown.length * (width + gap));
  return html`<svg class="marks" viewBox=${`0 0 ${total} ${height}`} width=${total} height=${height} aria-hidden="true">
    ${shown.map((value, i) => (value === null ? nothing : draw(value, i * (width + gap), width)))}
  </svg>`;
}

/** Counts of bins; `chosen` are the ends of what is wanted as shares of the whole. */
export function histogram(
  counts: readonly number[],
  chosen: { from: number; to: number } | null,
  pick: (bin: number) => void,
): TemplateResult {
  const most = Math.max(1, ...counts);
  const width = 100 / counts.length;
  return html`<svg class="histogram" viewBox="0 0 100 26" preserveAspectRatio="none" aria-hidden="true">
    ${counts.map((count, i) => {
      const size = count === 0 ? 0 : Math.max(1.5, (count / most) * 25);
      const middle = (i + 0.5) / counts.length;
      const isIn = chosen === null || (middle >= chosen.from && middle <= chosen.to);
      return svg`<g @click=${() => pick(i)}>
        <rect class="mark-hit" x=${i * width} y="0" width=${width} height="26"></rect>
        <rect class=${isIn ? "mark-bin" : "mark-bin mark-out"} x=${i * width + width * 0.08} y=${26 - size} width=${width * 0.84} height=${size}></rect>
      </g>`;
    })}
  </svg>`;
}
