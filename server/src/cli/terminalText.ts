/** Small pieces of terminal text: bars, sparklines, durations, tables. Pure functions; no colours, no cursor movement. */

/** A bar of `width` cells, `share` from 0 to 1 filled. */
export function bar(share: number, width: number): string {
  const filled = Math.round(Math.min(1, Math.max(0, share)) * width);
  return "█".repeat(filled) + "░".repeat(width - filled);
}

/** The last `width` values as block characters between their own minimum and maximum. */
export function sparkline(values: readonly number[], width: number): string {
  const blocks = "▁▂▃▄▅▆▇█";
  const shown = values.slice(-width);
  const low = Math.min(...shown);
  const span = Math.max(...shown) - low;
  return shown.map((value) => blocks[span === 0 ? 3 : Math.round(((value - low) / span) * 7)]).join("");
}

/** "8 s", "2 min 5 s", "1 h 3 min". */
export function duration(seconds: number): string {
  const total = Math.max(0, Math.round(seconds));
  if (total < 60) return `${total} s`;
  if (total < 3600) return `${Math.floor(total / 60)} min ${total % 60} s`;
  return `${Math.floor(total / 3600)} h ${Math.floor((total % 3600) / 60)} min`;
}

/** A metric with as many digits as a person reads. */
export function metric(value: number): string {
  const size = Math.abs(value);
  if (size === 0) return "0";
  if (size < 0.001) return value.toExponential(1);
  return size < 10 ? value.toFixed(3) : size < 1000 ? value.toFixed(1) : String(Math.round(value));
}

/**
 * The first column and columns of words begin on the left, columns with numbers end on the right. Names from files break no line and do not
 * command the terminal.
 */
export function table(header: readonly string[], cells: readonly (readonly string[])[]): string[] {
  const rows = cells.map((row) => row.map((cell) => cell.replace(/\p{Cc}+/gu, " ")));
  const widths = header.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => (row[column] ?? "").length)),
  );
  const startsLeft = header.map((_, column) => {
    return column === 0 || !rows.some((row) => /^[≥≤+−-]? ?\d/.test(row[column] ?? ""));
  });
  const line = (row: readonly string[]) =>
    widths
      .map((width, column) =>
        startsLeft[column] ? (row[column] ?? "").padEnd(width) : (row[column] ?? "").padStart(width),
      )
      .join("   ")
      .trimEnd();
  return [line(header), widths.map((width) => "─".repeat(width)).join("───"), ...rows.map(line)];
}

/** Cuts to `columns` characters with an ellipsis; line breaks become blanks. */
export function clip(text: string, columns: number): string {
  const flat = text.replace(/\s+/g, " ").trim();
  return flat.length <= columns ? flat : `${flat.slice(0, Math.max(0, columns - 1))}…`;
}

/** A path as one word of a command that a person copies into a shell. */
export function shellWord(path: string): string {
  if (/^[\w@%+=:,./\\-]+$/.test(path)) return path;
  return process.platform === "win32" ? `"${path}"` : `'${path.replaceAll("'", "'\\''")}'`;
}
