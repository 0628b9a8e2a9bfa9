/**
 * Where the bytes of external constants lie when a model is loaded: one folder, and for every file a path below it.
 * Knows paths only; it does not read the data (ONNX Runtime maps it) and does not know safetensors.
 */
import { realpathSync } from "node:fs";
import { dirname, parse, relative, sep } from "node:path";
import { GraphError, ModelFileError } from "../errors";
import type { Constant } from "./types";

/** External files as ONNX Runtime wants them: it refuses absolute locations and any path that leaves the folder. */
export interface ExternalLocations {
  /** Absolute folder that contains every file; null when nothing is external. */
  readonly folder: string | null;
  /** Forward-slash path below `folder`, by the file name the constants use. */
  readonly locations: ReadonlyMap<string, string>;
}

/**
 * The deepest folder that holds every external file. Links are followed first, because the runtime checks the real place
 * of a file: the snapshots of a Hugging Face cache are links into another folder.
 *
 * @throws ModelFileError `model/missing-file` when a file is gone
 * @throws GraphError `graph/external-drives` when the files share no folder (different drives on Windows)
 */
export function locateExternalData(constants: readonly Constant[]): ExternalLocations {
  const real = new Map<string, string>();
  for (const { data } of constants) {
    if (data.kind === "external" && !real.has(data.file)) real.set(data.file, realPath(data.file));
  }
  const files = [...real.values()];
  const [first] = files;
  if (first === undefined) return { folder: null, locations: new Map() };
  let folder = dirname(first);
  while (!files.every((file) => file.startsWith(withSeparator(folder)))) {
    const parent = dirname(folder);
    if (parent === folder) {
      throw new GraphError("graph/external-drives", `Weight files must share a drive, got ${files.join(" and ")}.`, {
        hint: "Move all files of the checkpoint into one folder.",
        data: { files },
      });
    }
    folder = parent;
  }
  const locations = new Map<string, string>();
  for (const [name, path] of real) locations.set(name, relative(folder, path).split(sep).join("/"));
  return { folder, locations };
}

function withSeparator(folder: string): string {
  return folder === parse(folder).root ? folder : folder + sep;
}

function realPath(file: string): string {
  try {
    return realpathSync(file);
  } catch (cause) {
    throw new ModelFileError("model/missing-file", `The weight file ${file} cannot be opened.`, {
      where: file,
      hint: "Check that the checkpoint folder still exists and can be read.",
      cause,
    });
  }
}
