/** What a run says of itself in English, in the language of the window. Words that are not known here stay as they are. */
import type { StringKey } from "../../strings/en";
import { t } from "../../host/l10n";

const titles = new Map<string, StringKey>([
  ["Evaluate the base model", "stage.evaluateBase"],
  ["PA-SFT: learn to reason and answer", "stage.paSft"],
  ["Evaluate after PA-SFT", "stage.evaluatePaSft"],
  ["SC-GRPO: learn from rewards", "stage.scGrpo"],
  ["Evaluate after SC-GRPO", "stage.evaluateScGrpo"],
  ["Evaluate the model", "stage.evaluateModel"],
]);

const activities = new Map<string, StringKey>([
  ["rollouts", "activity.rollouts"],
  ["rewards", "activity.rewards"],
  ["reference", "activity.reference"],
  ["update", "activity.update"],
  ["evaluating", "activity.evaluating"],
  ["pictures", "activity.pictures"],
]);

/** Title of a stage. A run of another trainer calls its stages what it likes. */
export function stageTitle(title: string): string {
  const key = titles.get(title);
  return key === undefined ? title : t(key);
}

/** Name of a stage as its authors write it. */
export function stageName(id: string): string {
  return id === "pa-sft" ? "PA-SFT" : id === "sc-grpo" ? "SC-GRPO" : id;
}

/** What an evaluation looked at: "base", "pa-sft", or "sc-grpo@20" within a stage. */
export function evaluatedName(label: string): string {
  const [stage = label, step] = label.split("@");
  const name = stage === "base" ? t("stage.base") : stageName(stage);
  return step === undefined ? name : t("stage.atStep", { stage: name, step });
}

/** "rollouts 24/32": a word, and how far it is. */
export function activityText(activity: string): string {
  const word = activity.split(" ", 1)[0]!;
  const key = activities.get(word);
  return key === undefined ? activity : `${t(key)}${activity.slice(word.length)}`;
}
