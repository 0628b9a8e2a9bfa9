/**
 * Every message of our own between the editor and the language server, as typed descriptors: the value carries the types of both
 * directions. Standard LSP messages (hover, completion, diagnostics) are used as they are and not repeated. docs/protocol.md says
 * the same in prose; a test compares the two. The only file that imports vscode-jsonrpc.
 *
 * A request that fails answers with a ResponseError whose `data` is a WireError. Long work answers at once with the name of a job or run;
 * what happens then comes over the stream (stream.ts).
 */
import { NotificationType, RequestType, RequestType0 } from "vscode-jsonrpc";
import type {
  ConfigChoices,
  DataOverview,
  DataPage,
  DataPageParams,
  DataSample,
  DataSourceReference,
  ExpertSample,
  ImportedData,
  ImportParams,
  MachineCheck,
  ProjectData,
  ProjectLeaks,
  SampleProject,
} from "./project";
import type { HeatMapRequest, ImageReference, InspectJob, InspectRequest } from "./inspect";
import type { ModelInfo } from "./models";
import type {
  EvaluatedSample,
  ModelReference,
  RunComparison,
  RunDetails,
  RunEstimate,
  RunKind,
  RunListing,
  WireError,
} from "./runs";

import type {
  AdvantageTable,
  ExploreAnswer,
  ExploredGroup,
  ExploreQuery,
  GroupRow,
  RolloutExport,
  RolloutExportFormat,
  RolloutOverview,
  WhatIfAnswer,
} from "./rollouts";
import type {
  DebugLaunch,
  ProbeAddition,
  ProbeAnswer,
  RewardFunctionListing,
  RewardPlace,
  RewardReach,
  RewardReportAnswer,
  RewardScope,
  RewardScopeChoices,
  RewardScopeState,
  RewardSurfaces,
  RewardTestItem,
  RewardTestResult,
  RewardTrace,
  RewardTreeItem,
  RewardVersionChoice,
  RewardVersionComparison,
  RewardVersionRef,
  RolloutKey,
  RolloutSource,
} from "./rewardDebugger";

/** Code of every ResponseError that carries a WireError in `data`; LSP's "request failed". */
export const wireErrorCode = -32803;

/** Sent as `initializationOptions`; every key may be left out. */
export interface ServerOptions {
  /** Folders of the window; runs in `<folder>/.iadr1/runs` are listed. Only for a server on the same machine. */
  projectFolders?: string[];
  /** A folder with further checkpoints, one folder each. */
  modelsDirectory?: string;
  /** Threads for the arithmetic of inspections; 0 = one per core. */
  threads?: number;
  /** Minutes without an inspection after which a model leaves the memory; 0 = never. Default 15. */
  idleStopMinutes?: number;
  /** Models kept in memory at once, 1 to 4. Default 2: two side by side. */
  maxModels?: number;
  /** Folder for files that the server makes for the editor, such as pictures it can show. Only for a server on the same machine. */
  filesFolder?: string;
}

/** A file that the server made for the editor: its name in the folder of such files is the SHA-256 of its bytes and an ending. */
export interface MadeFile {
  name: string;
  /** Where it lies; null for a remote server: then `GET /images/<name>`. */
  path: string | null;
}

/** What the server says about itself. */
export interface ServerStatus {
  version: string;
  pid: number;
  /** "stdio": started by this window. "remote": reached over a WebSocket. */
  transport: "stdio" | "remote";
  uptimeSeconds: number;
  memoryBytes: number;
  platform: string;
  /** Runs that are going on. */
  activeRuns: number;
  /** Inspections waiting or running. */
  activeJobs: number;
  /** Models in memory now. */
  models: { reference: ModelReference; state: "loading" | "ready" | "busy"; pid: number | null }[];
  /** Where runs are looked for. */
  runsFolders: string[];
}

/** Where the stream hub listens. */
export interface StreamAddress {
  /** Port on this machine's loopback; null for a remote server: then it is where the language server is. */
  port: number | null;
  /** Path of the WebSocket. */
  path: string;
  /** Sent as `Authorization: Bearer <token>`; null for a remote server: then the token of the connection. */
  token: string | null;
}

