/**
 * Everything that the extension adds to VS Code's manifest: commands, menus, keys, settings, views, walkthrough. The one place where
 * their names and texts stand, in English and Simplified Chinese; `scripts/generateManifest.ts` writes `client/package.json` and the
 * `package.nls*.json` files from it. It is plain data: no behaviour, and nothing of `vscode`.
 */

/** A text of the manifest. `zh` is Simplified Chinese. */
export interface Text {
  en: string;
  zh: string;
}

const text = (en: string, zh: string): Text => ({ en, zh });

export const extensionName = "iad-r1";
export const publisher = "iad-r1";
export const extensionId = `${publisher}.${extensionName}`;

export const containerId = "iadr1";
export const viewIds = { runs: "iadr1.runs", data: "iadr1.data", rewards: "iadr1.rewards" } as const;
export const imageInspectorViewType = "iadr1.imageInspector";
export const inspectorPanelViewType = "iadr1.inspectorPanel";
export const dashboardViewType = "iadr1.runDashboard";
/** The dashboard as an editor: of the file that names a run. */
export const runEditorViewType = "iadr1.run";
export const explorerViewType = "iadr1.rolloutExplorer";
/** Panels that come back when a window is opened again. */
export const restoredPanels = [dashboardViewType, explorerViewType] as const;
export const walkthroughId = "iadr1.firstSteps";

export const displayName = text("IAD-R1: Explainable Defect Inspection", "IAD-R1：可解释的缺陷检测");
export const description = text(
  "Inspect images of industrial products with streamed reasoning, and teach the model on your own machine: no Python, no GPU, no download.",
  "以流式推理过程检测工业产品图像，并在本机训练模型：不需要 Python、GPU 或下载。",
);
export const trustDescription = text(
  "Until you trust this folder, IAD-R1 opens images, but starts no server, runs no model and trains nothing.",
  "在信任此文件夹之前，IAD-R1 只能打开图像，不会启动服务器、运行模型或进行训练。",
);
export const virtualDescription = text(
  "Needs files on a disk, because models and data are read by a process of their own.",
  "需要磁盘上的文件，因为模型和数据由独立进程读取。",
);

/** Extensions of files that the image inspector opens. */
export const imageExtensions = ["png", "jpg", "jpeg", "bmp", "webp", "tif", "tiff"] as const;

/** Experiments, as the server knows them too: `iadr1.yaml`, and `NAME.iadr1.yaml` for several in one folder. */
export const experimentFiles = "**/{iadr1,*.iadr1}.{yaml,yml,json}";
const isExperiment = "resourceFilename =~ /^(.+\\.)?iadr1\\.(ya?ml|json)$/";

const isImage = `resourceExtname =~ /^\\.(${imageExtensions.join("|")})$/i`;
const isProject = "iadr1.hasProject";
const hasRun = "iadr1.runState != none";
const isRunning = "iadr1.runState == running";
const inInspector = "iadr1.viewerFocus";
const inExplorer = "iadr1.explorerFocus";
const inDashboard = `activeWebviewPanelId == ${dashboardViewType} || activeCustomEditorId == ${runEditorViewType}`;
const isRewardLanguage = "editorLangId =~ /^(typescript|python|javascript)$/";
/** Files that may hold completions. */
const isRolloutFile = "resourceExtname =~ /^\\.(jsonl|parquet)$/i";

// ---- commands ------------------------------------------------------------------------------------------------------

export interface CommandContribution {
  title: Text;
  /** A product icon, for tool bars and inline actions. */
  icon?: string;
  /** When the palette lists it; false for commands that need an argument. */
  palette?: string | false;
  enablement?: string;
}

