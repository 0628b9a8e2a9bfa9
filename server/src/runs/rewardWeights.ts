/** How much each reward counts in the total of a run, from its manifest. */
import { join } from "node:path";
import { readFile } from "node:fs/promises";
import { createRewardRegistry } from "../rewards/registry";

/** By recorded name; empty for what is no run, and for names that the manifest does not know. */
export async function rewardWeights(runFolder: string): Promise<Record<string, number>> {
  const text = await readFile(join(runFolder, "run.json"), "utf8").catch(() => null);
  if (text === null) return {};
  try {
    const { config } = JSON.parse(text) as {
      config?: { preset?: unknown; stages?: { scGrpo?: { rewards?: unknown } } };
    };
    const uses = config?.stages?.scGrpo?.rewards ?? [config?.preset];
    return weightsOf(Array.isArray(uses) ? uses : []);
  } catch {
    return {};
  }
}

function weightsOf(uses: readonly unknown[]): Record<string, number> {
  const registry = createRewardRegistry();
  const weights: Record<string, number> = {};
  for (const use of uses) {
    const name = typeof use === "string" ? use : nameOf(use);
    if (name === null) continue;
    const weight = typeof use === "object" && use !== null && "weight" in use ? Number(use.weight) : 1;
    if (!Number.isFinite(weight)) continue;
    const isKnown = registry.functions.has(name) || registry.presets.has(name);
    if (!isKnown) weights[name] = weight;
    else for (const part of registry.resolve([{ name, weight }])) weights[part.reward.name] = part.weight;
  }
  return weights;
}

function nameOf(use: unknown): string | null {
  return typeof use === "object" && use !== null && "name" in use && typeof use.name === "string" ? use.name : null;
}
