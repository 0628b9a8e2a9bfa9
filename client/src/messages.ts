/**
 * Every sentence that the extension shows to a person, as named functions. English stands here, Simplified Chinese in
 * `l10n/bundle.l10n.zh-cn.json`; a test compares the two. Texts of the manifest are in `contributions.ts`.
 */
import { l10n } from "vscode";
import type { DataSplit } from "@iad-r1/protocol/project";
import type { RolloutExportFormat } from "@iad-r1/protocol/rollouts";
import type { RunListing, RunState } from "@iad-r1/protocol/runs";
import type { TaskCommand, ToolName } from "./contributions";

const t = l10n.t;

// ---- buttons -------------------------------------------------------------------------------------------------------

export const showLog = () => t("Show Log");
export const startServer = () => t("Start Server");
export const enterToken = () => t("Enter Token…");
export const openDashboard = () => t("Open Dashboard");
export const manageTrust = () => t("Manage Workspace Trust");
export const pauseRun = () => t("Pause Run");
export const resumeRun = () => t("Resume Run");
export const stopAfterStep = () => t("Stop After This Step");
export const stopNow = () => t("Stop Now");
export const deleteRun = () => t("Delete");
export const startAnyway = () => t("Start Anyway");

// ---- server --------------------------------------------------------------------------------------------------------

export const serverOff = () => t("The server is not running.");
export const serverStarting = () => t("Starting the server…");
export const serverReady = () => t("The server is ready.");
export const serverWaiting = (reason: string, seconds: number) =>
  t("The connection to the server broke ({0}); trying again in {1} s.", reason, seconds);
export const serverFailed = (reason: string) => t("The server does not run: {0}", reason);
export const serverBroken = (what: string) => t("This needs the server: {0}", what);
export const askAddress = () => t("Address of the server that `iad-r1 serve` prints, such as ws://gpu-host:7411");
export const addressWrong = () => t("Expected an address such as ws://gpu-host:7411 or wss://gpu-host.");
export const askToken = (address: string) => t("Token for {0} (kept in the safe of VS Code)", address);
export const tokenEmpty = () => t("The server always wants a token: the text of its token file.");
export const exposed = (address: string) =>
  t(
    "{0} is not encrypted: anyone on the network between could read the token. Prefer wss:// or an SSH tunnel.",
    address,
  );
export const connectAnyway = () => t("Connect Anyway");
export const connected = (address: string) => t("Connected to {0}.", address);
export const useEmbedded = () => t("Use the server inside the extension");
export const useEmbeddedDetail = () => t("Everything runs on this machine");
export const newAddress = () => t("Another address…");
export const pickServer = () => t("Which server does the work?");
export const serverReport = () => t("How the server is doing");
export const versionRow = () => t("Version");
export const whereRow = () => t("Where");
export const processRow = () => t("Process");
export const upRow = () => t("Running for");
export const memoryRow = () => t("Memory");
export const activeRow = () => t("Runs and inspections going on");
export const valueColumn = () => t("Value");
export const noAddress = () => t("iadr1.server.mode is “connect”, but iadr1.server.address names no server.");
export const useConnect = () => t("Use the command Connect to Server….");
export const noEngine = () => t("This is the universal package, which has no engine for this platform.");
export const otherPackage = () => t("Install the package for this platform, or use the command Connect to Server….");
export const cannotStart = (command: string, reason: string) => t("{0} cannot be started: {1}", command, reason);
export const processEnded = (code: number | null) => t("the server process ended with code {0}", String(code));
export const processKilled = (signal: string) => t("the server process was ended by {0}", signal);
export const connectionEnded = (code: number, reason: string) =>
  t("the connection ended ({0})", reason === "" ? String(code) : `${code} ${reason}`);
export const noAnswerYet = () => t("There is no answer to explain yet.");
export const noHeatMap = () => t("The heat map could not be made.");
export const pictureGone = () => t("The picture is not shown any more.");
export const checkCommand = () => t("Check the setting iadr1.server.command.");
export const tokenRefused = (url: string) => t("The server at {0} refused the token.", url);
export const giveToken = () => t("Give it the right token.");
export const otherServer = (url: string, status: number) =>
  t("What answers at {0} is not an IAD-R1 server of this version (HTTP {1}).", url, status);
