/** Commands of the reward debugger: which rollouts, running code, probes, a debugger in a reward, new reward files. */
import { join } from "node:path";
import { debug, env, extensions, Location, Position, Range, SourceBreakpoint, Uri, window, workspace } from "vscode";
import * as lsp from "@iad-r1/protocol/lsp";
import type { DebugLaunch, RewardFunctionListing, RewardScope, RolloutKey } from "@iad-r1/protocol/rewardDebugger";
import { UserError } from "../errors";
import * as messages from "../messages";
import { chooseFolder, isFree } from "../projects";
import { plain, table } from "../reports";
import { pythonTemplate, typescriptTemplate } from "../rewards/templates";
import { setting } from "../settings";
import { withProgress } from "./progress";
import { chooseSource } from "./rollouts";
import type { Parts } from "./types";

/** From a link in a hover, a lens, or another command. */
interface RewardTarget {
  uri: string;
  function: string;
  rollout?: RolloutKey;
}

export async function startLiveValues({ live }: Parts): Promise<void> {
  await live.start();
}

export async function stopLiveValues({ live }: Parts): Promise<void> {
  await live.stop();
}

export async function toggleLiveValues({ live }: Parts): Promise<void> {
  await (live.isOn ? live.stop() : live.start());
}

/** Source, steps and filter, one question after the other. */
export async function selectRewardScope(parts: Parts): Promise<void> {
  const { connection } = parts.context;
  const source = await chooseSource(parts);
  if (source === undefined) return;
  const { sources } = await connection.request(lsp.rewardScopeChoices);
  const chosen = sources.find((one) => JSON.stringify(one.source) === JSON.stringify(source));
  const steps = await chooseSteps(chosen?.steps ?? []);
  if (steps === undefined) return;
  const filters: { label: string; filter: RewardScope["filter"] }[] = [
    { label: messages.filterAll(), filter: "all" },
    { label: messages.filterFailing(), filter: "failing" },
    { label: messages.filterFlat(), filter: "zero-variance" },
  ];
  const filter = await window.showQuickPick(filters, { title: messages.pickFilter(), ignoreFocusOut: true });
  if (filter === undefined) return;
  const change = { source, steps: steps.steps, filter: filter.filter, pinned: null };
  await connection.request(lsp.setRewardScope, change);
}

async function chooseSteps(known: readonly number[]): Promise<{ steps: RewardScope["steps"] } | undefined> {
  const [first, last] = [known[0], known.at(-1)];
  if (first === undefined || last === undefined || first === last) return { steps: null };
  const items = [
    { label: messages.lastSteps(), steps: null, isOther: false },
    { label: messages.allSteps(first, last), steps: { from: first, to: last }, isOther: false },
    { label: messages.otherSteps(), steps: null, isOther: true },
  ];
  const chosen = await window.showQuickPick(items, { title: messages.pickSteps(), ignoreFocusOut: true });
  if (chosen === undefined || !chosen.isOther) return chosen;
  const typed = await window.showInputBox({
    ...{ title: messages.askSteps(first, last), value: `${first}-${last}`, ignoreFocusOut: true },
    validateInput: (value) => (/^\s*\d+\s*(-\s*\d+\s*)?$/.test(value) ? undefined : messages.stepsWrong()),
  });
  if (typed === undefined) return undefined;
  const [from, to = from] = typed.split("-").map(Number) as [number, number?];
  return { steps: { from: Math.min(from, to), to: Math.max(from, to) } };
}

/** Other rollouts for the reward of a lens. */
export async function scoreWith(parts: Parts, target?: unknown): Promise<void> {
  await selectRewardScope(parts);
  const reward = isTarget(target) ? target : null;
  if (reward !== null && parts.live.isOn) {
    await parts.context.connection.request(lsp.rescoreReward, { uri: reward.uri });
  }
}

export async function rescoreRollouts({ context, live }: Parts): Promise<void> {
  const uri = window.activeTextEditor?.document.uri;
  if (uri === undefined) throw new UserError(messages.noReward());
  if (!(await live.mayRun())) return;
  await context.connection.request(lsp.rescoreReward, { uri: uri.toString() });
}

export async function pinRollout({ context }: Parts, target?: unknown): Promise<void> {
  const rollout = isTarget(target) ? (target.rollout ?? null) : null;
  if (rollout !== null) {
    await context.connection.request(lsp.setRewardScope, { pinned: rollout });
    return;
  }
  const state = await context.connection.request(lsp.rewardScope);
  if (state.scope.pinned === null) throw new UserError(messages.pinFromExplorer());
  await context.connection.request(lsp.setRewardScope, { pinned: null });
}

