/**
 * Finds out whether a pattern takes exponential time, or so high a power of the length that an answer keeps it busy: builds inputs out of the pattern's own tree that make it try everything, and runs them
 * in a thread that is killed. Ordinary texts do not show the problem, so only made ones can prove that it is there or not.
 */
import { Worker } from "node:worker_threads";
import type { SitePattern } from "../user/recording";
import type { PatternNode, PatternTree } from "./patternTree";
import { isNullable, patternNodes, printPattern, sampleText } from "./patternTree";

/** A place of the pattern that may be tried in very many ways. */
export interface Suspicion {
  start: number;
  end: number;
  why: "nested" | "overlap" | "neighbours";
  /** Of neighbours: a text that either can take. */
  shared?: string;
}

export interface HangProof extends Suspicion {
  /** The shortest input that was stopped, and its length. */
  input: string;
  length: number;
  limitMs: number;
}

export const hangLimitMs = 250;

/**
 * Repeats inside of repeats that can share the same text, and alternatives of a repeat that can: the two forms that take exponential
 * time. A suspicion is proven or dropped by `proveHang`.
 */
export function suspectHangs(tree: PatternTree): Suspicion[] {
  const found: Suspicion[] = [];
  for (const node of patternNodes(tree.root)) {
    if (node.kind !== "repeat" || node.max < 20) continue;
    const parts = flatItems(node.item);
    if (parts.some((part) => part.kind === "repeat" && part.max >= 20 && rest(parts, part).every(isNullable))) {
      found.push({ start: node.start, end: node.end, why: "nested" });
      continue;
    }
    // `(\w+\s?)+`, `(a*b?)*`: a repeat that the next round can go on with.
    const last = parts.filter((part) => part.kind === "repeat" && part.max >= 20);
    const inner = [...patternNodes(node.item)].some((one) => one.kind === "repeat" && one.max >= 20);
    const choice = choiceOf(node.item);
    if (last.length > 0 && inner) found.push({ start: node.start, end: node.end, why: "nested" });
    else if (choice !== null && choice.options.length > 1) {
      found.push({ start: node.start, end: node.end, why: "overlap" });
    } else if (inner) found.push({ start: node.start, end: node.end, why: "nested" });
  }
  return found;
}

/**
 * The first suspicion that is true, with an input that shows it; null when all inputs end in time.
 *
 * @param anchor a match of the whole text has more ways to fail
 */
export async function proveHang(
  tree: PatternTree,
  anchor: SitePattern["anchor"] = "search",
): Promise<HangProof | null> {
  const suspicions = [...suspectHangs(tree), ...suspectNeighbours(tree)];
  if (suspicions.length === 0) return null;
  const printed = printPattern(tree.root, tree);
  const source = anchor === "search" ? printed : `(?<![^])(?:${printed})${anchor === "full" ? "(?![^])" : ""}`;
  const killer = new KillableMatcher(source, tree.jsFlags);
  try {
    for (const suspicion of suspicions) {
      for (const pump of pumpsFor(tree, suspicion)) {
        for (const times of suspicion.why === "neighbours" ? powerRounds : exponentialRounds) {
          const input = pump.before + pump.round.repeat(times) + pump.after;
          const ended = await killer.endsInTime(input, hangLimitMs);
          if (ended) continue;
          // A busy machine can be slow at anything once; what hangs, hangs again.
          if (await killer.endsInTime(input, hangLimitMs * 4)) continue;
          return { ...suspicion, input, length: input.length, limitMs: hangLimitMs };
        }
      }
    }
    return null;
  } finally {
    await killer.close();
  }
}

/** Doubling with each character shows within a few dozen. */
const exponentialRounds = [16, 24, 32, 48];
/** A power of the length shows with texts as long as completions are. */
const powerRounds = [500, 1000, 2000, 4000];

/**
 * Unbounded repeats that follow each other with nothing between them that must be there, and can take the same character: the time grows
 * with a power of the length. White space alone is let be: answers seldom hold thousands of blanks.
 */
export function suspectNeighbours(tree: PatternTree): Suspicion[] {
  const found: Suspicion[] = [];
  for (const node of patternNodes(tree.root)) {
    if (node.kind !== "sequence") continue;
    const items = flatItems(node);
    for (const [i, first] of items.entries()) {
      if (first.kind !== "repeat" || first.max < 20) continue;
      for (const second of items.slice(i + 1)) {
        if (second.kind === "repeat" && second.max >= 20) {
          const shared = sharedCharacter(first.item, second.item, tree);
          if (shared !== null && !found.some(({ start }) => start === first.start)) {
            found.push({ start: first.start, end: second.end, why: "neighbours", shared });
          }
        }
        if (!isNullable(second)) break;
      }
    }
  }
  return found;
}