export const checkVersions = () => t("Check the address and that both sides have the same version.");
export const noTokenYet = (address: string) => t("There is no token for {0} yet.", address);

// ---- trust and folders ---------------------------------------------------------------------------------------------

export const notTrusted = () =>
  t("This folder is not trusted, so no model runs and nothing is trained. Images can be looked at.");
export const noFolder = () => t("Open a folder first: experiments and runs are kept in it.");
export const noConfig = () =>
  t("There is no iadr1.yaml in this folder yet. Create a sample project or a new training run.");
export const pickConfig = () => t("Which experiment?");

// ---- project and data ----------------------------------------------------------------------------------------------

export const creatingSample = () => t("Creating the sample project…");
export const checkingMachine = () => t("Checking this machine…");
export const machineReady = () => t("Ready: inspection and training run here.");
export const machineNotReady = () => t("Not ready: see the lines marked as problems.");
export const checkOk = () => t("OK");
export const checkOptional = () => t("optional");
export const checkProblem = () => t("PROBLEM");
export const cure = (text: string) => t("cure: {0}", text);
export const checkColumn = () => t("Checked");
export const evidenceColumn = () => t("Found");
export const machineReport = () => t("What this machine can do");
export const configValid = (file: string) => t("{0} is valid: it can be started.", file);
export const configInvalid = (file: string, count: number) =>
  count === 1 ? t("{0}: 1 check failed.", file) : t("{0}: {1} checks failed.", file, count);
export const checking = (file: string) => t("Checking {0}…", file);
export const preflightReport = (file: string) => t("Preflight of {0}", file);
export const diagnosticsTitle = () =>
  t("Diagnostics for a bug report. Nothing was sent; look through it before you share it.");
export const readingData = () => t("Reading the data set…");
export const pickData = () => t("Which data set?");
export const dataStatistics = (path: string) => t("Data set {0}", path);
export const counts = (normal: number, anomalous: number) => t("{0} normal, {1} anomalous", normal, anomalous);
export const noProblems = () => t("No problems found.");
export const categoryColumn = () => t("Category");
export const normalColumn = () => t("Normal");
export const anomalousColumn = () => t("Anomalous");
export const dataGenerated = (count: number) => t("{0} generated pictures", count);
const splitNames: Record<DataSplit, () => string> = {
  train: () => t("training"),
  paSft: () => t("training PA-SFT"),
  scGrpo: () => t("training SC-GRPO"),
  validation: () => t("choice of the checkpoint"),
  heldOut: () => t("held out"),
};

export const splitName = (split: DataSplit) => splitNames[split]();
export const missingFiles = (count: number) => (count === 1 ? t("1 missing file") : t("{0} missing files", count));
export const sharedPictures = (count: number) =>
  count === 1
    ? t("1 picture is trained on and tested with.")
    : t("{0} pictures are trained on and tested with.", count);
export const comparingPictures = () => t("Comparing all pictures…");
export const leaksTitle = (file: string) => t("Pictures that are twice in {0}", file);
export const leaksHeading = (count: number) =>
  count === 1
    ? t("Both in training and in test data: 1 pair")
    : t("Both in training and in test data: {0} pairs", count);
export const duplicatesHeading = (count: number) =>
  count === 1 ? t("Twice in one part: 1 pair") : t("Twice in one part: {0} pairs", count);
export const samePicture = () => t("same");
export const similarPicture = () => t("similar");
export const pictureColumn = () => t("Picture");
export const otherColumn = () => t("Other picture");
export const howColumn = () => t("How");
export const noneFound = () => t("None.");
export const leaksNode = (leaks: number, duplicates: number) =>
  [
    leaks === 1 ? t("1 leak between splits") : t("{0} leaks between splits", leaks),
    duplicates === 1 ? t("1 duplicate") : t("{0} duplicates", duplicates),
  ].join(", ");
