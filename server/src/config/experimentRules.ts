/**
 * Rules across the keys of `iadr1.yaml`: values that are fine alone but cannot work together (conflicts), and values that work
 * but are most likely not meant (advice). What a single key allows is `experiment.ts`.
 */
import { isDeepStrictEqual } from "node:util";
import type { ConfigCure, ConfigProblem, ProblemPlaces } from "./configProblem";
import type { DataSource, ExperimentConfig } from "./experiment";
import { embeddedBaseName, trainedName } from "./modelNames";
import { valueAt } from "./schemaProblems";

type Path = (string | number)[];

interface Rule {
  path: Path;
  /** What the path is followed by in the message. */
  message: string;
  hint: string;
  cures: ConfigCure[];
}

/** `plain` is the file as written: it tells what is a default. */
export function conflictsIn(config: ExperimentConfig, plain: unknown, places: ProblemPlaces): ConfigProblem[] {
  const { paSft, scGrpo } = config.stages;
  const rules: Rule[] = [];
  for (const [name, stage] of [
    ["paSft", paSft],
    ["scGrpo", scGrpo],
  ] as const) {
    const at = (key: string): Path => ["stages", name, key];
    if (stage.evalEvery > 0 && config.data.heldOut === undefined && config.data.validation === undefined) {
      rules.push({
        path: at("evalEvery"),
        message: `expected data.validation or data.heldOut for an evaluation every ${stage.evalEvery} steps, got neither.`,
        hint: "Add images that are not trained on, or set evalEvery to 0.",
        cures: [{ kind: "replace", at: at("evalEvery"), text: "0", sure: false }],
      });
    }
    if (stage.beta1 >= 1 || stage.beta2 >= 1) {
      rules.push({
        path: ["stages", name],
        message: `expected beta1 and beta2 below 1, got ${stage.beta1} and ${stage.beta2}.`,
        hint: "Use 0.9 and 0.999.",
        cures: [
          ...(stage.beta1 >= 1 ? [{ kind: "replace", at: at("beta1"), text: "0.9", sure: true } as const] : []),
          ...(stage.beta2 >= 1 ? [{ kind: "replace", at: at("beta2"), text: "0.999", sure: true } as const] : []),
        ],
      });
    }
  }
  rules.push(...trlConflicts(config));
  for (const [index, { above, below }] of (config.alerts ?? []).entries()) {
    if (above !== undefined || below !== undefined) continue;
    rules.push({
      path: ["alerts", index],
      message: "expected above, below or both, got neither.",
      hint: "Say from which value on it is to be told.",
      cures: [],
    });
  }
  const high = scGrpo.epsilonHigh;
  if (high !== undefined && high < scGrpo.epsilonLow) {
    const at: Path = ["stages", "scGrpo", "epsilonHigh"];
    rules.push({
      path: at,
      message: `expected at least epsilonLow (${scGrpo.epsilonLow}), got ${high}.`,
      hint: "Clip-higher means a larger upper bound; leave the key out for equal bounds.",
      cures: [
        { kind: "remove", at, sure: false },
        { kind: "replace", at, text: String(scGrpo.epsilonLow), sure: false },
      ],
    });
  }
  const trained = [config.data.train, paSft.data ?? [], scGrpo.data ?? []].flat().filter(isSynth);
  const held = [config.data.heldOut ?? [], config.data.validation ?? []].flat().filter(isSynth);
  for (const key of ["heldOut", "validation"] as const) {
    const sources = config.data[key] ?? [];
    const index = sources.findIndex((one) => isSynth(one) && trained.some((other) => sharesImages(one, other)));
    const shared = sources[index];
    if (shared === undefined || !isSynth(shared)) continue;
    const inList = Array.isArray(valueAt(plain, ["data", key]));
    const free = Math.max(...[...trained, ...held].map(({ seed }) => seed)) + 1;
    rules.push({
      path: ["data", key],
      message: `expected another seed than the training images, got ${shared.seed} for both: the same images would be trained on and tested.`,
      hint: "Give these images a seed of their own.",
      cures: [
        { kind: "replace", at: ["data", key, ...(inList ? [index] : []), "seed"], text: String(free), sure: true },
      ],
    });
  }
  return rules.map((rule) => problemOf("config/conflict", rule, places));
}

