/**
 * Messages between the extension host and a web view, one section per panel. The host owns the data: it sends the whole state
 * once (`snapshot`) and numbered changes after; a view that sees a gap in the numbers asks for a snapshot. The view owns what it looks
 * at (zoom, filters, smoothing). Every message is checked where it arrives, in both directions.
 */
import type { Inspection, TokenChoice } from "./inspect";
import { LOCATIONS } from "./locations";
import type { RewardTrace, RolloutKey, RolloutSource } from "./rewardDebugger";
import type {
  AdvantageTable,
  ExploreAnswer,
  ExploredGroup,
  ExploreFilter,
  ExploreQuery,
  GroupRow,
  RolloutOverview,
  WhatIfAnswer,
} from "./rollouts";
import type { EvaluationReport, StagePlan, WireError } from "./runs";
import {
  anything,
  bytes,
  count,
  doubles,
  fitting,
  flag,
  list,
  nullable,
  number,
  oneOf,
  partial,
  record,
  type Shape,
  struct,
  type TypeOf,
  text,
  tuple,
} from "./shape";

// ---------------------------------------------------------------------------------------------------------------------
// Envelopes

/** Message name to the shape of its body. */
export type Messages = Record<string, Shape<unknown>>;
/** Request name to the shapes of parameters and answer. */
export type Requests = Record<string, { params: Shape<unknown>; result: Shape<unknown> }>;

/** Everything that a panel and its host agree on. */
export interface PanelProtocol<S, C extends Messages, T extends Messages, A extends Requests> {
  readonly name: string;
  readonly state: Shape<S>;
  /** Host to view: changes of the state, numbered. */
  readonly changes: C;
  /** View to host, without an answer. */
  readonly tells: T;
  /** View to host, with an answer. */
  readonly asks: A;
  /** Host to view: the person used a VS Code command or key binding; the view does it as if its own button was pressed. */
  readonly commands: readonly string[];
}

type Named<M extends Messages, Kind, Extra> = {
  [K in keyof M & string]: { kind: Kind; type: K; body: TypeOf<M[K]> } & Extra;
}[keyof M & string];

/** What the host sends. */
export type HostMessage<P> =
  P extends PanelProtocol<infer S, infer C, infer _T, infer _A>
    ?
        | { kind: "snapshot"; seq: number; state: S }
        /** `seq` is one more than that of the snapshot or change before. */
        | Named<C, "change", { seq: number }>
        | { kind: "answer"; id: number; body: unknown }
        | { kind: "failure"; id: number; error: WireError }
        | { kind: "command"; name: string }
    : never;

/** What the view sends. */
export type ViewMessage<P> =
  P extends PanelProtocol<infer _S, infer _C, infer T, infer A>
    ? /** The script runs and listens; also after the panel was hidden and shown again. The answer is a snapshot. */
        | { kind: "ready" }
        /** A change was missed or could not be read; the answer is a snapshot. */
        | { kind: "resync"; reason: string }
        | Named<T, "tell", unknown>
        | { [K in keyof A & string]: { kind: "ask"; id: number; type: K; body: TypeOf<A[K]["params"]> } }[keyof A &
            string]
    : never;

export type StateOf<P> = P extends PanelProtocol<infer S, Messages, Messages, Requests> ? S : never;

function definePanel<S, C extends Messages, T extends Messages, A extends Requests>(
  panel: PanelProtocol<S, C, T, A>,
): PanelProtocol<S, C, T, A> {
  return panel;
}

/** A message that could be read, or what is wrong with it. */
export type Read<M> = { message: M; fault: null } | { message: null; fault: string };

/** Checks what came from the host. */
export function readHostMessage<P extends PanelProtocol<unknown, Messages, Messages, Requests>>(
  panel: P,
  value: unknown,
): Read<HostMessage<P>> {
  return read(value, hostEnvelope, (envelope) => {
    if (envelope.kind === "snapshot") return panel.state.fault(envelope.state, "state") ?? needSeq(envelope);
    if (envelope.kind === "change") return bodyFault(panel.changes, envelope) ?? needSeq(envelope);
    if (envelope.kind === "command") {
      return panel.commands.includes(envelope.name as string) ? null : `unknown command ${String(envelope.name)}`;
    }
    return (
      count.fault(envelope.id, "id") ?? (envelope.kind === "failure" ? wireError.fault(envelope.error, "error") : null)
    );
  });
}

