/** Texts as Python reads them, so that both versions of these rewards agree to the last character. */

/** Python's white space: JavaScript's lacks the separators 1C to 1F and 85, and has FEFF. */
const space = "[\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]";
const outerSpace = new RegExp(`^${space}+|${space}+$`, "g");
const innerSpace = new RegExp(`${space}+`, "g");

export function strip(text: string): string {
  return text.replace(outerSpace, "");
}

export function lower(text: string): string {
  return text.toLowerCase();
}

export function collapseSpace(text: string): string {
  return text.replace(innerSpace, " ");
}

/** Drops everything but word characters, white space and hyphens. */
export function dropPunctuation(text: string): string {
  return Array.from(text)
    .filter((character) => /[\p{L}\p{N}_-]/u.test(character) || new RegExp(space).test(character))
    .join("");
}

/** Body of the first one-line element of that name, stripped and in lower case; null when there is none. */
export function element(name: string, text: string): string | null {
  const match = new RegExp(`<${name}>([^\\n]*?)</${name}>`).exec(text);
  return match === null ? null : lower(strip(match[1]!));
}

export function trueAnswer(solution: string): string {
  return element("answer", solution) ?? lower(strip(solution));
}
