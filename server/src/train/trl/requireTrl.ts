/** Whether `engine: trl` of an experiment can be used here, before anything is done for it. */
import { existsSync } from "node:fs";
import { ConfigError } from "@iad-r1/models/errors";
import type { TrlConfig } from "../../config/experiment";
import { findPythonEngine, type PythonEngine } from "../../runtime/python";

/** @throws ConfigError as `findPythonEngine`; `trl/accelerate-config` */
export async function requireTrl(trl: TrlConfig | undefined, signal?: AbortSignal): Promise<PythonEngine> {
  const file = trl?.accelerateConfig;
  if (file !== undefined && !existsSync(file)) {
    throw new ConfigError("trl/accelerate-config", `trl.accelerateConfig: there is no file ${file}.`, {
      hint: "Make one with  accelerate config --config_file FILE  or leave the key out.",
    });
  }
  return findPythonEngine(trl?.python, signal);
}