/** Checks what came from a view. */
export function readViewMessage<P extends PanelProtocol<unknown, Messages, Messages, Requests>>(
  panel: P,
  value: unknown,
): Read<ViewMessage<P>> {
  return read(value, viewEnvelope, (envelope) => {
    if (envelope.kind === "ready") return null;
    if (envelope.kind === "resync") return text.fault(envelope.reason, "reason");
    if (envelope.kind === "tell") return bodyFault(panel.tells, envelope);
    const ask = ownValue(panel.asks, envelope.type);
    if (ask === undefined) return `unknown request ${String(envelope.type)}`;
    return count.fault(envelope.id, "id") ?? ask.params.fault(envelope.body, "body");
  });
}

/** Checks the answer to a request; the view does it when the answer comes. */
export function answerFault(
  panel: PanelProtocol<unknown, Messages, Messages, Requests>,
  request: string,
  answer: unknown,
): string | null {
  return ownValue(panel.asks, request)?.result.fault(answer, "answer") ?? null;
}

type Envelope = Record<string, unknown> & { kind: string };

const hostEnvelope = struct({ kind: oneOf("snapshot", "change", "answer", "failure", "command") });
const viewEnvelope = struct({ kind: oneOf("ready", "resync", "tell", "ask") });

function read<M>(
  value: unknown,
  shape: Shape<{ kind: string }>,
  check: (envelope: Envelope) => string | null,
): Read<M> {
  const fault = shape.fault(value) ?? check(value as Envelope);
  return fault === null ? { message: value as M, fault } : { message: null, fault };
}

function bodyFault(messages: Messages, envelope: Envelope): string | null {
  const shape = ownValue(messages, envelope.type);
  return shape === undefined ? `unknown message ${String(envelope.type)}` : shape.fault(envelope.body, "body");
}

function needSeq(envelope: Envelope): string | null {
  return count.fault(envelope.seq, "seq");
}

/** Never a property of Object.prototype: the name comes from outside. */
function ownValue<T>(table: Record<string, T>, name: unknown): T | undefined {
  return typeof name === "string" && Object.hasOwn(table, name) ? table[name] : undefined;
}

// ---------------------------------------------------------------------------------------------------------------------
// Shared by both panels

const wireError = fitting<WireError>(struct({ code: text, message: text }));

/** A file for the person to save; the host asks where. */
const savedFile = struct({ name: text, mime: text, data: bytes });

const place = oneOf(...LOCATIONS);
const label = oneOf("normal", "anomalous");

// ---------------------------------------------------------------------------------------------------------------------
// Inspector: one picture, what one or two models say about it, and the strip of pictures it belongs to

const inspectorModel = struct({
  id: text,
  /** For a list: "nano base", "run 2026-… after SC-GRPO". */
  label: text,
  /** Folder or checkpoint, for a tooltip. */
  detail: text,
});

/** `correct`, `missed` (a defect answered No) and `false-alarm` need a known label; `answered` is an answer without one. */
const outcome = oneOf("pending", "running", "correct", "missed", "false-alarm", "unparsed", "answered", "failed");

const inspectorItem = struct({
  id: text,
  name: text,
  /** Address of a small picture (`asWebviewUri`), or null: then the strip shows the name only. */
  thumbnail: nullable(text),
  /** Address of the picture, so that the next one can be fetched ahead; null: not ahead. */
  uri: nullable(text),
  category: nullable(text),
  label: nullable(label),
  defectType: nullable(text),
  outcome,
  answer: nullable(oneOf("yes", "no")),
  anomalyScore: nullable(number),
});