/** By name without the prefix `iadr1.`. */
export const commands = {
  // Project
  createSampleProject: { title: text("Create Sample Project", "创建示例项目") },
  createProject: { title: text("Create Project…", "创建项目…") },
  checkMachine: { title: text("Check This Machine", "检查本机"), icon: "pulse" },
  validateConfiguration: { title: text("Validate Configuration", "验证配置"), palette: isProject },
  collectDiagnostics: { title: text("Collect Diagnostics for a Bug Report", "收集用于错误报告的诊断信息") },
  openFirstSteps: { title: text("Open First Steps", "打开入门"), icon: "mortar-board" },
  openDocumentation: { title: text("Open Documentation", "打开文档"), icon: "book" },

  // Data
  showDataStatistics: { title: text("Show Data Statistics", "显示数据统计"), icon: "graph" },
  findDuplicates: {
    title: text("Find Duplicates and Leaks Between Splits", "查找重复图像及划分之间的泄漏"),
    palette: isProject,
  },
  importData: { title: text("Import Data…", "导入数据…"), icon: "cloud-download" },
  refreshData: { title: text("Refresh", "刷新"), icon: "refresh", palette: false },

  // Inspect
  inspectImage: { title: text("Inspect Image", "检测图像"), icon: "search" },
  openImage: { title: text("Open Image in Inspector", "在检测器中打开图像") },
  inspectFolder: { title: text("Inspect Folder", "检测文件夹"), icon: "search" },
  retryInspection: { title: text("Inspect Again", "重新检测"), icon: "refresh", palette: inInspector },
  cancelGeneration: { title: text("Cancel Generation", "取消生成"), icon: "debug-stop", palette: inInspector },
  nextImage: { title: text("Next Image", "下一张图像"), palette: inInspector },
  previousImage: { title: text("Previous Image", "上一张图像"), palette: inInspector },
  nextDefect: { title: text("Next Defect", "下一个缺陷"), palette: inInspector },
  goToDefect: { title: text("Zoom to Defect", "缩放到缺陷"), palette: inInspector },
  zoomIn: { title: text("Zoom In", "放大"), palette: inInspector },
  zoomOut: { title: text("Zoom Out", "缩小"), palette: inInspector },
  zoomFit: { title: text("Fit Image", "适应窗口"), palette: inInspector },
  zoomActual: { title: text("Actual Size", "实际大小"), palette: inInspector },
  panLeft: { title: text("Pan Left", "向左平移"), palette: inInspector },
  panRight: { title: text("Pan Right", "向右平移"), palette: inInspector },
  panUp: { title: text("Pan Up", "向上平移"), palette: inInspector },
  panDown: { title: text("Pan Down", "向下平移"), palette: inInspector },
  raiseOpacity: { title: text("Raise Opacity of Overlays", "提高叠加层的不透明度"), palette: inInspector },
  lowerOpacity: { title: text("Lower Opacity of Overlays", "降低叠加层的不透明度"), palette: inInspector },
  toggleGroundTruth: { title: text("Toggle Ground Truth", "切换真值显示"), palette: inInspector },
  toggleHeatMap: { title: text("Toggle Heat Map", "切换热力图"), palette: inInspector },
  toggleLocationGrid: { title: text("Toggle Location Grid", "切换位置网格"), palette: inInspector },
  toggleReference: { title: text("Toggle Reference Image", "切换参考图像"), palette: inInspector },
  toggleProbabilities: { title: text("Toggle Token Probabilities", "切换词元概率"), palette: inInspector },
  toggleDifferences: { title: text("Toggle Differences of Two Answers", "切换两个答案的差异"), palette: inInspector },
  compareWithModel: { title: text("Compare With Model…", "与另一模型比较…"), palette: inInspector },
  setThreshold: { title: text("Set Threshold…", "设置阈值…"), palette: inInspector },
  correctAnswer: { title: text("Correct the Answer", "修正答案"), palette: inInspector },
  copyReasoning: { title: text("Copy Reasoning", "复制推理过程"), palette: inInspector },
  exportInspectedImage: { title: text("Export Image With Overlays", "导出带叠加层的图像"), palette: inInspector },

  // Train
  newRun: { title: text("New Training Run…", "新建训练…"), icon: "add" },
  startPaSft: { title: text("Start PA-SFT", "开始 PA-SFT") },
  startScGrpo: { title: text("Start SC-GRPO", "开始 SC-GRPO") },
  runBothStages: { title: text("Run Both Stages", "运行两个阶段"), icon: "run-all" },
  preflight: { title: text("Preflight Only", "仅做预检") },
  estimate: { title: text("Estimate Memory and Time", "估计内存与时间") },
  stopRun: { title: text("Stop Run After This Step", "在当前步骤后停止"), icon: "debug-stop", palette: isRunning },
  stopRunNow: { title: text("Stop Run Now", "立即停止训练"), palette: isRunning },
  pauseRun: { title: text("Pause Run", "暂停训练"), icon: "debug-pause", palette: isRunning },
  resumeRun: { title: text("Resume Run", "继续训练"), icon: "debug-continue", palette: hasRun },
  resumeWithRewards: {
    title: text("Resume Run With Corrected Reward", "用修正后的奖励继续训练"),
    icon: "replace",
    palette: hasRun,
  },
  forkRun: { title: text("Fork From Checkpoint…", "从检查点分支…"), icon: "repo-forked", palette: hasRun },
  evaluateCheckpoint: { title: text("Evaluate Checkpoint…", "评估检查点…"), icon: "beaker", palette: hasRun },
  openDashboard: { title: text("Open Run Dashboard", "打开训练面板"), icon: "graph-line", palette: hasRun },
  compareRuns: { title: text("Compare Runs…", "比较训练…"), icon: "diff", palette: hasRun },
  exportCurves: { title: text("Export Curves…", "导出曲线…"), icon: "export", palette: hasRun },
  importRun: { title: text("Import Curves of Another Trainer…", "导入其他训练器的曲线…"), icon: "cloud-download" },
  deleteRun: { title: text("Delete Run…", "删除训练…"), icon: "trash", palette: hasRun },
  openReport: { title: text("Open Report", "打开报告"), icon: "file", palette: hasRun },
  openRunFolder: { title: text("Open Journal of Run", "打开训练日志"), palette: false },
  refreshRuns: { title: text("Refresh", "刷新"), icon: "refresh", palette: false },
  dashboardFilter: { title: text("Dashboard: Search in Curves", "训练面板：搜索曲线"), palette: inDashboard },
  dashboardTable: { title: text("Dashboard: Toggle Tables", "训练面板：切换表格"), palette: inDashboard },
  dashboardResetZoom: { title: text("Dashboard: Whole Range", "训练面板：全部范围"), palette: inDashboard },
  dashboardRollouts: { title: text("Dashboard: Show Rollouts", "训练面板：显示采样结果"), palette: inDashboard },
  dashboardExportCsv: {
    title: text("Dashboard: Save All Curves as CSV", "训练面板：将全部曲线保存为 CSV"),
    palette: inDashboard,
  },
  dashboardExportJson: {
    title: text("Dashboard: Save All Curves as JSON", "训练面板：将全部曲线保存为 JSON"),
    palette: inDashboard,
  },

  // Rewards
  toggleLiveValues: { title: text("Toggle Live Values", "切换实时值"), icon: "eye" },
  startLiveValues: { title: text("Start Live Values", "启动实时值"), palette: "!iadr1.liveValues" },
  stopLiveValues: { title: text("Stop Live Values", "停止实时值"), palette: "iadr1.liveValues" },
  selectRewardScope: { title: text("Select Scope of Rollouts…", "选择采样范围…"), icon: "filter" },
  rescoreRollouts: { title: text("Re-score Recorded Rollouts", "重新评分已记录的采样"), palette: isRewardLanguage },
  sampleRollouts: { title: text("Sample Rollouts…", "采样…"), icon: "sparkle", palette: isProject },
  scoreWith: { title: text("Score Reward With…", "用其他采样评分…"), palette: isRewardLanguage },
  probeReward: { title: text("Run Probes", "运行探针"), icon: "beaker" },
  debugRollout: { title: text("Debug Reward With This Rollout", "用此采样调试奖励"), icon: "debug-alt" },
  pinRollout: { title: text("Unpin Rollout", "取消固定采样"), icon: "pinned" },
  copyRewardReport: { title: text("Copy Reward Report as Markdown", "复制奖励报告（Markdown）"), icon: "copy" },
  compareRewardVersions: {
    title: text("Compare Reward Versions…", "比较奖励版本…"),
    icon: "git-compare",
    palette: isRewardLanguage,
  },
  openReward: { title: text("Open Reward", "打开奖励"), icon: "go-to-file", palette: false },
  refreshRewards: { title: text("Refresh", "刷新"), icon: "refresh", palette: false },
  newRewardFile: { title: text("New Reward File…", "新建奖励文件…"), icon: "new-file" },

  // Rollouts
  exploreRollouts: { title: text("Explore Rollouts", "浏览采样结果"), icon: "list-tree" },
  explorerNextGroup: { title: text("Explorer: Next Group", "采样浏览：下一组"), palette: inExplorer },
  explorerPreviousGroup: { title: text("Explorer: Previous Group", "采样浏览：上一组"), palette: inExplorer },
  explorerNextCompletion: { title: text("Explorer: Next Completion", "采样浏览：下一个回答"), palette: inExplorer },
  explorerPreviousCompletion: {
    title: text("Explorer: Previous Completion", "采样浏览：上一个回答"),
    palette: inExplorer,
  },
  explorerToggleGroup: {
    title: text("Explorer: Completions Side by Side", "采样浏览：并排显示回答"),
    palette: inExplorer,
  },
  explorerFilter: { title: text("Explorer: Search in Completions", "采样浏览：在回答中搜索"), palette: inExplorer },
  explorerClearFilter: { title: text("Explorer: Clear Filter", "采样浏览：清除筛选"), palette: inExplorer },
  explorerPin: { title: text("Explorer: Pin Rollout", "采样浏览：固定回答"), palette: inExplorer },
  explorerDebug: {
    title: text("Explorer: Debug Reward With This Rollout", "采样浏览：用此回答调试奖励"),
    palette: inExplorer,
  },
  explorerExplain: { title: text("Explorer: Explain Score", "采样浏览：解释分数"), palette: inExplorer },
  explorerEdit: { title: text("Explorer: Edit the Completion", "采样浏览：编辑回答"), palette: inExplorer },
  explorerAdvantages: { title: text("Explorer: Compare Advantages", "采样浏览：比较优势"), palette: inExplorer },
  explorerCompare: {
    title: text("Explorer: Compare With the Same Image at Another Step", "采样浏览：与同一图像的其他步比较"),
    palette: inExplorer,
  },
  explorerAddProbe: {
    title: text("Explorer: Add Probe From Rollout", "采样浏览：将回答加入探针"),
    palette: inExplorer,
  },
  explorerExport: { title: text("Explorer: Export Rollouts…", "采样浏览：导出采样结果…"), palette: inExplorer },
  explorerProbabilities: {
    title: text("Explorer: Toggle Token Probabilities", "采样浏览：切换词元概率"),
    palette: inExplorer,
  },
  explorerCopy: { title: text("Explorer: Copy Completion", "采样浏览：复制回答"), palette: inExplorer },

  // Server
  startServer: { title: text("Start Server", "启动服务器"), palette: "iadr1.serverState != ready" },
  stopServer: { title: text("Stop Server", "停止服务器"), palette: "iadr1.serverState == ready" },
  restartServer: { title: text("Restart Server", "重启服务器") },
  connectServer: { title: text("Connect to Server…", "连接到服务器…") },
  showServerStatus: { title: text("Show Server Status", "显示服务器状态") },
  showLog: { title: text("Show Log", "显示日志"), icon: "output" },
} as const satisfies Record<string, CommandContribution>;