export const pairNode = (other: string) => t("and {0}", other);
export const pickImport = () => t("Data set to import: a folder, or a JSON or CSV file");
export const importFolder = () => t("Folder");
export const importFolderDetail = () => t("With annotations.jsonl, or laid out as MVTec AD");
export const importFile = () => t("File");
export const importFileDetail = () =>
  t("JSON of MMAD, Expert-AD, SC-GRPO or LLaMA-Factory (also dataset_info.json), or CSV with a column “image”");
export const pickCurves = () =>
  t("Curves of another trainer: trainer_state.json, trainer_log.jsonl, or an event file of TensorBoard");
export const importAction = () => t("Import");
export const askDataName = () => t("Which data set of dataset_info.json?");
export const askImportTarget = () => t("New folder for the copy, from the folder of the workspace");
export const importTargetWrong = () => t("Expected a name for a folder inside the workspace.");
export const importing = () => t("Copying the data set…");
export const imported = (count: number, problems: number, folder: string) =>
  t("{0} samples were copied to {1}; {2} records had problems.", count, folder, problems);
export const copySource = () => t("Copy Lines for iadr1.yaml");
export const unreadableHeading = (count: number) =>
  count === 1 ? t("1 picture cannot be read") : t("{0} pictures cannot be read", count);

// ---- inspection ----------------------------------------------------------------------------------------------------

export const pickImage = () => t("Image to inspect");
export const pickFolder = () => t("Folder of images to inspect");
export const inspectAction = () => t("Inspect");
export const noImages = (folder: string) => t("There are no images in {0}.", folder);
export const folderTitle = (name: string) => t("Inspect: {0}", name);
export const pickModel = () => t("Which model inspects?");
export const pickSecondModel = () => t("Which model to compare with?");
export const askThreshold = () =>
  t("Anomaly score from which an image is flagged, 0 to 1; empty: only the written answer counts");
export const thresholdWrong = () => t("Expected a number from 0 to 1, or nothing.");
export const pickReferences = () => t("Pictures of good parts");
export const useAsReference = () => t("Use as Reference");
export const pickSampleFile = () => t("File that the corrected sample is added to");
export const saveSample = () => t("Add Sample");
export const sampleSaved = (file: string, count: number) =>
  count === 1
    ? t("Added to {0}, which has 1 sample now.", file)
    : t("Added to {0}, which has {1} samples now.", file, count);
export const tiffUntrusted = () =>
  t("TIFF pictures are decoded by the server, which does not run in a folder that is not trusted.");
export const noInspector = () => t("No image is being inspected.");
export const accuracyOf = (percent: string) => t("{0} % on held-out images", percent);

// ---- rollouts ------------------------------------------------------------------------------------------------------

export const explorerTitle = (source: string) => (source === "" ? t("Rollouts") : t("Rollouts: {0}", source));
export const noRollouts = () => t("There are no recorded rollouts yet. SC-GRPO records them while it trains.");
export const noDashboard = () => t("No run dashboard is in front.");
export const noExplorer = () => t("No rollouts are being explored.");
export const noOwnReward = () => t("There is no reward function of your own in this folder.");
export const pickRollouts = () => t("Which rollouts?");
export const rolloutFile = () => t("A file…");
export const pickRolloutFile = () => t("File with recorded completions");
export const rolloutFiles = () => t("Recorded completions");
export const rolloutsOf = (count: number, reward: string) =>
  count === 1 ? t("1 rollout of {0}", reward) : t("{0} rollouts of {1}", count, reward);
export const flipsOf = (count: number, reward: string) =>
  count === 1 ? t("1 flip of {0}", reward) : t("{0} flips of {1}", count, reward);
export const exportRolloutsTitle = () => t("Export rollouts");
export const rolloutsExported = (count: number, file: string) =>
  count === 1 ? t("1 rollout written to {0}.", file) : t("{0} rollouts written to {1}.", count, file);
export function rolloutFormat(format: RolloutExportFormat): string {
  if (format === "pa-sft") return t("Training samples for PA-SFT (the best right answer to each picture)");
  return { jsonl: "JSON Lines", csv: "CSV", parquet: "Parquet" }[format];
}
export const samplesExported = (count: number, file: string, left: { withoutAnswer: number; withoutFile: number }) =>
  [
    count === 1 ? t("1 training sample written to {0}.", file) : t("{0} training samples written to {1}.", count, file),
    ...(left.withoutAnswer > 0 ? [t("Pictures without a right answer: {0}.", left.withoutAnswer)] : []),
    ...(left.withoutFile > 0 ? [t("Pictures left out that lie in no file: {0}.", left.withoutFile)] : []),
  ].join(" ");
