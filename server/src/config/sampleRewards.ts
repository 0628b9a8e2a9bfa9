/** The reward files of a sample project: the published rewards with their faults, and rollouts to look at them on. */
import { cp, stat } from "node:fs/promises";
import { join } from "node:path";
import { writeError } from "@iad-r1/models/checkpoint/atomicFile";
import { projectRoot } from "./modelNames";

/** In the project as in the repository. */
const template = join(projectRoot, "samples", "rewards");

/**
 * Copies the template into `<root>/rewards`; nothing that is there is written over.
 *
 * @returns the folder, or null where the template does not travel with this build
 */
export async function writeSampleRewards(root: string): Promise<string | null> {
  const isThere = await stat(template).then(
    () => true,
    () => false,
  );
  if (!isThere) return null;
  const folder = join(root, "rewards");
  try {
    await cp(template, folder, { recursive: true, force: false, filter: (path) => !path.includes("__pycache__") });
  } catch (error) {
    throw writeError(folder, error);
  }
  return folder;
}
