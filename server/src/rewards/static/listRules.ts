/** RW101 from the text: a way through the loop over completions on which nothing, or more than one value, is added to the list. */
import type { Finding, FindingFix } from "../analysis/finding";
import type { FlowNode, LoopFact } from "./facts";

/** One way through: how it ends, how many values it added, and the place that says most about it. */
interface Way {
  ends: "falls" | "continue" | "break" | "return" | "raise";
  appends: number;
  /** Branches taken, outermost first. */
  via: { start: number; end: number; words: string; fix: FindingFix | null }[];
}

/** More ways than this are not followed one by one. */
const maxWays = 400;

export function shortListFinding(loop: LoopFact, language: "typescript" | "python"): Finding | null {
  const ways = waysThrough(loop.flow, loop.list, language);
  if (ways === null) return null;
  const missing = ways.find(({ ends, appends }) => (ends === "falls" || ends === "continue") && appends === 0);
  const early = ways.find(({ ends }) => ends === "break");
  const double = ways.find(({ ends, appends }) => (ends === "falls" || ends === "continue") && appends > 1);
  const way = missing ?? double ?? early;
  if (way === undefined) return null;
  const what =
    way === missing
      ? `adds nothing to ${loop.list}`
      : way === double
        ? `adds ${way.appends} values to ${loop.list}`
        : `ends the loop before all completions have a value`;
  const last = way.via.at(-1);
  const where =
    way.via.length === 0 ? "Every turn of this loop" : `The way ${way.via.map(({ words }) => words).join(", ")}`;
  const effect =
    "The list then is not as long as the completions: trainers stop, or give every completion the wrong score.";
  const fixes = way.via.flatMap(({ fix }) => (fix === null ? [] : [fix])).slice(-1);
  return {
    id: "RW101",
    severity: "error",
    function: loop.function,
    start: last?.start ?? loop.start,
    end: last?.end ?? loop.end,
    message:
      `${where} ${what}. ${effect} Return one value per completion: None for those it says nothing about.`.replace(
        "None",
        language === "python" ? "None" : "a skipped score",
      ),
    evidence: { rows: [], numbers: { ways: ways.length, appends: way.appends } },
    fixes: way === missing ? fixes : [],
    certain: "static",
  };
}

function waysThrough(flow: readonly FlowNode[], list: string, language: "typescript" | "python"): Way[] | null {
  let open: Way[] = [{ ends: "falls", appends: 0, via: [] }];
  const closed: Way[] = [];
  for (const node of flow) {
    const next: Way[] = [];
    for (const way of open) {
      const steps = stepsOf(node, list, language);
      if (steps === null) return null;
      for (const step of steps) {
        const joined: Way = {
          ends: step.ends,
          appends: way.appends + step.appends,
          via: [...way.via, ...step.via],
        };
        (step.ends === "falls" ? next : closed).push(joined);
      }
    }
    open = merged(next);
    if (open.length + closed.length > maxWays) return null;
  }
  return [...open, ...closed];
}

/** Ways that end alike and add as much are the same for us; the one with fewer branches explains better. */
function merged(ways: readonly Way[]): Way[] {
  const best = new Map<string, Way>();
  for (const way of ways) {
    const key = `${way.ends} ${way.appends}`;
    const known = best.get(key);
    if (known === undefined || way.via.length < known.via.length) best.set(key, way);
  }
  return [...best.values()];
}

function stepsOf(node: FlowNode, list: string, language: "typescript" | "python"): Way[] | null {
  switch (node.kind) {
    case "append":
      return [{ ends: "falls", appends: 1, via: [] }];
    case "other":
      return [{ ends: "falls", appends: 0, via: [] }];
    case "continue":
    case "break":
    case "return":
    case "raise":
      return [{ ends: node.kind, appends: 0, via: [] }];
    case "block":
      return waysThrough(node.body, list, language);
    case "if": {
      const ways: Way[] = [];
      for (const [i, branch] of node.branches.entries()) {
        const inner = waysThrough(branch.body, list, language);
        if (inner === null) return null;
        const words = `where ${shortened(node.conditions[i]!)}`;
        const fix = addNothingHere(branch.body, list, language);
        ways.push(
          ...inner.map((way) => ({ ...way, via: [{ start: branch.start, end: branch.end, words, fix }, ...way.via] })),
        );
      }
      if (node.isTotal === true) return merged(ways);
      const none = node.conditions.map(shortened).join(" nor ");
      const words = node.conditions.length === 1 ? `where not (${none})` : `where neither ${none}`;
      const head = node.branches.at(-1)!;
      const otherwise = waysThrough(node.otherwise ?? [], list, language);
      if (otherwise === null) return null;
      const fix = node.otherwise === null ? elseBranch(node, list, language) : null;
      ways.push(
        ...otherwise.map((way) => ({ ...way, via: [{ start: head.start, end: head.end, words, fix }, ...way.via] })),
      );
      return merged(ways);
    }
    case "try": {
      const main = waysThrough(node.body, list, language);
      const orelse = waysThrough(node.orelse, list, language);
      const final = waysThrough(node.finally, list, language);
      if (main === null || orelse === null || final === null) return null;
      const ways: Way[] = [];
      for (const way of main) {
        if (way.ends !== "falls") {
          ways.push(way);
          continue;
        }
        ways.push(
          ...orelse.map((more) => ({ ...more, appends: way.appends + more.appends, via: [...way.via, ...more.via] })),
        );
      }
      for (const handler of node.handlers) {
        // What was thrown was thrown before the value was added: that is what a handler is written for.
        const inner = waysThrough(handler.body, list, language);
        if (inner === null) return null;
        const words = "of an exception";
        ways.push(
          ...inner.map((way) => ({
            ...way,
            via: [{ start: handler.start, end: handler.end, words, fix: null }, ...way.via],
          })),
        );
      }
      return merged(
        ways.flatMap((way) =>
          final.map((more) => ({
            ends: more.ends === "falls" ? way.ends : more.ends,
            appends: way.appends + more.appends,
            via: [...way.via, ...more.via],
          })),
        ),
      );
    }
  }
}

/** A `continue` without a value: the value goes in front of it. */
function addNothingHere(body: readonly FlowNode[], list: string, language: "typescript" | "python"): FindingFix | null {
  const last = body.at(-1);
  if (last?.kind !== "continue" || language !== "python") return null;
  return {
    title: `Add None for these completions: not applicable`,
    edits: [{ start: last.start, end: last.start, text: `${list}.append(None); ` }],
  };
}

function elseBranch(
  node: Extract<FlowNode, { kind: "if" }>,
  list: string,
  language: "typescript" | "python",
): FindingFix | null {
  if (language !== "python" || node.indent === "") return null;
  return {
    title: "Add an else: not applicable, so that every completion has a value",
    edits: [{ start: node.end, end: node.end, text: `\n${node.indent}else:\n${node.indent}    ${list}.append(None)` }],
  };
}

function shortened(condition: string): string {
  const line = condition.replaceAll(/\s+/g, " ");
  return line.length > 60 ? `${line.slice(0, 57)}…` : line;
}