export type CommandName = keyof typeof commands;
export type CommandId = `iadr1.${CommandName}`;
export const commandId = (name: CommandName): CommandId => `iadr1.${name}`;

// ---- menus and keys ------------------------------------------------------------------------------------------------

interface MenuItem {
  command: CommandName;
  when: string;
  group: string;
}

const onRun = (...kinds: readonly string[]) => `view == ${viewIds.runs} && viewItem =~ /^run\\.(${kinds.join("|")})$/`;
const onReward = `view == ${viewIds.rewards} && viewItem == reward`;
const finished = ["completed", "stopped", "failed"];
const live = ["queued", "starting", "running", "stopping", "paused"];
const anyRun = [...live, ...finished];
const waiting = ["stopped", "failed", "paused"];

/** In which states a run can be told to do something else: for its menu, and for what the status item offers. */
export const runControls = {
  pauseRun: ["running"],
  resumeRun: waiting,
  resumeWithRewards: waiting,
  stopRun: ["queued", "starting", "running", "paused"],
  stopRunNow: live,
} as const satisfies Partial<Record<CommandName, readonly string[]>>;

export const menus = {
  "explorer/context": [
    { command: "inspectImage", when: isImage, group: "navigation@60" },
    { command: "inspectFolder", when: "explorerResourceIsFolder", group: "navigation@60" },
    { command: "exploreRollouts", when: isRolloutFile, group: "navigation@61" },
  ],
  "editor/title": [
    { command: "runBothStages", when: isExperiment, group: "navigation@1" },
    { command: "cancelGeneration", when: inInspector, group: "navigation@1" },
    { command: "retryInspection", when: inInspector, group: "navigation@2" },
  ],
  "view/title": [
    { command: "newRun", when: `view == ${viewIds.runs}`, group: "navigation@1" },
    { command: "compareRuns", when: `view == ${viewIds.runs} && ${hasRun}`, group: "navigation@2" },
    { command: "refreshRuns", when: `view == ${viewIds.runs}`, group: "navigation@3" },
    { command: "importRun", when: `view == ${viewIds.runs}`, group: "1_look@1" },
    { command: "importData", when: `view == ${viewIds.data}`, group: "navigation@1" },
    { command: "findDuplicates", when: `view == ${viewIds.data} && ${isProject}`, group: "1_look@1" },
    { command: "refreshData", when: `view == ${viewIds.data}`, group: "navigation@2" },
    { command: "newRewardFile", when: `view == ${viewIds.rewards}`, group: "navigation@1" },
    { command: "toggleLiveValues", when: `view == ${viewIds.rewards}`, group: "navigation@2" },
    { command: "selectRewardScope", when: `view == ${viewIds.rewards}`, group: "navigation@3" },
    { command: "sampleRollouts", when: `view == ${viewIds.rewards} && ${isProject}`, group: "1_rollouts@1" },
    { command: "refreshRewards", when: `view == ${viewIds.rewards}`, group: "navigation@4" },
  ],
  "view/item/context": [
    { command: "openDashboard", when: onRun(...anyRun), group: "inline@1" },
    { command: "pauseRun", when: onRun(...runControls.pauseRun), group: "inline@2" },
    { command: "stopRun", when: onRun(...runControls.stopRun), group: "inline@3" },
    { command: "resumeRun", when: onRun(...runControls.resumeRun), group: "inline@2" },
    { command: "resumeWithRewards", when: onRun(...runControls.resumeWithRewards), group: "1_control@1" },
    { command: "stopRunNow", when: onRun(...runControls.stopRunNow), group: "1_control@2" },
    { command: "exploreRollouts", when: onRun(...anyRun), group: "2_look@0" },
    { command: "openReport", when: onRun(...finished), group: "2_look@1" },
    { command: "compareRuns", when: onRun(...anyRun), group: "2_look@2" },
    { command: "exportCurves", when: onRun(...anyRun), group: "2_look@3" },
    { command: "openRunFolder", when: onRun(...anyRun), group: "2_look@4" },
    { command: "deleteRun", when: onRun(...finished), group: "9_delete@1" },
    { command: "forkRun", when: `view == ${viewIds.runs} && viewItem == checkpoint`, group: "inline@1" },
    { command: "evaluateCheckpoint", when: `view == ${viewIds.runs} && viewItem == checkpoint`, group: "inline@2" },
    { command: "showDataStatistics", when: `view == ${viewIds.data} && viewItem == dataset`, group: "inline@1" },
    { command: "exploreRollouts", when: onReward, group: "inline@1" },
    { command: "probeReward", when: onReward, group: "inline@2" },
    { command: "compareRewardVersions", when: onReward, group: "inline@3" },
    { command: "debugRollout", when: onReward, group: "1_reward@1" },
    { command: "scoreWith", when: onReward, group: "1_reward@2" },
    { command: "copyRewardReport", when: onReward, group: "1_reward@3" },
    { command: "inspectFolder", when: `view == ${viewIds.data} && viewItem =~ /^(dataset|class)$/`, group: "inline@2" },
  ],
} as const satisfies Record<string, readonly MenuItem[]>;