export async function probeReward(parts: Parts, target?: unknown): Promise<void> {
  const { context, live } = parts;
  const reward = await chooseReward(parts, target);
  if (reward === undefined || !(await live.mayRun())) return;
  const { probes } = await withProgress(messages.probing(reward.function), (token) =>
    context.connection.request(lsp.probeReward, reward, token),
  );
  if (probes.length === 0) throw new UserError(messages.noProbes());
  const head = [messages.probeColumn(), messages.scoreColumn(), messages.expectedColumn(), messages.resultColumn()];
  const rows = probes.map(({ title, score, status, expectation, passed, finding }) => [
    title,
    score === null
      ? status === "na"
        ? messages.notApplicable()
        : messages.scoreFailed()
      : String(Number(score.toPrecision(4))),
    expectation,
    passed ? "✓" : `✘ ${finding ?? ""}`,
  ]);
  const title = messages.probeReport(reward.function);
  const failing = probes.filter(({ passed }) => !passed).length;
  await context.reports.show(
    title,
    [`# ${plain(title)}`, plain(messages.probeSummary(probes.length, failing)), table(head, rows)].join("\n\n"),
  );
}

export async function copyRewardReport(parts: Parts, target?: unknown): Promise<void> {
  const reward = await chooseReward(parts, target);
  if (reward === undefined) return;
  const { markdown } = await parts.context.connection.request(lsp.rewardReport, reward);
  await env.clipboard.writeText(markdown);
  window.setStatusBarMessage(messages.copied(reward.function), 4000);
}

/** Stops a debugger in the reward with the rollout's arguments. */
export async function debugRollout(parts: Parts, target?: unknown): Promise<void> {
  const { context, live } = parts;
  const reward = await chooseReward(parts, target);
  if (reward === undefined || !(await live.mayRun())) return;
  const rollout = isTarget(target) ? target.rollout : undefined;
  const launch = await context.connection.request(lsp.debugReward, {
    ...reward,
    ...(rollout !== undefined && { rollout }),
  });
  const clean = () => void context.connection.request(lsp.endRewardDebug, { session: launch.session }).catch(() => {});
  const { path, line } = launch.breakpoint;
  const place = new Location(Uri.file(path), new Position(line, 0));
  const known = debug.breakpoints.some(
    (one) =>
      one instanceof SourceBreakpoint &&
      one.enabled &&
      one.location.uri.fsPath === place.uri.fsPath &&
      one.location.range.start.line === line,
  );
  const breakpoint = new SourceBreakpoint(place);
  if (!known) debug.addBreakpoints([breakpoint]);
  await window.showTextDocument(place.uri, { selection: new Range(line, 0, line, 0), preserveFocus: true });
  const name = messages.debugName(reward.function);
  const ended = debug.onDidTerminateDebugSession((session) => {
    if (session.name !== name || session.parentSession !== undefined) return;
    ended.dispose();
    if (!known) debug.removeBreakpoints([breakpoint]);
    clean();
  });
  const isStarted = await debug.startDebugging(workspace.getWorkspaceFolder(place.uri), configurationOf(name, launch));
  if (isStarted) return;
  ended.dispose();
  if (!known) debug.removeBreakpoints([breakpoint]);
  clean();
  throw new UserError(messages.noDebugger(launch.language === "python" ? "Python" : "JavaScript"));
}

/** @throws UserError where VS Code has no debugger for the language */
function configurationOf(name: string, { language, program, args, runtimeArgs, cwd }: DebugLaunch) {
  if (language === "python") {
    const has = ["ms-python.debugpy", "ms-python.python"].some((id) => extensions.getExtension(id) !== undefined);
    if (!has) throw new UserError(messages.noPythonDebugger());
    return {
      ...{ name, type: "debugpy", request: "launch", program, args, cwd },
      console: "internalConsole",
      justMyCode: false,
    };
  }
  const node = setting("server.command");
  return {
    ...{ name, type: "node", request: "launch", program, args, cwd, console: "internalConsole" },
    runtimeArgs,
    ...(node !== "" && { runtimeExecutable: node }),
    // The reward is loaded under its own address with blanks for its types: what differs from the file must not make the debugger show a copy.
    ...{
      sourceMaps: false,
      enableContentValidation: false,
      outFiles: [],
      skipFiles: ["<node_internals>/**", `${join(program, "..")}/**`],
    },
  };
}

