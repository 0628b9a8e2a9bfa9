/** Requests about the server itself: state, stream, doctor, projects, data. Converts and calls; computes nothing. */
import { tmpdir } from "node:os";
import {
  collectDiagnostics,
  composeConfig,
  createSampleProject,
  dataOverview,
  dataSamples,
  doctorCheck,
  findSample,
  importData,
  missingImages,
  projectData,
  projectLeaks,
  saveExpertSample,
  serverStatus,
  showImage,
  type StreamAddress,
  streamAddress,
} from "@iad-r1/protocol/lsp";
import type { LabelTranslator } from "../../features/localise/labels";
import { isFinal } from "../../runs/listing";
import type { Services } from "../../services";
import type { Dispatcher } from "../dispatch";
import {
  configChoices,
  dataPageParams,
  dataSource,
  diagnosticsParams,
  expertSample,
  findSampleParams,
  importParams,
  missingImagesParams,
  projectParams,
  sampleProjectParams,
  showImageParams,
} from "../params";

const sampleImages = 200;

export function registerServer(
  on: Dispatcher,
  services: Services,
  address: () => Promise<StreamAddress>,
  say: () => LabelTranslator,
): void {
  const { tasks } = services;
  on.on0(serverStatus, () => ({
    ...{ version: services.options.version, pid: process.pid, transport: services.options.transport },
    uptimeSeconds: (Date.now() - services.startedMs) / 1000,
    memoryBytes: process.memoryUsage.rss(),
    platform: `${process.platform}-${process.arch}`,
    activeRuns: services.runs.list().filter(({ state }) => !isFinal(state)).length,
    activeJobs: services.inspect.jobs.numActive,
    models: services.inspect.models(),
    runsFolders: services.runs.runsFolders,
  }));
  on.on0(streamAddress, address);
  on.on0(doctorCheck, async (signal) => {
    const checks = await tasks.run("doctor", null, signal);
    return { ok: checks.every(({ status }) => status !== "problem"), checks: checks.map(say().check) };
  });
  on.on(collectDiagnostics, diagnosticsParams, async ({ project, facts }, signal) => ({
    // A window without a folder has no experiments; nothing of ours lies in the system's folder for temporary files.
    text: await tasks.run(
      "diagnostics",
      { project: project === null ? tmpdir() : services.allow(project), facts },
      signal,
    ),
  }));
  on.on(createSampleProject, sampleProjectParams, ({ folder, images = sampleImages }, signal) =>
    tasks.run("createSample", { folder: services.allow(folder), images }, signal),
  );
  on.on(composeConfig, configChoices, async (choices, signal) => ({
    text: await tasks.run("composeConfig", choices, signal),
  }));
  on.on(dataOverview, dataSource, (source, signal) =>
    tasks.run("dataOverview", { ...source, path: services.allow(source.path) }, signal),
  );
  on.on(importData, importParams, ({ path, folder, ...rest }, signal) =>
    tasks.run("importData", { ...rest, path: services.allow(path), folder: services.allow(folder) }, signal),
  );
  on.on(showImage, showImageParams, ({ image }, signal) => services.showImage(image, signal));
  on.on(dataSamples, dataPageParams, (params, signal) =>
    tasks.run("dataPage", { ...params, path: services.allow(params.path) }, signal),
  );
  on.on(projectData, projectParams, ({ configFile }, signal) =>
    tasks.run("projectData", { configFile: services.allow(configFile) }, signal),
  );
  on.on(projectLeaks, projectParams, ({ configFile }, signal) =>
    tasks.run("projectLeaks", { configFile: services.allow(configFile) }, signal),
  );
  on.on(findSample, findSampleParams, async ({ image }, signal) => ({
    sample: await tasks.run("findSample", { image: services.allow(image) }, signal),
  }));
  on.on(saveExpertSample, expertSample, ({ file, image, references = [], ...answer }, signal) => {
    const pictures = { image: services.imagePath(image), references: references.map((one) => services.imagePath(one)) };
    return tasks.run("saveSample", { file: services.allow(file), ...pictures, ...answer }, signal);
  });
  on.on(missingImages, missingImagesParams, ({ hashes }) => ({
    missing: services.options.images?.missing(hashes) ?? hashes,
  }));
}