interface KeyContribution {
  command: CommandName;
  key: string;
  mac?: string;
  when: string;
}

/** The bare keys of the inspector (J, K, T, …) are its page's own; a person may bind the commands to others. */
export const keys = [
  { command: "retryInspection", key: "ctrl+enter", mac: "cmd+enter", when: inInspector },
  { command: "compareWithModel", key: "alt+x", when: inInspector },
  { command: "setThreshold", key: "alt+t", when: inInspector },
  { command: "exportInspectedImage", key: "alt+e", when: inInspector },
] as const satisfies readonly KeyContribution[];

// ---- settings ------------------------------------------------------------------------------------------------------

interface SettingBase {
  description: Text;
  /** Who may set it: `machine` never comes from a workspace. */
  scope: "machine" | "window" | "resource";
  /** True for what could start a program: ignored in workspaces that are not trusted. */
  isRestricted?: true;
}

type Setting = SettingBase &
  (
    | { type: "boolean"; default: boolean }
    | { type: "number" | "integer"; default: number | null; minimum: number; maximum: number }
    | { type: "string"; default: string; choices?: Record<string, Text> }
    /** `names` is a pattern for the keys and `values` what each may be; left out: any text. */
    | { type: "object"; default: Record<string, string>; names?: string; values?: readonly string[] }
    | { type: "array"; default: readonly string[]; items?: readonly string[] }
  );

