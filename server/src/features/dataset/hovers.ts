/** A record under the pointer: its pictures small, and what is said about them. */
import { pathToFileURL } from "node:url";
import { LOCATIONS } from "@iad-r1/protocol/locations";
import { code, fenced } from "../markdown";
import { offsetAt, rangeAt } from "../places";
import type { FeatureContext, HoverText, TextPosition } from "../types";
import type { DatasetDocument } from "./document";
import { picturesOf, type RecordView, recordAt, viewOf } from "./records";

/** Pixels; large enough to see a defect, small enough for a hover. */
const thumbnailWidth = 220;
const maxReferences = 2;

export async function datasetHover(
  document: DatasetDocument,
  position: TextPosition,
  context: FeatureContext,
): Promise<HoverText | null> {
  const { text, lines, records, format, root } = document;
  const record = recordAt(records, text, offsetAt(lines, position));
  if (record === null) return null;
  const view = viewOf(format, record);
  const pictures = picturesOf(format, record, root);
  const parts = [await pictureLine(pictures, context), facts(view)].filter((part) => part !== "");
  if (view.think !== null) parts.push(fenced(view.think.trim()));
  if (parts.length === 0) return null;
  const end = lines.endOfLine(lines.position(record.start).line);
  return { range: rangeAt(lines, record.start, end), markdown: parts.join("\n\n") };
}

async function pictureLine(
  pictures: { image: string; references: string[] } | null,
  context: FeatureContext,
): Promise<string> {
  if (pictures === null) return "";
  const uriOf = context.uriOf ?? ((path: string) => pathToFileURL(path).href);
  const shown: string[] = [];
  for (const [path, what] of [
    ...pictures.references.slice(0, maxReferences).map((path) => [path, "reference"] as const),
    [pictures.image, "picture"] as const,
  ]) {
    if ((await context.files.kind(path)) !== "file") shown.push(`The ${what} is missing: ${code(path)}`);
    else shown.push(`![${what}](${addressOf(uriOf(path))}|width=${thumbnailWidth})`);
  }
  return shown.join(" ");
}

/** Nothing in a file name may end the address. */
function addressOf(uri: string): string {
  return uri.replace(/[()<>\s|"'\\]/g, (c) => `%${c.charCodeAt(0).toString(16).padStart(2, "0").toUpperCase()}`);
}

function facts(view: RecordView): string {
  const { answer, location, type, category, id, question, mask } = view;
  const verdict = answer === "Yes" ? "defect" : answer === "No" ? "no defect" : null;
  const rows: [string, string | null][] = [
    ["Answer", answer === null ? null : verdict === null ? code(answer) : `**${answer}** (${verdict})`],
    ["Location", location === null ? null : `${code(location)}${cellOf(location)}`],
    ["Type", type === null ? null : code(type)],
    ["Category", category === null ? null : code(category)],
    ["Id", id === null ? null : code(id)],
    ["Mask", mask === null ? null : code(mask)],
    ["Question", question === null ? null : code(question)],
  ];
  return rows
    .filter(([, value]) => value !== null)
    .map(([name, value]) => `${name}: ${value}`)
    .join("  \n");
}

/** The cell as a small picture of the 3 by 3 grid. */
function cellOf(location: string): string {
  const cell = (LOCATIONS as readonly string[]).indexOf(location.toLowerCase());
  if (cell < 0) return "";
  const rows = [0, 1, 2].map((row) => [0, 1, 2].map((column) => (3 * row + column === cell ? "■" : "□")).join(""));
  return ` ${rows.join(" ")}`;
}