export const probeExpectation = (reward: string) => t("What must {0} say about this completion?", reward);
export const probeExpectationHelp = () =>
  t("A number or a comparison such as >= 1; na: it must not apply; error: it must fail");
export const probeWrong = () => t("Expected a number, a comparison such as >= 1, na or error.");
export const probeIsThere = (reward: string) =>
  t("{0} is tested with this completion and expectation already.", reward);
export const probeName = (text: string) => t("from a rollout: {0}", text);

// ---- runs ----------------------------------------------------------------------------------------------------------

const states: Record<RunState, () => string> = {
  queued: () => t("waiting"),
  starting: () => t("starting"),
  running: () => t("running"),
  paused: () => t("paused"),
  stopping: () => t("stopping"),
  completed: () => t("completed"),
  stopped: () => t("stopped"),
  failed: () => t("failed"),
};
export const runState = (state: RunState) => states[state]();

export const stepOf = (step: number, total: number) => t("step {0} of {1}", step, total);
export const timeLeft = (text: string) => t("{0} left", text);
export const runStarted = (run: string) => t("Run {0} has started.", run);
export const runFailed = ({ id, reason }: RunListing) =>
  t("Run {0} failed: {1}", id, reason ?? t("no reason is known"));
export const runHeld = ({ id, reason }: RunListing) => t("Run {0} waits for you. {1}", id, reason ?? "");
export const openReward = () => t("Open Reward");
export const resumeCorrected = () => t("Resume With Corrected Reward");
export const noOwnRewardsInRun = (run: string) =>
  t("Run {0} uses no reward file of yours, so there is none to exchange.", run);
export const notSaved = (file: string) => t("{0} could not be saved.", file);
export const runFindings = (count: number) =>
  count === 1 ? t("1 finding about its rewards") : t("{0} findings about its rewards", count);
export const toldInRun = (message: string, run: string, step: number) =>
  t("{0} (run {1}, step {2})", message, run, step);
export const runFinished = ({ id }: RunListing) => t("Run {0} is completed.", id);
export const pickRun = () => t("Which run?");
export const pickRuns = () => t("Runs to compare (two or more)");
export const pickCheckpoint = () => t("Which checkpoint?");
export const noRuns = () => t("There are no runs that this applies to.");
export const noCheckpoints = (run: string) => t("Run {0} has no checkpoint yet.", run);
export const pickStart = () => t("Which model does SC-GRPO start from?");
export const modelOfConfig = () => t("The model that the experiment file names");
export const preflightFailed = (count: number) =>
  count === 1
    ? t("The run would fail: 1 check found a problem.")
    : t("The run would fail: {0} checks found problems.", count);
export const preflightPassed = () => t("All checks passed; nothing was started.");
export const preflighting = () => t("Preflight…");
export const startingRun = () => t("Starting the run…");
export const estimating = () => t("Estimating memory and time…");
export const estimateTitle = () => t("What this run will need");
export const memoryLine = (peak: string, available: string) => t("Memory: {0} of {1} available", peak, available);
export const memoryTooLittle = () => t("It does not fit. Use fewer samples at a time, LoRA, or a smaller model.");
export const durationLine = (text: string) => t("Time: about {0}", text);
export const durationUnknown = () => t("Time: not known before the first steps on this machine");
export const stageColumn = () => t("Stage");
export const stepsColumn = () => t("Steps");
export const timeColumn = () => t("Time");
export const weightsColumn = () => t("Weights");
export const optimizerColumn = () => t("Optimiser");
export const activationsColumn = () => t("Activations");
export const cacheColumn = () => t("Cache");
export const folderOfFiles = () => t("a folder of event files");
export const reportTitle = (run: string) => t("Report of {0}", run);
export const noDataOnDisk = () => t("The experiment uses generated pictures only.");
export const basisHeading = () => t("Where the numbers come from");
export const confirmStopNow = (run: string) => t("End {0} at once? What came after its last checkpoint is lost.", run);
export const confirmDelete = (run: string) =>
  t("Delete {0} with its checkpoints and rollouts? This cannot be undone.", run);
