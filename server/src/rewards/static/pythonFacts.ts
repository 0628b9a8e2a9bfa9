/**
 * Asks Python about a Python reward file: reads its syntax tree, runs nothing of it. One process answers all questions and ends by itself when
 * nobody asks for a while: starting Python takes longer than any answer, and editors ask after each pause in typing.
 */
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { CancelledError, RewardError } from "@iad-r1/models/errors";
import { enginePath } from "../../runtime/engineFile";
import { timeGivenTo } from "../../runtime/processTime";
import { findPython } from "../../runtime/python";
import type { RewardFacts } from "./facts";

/** Of the time that the machine gives to it, for one answer; starting is in it. */
const limitMs = 20_000;
const watchEveryMs = 1_000;
const idleMs = 10_000;

/** @throws RewardError `reward/syntax` (data: `{line}`, from 1) when the text is not Python that can be read, `reward/no-python`; CancelledError */
export async function pythonFacts(
  source: string,
  { python = findPython(), signal }: { python?: string; signal?: AbortSignal } = {},
): Promise<RewardFacts> {
  if (signal?.aborted) throw new CancelledError();
  let reader = readers.get(python);
  if (reader === undefined || reader.isOver) {
    reader = new PythonReader(python);
    readers.set(python, reader);
  }
  const answer = await reader.ask({ source });
  if (signal?.aborted) throw new CancelledError();
  if (!("error" in answer)) return answer as unknown as RewardFacts;
  throw new RewardError("reward/syntax", `This is not Python that can be read: ${String(answer.error)}.`, {
    data: { line: answer.line },
  });
}

/** By interpreter. */
const readers = new Map<string, PythonReader>();

interface Question {
  resolve(answer: Record<string, unknown>): void;
  reject(error: Error): void;
}

/** Keeps this process alive, or not. */
interface Holding {
  ref(): void;
  unref(): void;
}

class PythonReader {
  isOver = false;
  private readonly child: ChildProcessWithoutNullStreams;
  /** In the order in which they were asked, which is that of the answers. */
  private readonly waiting: Question[] = [];
  private timer: NodeJS.Timeout | null = null;
  private words = "";
  private isLate = false;

  constructor(private readonly python: string) {
    this.child = spawn(python, ["-W", "ignore", enginePath("python/iadr1_static.py")], {
      stdio: ["pipe", "pipe", "pipe"],
      env: { ...process.env, PYTHONIOENCODING: "utf-8", PYTHONDONTWRITEBYTECODE: "1" },
    });
    createInterface({ input: this.child.stdout }).on("line", (line) => {
      this.waiting.shift()?.resolve(JSON.parse(line) as Record<string, unknown>);
      this.rest();
    });
    this.child.stderr.setEncoding("utf8").on("data", (text: string) => {
      this.words = (this.words + text).slice(-2_000);
    });
    this.child.stdin.on("error", () => undefined);
    this.child.once("error", (cause) =>
      this.end(
        new RewardError("reward/no-python", `${python} cannot be started: ${cause.message}.`, {
          hint: "Install Python 3.9 or newer, or say where it is in IADR1_PYTHON.",
          cause,
        }),
      ),
    );
    this.child.once("close", () => this.end(this.failure()));
  }

  ask(question: { source: string }): Promise<Record<string, unknown>> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ resolve, reject });
      this.child.stdin.write(`${JSON.stringify(question)}\n`);
      this.rest();
    });
  }

  /** While something is asked the process holds this one; after that neither waits for the other. */
  private rest(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    const isIdle = this.waiting.length === 0;
    const { child } = this;
    for (const one of [child, child.stdin, child.stdout, child.stderr] as unknown as Holding[]) {
      if (isIdle) one.unref();
      else one.ref();
    }
    if (isIdle) {
      this.timer = setTimeout(() => this.close(), idleMs);
      this.timer.unref();
      return;
    }
    const spent = timeGivenTo(child.pid ?? 0);
    this.timer = setInterval(() => {
      if (spent() <= limitMs) return;
      this.isLate = true;
      child.kill("SIGKILL");
    }, watchEveryMs);
  }

  private close(): void {
    this.isOver = true;
    this.child.stdin.end();
  }

  private failure(): RewardError {
    if (this.isLate) {
      return new RewardError("reward/no-python", `${this.python} did not read the file within ${limitMs / 1000} s.`, {
        ...{ hint: "Say which Python to use in IADR1_PYTHON; 3.9 or newer is needed.", show: "log" },
      });
    }
    const said = this.words.trim().split("\n").at(-1);
    return new RewardError("reward/no-python", `${this.python} could not read the file: ${said}`, {
      ...{ hint: "Python 3.9 or newer is needed.", show: "log" },
    });
  }

  private end(error: Error): void {
    this.isOver = true;
    if (this.timer !== null) clearTimeout(this.timer);
    for (const { reject } of this.waiting.splice(0)) reject(error);
  }
}
