/** Simplified Chinese for `report.ts`. The keys are the English as `report/` writes it, with `{0}` where something varies. */
export const reportTexts: Readonly<Record<string, string>> = {
  // ---- facts
  Run: "训练",
  Started: "开始时间",
  Duration: "用时",
  Device: "设备",
  "{0} min {1} s": "{0} 分 {1} 秒",
  "{0}, {1} threads": "{0}，{1} 个线程",

  // ---- headings
  "Held-out images: before, between, after": "留出图像：训练前、两阶段之间、训练后",
  "Balanced accuracy by category": "各类别的平衡准确率",
  Curves: "曲线",
  "Inspected photographs": "检查过的照片",
  "The same images, stage by stage": "同样的图像，逐阶段对比",

  // ---- table
  Model: "模型",
  Images: "图像数",
  Category: "类别",
  base: "基础模型",
  "pa-sft": "PA-SFT",
  "sc-grpo": "SC-GRPO",
  "trained model": "训练后的模型",
  "Balanced accuracy": "平衡准确率",
  "Mean of the next two: what a fair inspector is judged by": "后两列的平均值：公正的检验员以此衡量",
  "Normal accuracy": "正常品准确率",
  "Share of good images that were called good": "正常图像被判为正常的比例",
  "Anomalous accuracy": "缺陷品准确率",
  "Share of defective images that were called defective": "缺陷图像被判为缺陷的比例",
  "Location accuracy": "位置准确率",
  "Share of defective images whose place was named rightly": "位置说对的缺陷图像比例",
  "Type score": "类型得分",
  "Mean score of the named defect type": "所述缺陷类型的平均得分",
  AUROC: "AUROC",
  "Area under the ROC curve of the anomaly score": "异常分数的 ROC 曲线下面积",
  Unparsed: "无法解析",
  "Share of answers without a readable yes or no; they count as wrong": "没有可读的“是”或“否”的回答比例；按错误计",
  Reward: "奖励",
  "Mean weighted reward": "加权奖励的平均值",

  // ---- curves
  step: "步",
  "no data": "没有数据",
  "{0} from {1} to {2} over {3} points": "{0} 在 {3} 个点内从 {1} 到 {2}",
  "PA-SFT loss": "PA-SFT 损失",
  "PA-SFT gradient norm": "PA-SFT 梯度范数",
  "SC-GRPO reward": "SC-GRPO 奖励",
  Rewards: "各项奖励",
  "SC-GRPO reward spread in groups": "SC-GRPO 组内奖励差异",
  "SC-GRPO loss": "SC-GRPO 损失",
  "KL to the start model": "相对起始模型的 KL",
  "Completion length (tokens)": "回答长度（词元）",
  "Groups without a signal (share)": "没有信号的组（比例）",

  // ---- answers
  "Ground truth: no defect": "真实标注：无缺陷",
  "Ground truth: {0}": "真实标注：{0}",
  "anomaly score {0}": "异常分数 {0}",
  right: "正确",
  wrong: "错误",
  "The picture cannot be read any more.": "图片已无法读取。",
};