export const exporting = () => t("Exporting…");
export const exported = (file: string) => t("Written to {0}.", file);
export const pickFormat = () => t("Format");
export const makingReport = () => t("Making the report…");
export const comparisonTitle = (count: number) => t("Comparison of {0} runs", count);
export const settingsDiffer = () => t("Settings that differ");
export const modelColumn = () => t("Model");
export const runColumn = () => t("Run");
export const balancedColumn = () => t("Balanced accuracy");
export const falseAlarmColumn = () => t("False alarms");
export const missedColumn = () => t("Missed");
export const unparsedColumn = () => t("Unparsed");
export const settingColumn = () => t("Setting");
export const noEvaluations = () => t("None of these runs has been evaluated yet.");
export const checkpoints = () => t("Checkpoints");
export const evaluations = () => t("Evaluations");
export const best = () => t("best");
export const runsStale = () => t("The server is not connected: states as of the last contact.");
export const dashboardTitle = (run: string) => t("Run {0}", run);
/** @param after name of a stage; "base" before any; null when it is of a model alone */
export const evaluationStage = (after: string | null) =>
  after === null ? t("Evaluation") : after === "base" ? t("Evaluation of the base") : t("Evaluation after {0}", after);
export const forkStep = (step: number, stage: string) => t("{0}, step {1}", stage, step);

// ---- tasks ---------------------------------------------------------------------------------------------------------

const taskDetails: Record<TaskCommand, () => string> = {
  preflight: () => t("Check model, data, rewards, memory and disk; start nothing"),
  "pa-sft": () => t("Train stage 1: learn from examples"),
  "sc-grpo": () => t("Train stage 2: learn from rewards"),
  "post-train": () => t("Train both stages, with an evaluation before, between and after"),
  evaluate: () => t("Let the model of the file answer the held-out pictures"),
};
export const taskDetail = (command: TaskCommand) => taskDetails[command]();
export const taskBegins = (command: TaskCommand, file: string) => t("IAD-R1: {0} with {1}", command, file);
export const taskKeys = () =>
  t("Ctrl+C stops it after its step, once more ends it at once. The dashboard has its curves.");
export const taskStops = () => t("Stopping after this step… Ctrl+C once more ends it at once.");
export const taskEndsNow = () => t("Ending it at once.");
export const taskLeft = (run: string) => t("The task is closed; run {0} goes on.", run);

// ---- tools for language models -------------------------------------------------------------------------------------

const toolRunning: Record<ToolName, () => string> = {
  inspectImage: () => t("Looking at the picture"),
  readRun: () => t("Reading training runs"),
  checkReward: () => t("Checking the reward file"),
  readRollouts: () => t("Reading recorded completions"),
};
export const toolRuns = (name: ToolName) => toolRunning[name]();
export const notInWindow = (path: string) => t("{0} is not in a folder of this window.", path);
export const noSuchRun = (run: string) => t("There is no run {0}.", run);
export const noRewardIn = (file: string) => t("{0} holds no reward function.", file);

// ---- a new run -----------------------------------------------------------------------------------------------------