const groundTruth = struct({
  label,
  /** The main cell first. */
  locations: list(place),
  type: nullable(text),
  /** Address of the mask, same size as the picture, white = defect; null when there is none. */
  mask: nullable(text),
  /** Boxes [x0, y0, x1, y1] in pixels, x1 and y1 exclusive. */
  boxes: list(struct({ type: text, box: tuple(number, number, number, number) })),
});

const inspectorImage = struct({
  /** Equal to the id of its item in the strip. */
  id: text,
  name: text,
  /** Path as shown to a person. */
  path: text,
  /** Address of bytes that a browser can decode; null while the server makes them, which it does for TIFF, or when it cannot. */
  uri: nullable(text),
  /** Why there is nothing to show. */
  problem: nullable(text),
  sizeBytes: count,
  /** Pictures of good parts that can be shown. */
  references: list(struct({ name: text, uri: text })),
  truth: nullable(groundTruth),
});

/** `loading` until the model is in memory, `reading` until the first token. */
const phase = oneOf("idle", "loading", "reading", "writing", "finished", "stopped", "failed");
const inspection = fitting<Inspection>(struct({ image: text, text }));

const tokenChoice = fitting<TokenChoice>(
  struct({ text, probability: number, alternatives: list(struct({ text, probability: number })) }),
);

/** What one model says about the current picture. Slot 0 is the main one, slot 1 the one it is compared with. */
const look = struct({
  /** Id of the model, or null while none is chosen. */
  model: nullable(text),
  phase,
  /** The completion so far, always a prefix of what comes. */
  text,
  /** Its tokens so far, with what else might have been written; empty when that is not known. */
  choices: list(tokenChoice),
  anomalyScore: nullable(number),
  numTokens: count,
  tokensPerSecond: nullable(number),
  result: nullable(inspection),
  error: nullable(wireError),
});

const inspectorSettings = struct({
  /** Opacity of mask and heat map, 0 to 1. */
  overlayOpacity: number,
  locationGrid: flag,
  /** Anomaly scores at or above it are flagged; null: only the written answer counts. */
  threshold: nullable(number),
  /** False in a workspace that is not trusted: looking is possible, running a model is not. */
  canRun: flag,
});

/**
 * Where the answer looked, on a grid that covers the whole picture, row by row: how much the probability of "yes" falls when the cell
 * is covered; below 0 it rises.
 */
const heatMap = struct({
  method: oneOf("occlusion"),
  columns: count,
  rows: count,
  values: list(number),
  /** Probability of "yes" with nothing covered. */
  baseScore: number,
});

/** The person's correction of a model's answer. */
const correction = struct({
  /** Id of the picture. */
  image: text,
  label,
  location: nullable(place),
  type: nullable(text),
  think: text,
});

