/** What a curve measures, in a sentence for those who do not know its name by heart. Names stay as trainers write them. */
import type { StringKey } from "../../strings/en";
import { t } from "../../host/l10n";

const sentences = new Map<string, StringKey>([
  ["reward", "metric.reward"],
  ["reward_std", "metric.rewardStd"],
  ["frac_reward_zero_std", "metric.flatGroups"],
  ["kl", "metric.kl"],
  ["entropy", "metric.entropy"],
  ["grad_norm", "metric.gradNorm"],
  ["learning_rate", "metric.learningRate"],
  ["mean_token_probability", "metric.tokenProbability"],
  ["eval/balanced_accuracy", "evaluations.balanced.help"],
  ["eval/normal_accuracy", "evaluations.normal.help"],
  ["eval/anomalous_accuracy", "evaluations.anomalous.help"],
  ["eval/location_accuracy", "evaluations.location.help"],
  ["eval/type_score", "evaluations.type.help"],
  ["eval/auroc", "evaluations.auroc.help"],
  ["eval/unparsed", "evaluations.unparsed.help"],
  ["eval/reward", "evaluations.rewardTotal.help"],
  ["rewards/error_share", "metric.rewardErrors"],
  ["completions/mean_length", "metric.meanLength"],
  ["completions/min_length", "metric.minLength"],
  ["completions/max_length", "metric.maxLength"],
  ["completions/clipped_ratio", "metric.cutOff"],
  ["completions/mean_terminated_length", "metric.endedLength"],
  ["clip_ratio/low_mean", "metric.clipLow"],
  ["clip_ratio/high_mean", "metric.clipHigh"],
  ["clip_ratio/region_mean", "metric.clipRegion"],
  ["rollout_seconds", "metric.rolloutSeconds"],
  ["update_seconds", "metric.updateSeconds"],
]);

/** Null for curves that are not ours. */
export function metricHelp(stage: string, name: string): string | null {
  if (name === "loss") return t(stage === "sc-grpo" ? "metric.lossOfRewards" : "metric.loss");
  const known = sentences.get(name);
  if (known !== undefined) return t(known);
  if (/^rewards\/.+\/mean$/.test(name)) return t("metric.oneReward");
  if (/^rewards\/.+\/std$/.test(name)) return t("metric.oneRewardStd");
  return null;
}
