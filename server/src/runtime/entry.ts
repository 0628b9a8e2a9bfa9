/** Where the built entry points of processes and threads lie: beside the file that is running. */
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { InternalError } from "@iad-r1/models/errors";

/**
 * Path of a built entry point such as "deviceProbeMain": beside this file in a bundle, in dist/ when run from source.
 *
 * @throws InternalError `internal/entry` when it was not built
 */
export function entryPath(name: string): string {
  const candidates = [`./${name}.mjs`, `../../../dist/${name}.mjs`];
  for (const candidate of candidates) {
    const path = fileURLToPath(new URL(candidate, import.meta.url));
    if (existsSync(path)) return path;
  }
  throw new InternalError("internal/entry", `The entry point ${name} is not built.`, { hint: "Run npm run setup." });
}
