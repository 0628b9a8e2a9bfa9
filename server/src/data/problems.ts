/** What is wrong in a user's data file, placed where a person can mend it. Readers collect problems and never throw for content. */

export interface DataProblem {
  /** An error drops the record; a warning keeps it. */
  severity: "error" | "warning";
  /** Stable code such as `data/missing-image`. */
  code: string;
  message: string;
  hint?: string;
  file: string;
  /** From 1; 0 when the problem is with a file or folder as a whole. */
  line: number;
  column: number;
  /** The first place after it, where that is known. */
  endLine?: number;
  endColumn?: number;
  /** Changes of the file that mend it, the best first. */
  fixes?: DataFix[];
}

export interface DataFix {
  title: string;
  /** `text` as it stands in the file, escapes included. */
  edits: { line: number; column: number; endLine: number; endColumn: number; text: string }[];
  /** There is no doubt what was meant. */
  sure: boolean;
}

export interface Parsed<T> {
  value: T;
  problems: DataProblem[];
}

export interface Position {
  line: number;
  column: number;
  /** The first place after it, where that is known. */
  endLine?: number;
  endColumn?: number;
}

/** More problems than a person reads are counted, not kept. */
const MAX_PROBLEMS = 1000;

export class Problems {
  readonly items: DataProblem[] = [];
  private readonly file: string;
  private dropped = 0;
  private droppedError = false;

  constructor(file: string) {
    this.file = file;
  }

  error(at: Position, code: string, message: string, hint?: string, fixes?: DataFix[]): void {
    this.add("error", at, code, message, hint, fixes);
  }

  warning(at: Position, code: string, message: string, hint?: string, fixes?: DataFix[]): void {
    this.add("warning", at, code, message, hint, fixes);
  }

  /** Problems of another file or part, kept as they are. */
  append(problems: readonly DataProblem[]): void {
    for (const problem of problems) {
      if (this.items.length < MAX_PROBLEMS) this.items.push(problem);
      else this.drop(problem.severity);
    }
  }

  /** All problems by line, and one more that says how many are not listed: an error where one of them is. */
  list(): DataProblem[] {
    const sorted = [...this.items].sort((a, b) => a.line - b.line || a.column - b.column);
    if (this.dropped > 0) {
      sorted.push({
        severity: this.droppedError ? "error" : "warning",
        code: "data/more-problems",
        message: `${this.dropped} more problems are not listed.`,
        file: this.file,
        line: 0,
        column: 0,
      });
    }
    return sorted;
  }

  private drop(severity: DataProblem["severity"]): void {
    this.dropped++;
    this.droppedError ||= severity === "error";
  }

  private add(
    severity: "error" | "warning",
    at: Position,
    code: string,
    message: string,
    hint: string | undefined,
    fixes: DataFix[] | undefined,
  ): void {
    if (this.items.length >= MAX_PROBLEMS) {
      this.drop(severity);
      return;
    }
    const problem: DataProblem = { severity, code, message, file: this.file, line: at.line, column: at.column };
    if (at.endLine !== undefined && at.endColumn !== undefined) {
      problem.endLine = at.endLine;
      problem.endColumn = at.endColumn;
    }
    if (hint !== undefined) problem.hint = hint;
    if (fixes !== undefined && fixes.length > 0) problem.fixes = fixes;
    this.items.push(problem);
  }
}

/** The place of a problem with the file as a whole. */
export const WHOLE_FILE: Position = { line: 0, column: 0 };

export function hasErrors(problems: readonly DataProblem[]): boolean {
  return problems.some((problem) => problem.severity === "error");
}

/** `file:line:column: message`, as compilers write it. */
export function formatProblem(problem: DataProblem): string {
  const place = problem.line === 0 ? problem.file : `${problem.file}:${problem.line}:${problem.column}`;
  const cure = problem.hint === undefined ? "" : ` ${problem.hint}`;
  return `${place}: ${problem.severity}: ${problem.message}${cure}`;
}
