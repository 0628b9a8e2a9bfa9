/** The values of an experiment file that name files and folders, and what each must be. */
import { resolve } from "node:path";
import { baseFolder } from "../../config/parseExperiment";
import { embeddedModels } from "../../config/modelNames";
import { valueAt } from "../../config/schemaProblems";
import type { YamlPath } from "../../config/yamlTree";
import type { ConfigDocument } from "./document";

export interface NamedPath {
  at: (string | number)[];
  written: string;
  absolute: string;
  what: string;
  expected: "file" | "folder";
  /** A file that makes the folder what it should be. */
  inside?: string;
}

export function namedPaths(document: ConfigDocument): NamedPath[] {
  const plain = document.tree.value;
  const found: NamedPath[] = [];
  const add = (
    at: (string | number)[],
    what: string,
    expected: "file" | "folder",
    inside?: string,
    find: (folder: string, written: string) => string = resolve,
  ) => {
    const written = valueAt(plain, at);
    if (typeof written !== "string" || written === "" || written.includes("\0")) return;
    found.push({
      at,
      written,
      absolute: find(document.folder, written),
      what,
      expected,
      ...(inside === undefined ? {} : { inside }),
    });
  };
  const base = valueAt(plain, ["model", "base"]);
  if (typeof base !== "string" || !embeddedModels.has(base))
    add(["model", "base"], "model folder", "folder", "config.json", baseFolder);
  add(["model", "adapter"], "adapter folder", "folder", "adapter_config.json");
  for (const section of sourceSections) {
    for (const at of sourcePaths(plain, section)) {
      const kind = valueAt(plain, [...at, "kind"]);
      if (kind === "folder") add([...at, "path"], "data folder", "folder", "annotations.jsonl");
      else if (kind === "mvtec") add([...at, "path"], "data folder", "folder");
      else if (typeof kind === "string" && kind !== "synth") add([...at, "path"], "data file", "file");
      add([...at, "images"], "image folder", "folder");
    }
  }
  for (const { at, written } of rewardNames(document)) {
    const file = /^([^#]+\.(?:[cm]?[jt]s|py))(?:#.*)?$/.exec(written)?.[1];
    if (file === undefined) continue;
    const absolute = resolve(document.folder, file);
    found.push({ at, written, absolute, what: "reward file", expected: "file" });
  }
  return found;
}

export function rewardNames(document: ConfigDocument): { at: (string | number)[]; written: string }[] {
  const rewards = valueAt(document.tree.value, ["stages", "scGrpo", "rewards"]);
  if (!Array.isArray(rewards)) return [];
  return rewards.flatMap((_, index) => {
    const at = ["stages", "scGrpo", "rewards", index, "name"];
    const written = valueAt(document.tree.value, at);
    return typeof written === "string" ? [{ at, written }] : [];
  });
}

/** Does a reward name mean a file of the user? */
export function namesRewardFile(name: string): boolean {
  return /\.(?:[cm]?[jt]s|py)(?:#|$)/.test(name);
}

const sourceSections: readonly YamlPath[] = [
  ["data", "train"],
  ["data", "heldOut"],
  ["data", "validation"],
  ["stages", "paSft", "data"],
  ["stages", "scGrpo", "data"],
];

/** A section holds one source or a list of them. */
function sourcePaths(plain: unknown, section: YamlPath): (string | number)[][] {
  const value = valueAt(plain, section);
  if (Array.isArray(value)) return value.map((_, index) => [...section, index]);
  return typeof value === "object" && value !== null ? [[...section]] : [];
}