/** Names a run: its id. Runs are found in the runs folders of the server. */
export interface RunParams {
  run: string;
}

export interface StartRunParams {
  /** "evaluate" trains nothing: the model of the file answers the held-out pictures. */
  kind: Extract<RunKind, "pa-sft" | "sc-grpo" | "post-train" | "evaluate">;
  /** Path of the experiment file; relative paths in it start from its folder. */
  configFile: string;
  /** Text of the file as the editor shows it; read from disk when left out. */
  text?: string;
  /** `key.path=value`, as `--set` of the command line. */
  overrides?: string[];
}

export interface ForkRunParams extends RunParams {
  /** Relative to the run folder, `checkpoints/step-000100`. */
  checkpoint: string;
  /** What the new run does; as the old one when left out. */
  kind?: StartRunParams["kind"];
  overrides?: string[];
}

export interface ResumeRunParams extends RunParams {
  /** Reads the reward files anew: a fixed version takes the place of the one the run was using. */
  exchangeRewards?: boolean;
}

export interface StopRunParams extends RunParams {
  /** "after-step" finishes the step and writes a checkpoint; "now" ends the process at once. */
  when: "after-step" | "now";
}

/** "journal" is the run's own list of events, "html" its report; the others are curves. */
export type ExportFormat = "csv" | "json" | "parquet" | "tensorboard" | "svg" | "png" | "html" | "journal";

// --- server -----------------------------------------------------------------------------------------------------------

/** State of the server; also a sign of life. */
export const serverStatus = new RequestType0<ServerStatus, WireError>("iadr1/server/status");

/** Where tokens, curves and rollouts stream from. The hub starts with the first call. */
export const streamAddress = new RequestType0<StreamAddress, WireError>("iadr1/stream/address");

/** Looks at processor, memory, disk, devices, embedded model and optional Python engine. Takes seconds. */
export const doctorCheck = new RequestType0<{ ok: boolean; checks: MachineCheck[] }, WireError>("iadr1/doctor/check");

/** The text for a bug report: versions, machine, settings, latest runs; no pictures, texts, paths or names. */
export const collectDiagnostics = new RequestType<
  { project: string | null; facts: Record<string, string> },
  { text: string },
  WireError
>("iadr1/server/diagnostics");

/** Something happened in the server that belongs into the log. */
export const didLog = new NotificationType<{ level: "info" | "warning" | "error"; message: string }>(
  "iadr1/server/didLog",
);

// --- project and data -------------------------------------------------------------------------------------------------

/** Writes a sample project (experiment file and generated pictures) into a folder; existing files are never overwritten. */
export const createSampleProject = new RequestType<{ folder: string; images?: number }, SampleProject, WireError>(
  "iadr1/project/createSample",
);

/** Text of an experiment file made from a person's choices; writes nothing. */
export const composeConfig = new RequestType<ConfigChoices, { text: string }, WireError>("iadr1/project/composeConfig");

/** Reads a data set: counts by category and label, and what is wrong with it. */
export const dataOverview = new RequestType<DataSourceReference, DataOverview, WireError>("iadr1/data/overview");

/** Some samples of a data set, in file order. */
export const dataSamples = new RequestType<DataPageParams, DataPage, WireError>("iadr1/data/samples");

/** The data of an experiment by set, class and split, with counts and what is wrong. */
export const projectData = new RequestType<{ configFile: string }, ProjectData, WireError>("iadr1/project/data");

/** Pictures of an experiment that are twice there. Decodes them all: takes a while. */
export const projectLeaks = new RequestType<{ configFile: string }, ProjectLeaks, WireError>("iadr1/project/leaks");

/** What a data set beside a picture says about it: the nearest one above it that holds it; null when there is none. */
export const findSample = new RequestType<{ image: string }, { sample: DataSample | null }, WireError>(
  "iadr1/data/findSample",
);

/** Adds a corrected inspection to an Expert-AD file (a JSON list of chats), made when missing. */
export const saveExpertSample = new RequestType<ExpertSample, { file: string; count: number }, WireError>(
  "iadr1/data/saveSample",
);