/** What TRL has no counterpart for, and batches that its processes cannot share. */
function trlConflicts({ engine, trl, stages }: ExperimentConfig): Rule[] {
  if (engine !== "trl") return [];
  const { paSft, scGrpo } = stages;
  const rules: Rule[] = [];
  const processes = trl?.processes ?? 1;
  if (scGrpo.dynamicSampling) {
    const at: Path = ["stages", "scGrpo", "dynamicSampling"];
    rules.push({
      path: at,
      message: "expected false with engine: trl, got true: TRL does not replace groups without a difference.",
      hint: "Leave it out, or train with engine: embedded.",
      cures: [{ kind: "remove", at, sure: true }],
    });
  }
  const batches = [
    { name: "paSft", key: "gradientAccumulation", what: "samples", size: paSft.batchSize * paSft.gradientAccumulation },
    { name: "scGrpo", key: "promptsPerStep", what: "completions", size: scGrpo.promptsPerStep * scGrpo.groupSize },
  ];
  for (const { name, key, what, size } of batches) {
    if (size % processes === 0) continue;
    rules.push({
      path: ["stages", name, key],
      message: `expected ${what} of a step that ${processes} processes can share equally, got ${size}.`,
      hint: `Make the batch a multiple of ${processes}, or lower trl.processes.`,
      cures: [],
    });
  }
  return rules;
}

/** What works but has no effect (`config/no-effect`) or is most likely not meant (`config/doubtful`). */
export function adviceOn(config: ExperimentConfig, plain: unknown, places: ProblemPlaces): ConfigProblem[] {
  const advice: ConfigProblem[] = [];
  const isWritten = (path: Path) => valueAt(plain, path) !== undefined;
  const idle = (path: Path, message: string, hint: string, cures: ConfigCure[] = []) => {
    const rule = {
      path,
      message,
      hint,
      cures: [...cures, { kind: "remove" as const, at: path, sure: cures.length === 0 }],
    };
    advice.push(problemOf("config/no-effect", rule, places, "key"));
  };
  const doubt = (path: Path, message: string, hint: string, cures: ConfigCure[]) =>
    advice.push(problemOf("config/doubtful", { path, message, hint, cures }, places));
  for (const name of ["paSft", "scGrpo"] as const) {
    const stage = config.stages[name];
    const at = (key: string): Path => ["stages", name, key];
    if (isWritten(at("steps")) && isWritten(at("epochs"))) {
      idle(at("epochs"), `has no effect, as steps (${stage.steps}) wins.`, "Keep one of the two.");
    }
    if (isWritten(at("lora")) && stage.trainable !== "lora") {
      const at0 = at("trainable");
      const cure: ConfigCure = isWritten(at0)
        ? { kind: "replace", at: at0, text: "lora", sure: false }
        : { kind: "add", at: ["stages", name], key: "trainable", text: "lora", sure: false };
      idle(at("lora"), `has no effect, as trainable is ${stage.trainable}.`, "Set trainable: lora to train adapters.", [
        cure,
      ]);
    }
    if (stage.steps !== undefined && stage.warmupSteps >= stage.steps) {
      const written = isWritten(at("warmupSteps"));
      const text = String(Math.floor(stage.steps / 10));
      const cure: ConfigCure = written
        ? { kind: "replace", at: at("warmupSteps"), text, sure: true }
        : { kind: "add", at: ["stages", name], key: "warmupSteps", text, sure: true };
      doubt(
        at(written ? "warmupSteps" : "steps"),
        `the warm-up takes ${stage.warmupSteps} steps, but the stage has only ${stage.steps}: the full learning rate is never reached.`,
        "A tenth of the steps is common for warmupSteps.",
        [cure],
      );
    }
    if (stage.steps !== undefined && stage.evalEvery > stage.steps) {
      idle(
        at("evalEvery"),
        `is more than the ${stage.steps} steps of the stage: it is never evaluated inside.`,
        "Choose fewer steps.",
      );
    }
    if (isWritten(at("evalSamples")) && stage.evalEvery === 0) {
      idle(at("evalSamples"), "has no effect, as evalEvery is 0.", "Set evalEvery to evaluate inside the stage.");
    }
  }
  if (isWritten(["trl"]) && config.engine !== "trl") {
    idle(["trl"], `has no effect, as engine is ${config.engine ?? "embedded"}.`, "Set engine: trl to train with TRL.", [
      isWritten(["engine"])
        ? { kind: "replace", at: ["engine"], text: "trl", sure: false }
        : { kind: "add", at: [], key: "engine", text: "trl", sure: false },
    ]);
  }
  adviseOnModel(config, plain, doubt);
  adviseOnGroups(config, isWritten, idle, doubt);
  return advice;
}

/** Files of earlier versions write nano for what is called nano-base now. */
function adviseOnModel(
  { model, stages }: ExperimentConfig,
  plain: unknown,
  doubt: (path: Path, message: string, hint: string, cures: ConfigCure[]) => void,
): void {
  if (model.base !== trainedName || model.adapter !== null || valueAt(plain, ["stages", "paSft"]) === undefined) return;
  doubt(
    ["model", "base"],
    `${trainedName} is the trained model: stage 1 would go on from what both stages have taught it${stages.paSft.trainable === "lora" ? "" : ", with its adapter merged in"}.`,
    `Write ${embeddedBaseName} to start with the untrained one, as ${trainedName} did in files of earlier versions.`,
    [{ kind: "replace", at: ["model", "base"], text: embeddedBaseName, sure: true }],
  );
}