export const newRunTitle = () => t("New Training Run");
export const askProject = () => t("Name of the experiment");
export const projectWrong = () => t("Use letters, digits, dashes and underscores.");
export const askKind = () => t("What should it do?");
export const bothStages = () => t("Both stages");
export const bothStagesDetail = () => t("PA-SFT, then SC-GRPO, with an evaluation before, between and after");
export const onlyPaSft = () => t("Stage 1 only: PA-SFT");
export const onlyPaSftDetail = () => t("Learns to reason in words, from examples");
export const onlyScGrpo = () => t("Stage 2 only: SC-GRPO");
export const onlyScGrpoDetail = () => t("Learns from rewards; the model must know the answer tags already");
export const askBase = () => t("Which model learns?");
export const askTrainingData = () => t("What does it learn from?");
export const askHeldOut = () => t("What is it tested on?");
export const syntheticData = () => t("Generated pictures");
export const syntheticDataDetail = () => t("Made on the fly with masks, four kinds of defects and reasoning");
export const folderData = () => t("A data set on disk…");
export const folderDataDetail = () => t("Annotations with images, Expert-AD files, or MVTec-style folders");
export const noHeldOut = () => t("No test");
export const askTrainable = () => t("Which weights learn?");
export const loraWeights = () => t("LoRA");
export const loraDetail = () => t("Small added matrices: least memory, smallest files");
export const languageWeights = () => t("The language model");
export const languageDetail = () => t("Needed when the base has never seen the answer tags, as the embedded one");
export const allWeights = () => t("Everything");
export const allDetail = () => t("Also the part that sees; needs the most memory");
export const configExists = (file: string) => t("{0} exists already.", file);
export const replaceFile = () => t("Replace");
export const otherName = () => t("Choose Another Name…");

// ---- reward debugger ------------------------------------------------------------------------------------------------

export const rewardScopeName = () => t("IAD-R1 rollouts");
export const pinnedScope = (group: string, index: number) => t("rollout {1} of {0}", group, index);
export const noScope = () => t("no rollouts");
export const noScopeDetail = () => t("There are no recorded rollouts yet: sample some, or train with SC-GRPO.");
export const rolloutCount = (count: number) => (count === 1 ? t("1 rollout") : t("{0} rollouts", count));
export const scopeLive = () => t("Scored with the code on screen.");
export const scopeRecorded = () => t("As recorded; live values are off.");
export const startLive = () => t("Start Live Values");
export const liveNeeded = () => t("This runs the reward code of this folder. It has not run here before.");
export const rewardTests = () => t("IAD-R1 Rewards");
export const runProbes = () => t("Run Probes");
export const rewardCoverage = () => t("Lines Reached by Rollouts");
export const expectation = () => t("expectation");
export const filterAll = () => t("All rollouts");
export const filterFailing = () => t("Only failing ones");
export const filterFlat = () => t("Only groups without a difference");
export const pickFilter = () => t("Which of them?");
export const pickSteps = () => t("Which steps?");
export const lastSteps = () => t("The last eight");
export const allSteps = (first: number, last: number) => t("All, {0} to {1}", first, last);
export const otherSteps = () => t("Others…");
export const askSteps = (first: number, last: number) => t("Steps, from {0} to {1}", first, last);
export const stepsWrong = () => t("Expected a step such as 12, or a range such as 8-16.");
export const noReward = () => t("There is no reward function here. Open a reward file or make a new one.");
export const pinFromExplorer = () => t("No rollout is pinned. Pin one in the rollout explorer.");
export const probing = (name: string) => t("Probing {0}…", name);
export const noProbes = () => t("There is nothing to probe with: the scope has no rollout whose truth is known.");
export const probeColumn = () => t("Probe");
export const scoreColumn = () => t("Score");
export const expectedColumn = () => t("Expected");
export const resultColumn = () => t("Result");
export const notApplicable = () => t("not applicable");
export const scoreFailed = () => t("failed");
export const probeReport = (name: string) => t("Probes of {0}", name);
export const probeSummary = (count: number, failing: number) =>
  count === 1
    ? t("1 probe, {0} against what is expected.", failing)
    : t("{0} probes, {1} against what is expected.", count, failing);
export const copied = (name: string) => t("The report of {0} is in the clipboard.", name);
export const debugName = (name: string) => t("Reward {0}", name);
export const noDebugger = (language: string) => t("The debugger for {0} could not be started.", language);
export const noPythonDebugger = () =>
  t("Debugging a Python reward needs the extension “Python Debugger” (ms-python.debugpy).");
export const noSampleData = () => t("The experiment names no data set on disk to sample with.");
export const pickSampled = () => t("Which model answers?");
export const sampling = () => t("Sampling rollouts…");
export const sampled = (count: number) =>
  count === 1 ? t("1 rollout was sampled.") : t("{0} rollouts were sampled.", count);