function sharedCharacter(a: PatternNode, b: PatternNode, tree: PatternTree): string | null {
  const [one, other] = [a, b].map((node) => {
    try {
      return new RegExp(`^(?:${printPattern(node, tree)})$`, tree.jsFlags.replace(/[gy]/g, ""));
    } catch {
      return null;
    }
  });
  if (!one || !other) return null;
  return [..."a0_-<.,A"].find((character) => one.test(character) && other.test(character)) ?? null;
}

interface Pump {
  before: string;
  round: string;
  after: string;
}

/** What leads to the place, what it repeats, and an end that cannot match. */
function pumpsFor(tree: PatternTree, { start, end, shared }: Suspicion): Pump[] {
  const before = textBefore(tree.root, start);
  if (shared !== undefined) return ["\u0000", "\n"].map((after) => ({ before, round: shared, after }));
  const repeat = [...patternNodes(tree.root)].find(
    (node) => node.kind === "repeat" && node.start === start && node.end === end,
  );
  if (repeat?.kind !== "repeat") return [];
  const rounds = new Set<string>();
  for (const node of patternNodes(repeat.item)) {
    const text = node.kind === "repeat" ? sampleText(node.item) : sampleText(node);
    if (text !== "") rounds.add(text);
  }
  const whole = sampleText(repeat.item);
  if (whole !== "") rounds.add(whole);
  const ends = ["\u0000", "!", "\n", `${before.slice(0, 8)}\u0001`];
  return [...rounds].slice(0, 8).flatMap((round) => ends.map((after) => ({ before, round, after })));
}

/** A text for everything that stands before a place. */
function textBefore(node: PatternNode, place: number): string {
  if (node.end <= place && node.end > node.start) return sampleText(node);
  switch (node.kind) {
    case "sequence": {
      let text = "";
      for (const item of node.items) {
        if (item.start >= place) break;
        text += textBefore(item, place);
      }
      return text;
    }
    case "choice": {
      const option = node.options.find((one) => one.start <= place && place < one.end);
      return option === undefined ? "" : textBefore(option, place);
    }
    case "repeat":
    case "group":
      return node.start < place ? textBefore(node.item, place) : "";
    default:
      return "";
  }
}

function flatItems(node: PatternNode): PatternNode[] {
  if (node.kind === "group") return flatItems(node.item);
  if (node.kind === "sequence") {
    return node.items.flatMap((item) => (item.kind === "group" ? flatItems(item) : [item]));
  }
  return [node];
}

function rest(parts: readonly PatternNode[], one: PatternNode): PatternNode[] {
  return parts.filter((part) => part !== one);
}

function choiceOf(node: PatternNode): Extract<PatternNode, { kind: "choice" }> | null {
  if (node.kind === "choice") return node;
  if (node.kind === "group") return choiceOf(node.item);
  return node.kind === "sequence" && node.items.length === 1 ? choiceOf(node.items[0]!) : null;
}

/** A thread that matches and nothing else; ended and started anew when it does not answer. */
class KillableMatcher {
  private worker: Worker | null = null;

  constructor(
    private readonly source: string,
    private readonly flags: string,
  ) {}

  async endsInTime(text: string, limitMs: number): Promise<boolean> {
    const worker = await this.started();
    return new Promise<boolean>((resolve, reject) => {
      const timer = setTimeout(() => {
        worker.removeAllListeners();
        this.worker = null;
        void worker.terminate().then(() => resolve(false));
      }, limitMs);
      worker.once("message", () => {
        clearTimeout(timer);
        worker.removeAllListeners("error");
        resolve(true);
      });
      worker.once("error", (error) => {
        clearTimeout(timer);
        this.worker = null;
        reject(error);
      });
      worker.postMessage(text);
    });
  }

  async close(): Promise<void> {
    await this.worker?.terminate();
    this.worker = null;
  }

  private async started(): Promise<Worker> {
    if (this.worker !== null) return this.worker;
    // Written here and not in a file of its own: it is three lines, and must be found wherever this code is bundled.
    const code = `const { parentPort, workerData } = require("node:worker_threads");
      const pattern = new RegExp(workerData.source, workerData.flags);
      parentPort.on("message", (text) => parentPort.postMessage(text === "" ? false : pattern.test(text)));`;
    const worker = new Worker(code, { eval: true, workerData: { source: this.source, flags: this.flags } });
    worker.unref();
    this.worker = worker;
    // The time to start is no time of the pattern.
    await new Promise<void>((resolve, reject) => {
      worker.once("message", () => {
        worker.removeAllListeners("error");
        resolve();
      });
      worker.once("error", reject);
      worker.postMessage("");
    });
    return worker;
  }
}
