/** Seeded splits of a data set that keep categories and labels in proportion and groups together. */
import { ConfigError } from "@iad-r1/models/errors";
import { groupBy } from "@iad-r1/models/util/groupBy";
import { createRandom } from "@iad-r1/models/util/random";
import type { InspectionSample } from "./samples";

/**
 * Cuts a data set into named parts. Within every category the groups (samples without one that show the same picture are one) are shuffled by
 * the seed and each goes to the part that lacks most of the labels it brings; with no groups every part gets its share of every
 * (category, label) up to rounding. The order inside a part is that of the input.
 *
 * @param shares name to share; all positive, with a sum of at most 1. What is left over belongs to no part.
 * @throws ConfigError `data/shares`
 */
export function splitDataset<Name extends string>(
  samples: readonly InspectionSample[],
  shares: Readonly<Record<Name, number>>,
  seed: number | string,
): Record<Name, InspectionSample[]> {
  const names = Object.keys(shares) as Name[];
  const sum = names.reduce((total, name) => total + shares[name], 0);
  if (names.length === 0 || names.some((name) => !(shares[name] > 0)) || sum > 1 + 1e-9) {
    throw new ConfigError(
      "data/shares",
      `Shares must be positive with a sum of at most 1, got ${JSON.stringify(shares)}.`,
    );
  }
  // The rest that is asked for by nobody takes part like any other, so that shares below 1 stay in proportion.
  const weights = names.map((name) => shares[name]);
  if (sum < 1 - 1e-9) weights.push(1 - sum);
  const partOf = new Map<InspectionSample, number>();
  for (const [category, members] of groupBy(samples, (sample) => sample.category)) {
    assignCategory(members, weights, createRandom("split", seed, category), partOf);
  }
  const parts = Object.fromEntries(names.map((name) => [name, [] as InspectionSample[]])) as Record<
    Name,
    InspectionSample[]
  >;
  for (const sample of samples) {
    const name = names[partOf.get(sample)!];
    if (name !== undefined) parts[name].push(sample);
  }
  return parts;
}

function assignCategory(
  samples: readonly InspectionSample[],
  weights: readonly number[],
  random: ReturnType<typeof createRandom>,
  partOf: Map<InspectionSample, number>,
): void {
  const total = { normal: 0, anomalous: 0 };
  for (const sample of samples) total[sample.label]++;
  const groups = [...groupBy(samples, ({ group, image }) => group ?? `\0${image}`).values()];
  // Large groups first: the small ones then even out what is missing. The sort is stable, so the shuffle decides among equals.
  const order = random.shuffle(groups).sort((a, b) => b.length - a.length);
  const given = weights.map(() => ({ normal: 0, anomalous: 0 }));
  const tie = random.int(weights.length);
  for (const group of order) {
    const brings = { normal: 0, anomalous: 0 };
    for (const sample of group) brings[sample.label]++;
    let best = 0;
    let bestLack = Number.NEGATIVE_INFINITY;
    for (let k = 0; k < weights.length; k++) {
      const part = (k + tie) % weights.length;
      let lack = 0;
      for (const label of ["normal", "anomalous"] as const) {
        // Samples that the part is short of; a label that is rare in the category weighs as much as a frequent one.
        const wanted = total[label] * weights[part]!;
        lack += (brings[label] * (wanted - given[part]![label])) / Math.max(total[label], 1);
      }
      if (lack > bestLack + 1e-12) {
        bestLack = lack;
        best = part;
      }
    }
    for (const sample of group) {
      given[best]![sample.label]++;
      partOf.set(sample, best);
    }
  }
}

/** One side of a two-part split: the first `share` of the samples, or the rest. */
export function splitSide(
  samples: readonly InspectionSample[],
  part: { seed: number | string; share: number; side: "first" | "rest" },
): InspectionSample[] {
  if (part.share <= 0) return part.side === "first" ? [] : [...samples];
  if (part.share >= 1) return part.side === "first" ? [...samples] : [];
  return splitDataset(samples, { first: part.share, rest: 1 - part.share }, part.seed)[part.side];
}