export const trlSignature = () => t("TRL's signature");
export const pickLanguage = () => t("In which language?");
export const askRewardName = () => t("Name of the reward function");
export const rewardNameWrong = () => t("Expected a name of letters, digits and underscores.");
export const pickReward = () => t("Which reward?");

export const noScores = () => t("no scores yet");
export const meanIs = (mean: string) => t("mean {0}", mean);
export const problemCount = (count: number) => (count === 1 ? t("1 problem") : t("{0} problems", count));
export const builtInReward = () => t("Its code is not in this folder: a built-in reward, or one of another project.");
export const scopeAsRecorded = () => t("As the run recorded it.");
export const outcomeCounts = (ok: number, na: number, error: number) =>
  t("{0} scored, {1} not applicable, {2} failed", ok, na, error);
export const idAtLine = (id: string, line: number) => t("{0}, line {1}", id, line);
export const oneVersion = (file: string) =>
  t("There is only one version of {0}. Edit it, or use it in a run, which keeps the version that it used.", file);
export const versionOnScreen = () => t("on screen, not saved");
export const versionSaved = () => t("saved");
export const versionOfRun = (run: string, step: number) =>
  step === 0 ? t("run {0}", run) : t("run {0}, after step {1}", run, step);
export const pickVersionBefore = () => t("Compare which version…");
export const pickVersionAfter = (before: string) => t("“{0}” with…", before);
export const comparingVersions = () => t("Scoring the rollouts with both versions…");
export const versionsTitle = (file: string) => t("Versions of {0}", file);
export const showInExplorer = () => t("Show in Explorer");
export const versionsDiffer = (count: number) =>
  count === 1 ? t("The total of 1 rollout changes.") : t("The totals of {0} rollouts change.", count);
export const versionsSame = () => t("Both versions give every rollout the same total.");
export const versionsFlip = (before: string, after: string) => t("other total: {0} → {1}", before, after);
export const versionsScope = (label: string, rollouts: number, groups: number) =>
  t("{0}: {1} rollouts in {2} groups. Other rewards count as they were recorded.", label, rollouts, groups);
export const beforeColumn = (label: string) => t("before: {0}", label);
export const afterColumn = (label: string) => t("after: {0}", label);
export const changeColumn = () => t("change");
export const eachReward = () => t("Each reward");
export const totalsHeading = () => t("Totals");
export const meanRow = () => t("mean");
export const stdRow = () => t("standard deviation over all");
export const stdInsideRow = () => t("standard deviation inside groups");
export const flatRow = () => t("groups without a difference");
export const groupsChange = (regained: number, lost: number) => t("{0} gain a difference, {1} lose it", regained, lost);
export const advantagesHeading = () => t("Advantages");
export const advantagesText = () =>
  t("Completions whose advantage changes its sign: the policy is pushed the other way by them, or no longer.");
export const methodColumn = () => t("Method");
export const signColumn = () => t("Change of sign");
export const notInVersion = (version: string) => t("It does not exist in “{0}”.", version);
export const scoresFlip = (flips: number, compared: number) => t("{0} of {1} scores differ.", flips, compared);
export const rolloutName = (step: number | null, group: string, index: number) =>
  step === null
    ? t("group {0}, completion {1}", group, index)
    : t("step {0}, group {1}, completion {2}", step, group.split("/").at(-1)!, index);
export const changedHeading = (shown: number, all: number) =>
  t("Rollouts with another total ({0} of {1}, the largest changes first)", shown, all);
export const rolloutColumn = () => t("Rollout");
export const completionColumn = () => t("Completion");

// ---- status bar ----------------------------------------------------------------------------------------------------

export const statusName = () => t("IAD-R1");
export const statusReady = () => t("IAD-R1: ready. Select for what can be done.");
export const statusRestricted = () => t("IAD-R1: restricted, because this folder is not trusted.");
export const moreRuns = (count: number) => t("and {0} more", count);

// ---- errors --------------------------------------------------------------------------------------------------------

export const failed = (what: string, message: string) => t("{0}: {1}", what, message);
export const unknownFailure = () => t("Something unexpected went wrong");
export const activationFailed = (message: string) => t("IAD-R1 could not start: {0}", message);
