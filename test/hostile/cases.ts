/** The table of the bad-input suite: every case by its name, for the tests and for the process that runs them. */
import type { HarmlessCase, HostileCase } from "../helpers/hostileCase";
import { adapterCases } from "./adapterCases";
import { configCases } from "./configCases";
import { dataCases, oddDatasets } from "./dataCases";
import { diskCases } from "./diskCases";
import { familyCases } from "./familyCases";
import { imageCases, oddImages } from "./imageCases";
import { processorCases } from "./processorCases";
import { oddRuns, runCases } from "./runCases";
import { oddSettings, settingsCases } from "./settingsCases";
import { textCases } from "./textCases";
import { weightsCases } from "./weightsCases";

export const subjects: Readonly<Record<string, readonly HostileCase[]>> = {
  weights: weightsCases,
  configuration: configCases,
  "other classes and small checkpoints": familyCases,
  "tokenizer and chat template": textCases,
  "image processor": processorCases,
  adapter: adapterCases,
  image: imageCases,
  "data set": dataCases,
  settings: settingsCases,
  run: runCases,
  "full disk": diskCases,
};

export const hostileCases: readonly HostileCase[] = Object.values(subjects).flat();

/** What looks odd but is right: refusing it would be as wrong as accepting damage. */
export const harmlessCases: readonly HarmlessCase[] = [...oddImages, ...oddDatasets, ...oddSettings, ...oddRuns];
