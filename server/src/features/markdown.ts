/** Markdown for hovers. What comes from files is untrusted: it is fenced or escaped, and cut. */

const maxShown = 600;

/** Text of a file in a fence that nothing inside can close. */
export function fenced(text: string, language = "text"): string {
  const shown = clipped(text);
  const longest = Math.max(2, ...[...shown.matchAll(/`+/g)].map(([run]) => run.length));
  const fence = "`".repeat(longest + 1);
  return `${fence}${language}\n${shown}\n${fence}`;
}

/** Text of a file inside a sentence. */
export function code(text: string): string {
  const shown = clipped(text).replace(/\s+/g, " ");
  const longest = Math.max(0, ...[...shown.matchAll(/`+/g)].map(([run]) => run.length));
  const tick = "`".repeat(longest + 1);
  const pad = shown.startsWith("`") || shown.endsWith("`") ? " " : "";
  return `${tick}${pad}${shown}${pad}${tick}`;
}

export function clipped(text: string, length = maxShown): string {
  return text.length > length ? `${text.slice(0, length - 1)}…` : text;
}