export const settings = {
  "server.mode": {
    ...{ type: "string", default: "auto", scope: "window" },
    description: text("Which server does the work.", "由哪个服务器执行工作。"),
    choices: {
      auto: text(
        "The server at the address below when one is set, otherwise the one inside.",
        "设置了地址时使用该服务器，否则使用内置服务器。",
      ),
      embedded: text("Always the server inside the extension.", "始终使用扩展内置的服务器。"),
      connect: text("Always the server at the address below.", "始终使用下面地址的服务器。"),
    },
  },
  "server.address": {
    ...{ type: "string", default: "", scope: "machine" },
    description: text(
      "Address of a server started with `iad-r1 serve` on another machine, such as `ws://gpu-host:7411` or `wss://…`. Use the command *Connect to Server…*, which also keeps the token.",
      "在另一台机器上用 `iad-r1 serve` 启动的服务器地址，例如 `ws://gpu-host:7411` 或 `wss://…`。请使用命令“连接到服务器…”，它也会保存令牌。",
    ),
  },
  "server.command": {
    ...{ type: "string", default: "", scope: "machine", isRestricted: true },
    description: text(
      "Path of the Node program (20.19 or newer) that runs the server. Empty: the one that runs VS Code's extensions.",
      "运行服务器的 Node 程序路径（20.19 或更高）。留空则使用运行 VS Code 扩展的程序。",
    ),
  },
  "server.extraArgs": {
    ...{ type: "array", default: [], scope: "machine", isRestricted: true },
    description: text(
      "Options for Node, such as `--max-old-space-size=8192`.",
      "传给 Node 的选项，例如 `--max-old-space-size=8192`。",
    ),
  },
  "server.env": {
    ...{ type: "object", default: {}, scope: "machine", isRestricted: true },
    description: text("Environment variables of the server.", "服务器的环境变量。"),
  },
  "server.threads": {
    ...{ type: "integer", default: 0, minimum: 0, maximum: 256, scope: "machine" },
    description: text("Processor threads for models; 0: all cores.", "模型使用的处理器线程数；0 表示全部核心。"),
  },
  "server.maxModels": {
    ...{ type: "integer", default: 2, minimum: 1, maximum: 4, scope: "machine" },
    description: text(
      "Models for inspection that are in memory at the same time; 2 let two models look side by side.",
      "同时驻留内存的检测模型数量；2 个模型可以并排比较。",
    ),
  },
  "server.idleStopMinutes": {
    ...{ type: "number", default: 15, minimum: 0, maximum: 100000, scope: "machine" },
    description: text(
      "Minutes without an inspection after which a model leaves the memory; 0: never.",
      "模型闲置多少分钟后释放内存；0 表示从不释放。",
    ),
  },
  "models.directory": {
    ...{ type: "string", default: "", scope: "machine" },
    description: text(
      "Folder with checkpoints that are offered beside the embedded model and those of your runs.",
      "存放检查点的文件夹；除内置模型和训练所得模型外，也会列出其中的检查点。",
    ),
  },
  "inspect.defaultModel": {
    ...{ type: "string", default: "", scope: "resource" },
    description: text(
      "Model that inspects: `nano`, a checkpoint folder, or empty for the newest model of this project's runs.",
      "用于检测的模型：`nano`、检查点文件夹；留空则使用本项目最新训练的模型。",
    ),
  },
  "inspect.temperature": {
    ...{ type: "number", default: 0, minimum: 0, maximum: 2, scope: "resource" },
    description: text(
      "0 always gives the likeliest text; more gives more variety.",
      "0 总是给出最可能的文本；数值越大越多样。",
    ),
  },
  "inspect.maxTokens": {
    ...{ type: "integer", default: 256, minimum: 1, maximum: 8192, scope: "resource" },
    description: text("Longest answer in tokens.", "答案的最大长度（token 数）。"),
  },
  "inspect.overlayOpacity": {
    ...{ type: "number", default: 0.5, minimum: 0, maximum: 1, scope: "resource" },
    description: text(
      "Opacity of masks and heat maps over the image, from 0 (not to be seen) to 1.",
      "掩膜和热力图叠加在图像上的不透明度，从 0（不可见）到 1。",
    ),
  },
  "inspect.locationGrid": {
    ...{ type: "boolean", default: false, scope: "resource" },
    description: text("Show the 3×3 grid of locations when an image opens.", "打开图像时显示 3×3 位置网格。"),
  },
  "training.pauseOn": {
    ...{ type: "array", default: [], scope: "resource", items: ["RW101", "RW102", "RW104", "RW105", "RW106"] },
    description: text(
      "Findings that hold an SC-GRPO run started here, in place of the experiment's own `pauseOn`: RW101 (wrong number of values), RW102 (no finite number), RW104 (exceptions become scores), RW105 (always the least score), RW106 (groups without a difference). The reward can then be corrected and the run goes on with it.",
      "在此启动的 SC-GRPO 训练遇到这些问题时暂停，取代实验文件中的 `pauseOn`：RW101（值的数量不对）、RW102（不是有限数）、RW104（异常变成分数）、RW105（总是最低分）、RW106（组内没有差异）。修正奖励后训练可以继续。",
    ),
  },
  "curves.smoothing": {
    ...{ type: "number", default: 0.6, minimum: 0, maximum: 0.999, scope: "window" },
    description: text(
      "Smoothing of curves when a dashboard opens, from 0 (none) to 0.999; the raw line stays visible.",
      "打开面板时曲线的平滑度，从 0（不平滑）到 0.999；原始曲线始终可见。",
    ),
  },
  "curves.smoothingMethod": {
    ...{ type: "string", default: "ema", scope: "window" },
    description: text("How curves are smoothed.", "曲线的平滑方法。"),
    choices: {
      ema: text("Exponential moving average, as TensorBoard draws it.", "指数移动平均，与 TensorBoard 相同。"),
      mean: text("Running mean.", "滑动平均。"),
      gaussian: text("Gaussian.", "高斯。"),
      none: text("None.", "无。"),
    },
  },
  "curves.xAxis": {
    ...{ type: "string", default: "step", scope: "window" },
    description: text("What runs along the x axis.", "横轴的含义。"),
    choices: {
      step: text("Step.", "步数。"),
      epoch: text("Epoch.", "轮次。"),
      tokens: text("Tokens.", "Token 数。"),
      samples: text("Samples.", "样本数。"),
      relative: text("Time since the start.", "自开始以来的时间。"),
      process: text("Time since the start without pauses.", "自开始以来的时间（不含暂停）。"),
      wall: text("Clock time.", "时钟时间。"),
    },
  },
  "liveValues.inlayHints": {
    ...{ type: "string", default: "returns", scope: "window" },
    description: text("Values at the end of lines in reward files.", "奖励文件行尾显示的值。"),
    choices: {
      off: text("None.", "不显示。"),
      returns: text("What a reward returned, and exceptions that it swallowed.", "奖励的返回值及其吞掉的异常。"),
      all: text("On every line that was reached.", "每个执行到的行。"),
    },
  },
  "liveValues.codeLens": {
    ...{ type: "boolean", default: true, scope: "window" },
    description: text("Show a line above each reward function.", "在每个奖励函数上方显示一行信息。"),
  },
  "liveValues.onType": {
    ...{ type: "boolean", default: true, scope: "window" },
    description: text(
      "Score with the code on screen while you type; otherwise when a file is saved.",
      "输入时即按屏幕上的代码评分；否则在保存时评分。",
    ),
  },
  "liveValues.maxRollouts": {
    ...{ type: "integer", default: 512, minimum: 1, maximum: 100_000, scope: "window" },
    description: text("Most rollouts that live values score.", "实时值评分的最大采样数。"),
  },
  "liveValues.timeLimitMs": {
    ...{ type: "integer", default: 2000, minimum: 50, maximum: 600_000, scope: "window" },
    description: text(
      "Longest time of a reward for all rollouts in milliseconds; then it is stopped and the line named.",
      "奖励处理全部采样的最长时间（毫秒）；超时将停止并指出所在行。",
    ),
  },
  "rewards.findings": {
    // One table for the server, so for the window.
    ...{ type: "object", default: {}, scope: "window" },
    ...{ names: "^RW1\\d\\d$", values: ["off", "info", "warning", "error"] },
    description: text(
      "Severity by finding id, such as `RW106`: `off`, `info`, `warning` or `error`.",
      "按问题编号（如 `RW106`）设置严重程度：`off`、`info`、`warning` 或 `error`。",
    ),
  },
  "rewards.folders": {
    ...{ type: "array", default: ["rewards"], scope: "window" },
    description: text(
      "Names of folders whose TypeScript and Python files are looked through for rewards. `*.reward.ts` and `*.reward.py` count everywhere, and any file that is open.",
      "在这些名称的文件夹中查找 TypeScript 和 Python 奖励。`*.reward.ts` 和 `*.reward.py` 在任何位置都算，打开的文件也算。",
    ),
  },
  "notifications.runFinished": {
    ...{ type: "string", default: "unfocused", scope: "window" },
    description: text(
      "When a finished run is announced. A failed run always is, once.",
      "训练完成时何时通知。失败的训练总会通知一次。",
    ),
    choices: {
      never: text("Never.", "从不。"),
      unfocused: text("When the window is not in front.", "窗口不在前台时。"),
      always: text("Always.", "总是。"),
    },
  },
  "trace.server": {
    ...{ type: "string", default: "off", scope: "window" },
    description: text(
      "How much of the talk with the server is written to the log.",
      "将与服务器的通信记录到日志的详细程度。",
    ),
    choices: {
      off: text("Nothing.", "不记录。"),
      messages: text("Names of messages.", "消息名称。"),
      verbose: text("Messages with their contents.", "消息及其内容。"),
    },
  },
} as const satisfies Record<string, Setting>;