export const inspectorPanel = definePanel({
  name: "inspector",
  state: struct({
    settings: inspectorSettings,
    models: list(inspectorModel),
    /** All pictures of the strip; one for a single picture. */
    items: list(inspectorItem),
    image: nullable(inspectorImage),
    /** One, or two when models are compared. */
    looks: list(look),
  }),
  changes: {
    "settings/changed": inspectorSettings,
    "models/changed": list(inspectorModel),
    /** The strip is another one. */
    "items/replaced": list(inspectorItem),
    /** Items with these ids have new values. */
    "items/changed": list(inspectorItem),
    /** Another picture; the looks belong to it. */
    "image/shown": struct({ image: nullable(inspectorImage), looks: list(look) }),
    /** The looks are others: a comparison was begun or ended, a look starts again. */
    "looks/replaced": list(look),
    /** A phase, the rate or the result changed; the text did not. */
    "look/changed": struct({
      slot: count,
      phase,
      anomalyScore: nullable(number),
      numTokens: count,
      tokensPerSecond: nullable(number),
      result: nullable(inspection),
      error: nullable(wireError),
    }),
    /** More text. `at` is the length of the text before it. */
    "look/text": struct({
      slot: count,
      at: count,
      text,
      choices: list(tokenChoice),
      anomalyScore: nullable(number),
      numTokens: count,
      tokensPerSecond: nullable(number),
    }),
  },
  tells: {
    /** Look at the current picture (again); a look that runs is stopped first. */
    "look/start": struct({ slot: count }),
    "look/stop": struct({ slot: count }),
    /** Inspect all pictures of the strip that have no answer yet, one after the other. */
    "strip/run": struct({ slot: count }),
    "strip/stop": struct({}),
    "item/select": struct({ id: text }),
    "model/choose": struct({ slot: count, model: text }),
    /** Show the pick list of models; with `slot` 1 it begins a comparison. */
    "model/pick": struct({ slot: count }),
    "compare/end": struct({}),
    /** Ask the person for pictures of good parts. */
    "reference/pick": struct({}),
    /** Files or folders were dropped on the panel. */
    "files/open": struct({ uris: list(text) }),
    "threshold/set": struct({ value: nullable(number) }),
    "text/copy": struct({ text }),
    "file/save": savedFile,
    "log/open": struct({}),
    /** For the context key `iadr1.viewerFocus`. */
    "focus/changed": struct({ focused: flag }),
  },
  asks: {
    /** Where the answer of this slot looked; may take seconds. */
    "heat/get": { params: struct({ slot: count, image: text }), result: heatMap },
    /** Writes an Expert-AD sample (PA-SFT layout) into a data set that the person chooses; null when they did not. */
    "sample/save": { params: correction, result: struct({ savedTo: nullable(text) }) },
  },
  commands: [
    "zoomIn",
    "zoomOut",
    "zoomFit",
    "zoomActual",
    "panLeft",
    "panRight",
    "panUp",
    "panDown",
    "next",
    "previous",
    "nextDefect",
    "toggleTruth",
    "toggleHeatMap",
    "toggleGrid",
    "toggleReference",
    "goToDefect",
    "toggleProbabilities",
    "toggleDifferences",
    "moreOpacity",
    "lessOpacity",
    "start",
    "stop",
    "correct",
    "copyReasoning",
    "exportImage",
  ],
});

export type InspectorState = StateOf<typeof inspectorPanel>;
export type InspectorSettings = TypeOf<typeof inspectorSettings>;
export type InspectorModel = TypeOf<typeof inspectorModel>;
export type InspectorItem = TypeOf<typeof inspectorItem>;
export type InspectorImage = TypeOf<typeof inspectorImage>;
export type InspectorOutcome = TypeOf<typeof outcome>;
export type GroundTruth = TypeOf<typeof groundTruth>;
export type Look = TypeOf<typeof look>;
export type HeatMap = TypeOf<typeof heatMap>;
export type Correction = TypeOf<typeof correction>;

// ---------------------------------------------------------------------------------------------------------------------
// Dashboard: curves, health, evaluations, configuration and log of one run, or of several that are compared

const runState = oneOf("queued", "starting", "running", "paused", "stopping", "completed", "stopped", "failed");

/** One line of the list from which runs are chosen. */
const runChoice = struct({ id: text, project: text, kind: text, state: runState, createdMs: number });

const finding = struct({
  /** Stable, for "ignore": `health/flat-groups`. */
  id: text,
  severity: oneOf("info", "warning", "error"),
  title: text,
  /** What was measured. */
  evidence: text,
  /** The cure, or null. */
  cure: nullable(text),
  stage: nullable(text),
  step: nullable(count),
  /** Path of the reward file that it is about; null when it is about none. */
  file: nullable(text),
});

const evaluation = struct({
  stage: text,
  step: count,
  label: text,
  timeMs: number,
  best: flag,
  report: fitting<EvaluationReport>(struct({ numSamples: count, unparsed: number })),
});

const checkpoint = struct({
  stage: text,
  step: count,
  path: text,
  balancedAccuracy: nullable(number),
  best: flag,
  sizeBytes: count,
});

const rolloutStep = struct({
  stage: text,
  step: count,
  numRollouts: count,
  numGroups: count,
  rewardMean: number,
  zeroVarianceShare: number,
});

const progress = struct({
  stage: text,
  step: count,
  totalSteps: count,
  activity: text,
  tokensPerSecond: nullable(number),
  secondsLeft: nullable(number),
});

