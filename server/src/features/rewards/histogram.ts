/**
 * A histogram as an SVG picture in a data address, for hovers: no script, no font, at most 4 KiB. Its colours are seen on light, dark and
 * high-contrast themes alike, because a picture cannot ask for the theme.
 */
import type { Distribution } from "@iad-r1/protocol/rewardDebugger";

const width = 320;
const height = 56;
const barsHeight = 42;
/** Both have a contrast of at least 3 : 1 against white and against black. */
const barColor = "#3f86c9";
const textColor = "#808080";

/** Markdown of the picture; its text says the same to a screen reader. */
export function histogramMarkdown(title: string, numbers: Distribution): string {
  const label = `${title}: ${numbers.count} values from ${shortNumber(numbers.min)} to ${shortNumber(numbers.max)}, mean ${shortNumber(numbers.mean)}`;
  const address = `data:image/svg+xml;base64,${Buffer.from(histogramSvg(numbers)).toString("base64")}`;
  return `![${label.replaceAll(/[[\]\\]/g, "")}](${address})`;
}

export function histogramSvg({ bins, min, max, mean }: Distribution): string {
  const highest = Math.max(1, ...bins);
  const step = width / bins.length;
  const bars = bins
    .map((count, i) => {
      if (count === 0) return "";
      // A single row stays visible beside thousands.
      const tall = Math.max(1.5, (count / highest) * barsHeight);
      const [x, wide] = [round(i * step + 0.5), round(Math.max(1, step - 1))];
      return `M${x} ${barsHeight}h${wide}v-${round(tall)}h-${wide}z`;
    })
    .join("");
  const at = max === min ? width / 2 : ((mean - min) / (max - min)) * width;
  const label = (x: number, anchor: string, text: string) =>
    `<text x="${round(x)}" y="54" text-anchor="${anchor}">${text}</text>`;
  const isMeanFree = at > width * 0.25 && at < width * 0.75 && max !== min;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}">`,
    `<path fill="${barColor}" d="${bars}"/>`,
    `<path stroke="${textColor}" d="M0 ${barsHeight + 0.5}H${width}M${round(at)} 0V${barsHeight}" stroke-dasharray="3 2"/>`,
    `<g fill="${textColor}" font-family="sans-serif" font-size="10">`,
    max === min ? label(width / 2, "middle", shortNumber(min)) : label(0, "start", shortNumber(min)),
    isMeanFree ? label(at, "middle", `mean ${shortNumber(mean)}`) : "",
    max === min ? "" : label(width, "end", shortNumber(max)),
    "</g></svg>",
  ].join("");
}

/** One row of blocks: the shape in a line of text. */
export function sparkline(values: readonly number[]): string {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const blocks = "▁▂▃▄▅▆▇█";
  return values
    .map((value) => blocks[high === low ? 3 : Math.round(((value - low) / (high - low)) * (blocks.length - 1))])
    .join("");
}

/** Three significant digits, without a tail of zeros. */
export function shortNumber(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  return String(Number(value.toPrecision(3)));
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
