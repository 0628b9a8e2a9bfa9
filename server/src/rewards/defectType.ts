/**
 * The published score of a predicted defect type against the true one (reference section 9): a vocabulary of eight
 * categories in two groups, substring and fuzzy matches. Kept with all its quirks; `defectConcepts.ts` has the careful one.
 */
import { codePointLength, collapseSpace, contains, dropPunctuation, lower, strip } from "./pythonText";
import { ratioAtLeast } from "./similarity";

export type DefectGroup = "Surface Anomalies" | "Structural Anomalies";

export type DefectCategory =
  | "Contamination"
  | "Presence of foreign objects"
  | "Scratch"
  | "Missing parts"
  | "Deformation"
  | "Hole"
  | "Damage"
  | "Abrasion";

/** Order decides ties, of categories as of keywords. */
const vocabulary: readonly { category: DefectCategory; group: DefectGroup; keywords: readonly string[] }[] = [
  {
    category: "Contamination",
    group: "Surface Anomalies",
    keywords: ["surface contamination", "stain", "dirt", "impurity", "color anomaly"],
  },
  {
    category: "Presence of foreign objects",
    group: "Surface Anomalies",
    keywords: [
      "foreign object",
      "foreign body",
      "debris",
      "contaminant object",
      "extraneous material",
      "foreign element",
      "foreign matter",
      "unwanted object",
    ],
  },
  {
    category: "Scratch",
    group: "Surface Anomalies",
    keywords: ["surface scratch", "scratch mark", "linear scratch", "score mark", "linear anomaly"],
  },
  {
    category: "Missing parts",
    group: "Surface Anomalies",
    keywords: ["missing part", "surface notch", "notch", "gap", "chip", "surface discontinuity"],
  },
  {
    category: "Deformation",
    group: "Structural Anomalies",
    keywords: [
      "shape distortion",
      "warping",
      "bending",
      "twisting",
      "shape deviation",
      "geometric distortion",
      "irregularity",
      "bent component",
    ],
  },
  {
    category: "Hole",
    group: "Structural Anomalies",
    keywords: [
      "opening",
      "perforation",
      "puncture",
      "cavity",
      "void",
      "aperture",
      "penetration defect",
      "through-hole",
    ],
  },
  {
    category: "Damage",
    group: "Structural Anomalies",
    keywords: [
      "structural damage",
      "breakage",
      "fracture",
      "rupture",
      "deterioration",
      "material damage",
      "surface damage",
    ],
  },
  {
    category: "Abrasion",
    group: "Structural Anomalies",
    keywords: ["wear", "grinding damage", "surface erosion", "wear mark", "surface wear"],
  },
];

const groupTerms: ReadonlyMap<string, DefectGroup> = new Map([
  ["surface anomalies", "Surface Anomalies"],
  ["surface anomaly", "Surface Anomalies"],
  ["structural anomalies", "Structural Anomalies"],
  ["structural anomaly", "Structural Anomalies"],
]);

const groupOfCategory = new Map(vocabulary.map((entry) => [entry.category, entry.group]));

/** Normalised key to category: of each category first its name, then its keywords. Insertion order is search order. */
const categoryOfKey: ReadonlyMap<string, DefectCategory> = new Map(
  vocabulary.flatMap((entry) => [entry.category, ...entry.keywords].map((key) => [normalizeType(key), entry.category])),
);

const scores = { exact: 1, semantic: 0.85, category: 0.6, fuzzy: 0.4, group: 0.3, none: 0 } as const;
const fuzzyThreshold = 0.7;

/** Lower case, stripped, white space collapsed, then everything dropped but word characters, white space and hyphens. */
export function normalizeType(text: string): string {
  return dropPunctuation(collapseSpace(strip(lower(text))));
}

/** What the vocabulary makes of a text. */
export interface CategoryMatch {
  category: DefectCategory | null;
  /** 1 for a key; shorter over longer length for containment; similarity for a fuzzy match; 0 without category. */
  confidence: number;
}