const logLine = struct({ timeMs: number, level: oneOf("info", "warning", "error"), text });

/** What changes while a run goes on. */
const runProgress = {
  state: runState,
  attempt: count,
  /** Why it is in this state, for people. */
  reason: nullable(text),
  error: nullable(wireError),
  /** Last sign of life of the writer. */
  lastEventMs: number,
  plan: list(fitting<StagePlan>(struct({ id: text, title: text, totalSteps: count }))),
  finishedStages: list(text),
  progress: nullable(progress),
  /** Stretches [from, to] in which the run stood still (between attempts, paused); left out of process time. */
  pauses: list(tuple(number, number)),
  evaluations: list(evaluation),
  checkpoints: list(checkpoint),
  /** Steps whose completions are recorded, ascending by stage and step. */
  rolloutSteps: list(rolloutStep),
  findings: list(finding),
  /** Where rewards were exchanged for another version: the last step that was done with the old one. Curves mark it. */
  rewardChanges: list(struct({ stage: text, step: count })),
  /** It uses reward files of the person, which can be corrected and exchanged. */
  hasOwnRewards: flag,
};

/** All points of a column up to now; the view asks for them with `series/get`. */
const column = struct({ stage: text, name: text, numPoints: count });

const dashboardRun = struct({
  id: text,
  project: text,
  kind: text,
  createdMs: number,
  /** Whether this machine can stop, resume and fork it; false for imported curves and in a workspace that is not trusted. */
  canControl: flag,
  device: text,
  /** The whole configuration after defaults. */
  config: anything,
  configFile: nullable(text),
  /** Samples that one optimiser step sees, by stage; for the x-axis "samples". */
  samplesPerStep: record(number),
  columns: list(column),
  /** The last lines of the log, oldest first; at most 500. */
  log: list(logLine),
  ...runProgress,
});

/** Points of one column from index `from` on; all three arrays have the same length. */
const points = struct({
  stage: text,
  name: text,
  from: count,
  steps: doubles,
  timesMs: doubles,
  values: doubles,
});

const smoothingMethod = oneOf("ema", "mean", "gaussian", "none");
const xAxis = oneOf("step", "epoch", "tokens", "samples", "relative", "process", "wall");

const dashboardSettings = struct({
  /** 0 to 0.999 for `ema`; the other methods derive their window from it. */
  smoothing: number,
  smoothingMethod,
  xAxis,
  /** A running run that was silent for longer is marked as stale. */
  staleAfterMs: number,
});

const runPlace = struct({ run: text, stage: text, step: count });

/** What a model said about one held-out picture. */
const evaluatedAnswer = struct({
  id: text,
  /** Path of the picture. */
  image: text,
  category: text,
  label: nullable(oneOf("normal", "anomalous")),
  /** null: unparsed. */
  answer: nullable(oneOf("yes", "no")),
  anomalyScore: nullable(number),
});

