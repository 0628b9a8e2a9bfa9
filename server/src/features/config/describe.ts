/** What a key or value of the experiment file means, as Markdown: one text for completion and hover. */
import { type ReferenceEntry, referenceValues } from "../../config/reference";
import { listedValues, type SchemaNode, typeInWords } from "../../config/schemaTree";
import type { YamlPath } from "../../config/yamlTree";

/** @param facts further sentences, such as what a value comes to together with others */
export function describeKey(
  path: YamlPath,
  node: SchemaNode,
  required: boolean,
  facts: readonly string[] = [],
): string {
  const parts: string[] = [`**${path.at(-1)}** · ${escaped(typeInWords(node))}${required ? " · required" : ""}`];
  if (node.description !== undefined) parts.push(node.description);
  const values = listedValues(node).filter(({ description }) => description !== "");
  if (values.length > 0)
    parts.push(values.map(({ value, description }) => `- \`${String(value)}\`: ${description}`).join("\n"));
  const lines = [defaultLine(node), referenceLine(referenceAt(path))].filter((line) => line !== null);
  if (lines.length > 0) parts.push(lines.join("  \n"));
  parts.push(...facts);
  return parts.join("\n\n");
}

export function referenceAt(path: YamlPath): ReferenceEntry | undefined {
  return referenceValues.get(path.filter((part) => typeof part === "string").join("."));
}

/** The default as it would be written in the file; null when there is none worth telling. */
export function defaultText(node: SchemaNode): string | null {
  const { default: value } = node;
  if (value === undefined || value === null) return null;
  if (Array.isArray(value)) return `[${value.join(", ")}]`;
  return typeof value === "object" ? null : numberText(value as string | number | boolean);
}

/** Small numbers as people write learning rates. */
function numberText(value: string | number | boolean): string {
  if (typeof value !== "number" || value === 0 || Math.abs(value) >= 1e-3) return String(value);
  const [digits, exponent] = value.toExponential().split("e") as [string, string];
  return `${digits.includes(".") ? digits : `${digits}.0`}e${exponent}`;
}

function defaultLine(node: SchemaNode): string | null {
  const text = defaultText(node);
  return text === null ? null : `Default: \`${text}\``;
}

export function referenceLine(entry: ReferenceEntry | undefined): string | null {
  if (entry === undefined) return null;
  const values = entry.values.map(({ text, note }) => {
    const value = text === null ? "none" : `\`${text}\``;
    return note === undefined ? value : `${value} (${note})`;
  });
  const option = entry.option === undefined ? "" : `, there called \`${entry.option}\``;
  return `Published system: ${values.join("; ")}${option}`;
}

function escaped(text: string): string {
  return text.replaceAll("|", "\\|");
}