/** Copies a data set of any known layout, pictures included, into a new folder with annotations.jsonl. Takes a while. */
export const importData = new RequestType<ImportParams, ImportedData, WireError>("iadr1/data/import");

/** A picture as bytes that a browser can show: a PNG with the pixels that the model sees. For TIFF. */
export const showImage = new RequestType<{ image: ImageReference }, MadeFile, WireError>("iadr1/images/show");

/** Of these SHA-256 hashes, those whose picture must be uploaded first (`PUT /images/<sha256>` of a remote server). */
export const missingImages = new RequestType<{ hashes: string[] }, { missing: string[] }, WireError>(
  "iadr1/images/missing",
);

// --- models -----------------------------------------------------------------------------------------------------------

/** Embedded models, those in the models directory, and what runs have left. */
export const listModels = new RequestType0<ModelInfo[], WireError>("iadr1/models/list");

// --- inspection -------------------------------------------------------------------------------------------------------

/** Puts an inspection into the queue of its model. Follow `inspect/<job>` on the stream. */
export const startInspection = new RequestType<InspectRequest, { job: string }, WireError>("iadr1/inspect/start");

/** Puts a heat map into the queue of its model. */
export const startHeatMap = new RequestType<HeatMapRequest, { job: string }, WireError>("iadr1/inspect/heatMap");

/** Ends a job where it is; one that has ended stays as it is. */
export const cancelJob = new RequestType<{ job: string }, null, WireError>("iadr1/inspect/cancel");

/** A job with everything it has said so far; the newest 200 are remembered. */
export const showJob = new RequestType<{ job: string }, InspectJob, WireError>("iadr1/inspect/show");

/** Lets a model out of the memory, or all; jobs that wait for it are cancelled. */
export const unloadModels = new RequestType<{ model?: ModelReference | string }, null, WireError>(
  "iadr1/inspect/unload",
);

// --- runs -------------------------------------------------------------------------------------------------------------

/** All runs, newest first. Follow `runs` on the stream for changes. */
export const listRuns = new RequestType0<RunListing[], WireError>("iadr1/runs/list");

/** One run: manifest, checkpoints, evaluations. */
export const showRun = new RequestType<RunParams, RunDetails, WireError>("iadr1/runs/show");

/** Everything that would stop a run from working, found before it starts. Starts nothing. */
export const preflightRun = new RequestType<StartRunParams, { ok: boolean; checks: MachineCheck[] }, WireError>(
  "iadr1/runs/preflight",
);

/** Memory and time a run will need, with what they were derived from. Takes seconds. */
export const estimateRun = new RequestType<StartRunParams, RunEstimate, WireError>("iadr1/runs/estimate");

/** Starts a run in a process of its own, which survives the server. */
export const startRun = new RequestType<StartRunParams, { run: string }, WireError>("iadr1/runs/start");

/** Asks a run to end. A run that has ended stays as it is. */
export const stopRun = new RequestType<StopRunParams, null, WireError>("iadr1/runs/stop");

/** Holds a training run after its step; it keeps its memory and goes on with `resume`. */
export const pauseRun = new RequestType<RunParams, null, WireError>("iadr1/runs/pause");

/** Goes on with a paused run, or starts a stopped or failed one again at its last checkpoint. */
export const resumeRun = new RequestType<ResumeRunParams, { run: string }, WireError>("iadr1/runs/resume");

/** Starts a new run whose model is a checkpoint of another one. */
export const forkRun = new RequestType<ForkRunParams, { run: string }, WireError>("iadr1/runs/fork");

/** Deletes the folder of a run that has ended. */
export const deleteRun = new RequestType<RunParams, null, WireError>("iadr1/runs/delete");

/** Evaluations side by side, and the settings in which runs differ. */
export const compareRuns = new RequestType<{ runs: string[] }, RunComparison, WireError>("iadr1/runs/compare");

/**
 * Writes curves or the report of a run to a file (a folder for tensorboard). Without `out` the server keeps the file to be fetched, as
 * a remote server cannot write where the editor is; not for tensorboard.
 */
