/**
 * Where VS Code enters. It registers what the manifest promises and returns; the server starts on first need, and that need is there at once
 * only where the folder has an experiment and is trusted.
 */
import { type ExtensionContext, Uri, window, workspace } from "vscode";
import { failureReporter, registerCommands } from "./commands/register";
import { chooseSource, exploreRollouts } from "./commands/rollouts";
import { forkRun, openReport, openRunFolder, pauseRun, resumeRun, resumeWithRewards, stopRun } from "./commands/runs";
import type { Parts } from "./commands/types";
import { Context } from "./context";
import { dashboardViewType, explorerViewType, imageInspectorViewType, runEditorViewType } from "./contributions";
import { UserError } from "./errors";
import { Models } from "./models";
import { notifyOfAlerts, notifyOfRuns, notifyOfServer } from "./notifications";
import { DashboardPanels, type RunActions } from "./panels/dashboardPanel";
import { ExplorerPanels } from "./panels/explorerPanel";
import { Inspectors } from "./panels/inspectors";
import { Projects } from "./projects";
import { LiveValues } from "./rewards/liveValues";
import { ReachDecorations } from "./rewards/reachDecorations";
import { RewardTests } from "./rewards/rewardTests";
import { RunFindings } from "./rewards/runFindings";
import { provideTasks } from "./tasks/runTasks";
import { registerTools } from "./tools/tools";
import { DataTree } from "./views/dataTree";
import { RewardScopeItem } from "./views/rewardScopeItem";
import { RewardsTree } from "./views/rewardsTree";
import { RunsTree } from "./views/runsTree";
import { StatusItem } from "./views/statusItem";
import * as messages from "./messages";

let context: Context | null = null;

export function activate(extension: ExtensionContext): void {
  const startedMs = performance.now();
  const startedCpu = process.cpuUsage();
  try {
    context = new Context(extension);
    wire(context);
    const { user, system } = process.cpuUsage(startedCpu);
    const wallMs = (performance.now() - startedMs).toFixed(0);
    context.log.info(`Activated in ${wallMs} ms, ${((user + system) / 1000).toFixed(0)} ms of work`);
  } catch (error) {
    void window.showErrorMessage(messages.activationFailed(error instanceof Error ? error.message : String(error)));
    throw error;
  }
}

export async function deactivate(): Promise<void> {
  await context?.close();
  context = null;
}

function wire(shared: Context): void {
  const onFailure = failureReporter(shared);
  const projects = shared.own(new Projects());
  const models = shared.own(new Models(shared.connection, shared.runs));
  const inspectors = shared.own(new Inspectors(shared, models, onFailure));
  const runsTree = shared.own(new RunsTree(shared));
  const dataTree = shared.own(new DataTree(shared, projects));
  const live = shared.own(new LiveValues(shared));
  const reach = shared.own(new ReachDecorations(shared));
  const rewardsTree = shared.own(new RewardsTree(shared, reach));
  const parts: Parts = {
    ...{ live, context: shared, projects, models, runsTree, dataTree, rewardsTree, inspectors },
    dashboards: shared.own(
      new DashboardPanels(
        shared,
        runActions(() => parts),
        onFailure,
      ),
    ),
    explorers: shared.own(new ExplorerPanels(shared, () => chooseSource(parts), onFailure)),
  };
  registerCommands(parts, onFailure);
  shared.own(new StatusItem(shared));
  shared.own(new RewardScopeItem(live, reach));
  shared.own(new RewardTests(shared, live, reach, onFailure));
  shared.own(new RunFindings(shared));
  shared.own(provideTasks(shared, projects));
  for (const tool of registerTools(shared, models)) shared.own(tool);
  shared.own(notifyOfRuns(shared));
  shared.own(notifyOfAlerts(shared));
  shared.own(notifyOfServer(shared));
  shared.own(window.registerCustomEditorProvider(imageInspectorViewType, inspectors));
  shared.own(window.registerCustomEditorProvider(runEditorViewType, parts.dashboards));
  shared.own(window.registerWebviewPanelSerializer(dashboardViewType, parts.dashboards));
  shared.own(window.registerWebviewPanelSerializer(explorerViewType, parts.explorers));
  shared.own(workspace.onDidGrantWorkspaceTrust(() => void startWhereNeeded(shared, projects)));
  // Also sets the context key that views wait for; after activation, because it looks through the folder.
  void startWhereNeeded(shared, projects);
}

/** An experiment or a reward file in the folder needs the server: for what is wrong in it, and for runs that go on. */
async function startWhereNeeded({ connection, isTrusted, log }: Context, projects: Projects): Promise<void> {
  const hasProject = await projects.tellWhetherThereIsOne();
  if (!(hasProject || (await projects.hasRewardFile())) || !isTrusted || connection.state.kind !== "off") return;
  await connection.start().catch((error: unknown) => log.warn(error instanceof Error ? error.message : String(error)));
}

/** What the buttons of a dashboard do: the same as the commands. */
function runActions(parts: () => Parts): RunActions {
  return {
    stop: (run, when) => stopRun(when)(parts(), run),
    pause: (run) => pauseRun(parts(), run),
    resume: (run) => resumeRun(parts(), run),
    resumeWithRewards: (run) => resumeWithRewards(parts(), run),
    fork: (run) => forkRun(parts(), run),
    openReport: (run) => openReport(parts(), run),
    openFolder: (run) => openRunFolder(parts(), run),
    exploreRollouts: (run, step) => exploreRollouts(parts(), { run, step }),
    openImage: (path) => parts().inspectors.inspect(Uri.file(path), { start: false }),
    async inspectCheckpoint(run, stage, step) {
      const { models, inspectors } = parts();
      await models.refresh();
      const model = models.all.find((each) => each.run === run && each.stage === stage && each.step === step);
      if (model === undefined) throw new UserError(messages.noCheckpoints(run));
      await inspectors.inspectWith(model.id);
    },
  };
}
