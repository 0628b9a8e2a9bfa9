/**
 * Which evaluation is looked into, its answers, the threshold they are judged by, and another evaluation that they are compared with. Not
 * kept over a reload: it is one click.
 */
import type { EvaluatedAnswer } from "@iad-r1/protocol/webview";
import { Resource } from "./resource";
import { answerOf } from "./threshold";

export interface EvaluationPlace {
  run: string;
  stage: string;
  step: number;
}

export type Mistake = "missed" | "falseAlarm" | "unparsed";

export class EvaluationAnswers {
  place: EvaluationPlace | null = null;
  /** null: the written answers count. */
  threshold: number | null = null;
  readonly answers: Resource<EvaluatedAnswer[]>;
  /** What came before, or is to be measured against; null: nothing. */
  other: EvaluationPlace | null = null;
  readonly otherAnswers: Resource<EvaluatedAnswer[]>;

  constructor(
    private readonly ask: (place: EvaluationPlace) => Promise<EvaluatedAnswer[]>,
    private readonly changed: () => void,
  ) {
    this.answers = new Resource(changed);
    this.otherAnswers = new Resource(changed);
  }

  isShown({ run, stage, step }: EvaluationPlace): boolean {
    return this.place?.run === run && this.place.stage === stage && this.place.step === step;
  }

  /** Opens an evaluation, or closes the one that is open. */
  toggle(place: EvaluationPlace): void {
    this.threshold = null;
    this.other = null;
    this.otherAnswers.reset();
    if (this.isShown(place)) {
      this.place = null;
      this.answers.reset();
      this.changed();
      return;
    }
    this.place = place;
    this.answers.load(() => this.ask(place));
  }

  compareWith(place: EvaluationPlace | null): void {
    this.other = place;
    if (place !== null) this.otherAnswers.load(() => this.ask(place));
    else {
      this.otherAnswers.reset();
      this.changed();
    }
  }

  setThreshold(threshold: number | null): void {
    this.threshold = threshold;
    this.changed();
  }
}

/** A picture that one evaluation judged rightly and the other one wrongly. */
export interface Flip {
  /** As the evaluation that is looked into has it. */
  answer: EvaluatedAnswer;
  /** Null: right. */
  before: Mistake | null;
  after: Mistake | null;
}

/**
 * Pictures that became wrong, then those that became right; both judged by the same threshold.
 *
 * @returns also the number of pictures with a known truth that both evaluations saw
 */
export function flipsBetween(
  before: readonly EvaluatedAnswer[],
  after: readonly EvaluatedAnswer[],
  threshold: number | null,
): { flips: Flip[]; numShared: number } {
  const known = new Map(before.map((answer) => [answer.id, answer]));
  const shared = after.flatMap((answer) => {
    const old = known.get(answer.id);
    return old === undefined || answer.label === null || old.label !== answer.label ? [] : [{ answer, old }];
  });
  const flips = shared.flatMap(({ answer, old }): Flip[] => {
    const flip = { answer, before: mistakeOf(old, threshold), after: mistakeOf(answer, threshold) };
    return (flip.before === null) === (flip.after === null) ? [] : [flip];
  });
  return {
    flips: [...flips.filter(({ after: now }) => now !== null), ...flips.filter(({ after: now }) => now === null)],
    numShared: shared.length,
  };
}

/** What is wrong about an answer; null where nothing is, or where nobody knows. */
export function mistakeOf(answer: EvaluatedAnswer, threshold: number | null): Mistake | null {
  if (answer.label === null) return null;
  const said = answerOf(answer, threshold);
  if (said === null) return "unparsed";
  if (answer.label === "anomalous") return said === "no" ? "missed" : null;
  return said === "yes" ? "falseAlarm" : null;
}
