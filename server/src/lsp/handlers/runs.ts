/** Requests about training runs. */
import {
  compareRuns,
  deleteRun,
  estimateRun,
  exportRun,
  importRun,
  forkRun,
  listRuns,
  pauseRun,
  preflightRun,
  resumeRun,
  runSamples,
  showRun,
  startRun,
  stopRun,
} from "@iad-r1/protocol/lsp";
import type { RunListing } from "@iad-r1/protocol/runs";
import type { LabelTranslator } from "../../features/localise/labels";
import { trainingKind } from "../../runs/manager";
import type { Services } from "../../services";
import type { Dispatcher } from "../dispatch";
import {
  compareRunsParams,
  exportRunParams,
  importRunParams,
  forkRunParams,
  resumeRunParams,
  runParams,
  samplesParams,
  startRunParams,
  stopRunParams,
} from "../params";

/** Records of one answer when the client does not say. */
const pageSize = 200;

/**
 * @param say      what a run tells in the editor's language
 * @param labelled what checks and estimates tell in it
 * @param locale   that language, such as `zh-cn`; known once the editor has said so
 */
export function registerRuns(
  on: Dispatcher,
  services: Services,
  say: (run: RunListing) => RunListing,
  labelled: () => LabelTranslator,
  locale: () => string,
): void {
  const { runs, tasks } = services;
  const folderOf = (run: string) => runs.get(run).folder;
  on.on0(listRuns, async () => {
    await runs.scanned();
    return runs.list().map(say);
  });
  on.on(showRun, runParams, ({ run }, signal) => {
    const { folder, listing } = runs.get(run);
    return tasks.run("runDetails", { folder, listing: listing! }, signal);
  });
  on.on(preflightRun, startRunParams, async ({ kind, ...source }, signal) => {
    const config = await services.experiment(source, signal);
    const checks = await tasks.run("preflight", { kind, config }, signal);
    return { ok: checks.every(({ status }) => status !== "problem"), checks: checks.map(labelled().check) };
  });
  on.on(estimateRun, startRunParams, async ({ kind, ...source }, signal) => {
    const estimate = await tasks.run("estimate", { kind, config: await services.experiment(source, signal) }, signal);
    return { ...estimate, basis: estimate.basis.map(labelled().text) };
  });
  on.on(startRun, startRunParams, async ({ kind, ...source }, signal) => {
    const config = await services.experiment(source, signal);
    return { run: await runs.start(kind, config, { configFile: source.configFile }) };
  });
  on.on(stopRun, stopRunParams, async ({ run, when }) => {
    await runs.stop(run, when);
    return null;
  });
  on.on(pauseRun, runParams, ({ run }) => {
    runs.pause(run);
    return null;
  });
  on.on(resumeRun, resumeRunParams, async ({ run, exchangeRewards = false }) => {
    await runs.resume(run, { exchangeRewards });
    return { run };
  });
  on.on(forkRun, forkRunParams, async ({ run, checkpoint, kind, overrides = [] }, signal) => {
    const config = await services.changedExperiment(run, overrides, signal);
    const id = await runs.fork(run, checkpoint, (old) => ({ config, kind: kind ?? trainingKind(old.kind) }));
    return { run: id };
  });
  on.on(deleteRun, runParams, async ({ run }) => {
    await runs.remove(run);
    return null;
  });
  on.on(compareRuns, compareRunsParams, ({ runs: ids }, signal) =>
    tasks.run("compareRuns", { folders: ids.map(folderOf) }, signal),
  );
  on.on(exportRun, exportRunParams, async ({ run, format, out }, signal) => {
    if (out === undefined) return { made: await services.runFile(run, format, locale(), signal) };
    const file = services.allow(out);
    await tasks.run("exportRun", { folder: folderOf(run), format, out: file, locale: locale() }, signal);
    return { file };
  });
  on.on(importRun, importRunParams, async ({ path, projectFolder }, signal) => {
    const params = { path: services.allow(path), projectFolder: services.allow(projectFolder) };
    const { run, numCurves, numPoints } = await tasks.run("importRun", params, signal);
    return { run, numCurves, numPoints };
  });
  on.on(runSamples, samplesParams, ({ run, samplesFile, offset = 0, limit = pageSize }, signal) =>
    tasks.run("samples", { folder: folderOf(run), samplesFile, offset, limit }, signal),
  );
}