export const exportRun = new RequestType<
  RunParams & { format: ExportFormat; out?: string },
  { file: string } | { made: MadeFile },
  WireError
>("iadr1/runs/export");

/** Answers behind an evaluation (`samplesFile` of its event), at most 500 at a time. */
export const runSamples = new RequestType<
  RunParams & { samplesFile: string; offset?: number; limit?: number },
  { total: number; samples: EvaluatedSample[] },
  WireError
>("iadr1/runs/samples");

/** Makes a run of the curves that another trainer wrote, in the folder of runs of a project. */
export const importRun = new RequestType<
  { path: string; projectFolder: string },
  { run: string; numCurves: number; numPoints: number },
  WireError
>("iadr1/runs/import");

/** A run began, changed its state, or went away. The same comes over the stream `runs`; this needs no stream. */
export const didChangeRun = new NotificationType<{ run: RunListing } | { removed: string }>("iadr1/runs/didChange");

// --- reward debugger --------------------------------------------------------------------------------------------------

/** The scope that all surfaces speak of. */
export const rewardScope = new RequestType0<RewardScopeState, WireError>("iadr1/rewards/scope");

/** Changes the scope; keys that are left out stay. */
export const setRewardScope = new RequestType<Partial<RewardScope>, RewardScopeState, WireError>(
  "iadr1/rewards/setScope",
);

/** Runs and files with rollouts. */
export const rewardScopeChoices = new RequestType0<RewardScopeChoices, WireError>("iadr1/rewards/scopeChoices");

/**
 * From now on the code on screen is run on the rollouts of the scope. Until this is asked no reward code of the folder runs; the editor asks
 * only in a trusted folder, after a person did.
 */
export const startLiveValues = new RequestType<
  { maxRollouts?: number; timeLimitMs?: number; onType?: boolean },
  RewardScopeState,
  WireError
>("iadr1/rewards/startLive");

/** Ends it; workers are killed, recorded values stay. */
export const stopLiveValues = new RequestType0<RewardScopeState, WireError>("iadr1/rewards/stopLive");

/** How the surfaces look in reward files. */
export const configureRewards = new RequestType<RewardSurfaces, null, WireError>("iadr1/rewards/configure");

/** Runs the code of a file now, whether or not it was changed; answers when its report is there. */
export const rescoreReward = new RequestType<{ uri: string }, null, WireError>("iadr1/rewards/rescore");

/** Reward functions of the open files and of the files in the window's folders. */
export const listRewards = new RequestType0<RewardFunctionListing[], WireError>("iadr1/rewards/list");

/** Rewards with what they came to: those of the window's files, and those that the rollouts of the scope were scored with. */
export const rewardTree = new RequestType0<RewardTreeItem[], WireError>("iadr1/rewards/tree");

/** Versions of a reward file that can be compared: on screen, on the disk, as runs kept it, and other files with such a function. */
export const rewardVersions = new RequestType<{ uri: string }, RewardVersionChoice[], WireError>(
  "iadr1/rewards/versions",
);

/** Runs two versions of a reward file on the rollouts of the scope. */
export const compareRewardVersions = new RequestType<
  { uri: string; before: RewardVersionRef; after: RewardVersionRef },
  RewardVersionComparison,
  WireError
>("iadr1/rewards/compare");

/** What a reward did over the scope. */
export const rewardReport = new RequestType<RewardPlace, RewardReportAnswer, WireError>("iadr1/rewards/report");

/** Runs the probe battery against a reward. */
export const probeReward = new RequestType<RewardPlace, ProbeAnswer, WireError>("iadr1/rewards/probe");

/** One rollout through one reward, step by step; `completion` replaces the recorded text. */
export const traceReward = new RequestType<
  RewardPlace & { rollout: RolloutKey; completion?: string },
  RewardTrace,
  WireError
>("iadr1/rewards/trace");

/** Makes a program that calls a reward with a rollout's arguments, for a debugger to start; the pinned rollout when left out. */
export const debugReward = new RequestType<RewardPlace & { rollout?: RolloutKey }, DebugLaunch, WireError>(
  "iadr1/rewards/debug",
);