/** Lets a model answer some prompts several times; the answers become the scope. */
export async function sampleRollouts({ context, projects, models, explorers }: Parts): Promise<void> {
  const config = await projects.choose();
  if (config === undefined) return;
  const { sets } = await context.connection.request(lsp.projectData, { configFile: config.fsPath });
  const withFiles = sets.flatMap(({ name, path }) => (path === null ? [] : [{ label: name, description: path, path }]));
  const data =
    withFiles.length === 1
      ? withFiles[0]
      : await window.showQuickPick(withFiles, { title: messages.pickData(), ignoreFocusOut: true });
  if (data === undefined) {
    if (withFiles.length === 0) throw new UserError(messages.noSampleData());
    return;
  }
  await models.refresh();
  const model = await window.showQuickPick(
    models.all.map(({ id, title }) => ({ label: title, description: id, id })),
    { title: messages.pickSampled(), ignoreFocusOut: true },
  );
  if (model === undefined) return;
  const { path, numRollouts } = await withProgress(messages.sampling(), (token) =>
    context.connection.request(
      lsp.sampleRewardRollouts,
      { folder: Uri.joinPath(config, "..").fsPath, data: data.path, model: model.id, prompts: 8, groupSize: 8 },
      token,
    ),
  );
  const source = { kind: "file" as const, path };
  await context.connection.request(lsp.setRewardScope, { source });
  // Who came from a reward goes on there: its hovers speak of the new rollouts now.
  const isInReward = /^(typescript|javascript|python)$/.test(window.activeTextEditor?.document.languageId ?? "");
  if (!isInReward) return explorers.show(source);
  const show = messages.showInExplorer();
  void window.showInformationMessage(messages.sampled(numRollouts), show).then((chosen) => {
    if (chosen === show) explorers.show(source);
  });
}

export async function newRewardFile(): Promise<void> {
  const folder = await chooseFolder();
  if (folder === undefined) return;
  const languages = [
    { label: "TypeScript", description: "*.reward.ts", isPython: false },
    { label: "Python", description: messages.trlSignature(), isPython: true },
  ];
  const language = await window.showQuickPick(languages, { title: messages.pickLanguage(), ignoreFocusOut: true });
  if (language === undefined) return;
  const name = await window.showInputBox({
    ...{ title: messages.askRewardName(), value: "location", ignoreFocusOut: true },
    validateInput: (value) => (/^[A-Za-z_]\w{0,60}$/.test(value) ? undefined : messages.rewardNameWrong()),
  });
  if (name === undefined) return;
  const file = Uri.joinPath(folder, "rewards", language.isPython ? `${name}.reward.py` : `${name}.reward.ts`);
  if (!(await isFree(file))) throw new UserError(messages.configExists(workspace.asRelativePath(file)));
  const text = language.isPython ? pythonTemplate(name) : typescriptTemplate(name);
  await workspace.fs.writeFile(file, new TextEncoder().encode(text));
  await window.showTextDocument(file);
}

/** The reward of a link, of the cursor, or the one that a person chooses. */
async function chooseReward(
  { context }: Parts,
  target: unknown,
): Promise<{ uri: string; function: string } | undefined> {
  if (isTarget(target)) return { uri: target.uri, function: target.function };
  const rewards = await context.connection.request(lsp.listRewards);
  const editor = window.activeTextEditor;
  const here = rewards.filter(({ uri }) => Uri.parse(uri).toString() === editor?.document.uri.toString());
  const candidates = here.length > 0 ? here : rewards;
  const above = here.filter(({ line }) => line <= (editor?.selection.active.line ?? 0)).at(-1);
  const chosen = above ?? (candidates.length === 1 ? candidates[0] : await pickReward(candidates));
  return chosen === undefined ? undefined : { uri: chosen.uri, function: chosen.name };
}

async function pickReward(rewards: readonly RewardFunctionListing[]): Promise<RewardFunctionListing | undefined> {
  if (rewards.length === 0) throw new UserError(messages.noReward());
  const items = rewards.map((reward) => ({
    ...{ label: reward.name, description: workspace.asRelativePath(Uri.parse(reward.uri)), reward },
  }));
  return (await window.showQuickPick(items, { title: messages.pickReward(), ignoreFocusOut: true }))?.reward;
}

function isTarget(target: unknown): target is RewardTarget {
  if (typeof target !== "object" || target === null) return false;
  const { uri, function: name } = target as Partial<RewardTarget>;
  return typeof uri === "string" && typeof name === "string";
}
