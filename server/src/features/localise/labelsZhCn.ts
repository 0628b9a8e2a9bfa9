/** Simplified Chinese for `labels.ts`. The keys are the English as the code writes it, with `{0}` where something varies. */
export const labels: Readonly<Record<string, string>> = {
  // ---- checks of this machine
  Processor: "处理器",
  Memory: "内存",
  Disk: "磁盘",
  "Device {0}": "设备 {0}",
  "Embedded model": "内置模型",
  "Python engine": "Python 引擎",
  "{0} × unknown": "{0} × 未知",
  "{0} of {1} GiB free": "共 {1} GiB，空闲 {0} GiB",
  "{0} GiB free in {1}": "{1} 中空闲 {0} GiB",
  "{0} million parameters in {1}": "{1}，{0} 百万个参数",
  "install Node 20.19 or newer": "请安装 Node 20.19 或更新版本",
  "close other programs: the embedded model needs about 1 GiB to train": "请关闭其他程序：训练内置模型约需 1 GiB 内存",
  "free some space: runs keep checkpoints and rollouts": "请释放一些空间：训练会保存检查点和采样结果",
  "restore models/nano from the repository": "请从仓库恢复 models/nano",

  // ---- devices
  "multiplies float32 matrices at {0} GFLOP/s": "float32 矩阵乘法 {0} GFLOP/s",
  "multiplies float32 matrices at {0} GFLOP/s and starts an operation every {1} µs":
    "float32 矩阵乘法 {0} GFLOP/s，每 {1} µs 启动一个运算",
  "its attention is wrong for long prompts, which are read {0} tokens at a time":
    "其注意力对长提示计算有误，因此每次只读 {0} 个词元",
  "does not exist for {0}": "{0} 上没有",
  "no NVIDIA driver is loaded ({0} does not exist)": "未加载 NVIDIA 驱动（{0} 不存在）",
  "no Vulkan driver is installed": "未安装 Vulkan 驱动",
  "chooses {0}: {1}": "选择 {0}：{1}",
  "no other device works here": "这里没有其他可用的设备",
  "no other device works here ({0})": "这里没有其他可用的设备（{0}）",
  "webgpu: {0}": "webgpu：{0}",
  "cuda: {0}": "cuda：{0}",
  "dml: {0}": "dml：{0}",
  "coreml: {0}": "coreml：{0}",
  "clearly the fastest: {0} beside {1} GFLOP/s of the processor": "明显最快：{0} GFLOP/s，处理器为 {1} GFLOP/s",
  "{0} works, but is not {1} times as fast: {2} beside {3} GFLOP/s of the processor":
    "{0} 可用，但不到 {1} 倍快：{2} GFLOP/s，处理器为 {3} GFLOP/s",
  "Run npm run setup again.": "请再次运行 npm run setup。",
  "Install a Vulkan driver for the graphics card (Linux), or update the driver.":
    "请安装显卡的 Vulkan 驱动（Linux），或更新驱动。",
  "Install the NVIDIA driver, CUDA 12 with cuDNN 9, and run: {0}":
    "请安装 NVIDIA 驱动、CUDA 12 和 cuDNN 9，然后运行：{0}",
  "Update Windows and the graphics driver.": "请更新 Windows 和显卡驱动。",
  "Update macOS.": "请更新 macOS。",

  // ---- checks before a run
  Model: "模型",
  "Training data": "训练数据",
  "Training data of PA-SFT": "PA-SFT 的训练数据",
  "Training data of SC-GRPO": "SC-GRPO 的训练数据",
  "Held-out data": "留出数据",
  "Validation data": "验证数据",
  Rewards: "奖励",
  Device: "设备",
  Lengths: "长度",
  "{0} million weights in {1}": "{1}，{0} 百万个权重",
  "{0} samples: {1} without and {2} with a defect": "{0} 个样本：{1} 个无缺陷，{2} 个有缺陷",
  "{0} samples: {1} without and {2} with a defect. {3} of {4} samples have fewer reference pictures than the {5} asked for, the fewest {6}: they are shown with those that they have.":
    "{0} 个样本：{1} 个无缺陷，{2} 个有缺陷。{4} 个样本中有 {3} 个的参考图像少于所要求的 {5} 张，最少的为 {6} 张：只显示它们已有的参考图像。",
  "1 error, the first: {0}": "1 处错误，第一处：{0}",
  "{0} errors, the first: {1}": "{0} 处错误，第一处：{1}",
  "Mend the data set; `iad-r1 data validate` lists everything.":
    "请修正数据集；`iad-r1 data validate` 会列出全部问题。",
  "auto chooses {0}: {1}": "auto 选择 {0}：{1}",
  "TRL {0} with torch {1} on {2}": "TRL {0}，torch {1}，在 {2} 上",
  "prompts up to {0} tokens and answers up to {1} in {2} samples; the model has {3} positions":
    "{2} 个样本中提示最长 {0} 个词元，答案最长 {1} 个；模型有 {3} 个位置",
  "A prompt of {0} tokens and {1} of an answer need {2} positions, the model has {3}.":
    "{0} 个词元的提示加上 {1} 个词元的答案需要 {2} 个位置，而模型只有 {3} 个。",
  "Lower maxCompletionLength, use smaller pictures, or fewer reference images.":
    "请减小 maxCompletionLength，使用更小的图像，或减少参考图像。",
  "needs about {0}, {1} are free": "约需 {0}，空闲 {1}",
  "Train an adapter (trainable: lora), set recompute: true, or use smaller passes (batchSize, microBatchSize).":
    "请训练适配器（trainable: lora），设置 recompute: true，或使用更小的批次（batchSize、microBatchSize）。",
  "checkpoints take up to {0}, {1} are free in {2}": "检查点最多占用 {0}，{2} 中空闲 {1}",
  "Free some space, keep fewer checkpoints (keepCheckpoints), or choose another output folder.":
    "请释放一些空间，减少保存的检查点（keepCheckpoints），或选择其他输出文件夹。",
  "Look at the server log.": "请查看服务器日志。",

  // ---- what an estimate goes by
  "{0} samples measured: prompts of {1} tokens (longest {2}), answers of {3} (longest {4})":
    "测量了 {0} 个样本：提示 {1} 个词元（最长 {2}），答案 {3} 个（最长 {4}）",
  "the speed of this machine is not known: {0}": "不知道本机的速度：{0}",
  "this machine multiplies at {0} GFLOP/s now; other programs that compute make a run slower":
    "本机目前的乘法速度为 {0} GFLOP/s；其他正在计算的程序会使训练变慢",
  "times are right within a factor of about two; the first steps of a run tell better":
    "时间的误差约在两倍以内；训练的最初几步更能说明问题",

  // ---- the other engine
  "engine: trl can be used: Python {0} ({1}), {2}; computes on {3}":
    "可以使用 engine: trl：Python {0}（{1}），{2}；在 {3} 上计算",
  "engine: trl needs {0} in {1} (Python {2}); missing: {3}.": "engine: trl 需要 {1}（Python {2}）中有 {0}；缺少：{3}。",
  "engine: trl expects version {0} of trl, got {1} in {2}.": "engine: trl 需要 trl 的版本 {0}，但 {2} 中是 {1}。",
  "engine: trl needs Python, and {0} cannot be used: {1}.": "engine: trl 需要 Python，但无法使用 {0}：{1}。",
  "it was not found": "未找到",
  "only for experiments with engine: trl, which outgrow this machine's engine.":
    "只有使用 engine: trl 的实验才需要，即超出本机引擎能力的实验。",
  "only for experiments with engine: trl, which outgrow this machine's engine. {0}":
    "只有使用 engine: trl 的实验才需要，即超出本机引擎能力的实验。{0}",
  "Run  {0}  or name another Python as trl.python in the experiment file or in IADR1_PYTHON.":
    "请运行  {0}  或在实验文件的 trl.python 或 IADR1_PYTHON 中指定其他 Python。",
  "Install Python 3.10 or newer with  {0}  and name another Python as trl.python in the experiment file or in IADR1_PYTHON.":
    "请安装 Python 3.10 或更新版本并运行  {0}  然后在实验文件的 trl.python 或 IADR1_PYTHON 中指定该 Python。",

  // ---- models
  "Embedded base model": "内置基础模型",
  "Embedded model, after PA-SFT": "内置模型，PA-SFT 之后",
  "Embedded model, after both stages": "内置模型，两个阶段之后",
  "{0} · after {1}": "{0} · {1} 之后",

  // ---- rollouts
  "run {0}": "训练 {0}",
  "{0}, step {1}": "{0}，第 {1} 步",
  "{0}, steps {1} to {2}": "{0}，第 {1} 至 {2} 步",
  "{0} steps, {1} to {2}": "{0} 步，第 {1} 至 {2} 步",
  "The run of the chosen scope is not there any more.": "所选范围的训练已不存在。",
};
