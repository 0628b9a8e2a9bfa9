/** Commands that start, stop and look at runs. Every one says what it acts on and asks where there is a choice. */
import { basename, join } from "node:path";
import { Uri, ViewColumn, window, workspace } from "vscode";
import * as lsp from "@iad-r1/protocol/lsp";
import type { RunComparison, RunEstimate, RunListing } from "@iad-r1/protocol/runs";
import type { dashboardPanel } from "@iad-r1/protocol/webview";
import { duration, memory, percent } from "../durations";
import { UserError } from "../errors";
import { chooseFolder, unsavedText } from "../projects";
import { plain, table } from "../reports";
import { isFinal } from "../runs/runStore";
import { setting } from "../settings";
import { missing, type RunNode } from "../views/runsTree";
import { describeRun, evaluatedName, stageName } from "../views/statusItem";
import * as messages from "../messages";
import { chooseFile } from "../panels/saveFile";
import { withProgress } from "./progress";
import { checkList } from "./project";
import type { Parts } from "./types";

// ---- which run -----------------------------------------------------------------------------------------------------

/** The run that a command was given: its id, or a node of the tree. */
export function givenRun(target: unknown): string | undefined {
  if (typeof target === "string") return target;
  if (typeof target === "object" && target !== null && "id" in target && typeof target.id === "string")
    return target.id;
  return undefined;
}

async function chooseRun(
  { context, runsTree }: Parts,
  target: unknown,
  applies: (run: RunListing) => boolean,
): Promise<string | undefined> {
  const given = givenRun(target);
  if (given !== undefined) return given;
  if (!context.runs.isKnown) context.runs.replace(await context.connection.request(lsp.listRuns));
  const fitting = context.runs.all.filter(applies);
  const selected = runsTree.selectedRuns.filter((id) => fitting.some((run) => run.id === id));
  if (selected.length === 1) return selected[0];
  if (fitting.length === 0) throw new UserError(messages.noRuns());
  if (fitting.length === 1) return fitting[0]!.id;
  return (await window.showQuickPick(fitting.map(runChoice), { ignoreFocusOut: true, title: messages.pickRun() }))?.id;
}

function runChoice(run: RunListing) {
  return { id: run.id, label: run.project, description: run.id, detail: describeRun(run).join(" · ") };
}

const always = () => true;
const goesOn = (run: RunListing) => !isFinal(run);

// ---- start ---------------------------------------------------------------------------------------------------------

type Kind = lsp.StartRunParams["kind"];

async function chooseExperiment({ projects }: Parts, kind: Kind): Promise<lsp.StartRunParams | undefined> {
  const config = await projects.choose();
  if (config === undefined) return undefined;
  const text = unsavedText(config);
  return { kind, configFile: config.fsPath, ...(text === undefined ? {} : { text }) };
}

/**
 * The second stage goes on from what the first has left: offers the models of finished PA-SFT stages, newest first. Answers with settings
 * to override; undefined when the question was left.
 */
async function chooseStart({ context, models }: Parts): Promise<string[] | undefined> {
  await models.refresh();
  const createdMs = (run: string | null) => context.runs.get(run ?? "")?.createdMs ?? 0;
  const taught = models.all
    .filter(({ source, stage, step }) => source === "run" && stage === "pa-sft" && step === null)
    .sort((a, b) => createdMs(b.run) - createdMs(a.run));
  if (taught.length === 0) return [];
  const items = [
    ...taught.map(({ title, run, balancedAccuracy, reference }) => ({
      ...{ label: title, detail: run ?? "", reference },
      description: balancedAccuracy === null ? "" : messages.accuracyOf(percent(balancedAccuracy)),
    })),
    { label: messages.modelOfConfig(), detail: "", description: "", reference: null },
  ];
  const chosen = await window.showQuickPick(items, { ignoreFocusOut: true, title: messages.pickStart() });
  if (chosen === undefined) return undefined;
  if (chosen.reference === null) return [];
  const { base, adapter } = chosen.reference;
  return [`model.base=${JSON.stringify(base)}`, `model.adapter=${JSON.stringify(adapter)}`];
}

