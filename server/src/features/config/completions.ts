/**
 * What can be written at the cursor of an experiment file: keys that are not there yet, values with their meaning, the defaults and
 * those of the published system, files and folders, rewards. A mark is put in place of the half-typed word and the text read
 * again; where the mark comes to stand tells what is asked for.
 */
import { isAbsolute, resolve } from "node:path";
import { embeddedModels } from "../../config/modelNames";
import { valueAt } from "../../config/schemaProblems";
import { acceptsType, keysAt, listedValues, type SchemaNode, schemasAt, typeInWords } from "../../config/schemaTree";
import { YamlTree } from "../../config/yamlTree";
import { createRewardRegistry } from "../../rewards/registry";
import { offsetAt, rangeAt } from "../places";
import type { Completion, FeatureContext, TextPosition, TextRange } from "../types";
import { defaultText, describeKey, referenceAt, referenceLine } from "./describe";
import type { ConfigDocument } from "./document";

/** No key and no value is called so. */
const mark = "cursor0mark";

interface Spot {
  /** The map or list item for a key; the entry itself for a value. */
  path: (string | number)[];
  wants: "key" | "value";
  /** Content of the file with the mark in it. */
  plain: unknown;
  /** The half-typed word. */
  range: TextRange;
  word: string;
  /** Inside brackets, where entries stay on the line. */
  flow: boolean;
  /** The colon behind the word is there already. */
  hasColon: boolean;
  /** On a new line behind `- `, or where a list may begin. */
  quoted: boolean;
}

export async function configCompletions(
  document: ConfigDocument,
  position: TextPosition,
  context: FeatureContext,
): Promise<Completion[]> {
  const spot = findSpot(document, offsetAt(document.lines, position));
  if (spot === null) return [];
  const found = spot.wants === "key" ? keyCompletions(spot) : await valueCompletions(document, spot, context);
  return found.map((completion, index) => ({ ...completion, sortText: String(index).padStart(4, "0") }));
}

