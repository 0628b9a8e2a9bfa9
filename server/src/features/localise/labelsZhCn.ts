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
