/** Colours of charts, read from the theme. Colour is never the only mark: every slot has a dash pattern too. */

export interface ChartTheme {
  background: string;
  foreground: string;
  muted: string;
  grid: string;
  font: string;
  /** Line colours by slot. */
  lines: readonly string[];
}

/** Lengths of strokes and gaps by slot, in CSS pixels; an empty list is a solid line. */
const dashes: readonly (readonly number[])[] = [[], [7, 3], [2, 3], [9, 3, 2, 3], [4, 2], [12, 4], [1, 2]];
const lineVariables = ["blue", "orange", "green", "purple", "red", "yellow"];

export function dashOf(slot: number): readonly number[] {
  return dashes[slot % dashes.length]!;
}

export function readChartTheme(): ChartTheme {
  const style = getComputedStyle(document.body);
  const read = (...names: string[]) => {
    for (const name of names) {
      const value = style.getPropertyValue(name).trim();
      if (value !== "") return value;
    }
    return style.color;
  };
  const foreground = read("--vscode-editor-foreground", "--vscode-foreground");
  return {
    background: read("--vscode-editor-background"),
    foreground,
    muted: read("--vscode-descriptionForeground", "--vscode-foreground"),
    grid: read("--iad-grid"),
    font: `11px ${read("--vscode-font-family")}`,
    lines: [...lineVariables.map((name) => read(`--vscode-charts-${name}`)), foreground],
  };
}

export function colorOf(theme: ChartTheme, slot: number): string {
  return theme.lines[slot % theme.lines.length]!;
}

/** Calls back when VS Code changes the theme of the page. */
export function onThemeChange(changed: () => void): () => void {
  const observer = new MutationObserver(changed);
  observer.observe(document.body, { attributes: true, attributeFilter: ["class", "data-vscode-theme-kind"] });
  observer.observe(document.documentElement, { attributes: true, attributeFilter: ["style", "class"] });
  return () => observer.disconnect();
}