/** Best category of a text that is already normalised. */
export function bestCategory(normalized: string): CategoryMatch {
  const exact = categoryOfKey.get(normalized);
  if (exact !== undefined) return { category: exact, confidence: 1 };

  let best: CategoryMatch = { category: null, confidence: 0 };
  const length = codePointLength(normalized);
  for (const [key, category] of categoryOfKey) {
    if (!contains(normalized, key) && !contains(key, normalized)) continue;
    const confidence = Math.min(length, key.length) / Math.max(length, key.length);
    if (confidence > best.confidence) best = { category, confidence };
  }
  if (best.category !== null) return best;

  for (const [key, category] of categoryOfKey) {
    const similarity = ratioAtLeast(normalized, key, fuzzyThreshold);
    if (similarity !== null && similarity > best.confidence) best = { category, confidence: similarity };
  }
  return best;
}

/** The rule that decided, by the names of the golden vectors. (Their `fuzzy` and `no_match` cannot be reached with this vocabulary.) */
export type TypeRule =
  | "empty"
  | "group_conflict"
  | "pred_is_group_term"
  | "gt_is_group_term"
  | "exact"
  | "pred_inside_gt"
  | "gt_inside_pred"
  | "pred_unknown"
  | "gt_unknown"
  | "same_category"
  | "same_group";

export interface TypeScore {
  /** 0 to 1. */
  score: number;
  /** Score of the published variant that explains itself: it never compares unknown types by similarity. */
  explainedScore: number;
  rule: TypeRule;
  predicted: CategoryMatch;
  actual: CategoryMatch;
}

/** The published type score of a prediction against the truth; neither is stripped before the test for emptiness. */
export function referenceTypeScore(predictedText: string, actualText: string): TypeScore {
  const [p, a] = [normalizeType(predictedText), normalizeType(actualText)];
  const [predicted, actual] = [bestCategory(p), bestCategory(a)];
  const decide = (rule: TypeRule, score: number, explainedScore = score): TypeScore => ({
    score,
    explainedScore,
    rule,
    predicted,
    actual,
  });
  if (predictedText === "" || actualText === "") return decide("empty", scores.none);

  const [predictedTerm, actualTerm] = [groupTerms.get(p), groupTerms.get(a)];
  const predictedGroup = predictedTerm ?? groupOf(predicted.category);
  const actualGroup = actualTerm ?? groupOf(actual.category);
  if (predictedGroup !== undefined && actualGroup !== undefined && predictedGroup !== actualGroup) {
    return decide("group_conflict", scores.none);
  }
  if (predictedTerm !== undefined && actualTerm === undefined && actualGroup === predictedTerm) {
    return decide("pred_is_group_term", scores.group);
  }
  if (actualTerm !== undefined && predictedTerm === undefined && predictedGroup === actualTerm) {
    return decide("gt_is_group_term", scores.group);
  }
  if (p === a) return decide("exact", scores.exact);
  if (contains(a, p)) return decide("pred_inside_gt", scores.semantic);
  if (contains(p, a)) return decide("gt_inside_pred", scores.semantic);
  if (predicted.category === null || actual.category === null) {
    const rule = predicted.category === null ? "pred_unknown" : "gt_unknown";
    return decide(rule, fuzzyScore(p, a), scores.none);
  }
  if (predicted.category === actual.category) {
    const confidence = Math.min(predicted.confidence, actual.confidence);
    return decide("same_category", scores.category + (scores.semantic - scores.category) * confidence);
  }
  // Two known categories that reach this line share their group, or the conflict above had decided.
  return decide("same_group", scores.group);
}

function fuzzyScore(p: string, a: string): number {
  const similarity = ratioAtLeast(p, a, fuzzyThreshold);
  return similarity === null ? scores.none : scores.fuzzy * similarity;
}

function groupOf(category: DefectCategory | null): DefectGroup | undefined {
  return category === null ? undefined : groupOfCategory.get(category);
}