function findSpot(document: ConfigDocument, offset: number): Spot | null {
  const { text, lines } = document;
  const { line } = lines.position(offset);
  const lineStart = lines.offset(line, 1);
  const before = text.slice(lineStart, offset);
  const after = text.slice(offset, lines.endOfLine(line));
  if (/(?:^|\s)#/.test(before.replace(/"[^"]*"|'[^']*'/g, "x"))) return null;
  const quote = /(["'])([^"']*)$/.exec(before.replace(/"[^"]*"|'[^']*'/g, (done) => "x".repeat(done.length)));
  const head = quote === null ? /[^\s,[\]{}:"']*$/.exec(before)![0] : quote[2]!;
  const tail = (quote === null ? /^[^\s,[\]{}:"']*/ : /^[^"']*/).exec(after)![0];
  const start = offset - head.length;
  const end = offset + tail.length;
  const opening = before.slice(0, before.length - head.length - (quote === null ? 0 : 1));
  const isValue = /(?:^|[\s{,])["']?[\w.-]+["']?\s*:\s+$/.test(opening);
  const hasColon = /^["']?\s*:(?:\s|$)/.test(text.slice(end, lines.endOfLine(line)));
  const inserted = isValue || hasColon ? mark : `${mark}: `;
  const marked = text.slice(0, start) + inserted + text.slice(end);
  const tree = YamlTree.read(marked, document.tree);
  const found = tree.pathAt(start + 1);
  const path = [...found.path];
  const range = rangeAt(document.lines, start, end);
  const rest = { plain: tree.value, range, word: head, hasColon, quoted: quote !== null };
  if (isValue) {
    const { node } = tree.find(path);
    return node?.kind === "scalar" ? { ...rest, path, wants: "value", flow: false } : null;
  }
  if (!found.onKey || path.pop() !== mark) return null;
  const { node } = path.length === 0 ? { node: tree.root } : tree.find(path);
  return { ...rest, path, wants: "key", flow: node?.flow === true };
}

function keyCompletions(spot: Spot): Completion[] {
  const { path, plain, flow } = spot;
  const present = valueAt(plain, path);
  const taken = new Set(typeof present === "object" && present !== null ? Object.keys(present) : []);
  const context = withoutMark(plain, path);
  const keys = [...keysAt(path, context)].filter(([key]) => !taken.has(key) || key === spot.word);
  const found = keys
    .sort(([, a], [, b]) => Number(b.required) - Number(a.required))
    .map(([key, { node, required }]) => keyCompletion(spot, key, node, required));
  // Where a list or a word may begin, a key is only one of the things that can be meant.
  const nodes = schemasAt(path, context);
  if (taken.size > 1) return found;
  const whole = typeof path.at(-1) === "number" ? nodes.flatMap((node) => sourceSnippets(spot, node, "")) : [];
  const words = nodes.flatMap((node) => valueItems(spot, path, node));
  const lists = nodes.filter((node) => acceptsType(node, "array") && typeof path.at(-1) === "string" && !flow);
  return [...whole, ...found, ...words, ...lists.flatMap((node) => sourceSnippets(spot, node.items, "- "))];
}

function keyCompletion(spot: Spot, key: string, node: SchemaNode, required: boolean): Completion {
  const path = [...spot.path, key];
  const documentation = describeKey(path, node, required);
  const shape = node.anyOf?.find((inner) => acceptsType(inner, "array")) ?? node;
  const sources = sourceKinds(node.anyOf?.[0] ?? node).length > 0;
  let text = `${key}: `;
  if (spot.hasColon) text = key;
  else if (sources) text = spot.flow ? `${key}: { kind: $1 }` : `${key}:\n  - { kind: $1 }`;
  else if (acceptsType(shape, "array")) text = listSnippet(key, shape, spot.flow);
  else if (acceptsType(node, "object")) text = spot.flow ? `${key}: { $1 }` : `${key}:\n  $1`;
  const isSnippet = text.includes("$1");
  const fallback = defaultText(node);
  return {
    ...{ label: key, kind: "key", documentation, isSnippet, chain: !spot.hasColon, preselect: false, sortText: "" },
    detail: `${typeInWords(node)}${fallback === null ? "" : ` · default ${fallback}`}${required ? " · required" : ""}`,
    edit: { range: spot.range, newText: text },
  };
}

function listSnippet(key: string, node: SchemaNode, flow: boolean): string {
  const ofSections = node.items !== undefined && acceptsType(node.items, "object");
  if (!ofSections) return `${key}: [$1]`;
  const first = node.items!.required?.[0] ?? "";
  return flow ? `${key}: [{ ${first}: $1 }]` : `${key}:\n  - ${first}: $1`;
}

async function valueCompletions(document: ConfigDocument, spot: Spot, context: FeatureContext): Promise<Completion[]> {
  const { path } = spot;
  const nodes = schemasAt(path, withoutMark(spot.plain, path.at(-1) === "kind" ? path.slice(0, -1) : path));
  const items = unique(nodes.flatMap((node) => valueItems(spot, path, node)));
  const key = String(typeof path.at(-1) === "number" ? path.at(-2) : path.at(-1));
  if (key === "name" && path.at(-3) === "rewards")
    return [...rewardItems(spot), ...(await pathItems(document, spot, context))];
  if (["path", "images", "base", "adapter", "output"].includes(key)) {
    const embedded = key === "base" ? embeddedItems(spot) : [];
    return [...embedded, ...(await pathItems(document, spot, context))];
  }
  return [...items, ...nodes.flatMap((node) => sourceSnippets(spot, node, ""))];
}

/** Listed values, the default and the values of the published system. */
function valueItems(spot: Spot, path: readonly (string | number)[], node: SchemaNode): Completion[] {
  const entry = referenceAt(path);
  const published = new Map((entry?.values ?? []).map(({ text, note }) => [text, note]));
  const fallback = defaultText(node);
  const listed = listedValues(node);
  const about = (text: string) => {
    const marks = [];
    if (text === fallback) marks.push("default");
    if (published.has(text))
      marks.push(`published system${published.get(text) === undefined ? "" : `: ${published.get(text)}`}`);
    return marks.join(" · ");
  };
  const texts = listed.map(({ value, description }) => ({ text: String(value), description }));
  if (listed.length === 0) {
    const known = [fallback, ...published.keys()].filter((text) => text !== null && text !== undefined);
    for (const text of known) {
      if (texts.some((other) => other.text === text || Number(other.text) === Number(text))) continue;
      texts.push({ text, description: node.description ?? "" });
    }
  }
  return texts.map(({ text, description }) => ({
    ...{ label: text, kind: "value", detail: about(text) || description, isSnippet: false, chain: false, sortText: "" },
    documentation: [description, referenceLine(entry) ?? ""].filter((part) => part !== "").join("\n\n"),
    edit: { range: spot.range, newText: text },
    preselect: text === fallback,
  }));
}

/** Whole sources of data, ready to fill in. */
function sourceSnippets(spot: Spot, node: SchemaNode | undefined, prefix: string): Completion[] {
  if (node === undefined) return [];
  return sourceKinds(node).map(({ shape, kind, description }) => {
    const fields = (shape.required ?? []).filter((name) => name !== "kind");
    const inner = fields.map((name, k) => `, ${name}: \${${k + 1}:${placeholder(name)}}`).join("");
    return {
      ...{ label: `${prefix}${kind} source`, kind: "snippet", detail: fields.join(", "), documentation: description },
      ...{ isSnippet: true, chain: false, preselect: false, sortText: "" },
      edit: { range: spot.range, newText: `${prefix}{ kind: ${kind}${inner} }` },
    };
  });
}

function sourceKinds(node: SchemaNode): { shape: SchemaNode; kind: string; description: string }[] {
  return [node, ...(node.oneOf ?? [])].flatMap((shape) => {
    const kind = shape.properties?.kind;
    return typeof kind?.const === "string" ? [{ shape, kind: kind.const, description: kind.description ?? "" }] : [];
  });
}

function placeholder(name: string): string {
  return name === "seed" ? "1" : name === "count" ? "200" : "data";
}

function rewardItems(spot: Spot): Completion[] {
  const { functions, presets } = createRewardRegistry();
  return [...presets.values(), ...functions.values()].map(({ name, description }) => ({
    ...{ label: name, kind: "value", detail: presets.has(name) ? "preset" : "reward", documentation: description },
    ...{ isSnippet: false, chain: false, preselect: false, sortText: "" },
    edit: { range: spot.range, newText: name },
  }));
}

/** Names in the folder that the half-typed path leads to. */
async function pathItems(document: ConfigDocument, spot: Spot, context: FeatureContext): Promise<Completion[]> {
  const slash = spot.word.lastIndexOf("/");
  const folder = spot.word.slice(0, slash + 1);
  const entries = await context.files.list(isAbsolute(folder) ? folder : resolve(document.folder, folder));
  return entries
    .filter(({ name }) => !name.startsWith(".") || spot.word.slice(slash + 1).startsWith("."))
    .slice(0, 200)
    .map(({ name, kind }) => {
      const path = folder + name;
      const text = /^[\w./-]+$/.test(path) || spot.quoted ? path : JSON.stringify(path);
      return {
        ...{ label: name, kind, detail: kind, documentation: "", isSnippet: false, chain: false, preselect: false },
        ...{ sortText: "", edit: { range: spot.range, newText: text } },
      };
    });
}

/** What an experiment most often starts from stands first. */
function embeddedItems(spot: Spot): Completion[] {
  const order = ["nano-base", "nano-pa-sft", "nano"];
  return [...embeddedModels.keys()].map((name) => ({
    ...{ label: name, kind: "folder" as const, detail: embeddedDetails[name] ?? "embedded model" },
    documentation: "The small model that comes with the product: starts at once and trains in minutes on any machine.",
    ...{ isSnippet: false, chain: false, preselect: name === order[0], sortText: ` ${order.indexOf(name)}` },
    edit: { range: spot.range, newText: name },
  }));
}

const embeddedDetails: Readonly<Record<string, string>> = {
  "nano-base": "embedded model, untrained: has not learnt to answer",
  "nano-pa-sft": "embedded model after PA-SFT",
  nano: "embedded model after both stages",
};

/** The content as it would be without the half-typed entry. */
function withoutMark(plain: unknown, path: readonly (string | number)[]): unknown {
  const clone = structuredClone(plain);
  const section = valueAt(clone, path);
  if (typeof section === "object" && section !== null && !Array.isArray(section)) {
    Reflect.deleteProperty(section, mark);
    for (const [key, value] of Object.entries(section)) if (value === mark) Reflect.deleteProperty(section, key);
  }
  return clone;
}

function unique(items: readonly Completion[]): Completion[] {
  return items.filter((item, index) => items.findIndex(({ label }) => label === item.label) === index);
}