export type SettingName = keyof typeof settings;
/** The type of a setting's value, from its declaration. */
export type SettingValue<N extends SettingName> = (typeof settings)[N] extends { choices: infer C }
  ? keyof C & string
  : (typeof settings)[N] extends { type: "boolean" }
    ? boolean
    : (typeof settings)[N] extends { type: "number" | "integer" }
      ? number
      : (typeof settings)[N] extends { type: "array" }
        ? readonly string[]
        : (typeof settings)[N] extends { type: "object" }
          ? Record<string, string>
          : string;

// ---- tasks ---------------------------------------------------------------------------------------------------------

export const taskType = "iad-r1";
/** Name of the problem matcher of the tasks, without its `$`. */
export const problemMatcher = "iad-r1";

/** What a task can do, in the order of a day's work. */
export const taskCommands = ["preflight", "pa-sft", "sc-grpo", "post-train", "evaluate"] as const;
export type TaskCommand = (typeof taskCommands)[number];

/** Keys of a task in `tasks.json`. */
export const taskKeys = {
  command: text(
    "What the task does: check everything and start nothing, one stage, both stages with evaluations, or an evaluation of the model that the file names.",
    "任务的作用：只做检查、运行一个阶段、运行两个阶段并评估，或评估文件所指定的模型。",
  ),
  config: text(
    "Experiment file, relative to the folder; iadr1.yaml when left out.",
    "实验文件，相对于文件夹；省略时为 iadr1.yaml。",
  ),
  set: text(
    "Settings of the file to change for this task, such as stages.paSft.steps=50.",
    "此任务要更改的文件设置，例如 stages.paSft.steps=50。",
  ),
};

// ---- tools for language models -------------------------------------------------------------------------------------

interface ToolContribution {
  /** Name in a chat, behind `#`. */
  reference: string;
  title: Text;
  /** For the person who chooses tools. */
  description: Text;
  /** For the model; English, as models are told everything else. */
  forModels: string;
  icon: string;
  input: { required: readonly string[]; properties: Record<string, Record<string, unknown>> };
}