/** Findings that shall hold the run, when the person's settings say so. */
export function pauseOverrides(kind: Kind, configFile: string): string[] {
  const pauseOn = setting("training.pauseOn", Uri.file(configFile));
  return pauseOn.length === 0 || kind === "pa-sft" ? [] : [`stages.scGrpo.pauseOn=${JSON.stringify(pauseOn)}`];
}

/** Checks everything, starts, and shows the curves. */
export function startRun(kind: Kind) {
  return async (parts: Parts): Promise<void> => {
    const { context, dashboards } = parts;
    const experiment = await chooseExperiment(parts, kind);
    if (experiment === undefined) return;
    const start = kind === "sc-grpo" ? await chooseStart(parts) : [];
    if (start === undefined) return;
    const params = { ...experiment, overrides: [...start, ...pauseOverrides(kind, experiment.configFile)] };
    const { checks } = await withProgress(messages.preflighting(), (token) =>
      context.connection.request(lsp.preflightRun, params, token),
    );
    const faults = checks.filter(({ status }) => status === "problem");
    if (faults.length > 0) {
      const title = messages.preflightReport(basename(params.configFile));
      await context.reports.show(title, `# ${plain(title)}\n\n${checkList(checks)}\n`);
      const answer = await window.showWarningMessage(
        messages.preflightFailed(faults.length),
        { modal: true, detail: faults.map(({ name, evidence }) => `${name}: ${evidence}`).join("\n") },
        messages.startAnyway(),
      );
      if (answer === undefined) return;
    }
    const { run } = await withProgress(messages.startingRun(), (token) =>
      context.connection.request(lsp.startRun, params, token),
    );
    context.log.info(messages.runStarted(run));
    dashboards.show([run]);
  };
}

export async function preflight(parts: Parts): Promise<void> {
  const params = await chooseExperiment(parts, "post-train");
  if (params === undefined) return;
  const { ok, checks } = await withProgress(messages.preflighting(), (token) =>
    parts.context.connection.request(lsp.preflightRun, params, token),
  );
  const title = messages.preflightReport(basename(params.configFile));
  const faults = checks.filter(({ status }) => status === "problem").length;
  const verdict = ok ? messages.preflightPassed() : messages.preflightFailed(faults);
  await parts.context.reports.show(title, `# ${plain(title)}\n\n**${plain(verdict)}**\n\n${checkList(checks)}\n`);
}

export async function estimate(parts: Parts): Promise<void> {
  const params = await chooseExperiment(parts, "post-train");
  if (params === undefined) return;
  const result = await withProgress(messages.estimating(), (token) =>
    parts.context.connection.request(lsp.estimateRun, params, token),
  );
  await parts.context.reports.show(messages.estimateTitle(), estimateText(result));
}

function estimateText({ memory: needed, seconds, stages, basis }: RunEstimate): string {
  const rows = needed.stages.map(({ stage, weightsBytes, optimizerBytes, activationsBytes, cacheBytes }) => {
    const time = stages.find((each) => each.stage === stage);
    return [
      ...[stageName(stage), String(time?.steps ?? ""), time?.seconds == null ? "–" : duration(time.seconds)],
      ...[weightsBytes, optimizerBytes, activationsBytes, cacheBytes].map(memory),
    ];
  });
  const head = [
    ...[messages.stageColumn(), messages.stepsColumn(), messages.timeColumn(), messages.weightsColumn()],
    ...[messages.optimizerColumn(), messages.activationsColumn(), messages.cacheColumn()],
  ];
  return [
    `# ${plain(messages.estimateTitle())}`,
    `**${plain(messages.memoryLine(memory(needed.peakBytes), memory(needed.availableBytes)))}**`,
    ...(needed.fits ? [] : [plain(messages.memoryTooLittle())]),
    `**${plain(seconds === null ? messages.durationUnknown() : messages.durationLine(duration(seconds)))}**`,
    table(head, rows),
    `## ${plain(messages.basisHeading())}`,
    basis.map((line) => `- ${plain(line)}`).join("\n"),
  ].join("\n\n");
}

