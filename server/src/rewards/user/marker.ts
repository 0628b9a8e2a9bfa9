/** What a marker above a function may say about it, and what the readers of both languages give back. */
import type { ProgramProblem, RewardDeclaration } from "./program";

/** What a language's reader finds. */
export interface Discovered {
  functions: RewardDeclaration[];
  problems: ProgramProblem[];
}

/** Options that a comment or JSDoc tag may carry: `weight=0.5 range=0..2 scope=group name=location impure`. */
export interface MarkerOptions {
  name?: string;
  weight?: number;
  range?: { min: number; max: number };
  scope?: RewardDeclaration["scope"];
  impure?: boolean;
}

/**
 * Reads what stands behind a marker.
 *
 * @param start offset of the text in the source, for problems
 */
export function parseMarker(text: string, start: number): { options: MarkerOptions; problems: ProgramProblem[] } {
  const options: MarkerOptions = {};
  const problems: ProgramProblem[] = [];
  for (const match of text.matchAll(/\S+/g)) {
    const word = match[0];
    const at = start + match.index;
    const [key, value = ""] = word.split("=", 2) as [string, string?];
    const bounds = /^(-?[\d.]+)\.\.(-?[\d.]+)$/.exec(value);
    if (key === "impure" && value === "") options.impure = true;
    else if (key === "name" && value !== "") options.name = value;
    else if (key === "weight" && value !== "" && Number.isFinite(Number(value))) options.weight = Number(value);
    else if (key === "scope" && (value === "sample" || value === "group" || value === "batch")) options.scope = value;
    else if (key === "range" && bounds !== null && Number(bounds[1]) <= Number(bounds[2])) {
      options.range = { min: Number(bounds[1]), max: Number(bounds[2]) };
    } else if (word.includes("=")) {
      problems.push({
        message: `"${word}" is not understood here: expected weight=0.5, range=0..1, scope=sample, group or batch, name=… or impure.`,
        start: at,
        end: at + word.length,
      });
    } else break; // A sentence for people begins.
  }
  return { options, problems };
}
