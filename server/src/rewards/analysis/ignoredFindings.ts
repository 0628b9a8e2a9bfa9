/**
 * Findings that a person has looked at and wants no more: a comment `iadr1-ignore RW112` on the line of the finding or alone on the line
 * above it, with one or several ids, in either language. The command line and the editor ask here.
 */
import { TextLines } from "@iad-r1/models/util/textLines";
import type { Finding, FindingEdit, FindingId } from "./finding";

const marker = /(?:\/\/|#|\/\*)\s*iadr1-ignore[:\s]\s*((?:RW\d{3}[\s,]*)+)/;

/** The findings that no comment silences. */
export function withoutIgnored<F extends Finding>(source: string, findings: readonly F[]): F[] {
  if (!source.includes("iadr1-ignore")) return [...findings];
  const lines = source.split("\n");
  const places = new TextLines(source);
  return findings.filter(({ id, start }) => {
    const line = places.position(start).line - 1;
    if (ignoredOn(lines[line]).includes(id)) return false;
    const above = lines[line - 1];
    return !(above !== undefined && /^\s*(\/\/|#|\/\*)/.test(above) && ignoredOn(above).includes(id));
  });
}

/** The edit that silences a finding: it adds to the comment that is there, or writes one at the end of the line. */
export function ignoringEdit(
  source: string,
  start: number,
  id: FindingId,
  language: "typescript" | "python",
): FindingEdit {
  const places = new TextLines(source);
  const { line } = places.position(start);
  const [from, to] = [places.offset(line, 1), places.endOfLine(line)];
  const text = source.slice(from, to);
  const found = marker.exec(text);
  if (found !== null) {
    const at = from + found.index + found[0].trimEnd().length;
    return { start: at, end: at, text: ` ${id}` };
  }
  return { start: to, end: to, text: `${language === "python" ? "  #" : " //"} iadr1-ignore ${id}` };
}

function ignoredOn(line: string | undefined): string[] {
  return marker.exec(line ?? "")?.[1]?.match(/RW\d{3}/g) ?? [];
}
