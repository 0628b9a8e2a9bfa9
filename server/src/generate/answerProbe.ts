/**
 * The anomaly score: how much of the probability at the answer goes to "yes", against "no". It looks at the distribution of the token
 * that writes the first letters of the answer, in any letter case, also where a token holds the end of the tag and the word
 * together. It chooses no token and changes nothing.
 */
import type { Tokenizer } from "@iad-r1/models/text/tokenizer";
import type { Distribution } from "./sample";

export class AnswerProbe {
  /** Ids by what must stand before them: the whole opening tag, or all of it but its last character. */
  private readonly afterTag: YesNoIds;
  private readonly beforeBracket: YesNoIds;
  /**
   * What to feed to a model that gave no answer, so that the next token would be its answer: the opening tag, without its bracket
   * where both answers are one token with the bracket (the split pattern of Qwen2 leads to that).
   */
  readonly question: { ids: readonly number[]; text: string };

  constructor(tokenizer: Tokenizer, vocabSize: number) {
    this.afterTag = { yes: [], no: [] };
    this.beforeBracket = { yes: [], no: [] };
    for (let id = 0; id < vocabSize; id++) {
      if (tokenizer.specialIds.has(id)) continue;
      const text = tokenizer.decode([id]);
      add(this.afterTag, text, id);
      if (text.startsWith(">")) add(this.beforeBracket, text.slice(1), id);
    }
    const tag = "<answer>";
    const [yes, no] = [tokenizer.encode(`${tag}Yes`), tokenizer.encode(`${tag}No`)];
    const shared = yes.slice(
      0,
      yes.findIndex((id, i) => id !== no[i]),
    );
    const ids =
      bothWays(this.beforeBracket) && tokenizer.decode(shared) === tag.slice(0, -1) ? shared : tokenizer.encode(tag);
    this.question = { ids, text: tokenizer.decode(ids) };
  }

  /**
   * Score of a position, or null when it does not write the answer.
   *
   * @param text the completion so far, without the token that is about to be chosen
   */
  score(text: string, { logits, logSumExp }: Pick<Distribution, "logits" | "logSumExp">): number | null {
    const tail = text.slice(-24).toLowerCase();
    const ids = /<answer>\s*$/.test(tail) ? this.afterTag : tail.endsWith("<answer") ? this.beforeBracket : null;
    if (ids === null || !bothWays(ids)) return null;
    const mass = (list: readonly number[]) => {
      let sum = 0;
      for (const id of list) sum += Math.exp(logits[id]! - logSumExp);
      return sum;
    };
    const yes = mass(ids.yes);
    const no = mass(ids.no);
    return yes + no > 0 ? yes / (yes + no) : null;
  }
}

interface YesNoIds {
  yes: number[];
  no: number[];
}

/** Where only one answer can be written there is nothing to compare. */
function bothWays({ yes, no }: YesNoIds): boolean {
  return yes.length > 0 && no.length > 0;
}

function add(ids: YesNoIds, text: string, id: number): void {
  const word = text.trimStart().toLowerCase();
  if (word === "") return;
  if (writes(word, "yes")) ids.yes.push(id);
  if (writes(word, "no")) ids.no.push(id);
}

/** True for the first letters of the answer, and for the answer with something behind it that is not a letter ("no<" but not "not"). */
function writes(text: string, answer: string): boolean {
  if (answer.startsWith(text)) return true;
  return text.startsWith(answer) && !/^\p{L}/u.test(text.slice(answer.length));
}