/** How many completions there are, and how they are cut into passes. */
function adviseOnGroups(
  config: ExperimentConfig,
  isWritten: (path: Path) => boolean,
  idle: (path: Path, message: string, hint: string, cures?: ConfigCure[]) => void,
  doubt: (path: Path, message: string, hint: string, cures: ConfigCure[]) => void,
): void {
  const { scGrpo } = config.stages;
  const at = (key: string): Path => ["stages", "scGrpo", key];
  const replace = (key: string, text: string, sure = false): ConfigCure => ({
    kind: "replace",
    at: at(key),
    text,
    sure,
  });
  const { groupSize, promptsPerStep, microBatchSize } = scGrpo;
  const completions = groupSize * promptsPerStep;
  if (isWritten(at("groupSize")) && groupSize < 4 && scGrpo.scaleRewards === "group") {
    const what =
      groupSize === 2
        ? "two answers are always judged +0.7 and -0.7, however near they are"
        : "few answers say little about each other";
    doubt(at("groupSize"), `is ${groupSize}: ${what}.`, "4 is the published value, 8 learns more steadily.", [
      replace("groupSize", "4"),
    ]);
  }
  if (isWritten(at("microBatchSize")) && microBatchSize > completions) {
    doubt(
      at("microBatchSize"),
      `is ${microBatchSize}, but a step has ${completions} completions (groupSize ${groupSize} × promptsPerStep ${promptsPerStep}).`,
      "More than a whole step at once is not possible.",
      [replace("microBatchSize", String(completions), true)],
    );
  } else if (microBatchSize < groupSize && (isWritten(at("microBatchSize")) || isWritten(at("groupSize")))) {
    const key = isWritten(at("microBatchSize")) ? "microBatchSize" : "groupSize";
    const cure: ConfigCure =
      key === "microBatchSize"
        ? replace(key, String(groupSize))
        : { kind: "add", at: ["stages", "scGrpo"], key: "microBatchSize", text: String(groupSize), sure: false };
    doubt(
      at(key),
      `leaves ${microBatchSize} completions per pass for groups of ${groupSize}: the prompt of a group is computed ${Math.ceil(groupSize / microBatchSize)} times instead of once.`,
      "A pass that holds a whole group is faster; keep it smaller only to save memory.",
      [cure],
    );
  }
  if (scGrpo.iterations === 1) {
    for (const key of ["epsilonLow", "epsilonHigh"] as const) {
      if (!isWritten(at(key))) continue;
      idle(
        at(key),
        "has no effect with one optimiser step per batch: the ratio is then 1 and never clipped.",
        "Set iterations to 2 or more to use it.",
      );
    }
  }
  if (scGrpo.epsilon >= 0.01) {
    const rename: ConfigCure[] = isWritten(at("epsilonLow"))
      ? []
      : [{ kind: "rename", at: at("epsilon"), to: "epsilonLow", sure: true }];
    doubt(
      at("epsilon"),
      `is ${scGrpo.epsilon}, which is far too large for the divisor of AdamW.`,
      "The clipping range is called epsilonLow here.",
      [...rename, replace("epsilon", "1e-8")],
    );
  }
  if (scGrpo.rewardErrors === "zero") {
    doubt(
      at("rewardErrors"),
      "is zero: a reward that fails teaches the model that its answer was bad.",
      "Old tools do this; skip leaves the answer out.",
      [replace("rewardErrors", "skip", true)],
    );
  }
}

function problemOf(code: string, rule: Rule, places: ProblemPlaces, part: "key" | "value" = "value"): ConfigProblem {
  const path = rule.path.join(".");
  const { message, hint, cures } = rule;
  return {
    ...{ code, path, message: places.withOverride(`${path}: ${message}`, rule.path), hint },
    ...{ ...places.of(rule.path, part), cures },
  };
}

type SynthSource = Extract<DataSource, { kind: "synth" }>;

function isSynth(source: DataSource): source is SynthSource {
  return source.kind === "synth";
}

/** Images of a seed are the same ones, but for the two sides of one split. */
function sharesImages(a: SynthSource, b: SynthSource): boolean {
  if (a.seed !== b.seed) return false;
  const whole = ({ part, limit, repeat, ...images }: SynthSource) => [images, part?.seed, part?.share];
  const areSides = a.part !== undefined && b.part !== undefined && a.part.side !== b.part.side;
  return !(areSides && isDeepStrictEqual(whole(a), whole(b)));
}
