/** Which files are experiments, by name alone. The editor goes by the same names (`client/src/contributions.ts`). */
import { basename } from "node:path";

/** `iadr1.yaml`, `iadr1.yml`, `iadr1.json`, and `NAME.iadr1.yaml` for several experiments in one folder. */
export function isConfigPath(path: string): boolean {
  return /^(?:.+\.)?iadr1\.(?:ya?ml|json)$/i.test(basename(path));
}
