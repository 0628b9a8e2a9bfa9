/** Which evaluation is looked into, its answers, and the threshold they are judged by. Not kept over a reload: it is one click. */
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

  constructor(
    private readonly ask: (place: EvaluationPlace) => Promise<EvaluatedAnswer[]>,
    private readonly changed: () => void,
  ) {
    this.answers = new Resource(changed);
  }

  isShown({ run, stage, step }: EvaluationPlace): boolean {
    return this.place?.run === run && this.place.stage === stage && this.place.step === step;
  }

  /** Opens an evaluation, or closes the one that is open. */
  toggle(place: EvaluationPlace): void {
    this.threshold = null;
    if (this.isShown(place)) {
      this.place = null;
      this.answers.reset();
      this.changed();
      return;
    }
    this.place = place;
    this.answers.load(() => this.ask(place));
  }

  setThreshold(threshold: number | null): void {
    this.threshold = threshold;
    this.changed();
  }
}

/** What is wrong about an answer; null where nothing is, or where nobody knows. */
export function mistakeOf(answer: EvaluatedAnswer, threshold: number | null): Mistake | null {
  if (answer.label === null) return null;
  const said = answerOf(answer, threshold);
  if (said === null) return "unparsed";
  if (answer.label === "anomalous") return said === "no" ? "missed" : null;
  return said === "yes" ? "falseAlarm" : null;
}
