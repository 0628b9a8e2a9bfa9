/** When a completion ends: an end token, a stop string, or the token limit. Looks at one row; knows no model. */
import type { FinishReason } from "@iad-r1/protocol/runs";

export interface StopRules {
  /** Ids that end a completion; the id itself belongs to it. */
  eosIds: ReadonlySet<number>;
  /** Texts that end a completion; the text itself belongs to it, what a token adds behind it does not. */
  stopStrings: readonly string[];
  maxNewTokens: number;
}

/** Follows one completion. */
export interface StopWatch {
  /** Text so far, without special tokens. */
  readonly text: string;
  /** Takes the next id and the text that became complete with it; says whether the completion ends here. */
  push(id: number, piece: string, numTokens: number): FinishReason | null;
  /** Adds text that was waiting for the rest of a character. */
  append(piece: string): void;
}

export function createStopWatch(rules: StopRules): StopWatch {
  let text = "";
  const longest = rules.stopStrings.reduce((max, stop) => Math.max(max, stop.length), 0);
  return {
    get text() {
      return text;
    },
    push(id, piece, numTokens) {
      const from = Math.max(0, text.length - longest + 1);
      text += piece;
      if (rules.eosIds.has(id)) return "eos";
      if (piece !== "") {
        let end = -1;
        for (const stop of rules.stopStrings) {
          const at = text.indexOf(stop, from);
          if (at >= 0 && (end < 0 || at + stop.length < end)) end = at + stop.length;
        }
        if (end >= 0) {
          text = text.slice(0, end);
          return "stop";
        }
      }
      return numTokens >= rules.maxNewTokens ? "length" : null;
    },
    append(piece) {
      text += piece;
    },
  };
}
