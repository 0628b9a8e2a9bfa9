/**
 * Writes an experiment with a comment above every key that says what it is, in the words of the schema: a first file to learn from.
 * Chooses nothing; the values come from the caller.
 */
import { Document, isMap, isScalar, isSeq, type Node, type Pair } from "yaml";
import type { ExperimentInput } from "./experiment";
import { valueAt } from "./schemaProblems";
import { keysAt, listedValues, schemasAt } from "./schemaTree";

type Path = (string | number)[];

/** Columns of a comment line, indentation not counted. */
const maxWidth = 100;

/** @param heading lines above everything */
export function commentedYaml(config: ExperimentInput, heading: readonly string[] = []): string {
  const document = new Document(config);
  document.commentBefore = heading.map((line) => ` ${line}`.trimEnd()).join("\n");
  comment(document.contents, [], config);
  return document.toString({ lineWidth: 0, flowCollectionPadding: true });
}

/** Comments the keys of a section, and goes into those below. */
function comment(section: unknown, path: Path, plain: unknown): void {
  if (!isMap(section)) return;
  const keys = keysAt(path, plain);
  for (const [index, pair] of (section.items as Pair[]).entries()) {
    if (!isScalar(pair.key)) continue;
    const key = String(pair.key.value);
    const here = [...path, key];
    const description = keys.get(key)?.node.description ?? "";
    const text = [description, chosen(here, pair.value, plain)].filter((part) => part !== "").join(" ");
    if (text !== "") pair.key.commentBefore = wrapped(text);
    if (path.length === 0 && index > 0) pair.key.spaceBefore = true;
    if (isSeq(pair.value)) commentItems(pair.value, here, plain);
    else if (isSource(here, pair.value)) oneLine(pair.value);
    else comment(pair.value, here, plain);
  }
}

/** Items of a list stand on one line each, with what they are above them. */
function commentItems(list: unknown, path: Path, plain: unknown): void {
  if (!isSeq(list)) return;
  if (list.items.every(isScalar)) oneLine(list);
  for (const [index, item] of list.items.entries()) {
    oneLine(item);
    const text = sourceMeaning([...path, index], plain);
    if (text !== "") (item as Node).commentBefore = wrapped(text);
  }
}

/** What a chosen value means, where the schema says it. */
function chosen(path: Path, value: unknown, plain: unknown): string {
  if (!isScalar(value)) return isSource(path, value) ? sourceMeaning(path, plain) : "";
  const found = schemasAt(path, plain)
    .flatMap(listedValues)
    .find((listed) => listed.value === value.value);
  return found === undefined || found.description === "" ? "" : `Here: ${lowerFirst(found.description)}`;
}

function sourceMeaning(path: Path, plain: unknown): string {
  const { kind, part } = schemasAt(path, plain)[0]?.properties ?? {};
  if (kind?.const === undefined) return "";
  const split = valueAt(plain, [...path, "part"]) === undefined ? "" : ` part: ${lowerFirst(part?.description ?? "")}`;
  return `${String(kind.const)}: ${lowerFirst(kind.description ?? "")}${split}`;
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}

function isSource(path: Path, value: unknown): boolean {
  return isMap(value) && value.has("kind") && path.length > 1;
}

function oneLine(node: unknown): void {
  if (isMap(node) || isSeq(node)) node.flow = true;
}

function wrapped(text: string): string {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && line.length + 1 + word.length > maxWidth) {
      lines.push(line);
      line = "";
    }
    line = line === "" ? word : `${line} ${word}`;
  }
  return [...lines, line].map((part) => ` ${part}`).join("\n");
}
