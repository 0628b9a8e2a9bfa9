/** How near a predicted defect type is to the true one, in the published way: eight categories in two groups. */
import { similarity } from "./similarity";
import { collapseSpace, dropPunctuation, lower, strip } from "./texts";

const surface = "Surface Anomalies";
const structural = "Structural Anomalies";

/** Order decides ties. */
const vocabulary: [category: string, group: string, keywords: string][] = [
  ["Contamination", surface, "surface contamination, stain, dirt, impurity, color anomaly"],
  [
    "Presence of foreign objects",
    surface,
    "foreign object, foreign body, debris, contaminant object, extraneous material, foreign element, foreign matter, unwanted object",
  ],
  ["Scratch", surface, "surface scratch, scratch mark, linear scratch, score mark, linear anomaly"],
  ["Missing parts", surface, "missing part, surface notch, notch, gap, chip, surface discontinuity"],
  [
    "Deformation",
    structural,
    "shape distortion, warping, bending, twisting, shape deviation, geometric distortion, irregularity, bent component",
  ],
  ["Hole", structural, "opening, perforation, puncture, cavity, void, aperture, penetration defect, through-hole"],
  [
    "Damage",
    structural,
    "structural damage, breakage, fracture, rupture, deterioration, material damage, surface damage",
  ],
  ["Abrasion", structural, "wear, grinding damage, surface erosion, wear mark, surface wear"],
];
const groupTerms = new Map([
  ["surface anomalies", surface],
  ["surface anomaly", surface],
  ["structural anomalies", structural],
  ["structural anomaly", structural],
]);
const fuzzy = 0.7;

function normalize(text: string): string {
  return dropPunctuation(collapseSpace(strip(lower(text))));
}

const categoryOf = new Map<string, string>();
const groupOf = new Map<string, string>();
for (const [category, group, keywords] of vocabulary) {
  groupOf.set(category, group);
  for (const key of [category, ...keywords.split(", ")]) categoryOf.set(normalize(key), category);
}

/** Category and confidence of a normalised text. */
function bestCategory(text: string): [category: string | null, confidence: number] {
  const exact = categoryOf.get(text);
  if (exact !== undefined) return [exact, 1];
  let best: string | null = null;
  let confidence = 0;
  const length = Array.from(text).length;
  for (const [key, category] of categoryOf) {
    if (!text.includes(key) && !key.includes(text)) continue;
    const share = Math.min(length, key.length) / Math.max(length, key.length);
    if (share > confidence) [best, confidence] = [category, share];
  }
  if (best !== null) return [best, confidence];
  for (const [key, category] of categoryOf) {
    const ratio = similarity(text, key);
    if (ratio >= fuzzy && ratio > confidence) [best, confidence] = [category, ratio];
  }
  return [best, confidence];
}

export function typeReward(predicted: string, actual: string): number {
  if (predicted === "" || actual === "") return 0;
  const [p, a] = [normalize(predicted), normalize(actual)];
  const [[pCategory, pConfidence], [aCategory, aConfidence]] = [bestCategory(p), bestCategory(a)];
  const [pTerm, aTerm] = [groupTerms.get(p), groupTerms.get(a)];
  const pGroup = pTerm ?? groupOf.get(pCategory ?? "");
  const aGroup = aTerm ?? groupOf.get(aCategory ?? "");
  if (pGroup !== undefined && aGroup !== undefined && pGroup !== aGroup) return 0;
  if (pTerm !== undefined && aTerm === undefined && aGroup === pTerm) return 0.3;
  if (aTerm !== undefined && pTerm === undefined && pGroup === aTerm) return 0.3;
  if (p === a) return 1;
  if (a.includes(p) || p.includes(a)) return 0.85;
  if (pCategory === null || aCategory === null) {
    const ratio = similarity(p, a);
    return ratio >= fuzzy ? 0.4 * ratio : 0;
  }
  if (pCategory === aCategory) return 0.6 + (0.85 - 0.6) * Math.min(pConfidence, aConfidence);
  return 0.3;
}