// ---- control -------------------------------------------------------------------------------------------------------

export function stopRun(when: "after-step" | "now") {
  return async (parts: Parts, target?: unknown): Promise<void> => {
    const run = await chooseRun(parts, target, goesOn);
    if (run === undefined) return;
    if (when === "now") {
      const text = messages.confirmStopNow(run);
      const answer = await window.showWarningMessage(text, { modal: true }, messages.stopNow());
      if (answer === undefined) return;
    }
    await parts.context.connection.request(lsp.stopRun, { run, when });
  };
}

export async function pauseRun(parts: Parts, target?: unknown): Promise<void> {
  const run = await chooseRun(parts, target, ({ state }) => state === "running");
  if (run !== undefined) await parts.context.connection.request(lsp.pauseRun, { run });
}

export async function resumeRun(parts: Parts, target?: unknown): Promise<void> {
  const canGoOn = ({ state }: RunListing) => state === "paused" || state === "stopped" || state === "failed";
  const run = await chooseRun(parts, target, canGoOn);
  if (run === undefined) return;
  const resumed = await parts.context.connection.request(lsp.resumeRun, { run });
  parts.dashboards.show([resumed.run]);
}

/**
 * Goes on with the reward files as they are now. What is typed and not saved belongs to the correction: it is saved first, as a run reads
 * files. A version that cannot score is refused by the run, which then waits again and says why.
 */
export async function resumeWithRewards(parts: Parts, target?: unknown): Promise<void> {
  const canGoOn = ({ state }: RunListing) => state === "paused" || state === "stopped" || state === "failed";
  const run = await chooseRun(parts, target, canGoOn);
  if (run === undefined) return;
  const { manifest } = await parts.context.connection.request(lsp.showRun, { run });
  const files = new Set((manifest.rewardLineage?.at(-1)?.rewards ?? []).flatMap(({ file }) => file ?? []));
  if (files.size === 0) throw new UserError(messages.noOwnRewardsInRun(run));
  for (const document of workspace.textDocuments) {
    const isUnsaved = document.isDirty && files.has(document.uri.fsPath);
    if (isUnsaved && !(await document.save())) throw new UserError(messages.notSaved(basename(document.uri.fsPath)));
  }
  const resumed = await parts.context.connection.request(lsp.resumeRun, { run, exchangeRewards: true });
  parts.dashboards.show([resumed.run]);
}

export async function forkRun(parts: Parts, target?: unknown): Promise<void> {
  const chosen = await chooseCheckpoint(parts, target);
  if (chosen === undefined) return;
  const forked = await parts.context.connection.request(lsp.forkRun, chosen);
  parts.dashboards.show([forked.run]);
}

/** Lets a checkpoint answer the held-out pictures of its experiment: a run of its own that trains nothing. */
export async function evaluateCheckpoint(parts: Parts, target?: unknown): Promise<void> {
  const chosen = await chooseCheckpoint(parts, target);
  if (chosen === undefined) return;
  const evaluated = await withProgress(messages.startingRun(), (token) =>
    parts.context.connection.request(lsp.forkRun, { ...chosen, kind: "evaluate" }, token),
  );
  parts.dashboards.show([evaluated.run]);
}