export const dashboardPanel = definePanel({
  name: "dashboard",
  state: struct({
    settings: dashboardSettings,
    /** Ids of the runs that the panel is for, the main one first: what a new window opens again. Some may not have come yet. */
    chosen: list(text),
    /** The runs that are shown, the first is the main one. */
    runs: list(dashboardRun),
    /** Id of the run that others are measured against. */
    baseline: nullable(text),
    /** All runs that could be shown, newest first. */
    available: list(runChoice),
  }),
  changes: {
    "settings/changed": dashboardSettings,
    "available/changed": list(runChoice),
    "baseline/changed": nullable(text),
    "chosen/changed": list(text),
    "run/shown": dashboardRun,
    "run/hidden": struct({ run: text }),
    "run/changed": struct({ run: text, change: partial(runProgress) }),
    /** New points; a column that is not known yet begins with `from` 0. */
    "run/points": struct({ run: text, points: list(points) }),
    "run/log": struct({ run: text, lines: list(logLine) }),
  },
  tells: {
    /** Exactly these runs, the main one first. */
    "runs/choose": struct({ runs: list(text) }),
    "baseline/set": struct({ run: nullable(text) }),
    "run/act": struct({
      run: text,
      action: oneOf(
        "stopAfterStep",
        "stopNow",
        "pause",
        "resume",
        "resumeWithRewards",
        "fork",
        "openConfig",
        "openLog",
        "openFolder",
        "openReport",
      ),
    }),
    /** A point of a curve was clicked, or a step chosen: its completions are shown in the explorer. */
    "rollouts/explore": runPlace,
    "checkpoint/inspect": runPlace,
    /** A picture whose answer is listed: it opens in the inspector. */
    "image/open": struct({ image: text }),
    /** The file of one of the run's findings, at the reward that it is about. */
    "reward/open": struct({ run: text, file: text, reward: text }),
    "file/save": savedFile,
    "text/copy": struct({ text }),
    "log/open": struct({}),
    "focus/changed": struct({ focused: flag }),
  },
  asks: {
    "series/get": { params: struct({ run: text, stage: text, name: text, from: count }), result: points },
    /** The answers behind an evaluation, at most 5,000. */
    "answers/get": { params: runPlace, result: list(evaluatedAnswer) },
  },
  commands: ["focusFilter", "toggleTable", "exportAllCsv", "exportAllJson", "openRollouts", "resetZoom"],
});

export type DashboardState = StateOf<typeof dashboardPanel>;
export type DashboardSettings = TypeOf<typeof dashboardSettings>;
export type EvaluatedAnswer = TypeOf<typeof evaluatedAnswer>;
export type DashboardRun = TypeOf<typeof dashboardRun>;
export type RunChoice = TypeOf<typeof runChoice>;
export type RunFinding = TypeOf<typeof finding>;
export type LogLine = TypeOf<typeof logLine>;
export type SeriesPoints = TypeOf<typeof points>;
export type SmoothingMethod = TypeOf<typeof smoothingMethod>;
export type XAxis = TypeOf<typeof xAxis>;

// ---------------------------------------------------------------------------------------------------------------------
// Explorer: recorded rollouts by facet, group and completion

const rolloutKey = fitting<RolloutKey>(struct({ step: nullable(count), group: text, index: count }));
const groupPlace = struct({ step: nullable(count), group: text });
const rolloutSource = fitting<RolloutSource>(struct({ kind: oneOf("run", "file") }));
const facetValues = partial({
  ...{ label: list(text), category: list(text), verdict: list(text), finish: list(text) },
  ...{ status: list(text), spread: list(text), split: list(text), flips: list(text) },
});
const exploreFilter = fitting<ExploreFilter>(
  struct({
    facets: facetValues,
    ranges: list(struct({ column: text, min: number, max: number })),
    text,
    only: nullable(struct({ label: text, rollouts: list(rolloutKey) })),
  }),
);
export const exploreQueryShape = fitting<ExploreQuery>(
  struct({
    filter: exploreFilter,
    order: oneOf("order", "mean", "std", "length", "advantage"),
    descending: flag,
  }),
);
const rolloutOverview = fitting<RolloutOverview>(
  struct({ source: rolloutSource, label: text, numRollouts: count, numGroups: count, steps: list(count) }),
);
const numbers = list(nullable(number));
const groupRow = fitting<GroupRow>(
  struct({
    ...{ step: nullable(count), group: text, prompt: text, size: count, matches: count },
    ...{ totals: numbers, advantages: numbers, std: nullable(number), mean: nullable(number) },
  }),
);
const exploredGroup = fitting<ExploredGroup>(struct({ row: groupRow, prompt: text, solution: nullable(text) }));
const exploreAnswer = fitting<ExploreAnswer>(struct({ numRollouts: count, numGroups: count, generation: count }));
const advantageTable = fitting<AdvantageTable>(
  struct({ recorded: numbers, methods: list(struct({ method: text, advantages: list(number) })) }),
);
const whatIfAnswer = fitting<WhatIfAnswer>(struct({ total: nullable(number), advantage: nullable(number) }));
const rewardTrace = fitting<RewardTrace>(
  struct({ steps: list(fitting<RewardTrace["steps"][number]>(struct({ line: count, source: text }))) }),
);

