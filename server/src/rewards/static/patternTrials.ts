/**
 * Small rewrites of a pattern that make it forgive what models do, each with the share of given texts that it then matches. Rewrites are
 * insertions into the pattern as written, so that they can become text edits.
 */
import type { SitePattern } from "../user/recording";
import { matchAll } from "./explainMiss";
import type { PatternNode, PatternTree } from "./patternTree";
import { parsePattern } from "./parsePattern";
import { patternNodes } from "./patternTree";

export interface PatternRewrite {
  id: "dot-all" | "white-space" | "ignore-case" | "lazy" | "no-anchor" | "all";
  title: string;
  pattern: string;
  flags: string;
  /** Offsets into the pattern; only these change it. */
  insertions: { at: number; remove: number; text: string }[];
}

export interface PatternTrial extends PatternRewrite {
  /** Of the texts; null when it took too long. */
  matched: number | null;
}

/** The rewrites that change something about this pattern. */
export function patternRewrites(tree: PatternTree, flags: string): PatternRewrite[] {
  const rewrites: PatternRewrite[] = [];
  const add = (id: PatternRewrite["id"], title: string, insertions: PatternRewrite["insertions"], flag = "") => {
    if (insertions.length === 0 && flag === "") return;
    const pattern = applyInsertions(tree.source, insertions);
    rewrites.push({
      id,
      title,
      pattern,
      flags: flag === "" || flags.includes(flag) ? flags : flags + flag,
      insertions,
    });
  };
  const nodes = [...patternNodes(tree.root)];
  if (!tree.dotAll && nodes.some(({ kind }) => kind === "dot")) {
    add(
      "dot-all",
      tree.language === "python" ? "let . match line breaks (re.DOTALL)" : "let . match line breaks (flag s)",
      [],
      "s",
    );
  }
  add(
    "white-space",
    "allow white space between tags",
    tagGaps(tree.root).map((at) => ({ at, remove: 0, text: "\\s*" })),
  );
  const hasLetters = nodes.some((node) => node.kind === "char" && node.char.toLowerCase() !== node.char.toUpperCase());
  if (!tree.ignoresCase && hasLetters) add("ignore-case", "ignore case", [], "i");
  add(
    "lazy",
    "stop at the first closing tag (lazy repeats)",
    greedyWildcards(tree.root).map(({ end }) => ({ at: end, remove: 0, text: "?" })),
  );
  add(
    "no-anchor",
    "match anywhere in the text",
    nodes
      .filter((node) => node.kind === "edge" && (node.edge === "start" || node.edge === "end"))
      .map(({ start, end }) => ({ at: start, remove: end - start, text: "" })),
  );
  const kind = new Set(rewrites.map(({ id }) => id));
  const together = rewrites.filter(({ id }) => id === "dot-all" || id === "white-space" || id === "no-anchor");
  if (kind.size > 1 && together.length > 1) {
    const insertions = together.flatMap((one) => one.insertions);
    const flag = kind.has("dot-all") ? "s" : "";
    add("all", together.map(({ title }) => title).join(", and "), insertions, flag);
  }
  return rewrites;
}

/** Each rewrite with how many of the texts it matches; the pattern itself comes first. */
export function patternTrials(
  { pattern, flags, anchor }: Pick<SitePattern, "pattern" | "flags" | "anchor">,
  language: "typescript" | "python",
  texts: readonly string[],
): PatternTrial[] {
  const tree = parsePattern(pattern, flags, language);
  if (tree === null) return [];
  return patternRewrites(tree, flags).map((rewrite) => {
    const changed = parsePattern(rewrite.pattern, rewrite.flags, language);
    const anywhere = rewrite.id === "no-anchor" || (rewrite.id === "all" && rewrite.title.includes("anywhere"));
    const matches = changed === null ? null : matchAll(changed, anywhere ? "search" : anchor, texts);
    return { ...rewrite, matched: matches === null ? null : matches.filter(Boolean).length };
  });
}

export function applyInsertions(source: string, insertions: PatternRewrite["insertions"]): string {
  let text = source;
  for (const { at, remove, text: by } of [...insertions].sort((a, b) => b.at - a.at)) {
    text = text.slice(0, at) + by + text.slice(at + remove);
  }
  return text;
}

/** Offsets between a tag that ends and one that begins right behind it: `</think>|<answer>`. */
export function tagGaps(root: PatternNode): number[] {
  const gaps: number[] = [];
  for (const node of patternNodes(root)) {
    if (node.kind !== "sequence") continue;
    node.items.forEach((item, i) => {
      const next = node.items[i + 1];
      if (next !== undefined && endsTag(item) && beginsTag(next)) gaps.push(next.start);
    });
  }
  return gaps;
}

function endsTag(node: PatternNode): boolean {
  if (node.kind === "char") return node.char === ">";
  if (node.kind === "group") return endsTag(node.item);
  return node.kind === "sequence" && node.items.length > 0 && endsTag(node.items.at(-1)!);
}

function beginsTag(node: PatternNode): boolean {
  if (node.kind === "char") return node.char === "<";
  if (node.kind === "group") return beginsTag(node.item);
  return node.kind === "sequence" && node.items.length > 0 && beginsTag(node.items[0]!);
}

/** `.*` and `.+` that run past closing tags: greedy, with a literal tag behind. What a look-around looks through takes nothing. */
export function greedyWildcards(root: PatternNode): Extract<PatternNode, { kind: "repeat" }>[] {
  const found: Extract<PatternNode, { kind: "repeat" }>[] = [];
  const looked = new Set<PatternNode>();
  for (const node of patternNodes(root)) {
    if (node.kind === "look") for (const inner of patternNodes(node.item)) looked.add(inner);
    if (node.kind !== "sequence" || looked.has(node)) continue;
    node.items.forEach((item, i) => {
      const inner = item.kind === "group" ? singleItem(item) : item;
      const next = node.items[i + 1];
      if (inner?.kind !== "repeat" || !inner.greedy || inner.max !== Number.POSITIVE_INFINITY) return;
      if (inner.item.kind === "dot" && next !== undefined && beginsTag(next)) found.push(inner);
    });
  }
  return found;
}

function singleItem(node: PatternNode): PatternNode | null {
  if (node.kind === "group") return singleItem(node.item);
  if (node.kind === "sequence") return node.items.length === 1 ? singleItem(node.items[0]!) : null;
  return node;
}
