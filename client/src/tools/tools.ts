/**
 * Tools that a language model in the editor's chat may call: look at a picture, read a run or its completions, check a reward file. They
 * look and change nothing: no run is started, no reward code runs that a person has not started, and pictures outside the window's folders
 * stay unseen.
 */
import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import {
  type CancellationToken,
  DiagnosticSeverity,
  type Disposable,
  languages,
  type LanguageModelTool,
  LanguageModelTextPart,
  LanguageModelToolResult,
  lm,
  Uri,
  workspace,
} from "vscode";
import type { Inspection } from "@iad-r1/protocol/inspect";
import * as lsp from "@iad-r1/protocol/lsp";
import type { RunListing } from "@iad-r1/protocol/runs";
import type { Context } from "../context";
import { type ToolName, toolId, tools } from "../contributions";
import { sentence, UserError, wireError } from "../errors";
import type { Models } from "../models";
import * as messages from "../messages";
import { setting } from "../settings";
import {
  chooseCurves,
  type ExportedCurve,
  groupsAtOnce,
  inspectionText,
  rewardText,
  rolloutQuery,
  rolloutsText,
  type RolloutWish,
  runListText,
  runText,
} from "./toolText";

interface Inputs {
  inspectImage: { image: string; model?: string };
  readRun: { run?: string; curves?: string[] };
  checkReward: { file: string };
  readRollouts: RolloutWish & { run?: string; offset?: number };
}

type Invoke<I> = (input: I, token: CancellationToken) => Promise<string>;

export function registerTools(context: Context, models: Models): Disposable[] {
  const table: { [N in ToolName]: Invoke<Inputs[N]> } = {
    inspectImage: (input, token) => inspectImage(context, models, input, token),
    readRun: (input, token) => readRun(context, input, token),
    checkReward: (input) => checkReward(context, input),
    readRollouts: (input, token) => readRollouts(context, input, token),
  };
  return (Object.keys(tools) as ToolName[]).map((name) => {
    const tool: LanguageModelTool<never> = {
      prepareInvocation: () => ({ invocationMessage: messages.toolRuns(name) }),
      async invoke({ input }, token) {
        try {
          if (!context.isTrusted) throw new UserError(messages.notTrusted());
          if (context.connection.state.kind !== "ready") await context.connection.start();
          return new LanguageModelToolResult([new LanguageModelTextPart(await table[name](input, token))]);
        } catch (error) {
          // The model is told why, in words that it can pass on.
          throw new Error(sentence(error), { cause: error });
        }
      },
    };
    return lm.registerTool(toolId(name), tool);
  });
}

/** A file of the window's folders. @throws UserError for any other */
function fileOfWindow(path: string): Uri {
  const folders = workspace.workspaceFolders ?? [];
  for (const { uri } of folders) {
    const file = Uri.file(resolve(uri.fsPath, path));
    if (workspace.getWorkspaceFolder(file) !== undefined) return file;
  }
  throw new UserError(messages.notInWindow(path));
}

// ---- pictures ------------------------------------------------------------------------------------------------------

async function inspectImage(
  context: Context,
  models: Models,
  { image, model }: Inputs["inspectImage"],
  token: CancellationToken,
): Promise<string> {
  const uri = fileOfWindow(image);
  await models.refresh();
  const id = model ?? models.defaultId(uri);
  const [reference] = await context.imageReferences([uri.fsPath]);
  const { job } = await context.connection.request(lsp.startInspection, {
    image: reference!,
    priority: "interactive",
    ...(id === null ? {} : { model: models.reference(id) }),
    temperature: setting("inspect.temperature", uri),
    maxNewTokens: setting("inspect.maxTokens", uri),
  });
  return inspectionText(await resultOf(context, job, token));
}

