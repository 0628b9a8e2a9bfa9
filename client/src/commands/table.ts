/** The table of all commands: what each needs from the server, and what it does. A command without a line here does not compile. */
import type { CommandName } from "../contributions";
import { findDuplicates, importData, refreshData, showDataStatistics } from "./data";
import { compareWithModel, inInspector, inspectFolder, inspectImage, setThreshold } from "./inspect";
import { newRun } from "./newRun";
import {
  checkMachine,
  collectDiagnostics,
  createSampleProject,
  openDocumentation,
  openFirstSteps,
  validateConfiguration,
} from "./project";
import {
  compareRuns,
  deleteRun,
  estimate,
  evaluateCheckpoint,
  exportCurves,
  forkRun,
  openDashboard,
  openReport,
  openRunFolder,
  pauseRun,
  preflight,
  refreshRuns,
  resumeRun,
  startRun,
  stopRun,
} from "./runs";
import { connectServer, restartServer, showLog, showServerStatus, startServer, stopServer } from "./server";
import { type CommandSpec, starts, trusts, works } from "./types";

export const commandTable: Record<CommandName, CommandSpec> = {
  createSampleProject: starts(createSampleProject),
  createProject: starts(newRun),
  checkMachine: starts(checkMachine),
  validateConfiguration: starts(validateConfiguration),
  collectDiagnostics: works(collectDiagnostics),
  openFirstSteps: works(openFirstSteps),
  openDocumentation: works(openDocumentation),

  showDataStatistics: starts(showDataStatistics),
  findDuplicates: starts(findDuplicates),
  importData: starts(importData),
  refreshData: works(refreshData),

  // They open the image or the folder in any case; a look at it starts the server.
  inspectImage: works(inspectImage),
  inspectFolder: works(inspectFolder),
  retryInspection: starts(inInspector("start")),
  cancelGeneration: works(inInspector("stop")),
  nextImage: works(inInspector("next")),
  previousImage: works(inInspector("previous")),
  nextDefect: works(inInspector("nextDefect")),
  goToDefect: works(inInspector("goToDefect")),
  zoomIn: works(inInspector("zoomIn")),
  zoomOut: works(inInspector("zoomOut")),
  zoomFit: works(inInspector("zoomFit")),
  zoomActual: works(inInspector("zoomActual")),
  toggleGroundTruth: works(inInspector("toggleTruth")),
  toggleHeatMap: works(inInspector("toggleHeatMap")),
  toggleLocationGrid: works(inInspector("toggleGrid")),
  toggleReference: works(inInspector("toggleReference")),
  compareWithModel: starts(compareWithModel),
  setThreshold: works(setThreshold),
  correctAnswer: works(inInspector("correct")),
  copyReasoning: works(inInspector("copyReasoning")),
  exportInspectedImage: works(inInspector("exportImage")),

  newRun: starts(newRun),
  startPaSft: starts(startRun("pa-sft")),
  startScGrpo: starts(startRun("sc-grpo")),
  runBothStages: starts(startRun("post-train")),
  preflight: starts(preflight),
  estimate: starts(estimate),
  stopRun: starts(stopRun("after-step")),
  stopRunNow: starts(stopRun("now")),
  pauseRun: starts(pauseRun),
  resumeRun: starts(resumeRun),
  forkRun: starts(forkRun),
  evaluateCheckpoint: starts(evaluateCheckpoint),
  openDashboard: starts(openDashboard),
  compareRuns: starts(compareRuns),
  exportCurves: starts(exportCurves),
  deleteRun: starts(deleteRun),
  openReport: starts(openReport),
  openRunFolder: works(openRunFolder),
  refreshRuns: starts(refreshRuns),

  startServer: trusts(startServer),
  stopServer: works(stopServer),
  restartServer: trusts(restartServer),
  connectServer: trusts(connectServer),
  showServerStatus: works(showServerStatus),
  showLog: works(showLog),
};
