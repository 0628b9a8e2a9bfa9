/**
 * What can be said about a reward file without running it, the same for both languages: `typescriptFacts.ts` and
 * `engines/python/iadr1_static.py` collect it, the rules in this folder make findings of it. Places are 0-based UTF-16 offsets.
 */
import type { SitePattern } from "../user/recording";

export interface RewardFacts {
  functions: FunctionFact[];
  patterns: PatternFact[];
  values: ValueFact[];
  catches: CatchFact[];
  loops: LoopFact[];
  random: RandomFact[];
  state: StateFact[];
  /** Python: what the tag parser is called in the file, and the text to put in where it is not there yet. Left out where nothing would call it. */
  tagParser?: { name: string; at: number; text: string };
}

/** A function of the top level, or the method of a class that is called like one. */
export interface FunctionFact {
  name: string;
  start: number;
  end: number;
  parameters: {
    name: string;
    kind: "positional" | "plain" | "keyword";
    hasDefault: boolean;
    start: number;
    /** Where the function reads or writes it. */
    uses: [number, number][];
  }[];
  /** Name behind `**`; always null in TypeScript. */
  kwargs: string | null;
  /** What to insert for a missing `**kwargs`; null where it is there or the place is not sure. */
  kwargsAt: { at: number; text: string } | null;
  /** Python: which method of the class it is. */
  method?: string;
}

export interface PatternFact {
  /** Empty outside of functions. */
  function: string;
  method: string;
  /** The call, or the literal where it stands alone. */
  start: number;
  end: number;
  pattern: SitePattern;
  /** Parts that are put in while running stand for a word. */
  approximate: boolean;
  /** The text was made lower case before. */
  lowered: boolean;
  /** How offsets into the pattern become offsets into the source; null where the text is escaped. */
  literal: { contentStart: number; raw: boolean } | null;
  /** Python: where a flag is added. TypeScript: `flagsAt`, the end of the literal. */
  flagsEdit?: { at: number; before: string; module: string } | null;
  flagsAt?: number;
  /**
   * Python: what to write when a parser reads the element, where the code asks no more than that. In texts, NUL stands for the body of the
   * element in the text at `subject`, or None.
   */
  tagRead?: { subject: [number, number]; edits: { start: number; end: number; text: string }[] } | null;
}

/** A part of what is returned, or put into the list that is, of a kind that can be seen. */
export interface ValueFact {
  function: string;
  role: "return" | "element";
  /** "number": one number that stands there, as the whole of what is returned (Python). */
  kind: "string" | "boolean" | "number";
  start: number;
  end: number;
  text?: string;
}

export interface CatchFact {
  function: string;
  /** The head: `catch (error)`, `except ValueError:`. */
  start: number;
  end: number;
  /** Catches everything. */
  isBroad: boolean;
  names: string[];
  /** Does nothing but set, add or return numbers that stand there. */
  isConstant: boolean;
  logs: boolean;
  constants: { start: number; end: number; value: number }[];
  /** Python: the names of the exceptions. */
  typeSpan: [number, number] | null;
  /** What the `try` may raise on ordinary input, as far as can be seen. */
  likely: string[];
  tryLines: number;
}

/** A loop over completions that fills the list that is returned. */
export interface LoopFact {
  function: string;
  list: string;
  /** The head of the loop. */
  start: number;
  end: number;
  flow: FlowNode[];
}

export interface FlowBranch {
  /** The head of the branch. */
  start: number;
  end: number;
  body: FlowNode[];
}

export type FlowNode = { start: number; end: number } & (
  | { kind: "append" | "continue" | "break" | "return" | "raise" | "other" }
  | { kind: "block"; body: FlowNode[] }
  | {
      kind: "if";
      branches: FlowBranch[];
      /** null without `else`. */
      otherwise: FlowNode[] | null;
      /** Of a `match`: some case takes everything. */
      isTotal?: boolean;
      conditions: string[];
      /** White space in front of the statement. */
      indent: string;
    }
  | { kind: "try"; body: FlowNode[]; orelse: FlowNode[]; finally: FlowNode[]; handlers: FlowBranch[] }
);

export interface RandomFact {
  function: string;
  start: number;
  end: number;
  what: "chance" | "clock";
}

/** A variable of the module that a function changes. */
export interface StateFact {
  function: string;
  start: number;
  end: number;
  names: string[];
}