/** Waits for a job. @throws UserError when it ended without a result */
async function resultOf({ stream, connection }: Context, job: string, token: CancellationToken): Promise<Inspection> {
  const isFinal = (state: string) => ["finished", "failed", "cancelled"].includes(state);
  const cancel = token.onCancellationRequested(() => void connection.request(lsp.cancelJob, { job }).catch(() => {}));
  await new Promise<void>((done) => {
    const finish = () => {
      subscription.dispose();
      done();
    };
    const subscription = stream.subscribe(`inspect/${job}`, {
      snapshot: ({ state }) => isFinal(state) && finish(),
      deltas: (deltas) => deltas.some((each) => each.type === "state" && isFinal(each.state)) && finish(),
      end: finish,
    });
  });
  cancel.dispose();
  const { result, error } = await connection.request(lsp.showJob, { job });
  if (result === null) throw new UserError(error?.message ?? messages.unknownFailure());
  return result;
}

// ---- runs ----------------------------------------------------------------------------------------------------------

async function readRun(
  context: Context,
  { run, curves: wanted = [] }: Inputs["readRun"],
  token: CancellationToken,
): Promise<string> {
  const { connection } = context;
  const runs = await connection.request(lsp.listRuns);
  if (run === undefined) return runListText(runs);
  const found = named(runs, run);
  const details = await connection.request(lsp.showRun, { run: found.id }, token);
  const exported = await connection.request(lsp.exportRun, { run: found.id, format: "json" }, token);
  const file = "made" in exported ? await context.madeFile(exported.made) : Uri.file(exported.file);
  const { series } = JSON.parse(await readFile(file.fsPath, "utf8")) as { series: ExportedCurve[] };
  const names = series.map(({ stage, name }) => `${stage} ${name}`);
  return runText(details, chooseCurves(series, wanted), names);
}

/** @throws UserError where there is none of this name */
function named(runs: readonly RunListing[], name: string): RunListing {
  const found = name === "newest" ? runs[0] : runs.find(({ id }) => id === name || id.endsWith(name));
  if (found === undefined) throw new UserError(messages.noSuchRun(name));
  return found;
}

async function readRollouts(
  { connection }: Context,
  { run, offset = 0, ...wish }: Inputs["readRollouts"],
  token: CancellationToken,
): Promise<string> {
  const runs = await connection.request(lsp.listRuns);
  // Only runs that learn from rewards record completions.
  const { id } = named(
    run === undefined ? runs.filter(({ kind }) => kind === "sc-grpo" || kind === "post-train") : runs,
    run ?? "newest",
  );
  const source = { kind: "run", run: id } as const;
  const query = rolloutQuery(wish);
  const from = Math.max(0, Math.trunc(offset));
  const params = { source, query, offset: from, limit: groupsAtOnce };
  const page = await connection.request(lsp.rolloutGroups, params, token);
  const groups = await Promise.all(
    page.rows.map(({ step, group }) => connection.request(lsp.rolloutGroup, { source, query, step, group }, token)),
  );
  return rolloutsText(id, page.total, from, groups);
}

// ---- rewards -------------------------------------------------------------------------------------------------------

const severities = {
  [DiagnosticSeverity.Error]: "error",
  [DiagnosticSeverity.Warning]: "warning",
  [DiagnosticSeverity.Information]: "information",
  [DiagnosticSeverity.Hint]: "hint",
};

async function checkReward({ connection }: Context, { file }: Inputs["checkReward"]): Promise<string> {
  const uri = fileOfWindow(file);
  // The server checks files that are open, also when no editor shows them.
  await workspace.openTextDocument(uri);
  const all = await connection.request(lsp.listRewards);
  const own = all.filter((reward) => Uri.parse(reward.uri).toString() === uri.toString());
  if (own.length === 0) throw new UserError(messages.noRewardIn(file));
  const rewards = [];
  for (const { name } of own) {
    const report = await connection
      .request(lsp.rewardReport, { uri: uri.toString(), function: name })
      .catch((error: unknown) => {
        if (wireError(error)?.code === "reward/no-report") return null;
        throw error;
      });
    rewards.push({ name, report });
  }
  const problems = languages
    .getDiagnostics(uri)
    .filter(({ source }) => source?.startsWith("IAD-R1"))
    .map(({ range, severity, code, message }) => ({
      ...{ line: range.start.line + 1, severity: severities[severity] },
      ...{ code: String(typeof code === "object" ? code.value : (code ?? "")), message },
    }));
  return rewardText(workspace.asRelativePath(uri), rewards, problems);
}