async function chooseCheckpoint(
  parts: Parts,
  target: unknown,
): Promise<{ run: string; checkpoint: string } | undefined> {
  const node = target as RunNode | undefined;
  const run = await chooseRun(parts, target, always);
  if (run === undefined) return undefined;
  let checkpoint = typeof node === "object" && node?.kind === "checkpoint" ? node.checkpoint.path : undefined;
  if (checkpoint === undefined) {
    const { checkpoints } = await parts.context.connection.request(lsp.showRun, { run });
    if (checkpoints.length === 0) throw new UserError(messages.noCheckpoints(run));
    const items = checkpoints.map(({ path, stage, step, balancedAccuracy, best }) => ({
      label: messages.forkStep(step, stageName(stage)),
      description: [balancedAccuracy === null ? "" : `${percent(balancedAccuracy)} %`, best ? messages.best() : ""]
        .filter((part) => part !== "")
        .join(" · "),
      path,
    }));
    checkpoint = (await window.showQuickPick(items, { ignoreFocusOut: true, title: messages.pickCheckpoint() }))?.path;
  }
  return checkpoint === undefined ? undefined : { run, checkpoint };
}

/** Curves that another trainer wrote become a run that can be looked at and compared. */
export async function importRun({ context, dashboards }: Parts): Promise<void> {
  const folder = await chooseFolder();
  if (folder === undefined) return;
  const [file] =
    (await window.showOpenDialog({
      ...{ title: messages.pickCurves(), openLabel: messages.importAction(), defaultUri: folder },
    })) ?? [];
  if (file === undefined) return;
  const { run } = await withProgress(messages.importing(), (token) =>
    context.connection.request(lsp.importRun, { path: file.fsPath, projectFolder: folder.fsPath }, token),
  );
  dashboards.show([run]);
}

export async function deleteRun(parts: Parts, target?: unknown): Promise<void> {
  const run = await chooseRun(parts, target, isFinal);
  if (run === undefined) return;
  const answer = await window.showWarningMessage(messages.confirmDelete(run), { modal: true }, messages.deleteRun());
  if (answer !== undefined) await parts.context.connection.request(lsp.deleteRun, { run });
}

// ---- look ----------------------------------------------------------------------------------------------------------

export async function openDashboard(parts: Parts, target?: unknown): Promise<void> {
  const run = await chooseRun(parts, target, always);
  if (run !== undefined) parts.dashboards.show([run]);
}

/** Does what a button of the dashboard in front does. */
export function inDashboard(name: (typeof dashboardPanel)["commands"][number]) {
  return ({ dashboards }: Parts): void => {
    const { active } = dashboards;
    if (active === null) throw new UserError(messages.noDashboard());
    active.command(name);
  };
}

/** Curves of several runs over each other, and what they reached in a table. */
export async function compareRuns(parts: Parts, target?: unknown, all?: unknown): Promise<void> {
  const { context, dashboards } = parts;
  if (!context.runs.isKnown) context.runs.replace(await context.connection.request(lsp.listRuns));
  let runs = Array.isArray(all) ? all.flatMap((node) => givenRun(node) ?? []) : [];
  if (runs.length < 2) {
    const preferred = givenRun(target);
    const known = context.runs.all;
    if (known.length === 0) throw new UserError(messages.noRuns());
    const items = known.map((run) => ({ ...runChoice(run), picked: run.id === preferred || known.length === 1 }));
    const chosen = await window.showQuickPick(items, {
      ignoreFocusOut: true,
      title: messages.pickRuns(),
      canPickMany: true,
    });
    if (chosen === undefined || chosen.length === 0) return;
    runs = chosen.map(({ id }) => id);
  }
  const comparison = await context.connection.request(lsp.compareRuns, { runs: [...new Set(runs)] });
  dashboards.show(comparison.runs);
  await context.reports.show(messages.comparisonTitle(runs.length), comparisonText(comparison));
}

