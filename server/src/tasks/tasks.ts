/**
 * What the server has computed elsewhere, because reading and computing would keep it from answering: each task is a function of plain
 * data that runs in a worker. No state, no editor.
 */
import { copyFile } from "node:fs/promises";
import { join } from "node:path";
import type { ExportFormat } from "@iad-r1/protocol/lsp";
import type {
  ConfigChoices,
  DataOverview,
  DataPage,
  DataPageParams,
  DataSample,
  DataSourceReference,
  ImportedData,
  ImportParams,
  MachineCheck,
  ProjectData,
  ProjectLeaks,
  SampleProject,
} from "@iad-r1/protocol/project";
import type {
  EvaluatedSample,
  RunComparison,
  RunDetails,
  RunEstimate,
  RunKind,
  RunListing,
} from "@iad-r1/protocol/runs";
import { composeConfig, createSampleProject } from "../config/composeConfig";
import type { ExperimentConfig } from "../config/experiment";
import { experimentOf, loadExperiment, overriddenConfig } from "../config/parseExperiment";
import { pictureAsPng } from "../data/displayPicture";
import { importData } from "../data/importData";
import { dataOverview, dataPage } from "../data/overview";
import { findSample, projectData, projectLeaks } from "../data/projectData";
import { type CorrectedInspection, saveSample } from "../data/saveSample";
import { reportLanguageFor } from "../features/localise/report";
import { diagnosticsText } from "../machine/diagnostics";
import { type PictureKind, type PictureReference, rolloutPicture } from "../explore/pictures";
import { examineMachine } from "../machine/examineMachine";
import { writeRunReport } from "../report/collectReport";
import { compareRuns } from "../runs/compareRuns";
import { runDetails } from "../runs/details";
import { estimateRun } from "../runs/estimate";
import { exportRun } from "../runs/exportRun";
import { type ImportedRun, importRun } from "../runs/importRun";
import { preflight } from "../runs/preflight";
import { openRun } from "../runs/store";
import { version } from "../version";

interface Planned {
  kind: RunKind;
  config: ExperimentConfig;
}

interface Page {
  folder: string;
  offset: number;
  limit: number;
}

/** Parameters and result of each task. */
export interface TaskTypes {
  doctor: { params: null; result: MachineCheck[] };
  parseConfig: { params: { file: string; text: string | null; overrides: string[] }; result: ExperimentConfig };
  overrideConfig: { params: { config: unknown; overrides: string[] }; result: ExperimentConfig };
  preflight: { params: Planned; result: MachineCheck[] };
  estimate: { params: Planned; result: RunEstimate };
  createSample: { params: { folder: string; images: number }; result: SampleProject };
  composeConfig: { params: ConfigChoices; result: string };
  diagnostics: { params: { project: string; facts: Record<string, string> }; result: string };
  pictureAsPng: { params: { path: string; out: string }; result: null };
  importData: { params: ImportParams; result: ImportedData };
  dataOverview: { params: DataSourceReference; result: DataOverview };
  dataPage: { params: DataPageParams; result: DataPage };
  projectData: { params: { configFile: string }; result: ProjectData };
  projectLeaks: { params: { configFile: string }; result: ProjectLeaks };
  findSample: { params: { image: string }; result: DataSample | null };
  saveSample: { params: CorrectedInspection; result: { file: string; count: number } };
  runDetails: { params: { folder: string; listing: RunListing }; result: RunDetails };
  compareRuns: { params: { folders: string[] }; result: RunComparison };
  exportRun: { params: { folder: string; format: ExportFormat; out: string; locale: string }; result: null };
  importRun: { params: { path: string; projectFolder: string }; result: ImportedRun };
  rolloutPicture: {
    params: { picture: PictureReference; kind: PictureKind };
    result: { mime: string; base64: string } | null;
  };
  samples: { params: Page & { samplesFile: string }; result: { total: number; samples: EvaluatedSample[] } };
}

export type TaskName = keyof TaskTypes;

export const tasks: {
  [K in TaskName]: (params: TaskTypes[K]["params"], signal: AbortSignal) => Promise<TaskTypes[K]["result"]>;
} = {
  doctor: () => examineMachine(),
  parseConfig: async ({ file, text, overrides }) =>
    text === null ? loadExperiment(file, overrides) : experimentOf(text, file, overrides),
  overrideConfig: async ({ config, overrides }) => overriddenConfig(config, overrides),
  preflight: ({ kind, config }, signal) => preflight(kind, config, signal),
  estimate: ({ kind, config }, signal) => estimateRun(kind, config, signal),
  createSample: ({ folder, images }, signal) => createSampleProject(folder, images, signal),
  composeConfig: (choices) => composeConfig(choices),
  diagnostics: async ({ project, facts }) =>
    diagnosticsText({ version, checks: await examineMachine(), project, facts }),
  async pictureAsPng({ path, out }) {
    await pictureAsPng(path, out);
    return null;
  },
  importData: (params, signal) => importData(params, signal),
  dataOverview: (source, signal) => dataOverview(source, signal),
  dataPage: (params, signal) => dataPage(params, signal),
  projectData: ({ configFile }, signal) => projectData(configFile, signal),
  projectLeaks: ({ configFile }, signal) => projectLeaks(configFile, signal),
  findSample: ({ image }, signal) => findSample(image, signal),
  saveSample: (inspection) => saveSample(inspection),
  runDetails: async ({ folder, listing }) => runDetails(openRun(folder), listing),
  compareRuns: async ({ folders }) => compareRuns(folders.map((folder) => openRun(folder))),
  importRun: ({ path, projectFolder }) => importRun(path, join(projectFolder, ".iadr1", "runs")),
  async exportRun({ folder, format, out, locale }) {
    if (format === "html") await writeRunReport(folder, [], out, reportLanguageFor(locale));
    else if (format === "journal") await copyFile(join(folder, "events.jsonl"), out);
    else await exportRun(openRun(folder), format, out);
    return null;
  },
  async rolloutPicture({ picture, kind }) {
    const found = await rolloutPicture(picture, kind);
    return found === null ? null : { mime: found.mime, base64: Buffer.from(found.data).toString("base64") };
  },
  async samples({ folder, samplesFile, offset, limit }) {
    const all = openRun(folder).samplesIn(samplesFile);
    return { total: all.length, samples: all.slice(offset, offset + limit) };
  },
};
