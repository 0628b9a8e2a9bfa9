/** *Inspect* above every record that names a picture. */
import { rangeAt } from "../places";
import type { Lens } from "../types";
import type { DatasetDocument } from "./document";
import { picturesOf } from "./records";

/** Editors lay out every lens; longer files have them at the beginning. */
const maxLenses = 5000;

export function datasetLenses({ records, format, root, lines }: DatasetDocument): Lens[] {
  return records.slice(0, maxLenses).flatMap((record) => {
    const pictures = picturesOf(format, record, root);
    if (pictures === null) return [];
    const range = rangeAt(lines, record.start, lines.endOfLine(lines.position(record.start).line));
    return [{ range, title: "Inspect", action: { kind: "inspect" as const, ...pictures } }];
  });
}
