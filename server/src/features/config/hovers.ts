/** What the key or value under the pointer means: documentation, default, the published system's value, what it comes to. */
import type { ExperimentConfig } from "../../config/experiment";
import { keysAt, listedValues, schemasAt } from "../../config/schemaTree";
import { valueAt } from "../../config/schemaProblems";
import { createRewardRegistry } from "../../rewards/registry";
import { offsetAt, rangeAt } from "../places";
import type { HoverText, TextPosition } from "../types";
import { describeKey } from "./describe";
import type { ConfigDocument } from "./document";

export function configHover(document: ConfigDocument, position: TextPosition): HoverText | null {
  const { tree, lines } = document;
  const offset = offsetAt(lines, position);
  const { path, onKey } = tree.pathAt(offset);
  const key = path.at(-1);
  if (key === undefined) return null;
  const place = tree.find(path);
  const span = onKey ? place.key : place.value;
  if (span === null || offset < span.start || offset > span.end) return null;
  if (!onKey && place.node?.kind !== "scalar") return null;
  const range = rangeAt(lines, span.start, span.end);
  // Items of a list of words have no key of their own.
  const section = typeof key === "number" ? path.slice(0, -2) : path.slice(0, -1);
  const name = typeof key === "number" ? path.at(-2) : key;
  // `kind` chooses what stands beside it; about itself all choices are told.
  const known = keysAt(section, name === "kind" ? undefined : tree.value).get(String(name));
  if (known === undefined) return null;
  const documentation = describeKey([...section, String(name)], known.node, known.required, factsOf(document, path));
  if (onKey) return { range, markdown: documentation };
  const value = valueAt(tree.value, path);
  const chosen = schemasAt(path, tree.value)
    .flatMap(listedValues)
    .find((listed) => listed.value === value);
  const meaning = chosen !== undefined && chosen.description !== "" ? chosen.description : rewardMeaning(path, value);
  const head = meaning === null ? "" : `\`${String(value)}\`: ${meaning}\n\n---\n\n`;
  return { range, markdown: head + documentation };
}

function rewardMeaning(path: readonly (string | number)[], value: unknown): string | null {
  if (path.at(-1) !== "name" || path.at(-3) !== "rewards") return null;
  const registry = createRewardRegistry();
  return registry.functions.get(String(value))?.description ?? registry.presets.get(String(value))?.description ?? null;
}

/** What numbers come to together, in a sound file. */
function factsOf(document: ConfigDocument, path: readonly (string | number)[]): string[] {
  const { value } = document.parsed;
  if (value === null || path[0] !== "stages") return [];
  if (path[1] === "paSft") return paSftFacts(value, String(path[2]));
  return path[1] === "scGrpo" ? scGrpoFacts(value, String(path[2])) : [];
}

function paSftFacts({ stages: { paSft } }: ExperimentConfig, key: string): string[] {
  if (key !== "batchSize" && key !== "gradientAccumulation") return [];
  const { batchSize, gradientAccumulation } = paSft;
  return [
    `Here: ${batchSize} × ${gradientAccumulation} = ${batchSize * gradientAccumulation} samples per optimiser step.`,
  ];
}

function scGrpoFacts({ stages: { scGrpo } }: ExperimentConfig, key: string): string[] {
  if (!["groupSize", "promptsPerStep", "microBatchSize"].includes(key)) return [];
  const { groupSize, promptsPerStep, microBatchSize } = scGrpo;
  const completions = groupSize * promptsPerStep;
  const passes = Math.ceil(completions / microBatchSize);
  return [
    `Here: ${groupSize} × ${promptsPerStep} = ${completions} completions per step, at least ${passes} ${passes === 1 ? "pass" : "passes"} of ${microBatchSize}.`,
  ];
}
