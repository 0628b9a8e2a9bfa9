/** Something wrong or doubtful in a configuration: where it stands and what would mend it. Knows no schema. */
import type { TextLines } from "@iad-r1/models/util/textLines";
import type { YamlPath, YamlTree } from "./yamlTree";

/** Something wrong in a configuration, placed where a person can mend it. */
export interface ConfigProblem {
  /**
   * Stable code: `config/unknown-key`, `config/wrong-value`, `config/missing-key`, `config/syntax`, `config/conflict`,
   * `config/override`; advice has `config/no-effect` and `config/doubtful`.
   */
  code: string;
  /** Keys from the top, `stages.paSft.learningRate`; empty for the file as a whole. */
  path: string;
  message: string;
  hint?: string;
  /** From 1. For an override: 0, and the message names it. */
  line: number;
  column: number;
  /** The first place after it. */
  endLine: number;
  endColumn: number;
  /** Changes that mend it, the best first. */
  cures: ConfigCure[];
}

/** A change of the file; `at` names the entry. */
export type ConfigCure =
  | { kind: "rename"; at: YamlPath; to: string; sure: boolean }
  /** `text` is YAML that fits on the line. */
  | { kind: "replace"; at: YamlPath; text: string; sure: boolean }
  | { kind: "remove"; at: YamlPath; sure: boolean }
  /** A new entry in the map `at`. */
  | { kind: "add"; at: YamlPath; key: string; text: string; sure: boolean };

export interface ProblemSpan {
  line: number;
  column: number;
  endLine: number;
  endColumn: number;
}

/** Names the places of entries in one file, overrides set apart. */
export class ProblemPlaces {
  constructor(
    private readonly tree: YamlTree,
    private readonly lines: TextLines,
    private readonly overridden: ReadonlySet<string>,
  ) {}

  /** The key of an entry or its value; of the nearest parent when it is missing. */
  of(path: YamlPath, part: "key" | "value"): ProblemSpan {
    if (this.overrideOf(path) !== null) return { line: 0, column: 0, endLine: 0, endColumn: 0 };
    for (let length = path.length; length > 0; length--) {
      const { key, value } = this.tree.find(path.slice(0, length));
      const missing = length < path.length;
      const chosen = part === "key" || missing ? (key ?? value) : (value ?? key);
      if (chosen !== null && chosen.end > chosen.start) return this.span(chosen.start, chosen.end);
    }
    return this.span(0, this.lines.endOfLine(1));
  }

  /** At most to the end of the first line: a whole section underlined hides more than it shows. */
  span(start: number, end: number): ProblemSpan {
    const from = this.lines.position(start);
    const stop = this.lines.position(Math.max(start, Math.min(end, this.lines.endOfLine(from.line))));
    return { ...from, endLine: stop.line, endColumn: stop.column };
  }

  withOverride(message: string, path: YamlPath): string {
    const key = this.overrideOf(path);
    if (key === null) return message;
    return message.startsWith(`${key}: `) ? `--set ${message}` : `--set ${key}: ${message}`;
  }

  /** The setting that an entry is, lies in, or is there for without being in the file. */
  private overrideOf(path: YamlPath): string | null {
    const joined = path.join(".");
    const { key, value } = this.tree.find(path);
    const isMade = key === null && value === null;
    return (
      [...this.overridden].find(
        (set) => `${joined}.`.startsWith(`${set}.`) || (isMade && joined !== "" && set.startsWith(`${joined}.`)),
      ) ?? null
    );
  }
}
