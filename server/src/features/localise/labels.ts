/**
 * What lists and reports of the editor call things, in its language: checks of this machine, models, and the rollouts that rewards are judged
 * by. They are made in English, for the command line too; names, paths and what another program said stay as they are.
 */
import type { MachineCheck } from "@iad-r1/protocol/project";
import type { RewardScopeChoices, RewardScopeState } from "@iad-r1/protocol/rewardDebugger";
import { labels } from "./labelsZhCn";
import { isChineseLocale, makeLookUp } from "./translate";

export interface LabelTranslator {
  /** A title, a scope, a piece of evidence. */
  text(text: string): string;
  check(check: MachineCheck): MachineCheck;
  scope(state: RewardScopeState): RewardScopeState;
  choices(choices: RewardScopeChoices): RewardScopeChoices;
}

/** @param locale as editors write it, such as `zh-cn` */
export function labelTranslatorFor(locale: string): LabelTranslator {
  return isChineseLocale(locale) ? chinese : english;
}

const same = <T>(value: T): T => value;
const english: LabelTranslator = { text: same, check: same, scope: same, choices: same };

const chinese: LabelTranslator = {
  text,
  check: ({ name, status, evidence, cure }) => ({
    ...{ name: text(name), status, evidence: text(evidence) },
    cure: cure === null ? null : text(cure),
  }),
  scope: (state) => ({
    ...{ ...state, label: text(state.label) },
    problem: state.problem === null ? null : text(state.problem),
  }),
  choices: ({ sources }) => ({
    sources: sources.map((one) => ({ ...one, label: text(one.label), detail: text(one.detail) })),
  }),
};

const lookUp = makeLookUp(labels, text);

/** A sentence, or several facts in a row. */
function text(english: string): string {
  const whole = lookUp(english);
  if (whole !== null || !english.includes("; ")) return whole ?? english;
  return english.split("; ").map(text).join("；");
}
