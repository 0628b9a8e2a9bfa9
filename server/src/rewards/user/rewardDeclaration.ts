/**
 * The types of "iad-r1/reward" for people's projects, as text: a project needs this one file and no package. The module itself is
 * `host/rewardApi.ts`; a test type-checks the sample rewards against this text and calls everything it names.
 */
import { existsSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { writeError, writeFileAtomically } from "@iad-r1/models/checkpoint/atomicFile";

export const declarationFile = "iad-r1-reward.d.ts";

export const rewardDeclaration = `/**
 * Types of "iad-r1/reward" for the editor. Written by IAD-R1; the module comes with it, nothing has to be installed.
 */
declare module "iad-r1/reward" {
  /** "This reward says nothing here": return what \`skip\` gives. It is not a zero. */
  export interface Skipped {
    readonly reason: string;
  }

  export type Note = string | number | boolean | null;

  /** A number; or null and \`skip(reason)\` for "does not apply"; or a number with notes. A missing return is an error. */
  export type RewardResult = number | null | undefined | Skipped | { score: number };

  export interface TagElement {
    name: "think" | "location" | "type" | "answer" | "description";
    start: number;
    bodyStart: number;
    bodyEnd: number;
    end: number;
    closed: boolean;
  }

  export interface TagProblem {
    kind: "repeated" | "nested" | "unclosed" | "stray" | "letter-case" | "outside";
    tag: TagElement["name"] | null;
    offset: number;
  }

  /** A text in the answer grammar, read with care: white space is free, an element that occurs twice counts as absent. */
  export interface TaggedText {
    elements: TagElement[];
    problems: TagProblem[];
    think: string | null;
    location: string | null;
    type: string | null;
    description: string | null;
    answerText: string | null;
    /** "yes" or "no" when the answer is exactly that, whatever its letter case. */
    answer: "yes" | "no" | null;
  }

  export interface Message {
    role: string;
    content: unknown;
  }

  /** One completion, and what is known about it. */
  export interface RewardContext {
    readonly completion: string;
    /** The completion, read by the parser that evaluation and display use too. */
    readonly tags: TaggedText;
    /** Chat messages, a text, or null where the prompt was not recorded. */
    readonly prompt: readonly Message[] | string | null;
    /** The true answer in the same grammar; null where there is none. */
    readonly solution: string | null;
    /** The solution, read. */
    readonly truth: TaggedText;
    /** The other columns of the data row. */
    readonly columns: Readonly<Record<string, any>>;
    /** Paths of the pictures of the data row. Reading them is for impure rewards. */
    readonly images: readonly string[];
    /** Name of the group: all completions of one prompt. */
    readonly group: string;
    readonly index: number;
    /** Training step; null outside of a run. */
    readonly step: number | null;
    /** Of the completion, in tokens; null where it is not known. */
    readonly length: number | null;
    /** Why the completion ended; "length" means it was cut off. */
    readonly finish: "eos" | "length" | "stop" | null;
    /** All completions of the prompt, this one included; only with scope "group". */
    readonly peers?: readonly RewardContext[];
    /** From 0 to 1; the same for the same seed, reward and completion. */
    random(): number;
    /** An extra column of the record. */
    note(key: string, value: Note): void;
    /** Return what this gives where the reward says nothing. */
    skip(reason?: string): Skipped;
  }

  export interface Reward {
    /** Name in records and curves; that of the export when left out. */
    name?: string;
    /** Factor in the sum; 1 when left out. */
    weight?: number;
    /** "group" gives \`peers\`. */
    scope?: "sample" | "group";
    /** Least and greatest score; a score outside is an error. */
    range?: { min: number; max: number };
    /** It reads files, the network or the clock. */
    impure?: boolean;
    description?: string;
    score(context: RewardContext): RewardResult | Promise<RewardResult>;
  }

  /** Makes an exported descriptor a reward. */
  export function defineReward<R extends Reward>(reward: R): R;
  export function skip(reason?: string): Skipped;
  export function parseTags(text: string): TaggedText;
  /** Cell 1 to 9 of the 3x3 grid that a phrase names, or null when it names no place. */
  export function placeCell(phrase: string): number | null;
  /** The cell in the published way: substrings, and no keyword is the centre. */
  export function publishedCell(phrase: string): number;
  /** Score of a defect type in any wording against the true one, 0 to 1. */
  export function defectTypeScore(predicted: string, actual: string): number;
  /** The published score of a defect type against the true one, 0 to 1. */
  export function publishedTypeScore(predicted: string, actual: string): number;
  /** Python's \`difflib.SequenceMatcher(None, a, b).ratio()\`. */
  export function similarity(a: string, b: string): number;
}
`;

const projectSettings = `{
  // For the editor: checks the reward files of this folder. Running them needs neither this nor any package.
  "compilerOptions": {
    "target": "ES2023",
    "module": "ESNext",
    "moduleResolution": "Bundler",
    "allowImportingTsExtensions": true,
    "strict": true,
    "noEmit": true,
    "types": []
  },
  "include": ["**/*.ts"]
}
`;

/**
 * Makes a folder of reward files check in an editor: types, and settings where there are none.
 *
 * @returns the files that were written
 * @throws ResourceError, CheckpointError when they cannot be written
 */
export async function writeRewardTypes(folder: string): Promise<string[]> {
  try {
    await mkdir(folder, { recursive: true });
  } catch (error) {
    throw writeError(folder, error);
  }
  const types = join(folder, declarationFile);
  await writeFileAtomically(types, rewardDeclaration);
  const settings = join(folder, "tsconfig.json");
  if (existsSync(settings)) return [types];
  await writeFileAtomically(settings, projectSettings);
  return [types, settings];
}
