/**
 * Simplified Chinese for what a run itself warns of: cut texts, values left out, a device that went, rewards that were refused, and a
 * person's own rules on its curves; and for what it commonly fails with, and the cures. The keys are the English as the run writes it, with `{0}` where something varies.
 */
export const runSentences: Readonly<Record<string, string>> = {
  "{0} of {1} samples have fewer reference pictures than the {2} asked for, the fewest {3}: they are shown with those that they have.":
    "{1} 个样本中有 {0} 个的参考图像少于所要求的 {2} 张，最少的为 {3} 张：只显示它们已有的参考图像。",
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

  // ---- how a run ends without a last word
  "its process is gone and left no last word": "其进程已消失，没有留下任何信息",
  "its process is gone (killed, out of memory, or the machine was restarted)":
    "其进程已消失（被终止、内存不足或机器重启）",
  "its process is gone (killed, out of memory, or the machine was restarted): {0}":
    "其进程已消失（被终止、内存不足或机器重启）：{0}",
  "its process was killed by the system (SIGKILL), most often because memory ran out":
    "其进程被系统终止（SIGKILL），多半是因为内存不足",
  "its process was killed by the system (SIGKILL), most often because memory ran out: {0}":
    "其进程被系统终止（SIGKILL），多半是因为内存不足：{0}",
  "its process ended with {0}": "其进程以 {0} 结束",
  "its process ended with {0}: {1}": "其进程以 {0} 结束：{1}",
  "Resume it: it goes on at its last checkpoint.": "请继续训练：它会从最后一个检查点接着进行。",

  // ---- models
  "No checkpoint at {0}: config.json is missing.": "{0} 处没有检查点：缺少 config.json。",
  "Give a folder as Hugging Face writes it (config.json, model.safetensors, tokenizer.json), a name of `iad-r1 models list`, or {0}.":
    "请给出 Hugging Face 格式的文件夹（config.json、model.safetensors、tokenizer.json）、`iad-r1 models list` 中的名称，或 {0}。",
  "{0} is not valid JSON: {1}.": "{0} 不是有效的 JSON：{1}。",
  "The file is damaged; copy or download it again.": "文件已损坏，请重新复制或下载。",
  "{0} is cut off: expected {1}, got {2}.": "{0} 不完整：应为 {1}，实际为 {2}。",
  "The copy or download did not finish; get the file again.": "复制或下载未完成，请重新获取该文件。",
  "The checkpoint lacks {0}.": "检查点缺少 {0}。",
  "The checkpoint is damaged or incomplete; copy or download it again.": "检查点已损坏或不完整，请重新复制或下载。",
  "The model computes NaN or infinity where probabilities should be.": "模型在应为概率之处算出了 NaN 或无穷大。",
  "Its weights are damaged, or its training diverged: use another checkpoint or adapter.":
    "其权重已损坏或训练已发散：请使用其他检查点或适配器。",

  // ---- data and rewards
  "The data set has 1 error.": "数据集有 1 个错误。",
  "The data set has {0} errors.": "数据集有 {0} 个错误。",
  "Run `iad-r1 data validate` to see all of them.": "运行 `iad-r1 data validate` 可查看全部错误。",
  "{0}: there is no such file.": "{0}：没有这个文件。",
  "Check the path.": "请检查路径。",
  "A prompt has {0} tokens, the limit is {1}.": "一条提示有 {0} 个词元，上限为 {1}。",
  "Raise maxLength, use smaller pictures, or fewer reference images.":
    "请增大 maxLength，使用更小的图片或更少的参考图像。",
  "Rewards failed on {0} of {1} completions, expected at most {2} %. {3}":
    "奖励在 {1} 个回答中的 {0} 个上失败，最多允许 {2} %。{3}",
  "Correct the reward, then resume the run with it; pauseOn lets the run wait for that by itself.":
    "请修正奖励，再用它继续训练；pauseOn 可让训练自行等待修正。",

  // ---- the machine
  "{0} needs about {1} of memory, {2} are free.": "{0} 约需 {1} 内存，空闲 {2}。",
  "{0}: memory ran out ({1}).": "{0}：内存不足（{1}）。",
  "Use a smaller batch, shorter texts or recomputation, or close other programs.":
    "请减小批量、缩短文本或启用重算，或关闭其他程序。",
  "{0} could not be written: the disk or its quota is full ({1}).": "无法写入 {0}：磁盘或配额已满（{1}）。",
  "Free some space and resume; what was there before is untouched.": "请释放一些空间后继续训练；原有内容未受影响。",
  "{0} could not be written: {1}.": "无法写入 {0}：{1}。",
  "Check that the folder exists and that you may write to it.": "请检查文件夹是否存在以及是否可以写入。",
  "The device {0} failed. {1}": "设备 {0} 出错。{1}",
  "Compute on the processor (device cpu), update the driver, or use a smaller batch.":
    "请用处理器计算（device cpu）、更新驱动或减小批量。",

  // ---- training
  "{0} step {1}: expected a finite loss and gradient, got {2} and {3}.":
    "{0} 第 {1} 步：损失和梯度应为有限的数字，得到 {2} 和 {3}。",
  "Lower the learning rate, add warm-up steps, and resume from the last checkpoint.":
    "请降低学习率、增加预热步数，并从最后一个检查点继续。",
  "Since run {0} was started, {1} changed.": "训练 {0} 开始之后，{1} 已改变。",
  "Go on with the new rewards through --exchange-rewards, bring back the old ones, or start a new run.":
    "请用 --exchange-rewards 以新的奖励继续，恢复旧的奖励，或开始新的训练。",
  "Bring back what was there before, or start a new run.": "请恢复原有内容，或开始新的训练。",
};