/** By name; `toolId` is what models know them by. */
export const tools = {
  inspectImage: {
    reference: "iadInspect",
    title: text("Inspect Image", "检测图像"),
    description: text(
      "Lets the inspection model on this machine look at a picture and say whether, where and what a defect is.",
      "让本机的检测模型查看图像，并说明是否有缺陷、位置和类型。",
    ),
    forModels:
      "Runs the local industrial inspection model on one picture of a product. Returns JSON with the verdict (defect, no defect or unreadable), defect type, location on a 3x3 grid, anomaly score from 0 to 1, and the model's reasoning. The model can be wrong: pass its verdict on as a measurement, not as a fact.",
    icon: "search",
    input: {
      required: ["image"],
      properties: {
        image: { type: "string", description: "Path of a PNG, JPEG, WebP, BMP or TIFF file inside the workspace." },
        model: {
          type: "string",
          description: "Id of a listed model such as nano; left out: the newest trained one, else the embedded one.",
        },
      },
    },
  },
  readRun: {
    reference: "iadRun",
    title: text("Read Training Run", "读取训练"),
    description: text(
      "Reads the runs of this window: states, evaluations, findings and curves.",
      "读取此窗口中的训练：状态、评估、发现和曲线。",
    ),
    forModels:
      "Reads training runs (PA-SFT and SC-GRPO) of this workspace. Without arguments it lists them, newest first. With a run id, or 'newest', it returns JSON with state, evaluations in percent, checkpoints, findings about the rewards, names of all curves, and some curves as [step, value] pairs thinned to 24 points.",
    icon: "graph-line",
    input: {
      required: [],
      properties: {
        run: { type: "string", description: "Id of a run, the end of it, or 'newest'; left out: the list of runs." },
        curves: {
          ...{ type: "array", items: { type: "string" } },
          description: "Parts of names of curves, such as 'reward' or 'kl'; left out: those that say most.",
        },
      },
    },
  },
  checkReward: {
    reference: "iadReward",
    title: text("Check Reward File", "检查奖励文件"),
    description: text(
      "Says what is wrong with a reward function, by its text and by what it did on recorded rollouts.",
      "根据代码文本和在已记录采样上的表现，指出奖励函数的问题。",
    ),
    forModels:
      "Checks a reward file (TypeScript *.reward.ts or Python) of this workspace. Returns JSON with its reward functions, what each did on recorded rollouts when there are some, and numbered problems (RW101...) with their lines. It runs no reward code by itself.",
    icon: "beaker",
    input: {
      required: ["file"],
      properties: { file: { type: "string", description: "Path of the reward file inside the workspace." } },
    },
  },
  readRollouts: {
    reference: "iadRollouts",
    title: text("Read Recorded Completions", "读取已记录的回答"),
    description: text(
      "Reads what the model answered while it trained, with the rewards, some groups at a time.",
      "分批读取模型在训练时的回答及其奖励。",
    ),
    forModels:
      "Reads recorded completions (rollouts) of an SC-GRPO run of this workspace, group by group: a group is several completions for one picture. Returns JSON with the ground truth, and for each completion its text, verdict against the truth, rewards, total and advantage. Pages: ask again with the returned 'nextOffset'. Filter by step, verdict or text.",
    icon: "list-tree",
    input: {
      required: [],
      properties: {
        run: {
          type: "string",
          description: "Id of a run, the end of it, or 'newest'; left out: the newest that learns from rewards.",
        },
        step: { type: "integer", description: "Only completions of this step." },
        verdict: {
          ...{ type: "string", enum: ["correct", "false-alarm", "missed", "unparsed"] },
          description: "Only completions with this verdict.",
        },
        text: { type: "string", description: "Only completions that contain this text." },
        offset: { type: "integer", description: "Groups to pass over; 0 when left out." },
      },
    },
  },
} as const satisfies Record<string, ToolContribution>;

export type ToolName = keyof typeof tools;
/** `inspectImage` is `iadr1_inspect_image` for models. */
export const toolId = (name: ToolName) => `iadr1_${name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)}`;

// ---- views ---------------------------------------------------------------------------------------------------------

export const viewNames = {
  runs: text("Runs", "训练"),
  data: text("Data", "数据"),
  rewards: text("Rewards", "奖励"),
} as const;

interface Welcome {
  view: keyof typeof viewIds;
  when: string;
  contents: Text;
}

const link = (label: string, command: CommandName) => `[${label}](command:${commandId(command)})`;