/** Removes what `debug` made. */
export const endRewardDebug = new RequestType<{ session: string }, null, WireError>("iadr1/rewards/endDebug");

/** Probes and expectations of a file. */
export const rewardTests = new RequestType<{ uri: string }, RewardTestItem[], WireError>("iadr1/rewards/tests");

/** Runs some of them. */
export const runRewardTests = new RequestType<{ uri: string; ids: string[] }, RewardTestResult[], WireError>(
  "iadr1/rewards/runTests",
);

/**
 * Where and how to keep a recorded completion, or another text in its place, as an expectation of a reward. Writes nothing; null: it is kept
 * already, with this very expectation.
 */
export const keepRewardProbe = new RequestType<
  RewardPlace & { source: RolloutSource; rollout: RolloutKey; completion: string; name: string; expect: string },
  ProbeAddition | null,
  WireError
>("iadr1/rewards/keepProbe");

/** Lets a model answer some prompts of a data set several times; the answers are written below the folder and can be the scope. */
export const sampleRewardRollouts = new RequestType<
  { folder: string; data: string; model: string; prompts: number; groupSize: number },
  { path: string; numRollouts: number },
  WireError
>("iadr1/rewards/sample");

/** How the lines of a reward file were reached, and whether its values are up to date. */
export const didChangeReach = new NotificationType<RewardReach>("iadr1/rewards/didChangeReach");

/** The scope or what it came to has changed. */
export const didChangeRewardScope = new NotificationType<RewardScopeState>("iadr1/rewards/didChangeScope");

// --- rollouts ---------------------------------------------------------------------------------------------------------

/** A source and, inside it, one group. */
export interface GroupParams {
  source: RolloutSource;
  step: number | null;
  group: string;
}

/** What is recorded in a run or a file; indexes it when it is not yet. */
export const rolloutOverview = new RequestType<{ source: RolloutSource }, RolloutOverview, WireError>(
  "iadr1/rollouts/overview",
);

/** Numbers and facets of what a filter lets through; `flips` are the rows that the facet of this name counts, null: not known. */
export const queryRollouts = new RequestType<
  { source: RolloutSource; query: ExploreQuery; flips: RolloutKey[] | null },
  ExploreAnswer,
  WireError
>("iadr1/rollouts/query");

/** Some groups of an answer in its order, at most 200 at a time. */
export const rolloutGroups = new RequestType<
  { source: RolloutSource; query: ExploreQuery; offset: number; limit: number },
  { total: number; rows: GroupRow[] },
  WireError
>("iadr1/rollouts/groups");

/** Place of a group in the order of an answer; -1 when the filter keeps it out. */
export const rolloutPlace = new RequestType<GroupParams & { query: ExploreQuery }, { place: number }, WireError>(
  "iadr1/rollouts/place",
);

/** One group in full; `query` says which of its completions match. */
export const rolloutGroup = new RequestType<GroupParams & { query: ExploreQuery }, ExploredGroup, WireError>(
  "iadr1/rollouts/group",
);

/** The advantages of a group by other conventions. */
export const rolloutAdvantages = new RequestType<GroupParams, AdvantageTable, WireError>("iadr1/rollouts/advantages");

/** Scores another text in place of a completion with the built-in rewards. Runs nobody's code. */
export const rolloutWhatIf = new RequestType<
  { source: RolloutSource; rollout: RolloutKey; completion: string },
  WhatIfAnswer,
  WireError
>("iadr1/rollouts/whatIf");

/** The picture of a group as the model saw it, its mask, or a small one for lists; in base64. Null: there is none. */
export const rolloutPicture = new RequestType<
  GroupParams & { kind: "picture" | "mask" | "thumbnail" },
  { mime: string; base64: string } | null,
  WireError
>("iadr1/rollouts/picture");

/** Writes what a filter lets through to a file; without `out` the server keeps it to be fetched, as with `exportRun`. */
export const exportRollouts = new RequestType<
  { source: RolloutSource; query: ExploreQuery; format: RolloutExportFormat; out?: string },
  RolloutExport & ({ file: string } | { made: MadeFile }),
  WireError
>("iadr1/rollouts/export");

export type { ImageReference };
