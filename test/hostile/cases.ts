/** The table of the bad-input suite: every case by its name, for the tests and for the process that runs them. */
import type { HarmlessCase, HostileCase } from "../helpers/hostileCase";
import { adapterCases } from "./adapterCases";
import { configCases } from "./configCases";
import { processorCases } from "./processorCases";
import { textCases } from "./textCases";
import { weightsCases } from "./weightsCases";

export const subjects: Readonly<Record<string, readonly HostileCase[]>> = {
  weights: weightsCases,
  configuration: configCases,
  "tokenizer and chat template": textCases,
  "image processor": processorCases,
  adapter: adapterCases,
};

export const hostileCases: readonly HostileCase[] = Object.values(subjects).flat();

export const harmlessCases: readonly HarmlessCase[] = [];