/** What an empty view says; the first link is the one most people need. */
export const welcomes: readonly Welcome[] = [
  {
    ...{ view: "runs", when: "workspaceFolderCount == 0" },
    contents: text(
      "Open a folder to keep experiments in.\n[Open Folder](command:vscode.openFolder)",
      "打开一个文件夹来存放实验。\n[打开文件夹](command:vscode.openFolder)",
    ),
  },
  {
    ...{ view: "runs", when: "workspaceFolderCount != 0 && !isWorkspaceTrusted" },
    contents: text(
      "This folder is in Restricted Mode: images open, but no model runs and nothing is trained.\n[Manage Workspace Trust](command:workbench.trust.manage)",
      "此文件夹处于受限模式：可以打开图像，但不会运行模型或训练。\n[管理工作区信任](command:workbench.trust.manage)",
    ),
  },
  {
    ...{ view: "runs", when: "workspaceFolderCount != 0 && isWorkspaceTrusted && iadr1.noProject" },
    contents: text(
      `There is no experiment in this folder yet.\n${link("Create Sample Project", "createSampleProject")}\nOr ${link("create a project", "createProject")} with your own images, or ${link("check this machine", "checkMachine")} first.`,
      `此文件夹中还没有实验。\n${link("创建示例项目", "createSampleProject")}\n也可以用自己的图像${link("创建项目", "createProject")}，或先${link("检查本机", "checkMachine")}。`,
    ),
  },
  {
    ...{ view: "runs", when: "isWorkspaceTrusted && iadr1.hasProject && iadr1.serverState == failed" },
    contents: text(
      `The server does not run.\n${link("Start Server", "startServer")}\n${link("Show Log", "showLog")}`,
      `服务器未运行。\n${link("启动服务器", "startServer")}\n${link("显示日志", "showLog")}`,
    ),
  },
  {
    // Nobody has said yet which runs there are.
    ...{
      view: "runs",
      when: "isWorkspaceTrusted && iadr1.hasProject && iadr1.serverState != failed && !iadr1.runState",
    },
    contents: text("Runs appear here when the server is ready.", "服务器就绪后，这里显示训练。"),
  },
  {
    ...{
      view: "runs",
      when: "isWorkspaceTrusted && iadr1.hasProject && iadr1.serverState != failed && iadr1.runState == none",
    },
    contents: text(
      `No runs yet.\n${link("Run Both Stages", "runBothStages")}\nOr start with ${link("stage 1, PA-SFT", "startPaSft")}.`,
      `还没有训练。\n${link("运行两个阶段", "runBothStages")}\n也可以从${link("阶段 1（PA-SFT）", "startPaSft")}开始。`,
    ),
  },
  {
    ...{ view: "data", when: "workspaceFolderCount == 0 || !isWorkspaceTrusted || !iadr1.hasProject" },
    contents: text("The data sets of the experiment appear here.", "这里显示实验使用的数据集。"),
  },
  {
    ...{ view: "rewards", when: "workspaceFolderCount == 0 || !isWorkspaceTrusted" },
    contents: text("The reward functions of the folder appear here.", "这里显示文件夹中的奖励函数。"),
  },
  {
    ...{ view: "rewards", when: "workspaceFolderCount != 0 && isWorkspaceTrusted && !iadr1.noRewards" },
    contents: text("Reward functions appear here when the server is ready.", "服务器就绪后，这里显示奖励函数。"),
  },
  {
    ...{ view: "rewards", when: "workspaceFolderCount != 0 && isWorkspaceTrusted && iadr1.noRewards" },
    contents: text(
      `There is no reward function in this folder, and no run has recorded rewards yet.\n${link("New Reward File…", "newRewardFile")}`,
      `此文件夹中没有奖励函数，也没有训练记录过奖励。\n${link("新建奖励文件…", "newRewardFile")}`,
    ),
  },
  {
    ...{ view: "data", when: "isWorkspaceTrusted && iadr1.hasProject && !iadr1.noData" },
    contents: text("Data sets appear here when the server is ready.", "服务器就绪后，这里显示数据集。"),
  },
  {
    ...{ view: "data", when: "isWorkspaceTrusted && iadr1.hasProject && iadr1.noData" },
    contents: text(
      `The experiment names no data that can be read.\n${link("Validate Configuration", "validateConfiguration")}`,
      `实验没有指定可读取的数据。\n${link("验证配置", "validateConfiguration")}`,
    ),
  },
];

// ---- walkthrough ---------------------------------------------------------------------------------------------------

interface Step {
  id: string;
  title: Text;
  description: Text;
  /** Whose use completes the step. */
  command: CommandName;
}

export const walkthrough = {
  title: text("First steps with IAD-R1", "IAD-R1 入门"),
  description: text(
    "From an empty folder to a trained model in ten minutes, all on this machine.",
    "十分钟内从空文件夹到训练好的模型，全部在本机完成。",
  ),
};

export const steps: readonly Step[] = [
  {
    id: "check",
    title: text("Check this machine", "检查本机"),
    description: text(
      `See what can run here. Nothing is installed and nothing is sent anywhere.\n${link("Check This Machine", "checkMachine")}`,
      `查看本机可以运行什么。不会安装任何东西，也不会向外发送任何内容。\n${link("检查本机", "checkMachine")}`,
    ),
    command: "checkMachine",
  },
  {
    id: "sample",
    title: text("Create the sample project", "创建示例项目"),
    description: text(
      `Writes an experiment file and about 200 generated pictures with four kinds of defects into the open folder, then opens one of them.\n${link("Create Sample Project", "createSampleProject")}`,
      `在打开的文件夹中写入实验文件和约 200 张带四类缺陷的生成图像，然后打开其中一张。\n${link("创建示例项目", "createSampleProject")}`,
    ),
    command: "createSampleProject",
  },
  {
    id: "inspect",
    title: text("Inspect an image", "检测图像"),
    description: text(
      `The embedded model writes its reasoning beside the picture; training on your pictures comes next. Press T to see the true defect.\n${link("Inspect Image", "inspectImage")}`,
      `内置模型在图像旁写出推理过程；下一步是用您的图像训练。按 T 查看真实缺陷。\n${link("检测图像", "inspectImage")}`,
    ),
    command: "inspectImage",
  },
  {
    id: "paSft",
    title: text("Train stage 1: PA-SFT", "训练阶段 1：PA-SFT"),
    description: text(
      `The model learns to reason in words, from examples. Watch the loss fall; you can stop and go on at any time.\n${link("Start PA-SFT", "startPaSft")}`,
      `模型从示例中学习用文字推理。观察损失下降；可以随时停止并继续。\n${link("开始 PA-SFT", "startPaSft")}`,
    ),
    command: "startPaSft",
  },
  {
    id: "scGrpo",
    title: text("Train stage 2: SC-GRPO", "训练阶段 2：SC-GRPO"),
    description: text(
      `The model tries several answers to each picture, and rewards tell it which were better. The sample's own reward has a fault: the run waits, and the reward's file shows why, with a quick fix.\n${link("Start SC-GRPO", "startScGrpo")}`,
      `模型对每张图像尝试多个答案，由奖励告诉它哪些更好。示例自带的奖励有一处错误：训练会暂停，奖励文件中会显示原因和快速修复。\n${link("开始 SC-GRPO", "startScGrpo")}`,
    ),
    command: "startScGrpo",
  },
  {
    id: "compare",
    title: text("Compare before and after", "比较训练前后"),
    description: text(
      `Accuracy, false alarms and missed defects on pictures that no stage has seen.\n${link("Compare Runs…", "compareRuns")}\n${link("Open Report", "openReport")}`,
      `在任何阶段都未见过的图像上比较准确率、误报和漏检。\n${link("比较训练…", "compareRuns")}\n${link("打开报告", "openReport")}`,
    ),
    command: "compareRuns",
  },
];
