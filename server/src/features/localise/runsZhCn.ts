/**
 * Simplified Chinese for what a run itself warns of: cut texts, values left out, a device that went, rewards that were refused, and a
 * person's own rules on its curves. The keys are the English as the run writes it, with `{0}` where something varies.
 */
export const runSentences: Readonly<Record<string, string>> = {
  "{0} sequences were longer than {1} tokens and were cut.": "{0} 个序列超过 {1} 个词元，已被截断。",
  "The adapter holds modules of the vision side in full ({0}). They are used and stay as they are: of the vision side only an adapter's matrices learn.":
    "适配器完整保存了视觉部分的模块（{0}）。它们会被使用但保持不变：视觉部分只有适配器的矩阵参与学习。",
  "Step {0}: {1} not finite, left out.": "第 {0} 步：{1} 不是有限的数字，已略去。",
  "The device {0} cannot be used any more: {1}.": "设备 {0} 已无法使用：{1}。",
  "The new rewards were not taken. {0}": "未采用新的奖励。{0}",
  "{0} is {1}, above {2}.": "{0} 为 {1}，高于 {2}。",
  "{0} is {1}, below {2}.": "{0} 为 {1}，低于 {2}。",
  "{0} is {1}, above {2} for {3} steps.": "{0} 为 {1}，已连续 {3} 步高于 {2}。",
  "{0} is {1}, below {2} for {3} steps.": "{0} 为 {1}，已连续 {3} 步低于 {2}。",
};
