/** Where the files for other languages lie (`engines/`): beside `dist/`, in the repository as in a package. */
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { InternalError } from "@iad-r1/models/errors";

/**
 * @param name path below `engines/`, such as "python/iadr1_worker.py"
 * @throws InternalError `internal/entry` when it is not there
 */
export function enginePath(name: string): string {
  for (const candidate of [`../engines/${name}`, `../../../engines/${name}`]) {
    const path = fileURLToPath(new URL(candidate, import.meta.url));
    if (existsSync(path)) return path;
  }
  throw new InternalError("internal/entry", `The file engines/${name} is missing.`, { hint: "Install IAD-R1 again." });
}