function comparisonText({ runs, evaluations, differences }: RunComparison): string {
  const head = [
    ...[messages.runColumn(), messages.modelColumn(), messages.balancedColumn()],
    ...[messages.falseAlarmColumn(), messages.missedColumn(), messages.unparsedColumn()],
  ];
  const rows = evaluations.map(({ run, label, report }) => [
    ...[run, evaluatedName(label), `${percent(report.balancedAccuracy)} %`],
    `${percent(missing(report.normalAccuracy))} %`,
    `${percent(missing(report.anomalousAccuracy))} %`,
    `${percent(report.unparsed)} %`,
  ]);
  const settings = differences.map(({ key, values }) => [
    key,
    ...values.map((value) => (value === null ? "–" : typeof value === "string" ? value : JSON.stringify(value))),
  ]);
  return [
    `# ${plain(messages.comparisonTitle(runs.length))}`,
    rows.length === 0 ? plain(messages.noEvaluations()) : table(head, rows),
    ...(settings.length === 0
      ? []
      : [`## ${plain(messages.settingsDiffer())}`, table([messages.settingColumn(), ...runs], settings)]),
  ].join("\n\n");
}

const formats: readonly { format: lsp.ExportFormat; extension: string }[] = [
  { format: "csv", extension: "csv" },
  { format: "json", extension: "json" },
  { format: "parquet", extension: "parquet" },
  { format: "svg", extension: "svg" },
  { format: "png", extension: "png" },
  { format: "tensorboard", extension: "" },
];

export async function exportCurves(parts: Parts, target?: unknown): Promise<void> {
  const run = await chooseRun(parts, target, always);
  if (run === undefined) return;
  const items = formats.map(({ format, extension }) => ({
    label: format === "tensorboard" ? "TensorBoard" : format.toUpperCase(),
    description: extension === "" ? messages.folderOfFiles() : `.${extension}`,
    ...{ format, extension },
  }));
  const chosen = await window.showQuickPick(items, { ignoreFocusOut: true, title: messages.pickFormat() });
  if (chosen === undefined) return;
  const { context } = parts;
  const out = await chooseFile(chosen.extension === "" ? `${run}-tensorboard` : `${run}.${chosen.extension}`);
  if (out === undefined) return;
  await withProgress(messages.exporting(), async (token) => {
    const params = { run, format: chosen.format };
    await context.exportTo(out, (to) => context.connection.request(lsp.exportRun, { ...params, ...to }, token));
  });
  void window.showInformationMessage(messages.exported(workspace.asRelativePath(out)));
}

/**
 * A file of a run on this machine's disk. The report is made anew, apart from the run folder: that may be read-only, and its own report may
 * hold what only the command that wrote it knew.
 */
async function runFile({ context }: Parts, run: string, format: "html" | "journal"): Promise<Uri> {
  const folder = context.remote === null ? context.runs.get(run)?.folder : undefined;
  if (format === "journal" && folder !== undefined) return Uri.file(join(folder, "events.jsonl"));
  const written = await withProgress(messages.makingReport(), (token) =>
    context.connection.request(lsp.exportRun, { run, format }, token),
  );
  return "made" in written ? context.madeFile(written.made) : Uri.file(written.file);
}

/** The report of a run as a page, in a panel that runs no script. */
export async function openReport(parts: Parts, target?: unknown): Promise<void> {
  const run = await chooseRun(parts, target, isFinal);
  if (run === undefined) return;
  const html = new TextDecoder().decode(await workspace.fs.readFile(await runFile(parts, run, "html")));
  const panel = window.createWebviewPanel("iadr1.report", messages.reportTitle(run), ViewColumn.Active, {
    enableScripts: false,
    localResourceRoots: [],
  });
  panel.webview.html = html;
}

export async function openRunFolder(parts: Parts, target?: unknown): Promise<void> {
  const run = await chooseRun(parts, target, always);
  if (run === undefined) return;
  if (parts.context.remote !== null && parts.context.connection.state.kind !== "ready")
    await parts.context.connection.start();
  await window.showTextDocument(await runFile(parts, run, "journal"), { preview: true });
}

export async function refreshRuns({ runsTree }: Parts): Promise<void> {
  await runsTree.refresh();
}