/** A person's own reward function. */
const ownReward = struct({ name: text, uri: text });

/** What a command or a link asks to see; another `turn` is another wish. */
const wantedView = struct({
  turn: count,
  query: nullable(exploreQueryShape),
  rollout: nullable(rolloutKey),
  /** The reward that the person came from: the one that is explained. */
  reward: nullable(ownReward),
});

export const explorerPanel = definePanel({
  name: "explorer",
  state: struct({
    /** Kept by the page, so that the window can open it again. */
    source: nullable(rolloutSource),
    /** Null while it is read. */
    overview: nullable(rolloutOverview),
    /** Why there is nothing to see. */
    error: nullable(wireError),
    wanted: wantedView,
    pinned: nullable(rolloutKey),
    /** Rows that the code on screen scores differently are known: under this name. */
    flips: nullable(text),
    functions: list(ownReward),
    /** False in a workspace that is not trusted, and until the person started live values: their own code is not run. */
    canRun: flag,
  }),
  changes: {
    /** Another run or file was chosen and is being read: nothing of the last one holds. */
    "source/changed": rolloutSource,
    "overview/changed": struct({ overview: nullable(rolloutOverview), error: nullable(wireError) }),
    "wanted/changed": wantedView,
    "pinned/changed": nullable(rolloutKey),
    "flips/changed": nullable(text),
    "functions/changed": struct({ functions: list(ownReward), canRun: flag }),
  },
  tells: {
    /** All surfaces show this rollout alone; null: all of them again. */
    "rollout/pin": nullable(rolloutKey),
    "rollout/debug": struct({ rollout: rolloutKey, function: nullable(ownReward) }),
    "probe/add": struct({ rollout: rolloutKey, completion: text, function: nullable(ownReward) }),
    /** Ask where to write what the filter lets through. */
    "export/start": exploreQueryShape,
    "source/open": struct({ uri: text, line: count }),
    "live/start": struct({}),
    /** Choose another run or file. */
    "source/pick": struct({}),
    "text/copy": struct({ text }),
    "log/open": struct({}),
    "focus/changed": struct({ focused: flag }),
  },
  asks: {
    "query/get": { params: exploreQueryShape, result: exploreAnswer },
    "groups/get": {
      params: struct({ query: exploreQueryShape, offset: count, limit: count }),
      result: struct({ total: count, rows: list(groupRow) }),
    },
    "place/get": {
      params: struct({ query: exploreQueryShape, ...{ step: nullable(count), group: text } }),
      result: number,
    },
    "group/get": {
      params: struct({ query: exploreQueryShape, ...{ step: nullable(count), group: text } }),
      result: exploredGroup,
    },
    "advantages/get": { params: groupPlace, result: advantageTable },
    /** Built-in rewards of another text. */
    "whatIf/get": { params: struct({ rollout: rolloutKey, completion: text }), result: whatIfAnswer },
    /** One completion through a person's own reward; `completion` null: as it was recorded. */
    "trace/get": {
      params: struct({ function: ownReward, rollout: rolloutKey, completion: nullable(text) }),
      result: rewardTrace,
    },
    "picture/get": {
      params: struct({ step: nullable(count), group: text, kind: oneOf("picture", "mask", "thumbnail") }),
      result: nullable(struct({ mime: text, data: bytes })),
    },
  },
  commands: [
    "nextGroup",
    "previousGroup",
    "nextCompletion",
    "previousCompletion",
    "toggleGroup",
    "focusFilter",
    "clearFilter",
    "debugRollout",
    "pinRollout",
    "compareSteps",
    "addProbe",
    "editCompletion",
    "explainScore",
    "compareAdvantages",
    "exportRollouts",
    "copyCompletion",
    "toggleProbabilities",
  ],
});

export type ExplorerState = StateOf<typeof explorerPanel>;
export type OwnReward = TypeOf<typeof ownReward>;
export type WantedView = TypeOf<typeof wantedView>;
