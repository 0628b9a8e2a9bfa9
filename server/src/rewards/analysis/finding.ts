/**
 * What a finding about a reward file is, as plain data, and the rules all findings share: ids, severities, the limit per
 * file. Findings are made in `rewards/static` (from the text alone) and in `analysis/dynamic` (from rollouts).
 */

/** Every problem the reward debugger knows, with the few words that lists and documentation use. */
export const findingTitles = {
  RW101: "wrong number of values",
  RW102: "value is not a finite number",
  RW103: "arguments do not fit the data",
  RW104: "an exception becomes a score",
  RW105: "constant reward",
  RW106: "groups without a difference",
  RW107: "one reward is used up first",
  RW108: "one reward drives the total",
  RW109: "different rewards, same advantage",
  RW110: "longer completions are paid more",
  RW111: "pattern hardly ever matches",
  RW112: "fragile pattern",
  RW113: "pattern can take forever",
  RW114: "slow reward",
  RW115: "not deterministic",
  RW116: "depends on the rest of the batch",
  RW117: "ground truth does not parse",
  RW118: "the true answer is not the best",
  RW119: "nonsense is paid",
  RW120: "reward and evaluation disagree",
  RW121: "empty completions take part",
  RW122: "cut-off completions count as wrong",
  RW123: "unequal ceilings",
  RW124: "prompt differs from the run's",
} as const;

export type FindingId = keyof typeof findingTitles;

export type FindingSeverity = "error" | "warning" | "information";

/** Offsets are 0-based UTF-16 units into the reward file as it was read. */
export interface FindingEdit {
  start: number;
  end: number;
  text: string;
}

/** A change of the reward file that a person may take with one click. The edits do not overlap. */
export interface FindingFix {
  title: string;
  edits: FindingEdit[];
  /** Exceptions that a handler still takes with it; the others go on. */
  catches?: readonly string[];
}

/** One case for a file of probes: everything that scoring it takes. */
export interface FindingProbe {
  name: string;
  completion: string;
  solution: string | null;
  prompt: unknown;
  columns: Record<string, unknown>;
  /** ">= 1" */
  expect: string;
}

export interface Finding {
  id: FindingId;
  severity: FindingSeverity;
  /** Name of the reward function it is about. */
  function: string;
  /** Where it is shown: 0-based UTF-16 offsets into the reward file. */
  start: number;
  end: number;
  /** Plain words with numbers, what it means, and the cure; without the id. */
  message: string;
  evidence: {
    /** Indices into the rows that were examined; the most telling first, at most `maxEvidenceRows`. */
    rows: number[];
    /** The numbers of the message by name, unrounded. */
    numbers: Record<string, number>;
    /** A sample of what went wrong: an exception text, a value, a completion. */
    text?: string;
    /** Kinds of the exceptions that arrived in a handler. */
    exceptions?: string[];
  };
  fixes: FindingFix[];
  /** Completions with the score that a sound reward gives them, to keep as tests of it. */
  probes?: FindingProbe[];
  /** From the text alone, or seen on rollouts. */
  certain: "static" | "dynamic";
}

export const maxEvidenceRows = 32;

/** A file with more findings than this shows the gravest; the rest returns as those are cured. */
export const maxFindingsPerFile = 20;

const severityRank: Record<FindingSeverity, number> = { error: 0, warning: 1, information: 2 };

/** RW101, RW102 and RW103 break a run; everything else bends it. */
export function severityOf(id: FindingId): FindingSeverity {
  return id === "RW101" || id === "RW102" || id === "RW103" ? "error" : "warning";
}

/** Heading of the finding in docs/reward-debugger.md. */
export function documentationAnchor(id: FindingId): string {
  return `${id.toLowerCase()}-${findingTitles[id].replaceAll(/[^a-z -]/g, "").replaceAll(" ", "-")}`;
}

/** Gravest first, then by place; never more than `maxFindingsPerFile`. */
export function sortFindings(findings: readonly Finding[]): Finding[] {
  return [...findings]
    .sort(
      (a, b) =>
        severityRank[a.severity] - severityRank[b.severity] ||
        a.start - b.start ||
        (a.id < b.id ? -1 : Number(a.id > b.id)),
    )
    .slice(0, maxFindingsPerFile);
}
