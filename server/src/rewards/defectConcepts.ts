/**
 * What defect a phrase names, read with care: whole words in any inflection, synonyms, and a vocabulary that covers what
 * inspectors write (crack, dent, rust, pitting, dark area). Used by the corrected rewards and by the evaluation. The
 * published vocabulary with its quirks is in `defectType.ts`; the eight categories are the same.
 */
import type { DefectCategory } from "./defectType";
import { normalizeType } from "./defectType";
import { lower } from "./pythonText";

/**
 * One line per kind of defect: its category, then the ways to say it, separated by commas. The first line of a category is
 * its general term, which gives way to a more precise one in the same phrase ("crack damage" is a crack).
 */
const concepts: readonly (readonly [DefectCategory, string])[] = [
  ["Contamination", "contamination, surface contamination, contaminant, contaminated, impurity, pollution"],
  [
    "Contamination",
    "stain, blotch, smear, smudge, spill, splash, ink, oil, grease, oily, greasy, fingerprint, water mark, watermark",
  ],
  ["Contamination", "dirt, dust, soil, residue, grime, dirty, dusty"],
  [
    "Contamination",
    "color anomaly, color, discoloration, discolored, fading, faded, bleached, tint, color defect, yellowing",
  ],
  ["Contamination", "rust, rusty, corrosion, corroded, corrode, oxidation, oxidized, oxide, tarnish, verdigris"],
  ["Contamination", "spot, speck, fleck, dot, speckle, dark spot, bright spot, white spot, black spot, blemish"],
  [
    "Contamination",
    "dark area, dark region, dark patch, dark zone, black area, shadowed area, inactive area, burn, burnt, burn mark, scorch, scorched, charred",
  ],
  ["Contamination", "print, misprint, print defect, printing error, smudged print"],
  [
    "Presence of foreign objects",
    "foreign object, foreign body, presence of foreign objects, contaminant object, extraneous material, foreign element, foreign matter, foreign material, foreign particle, unwanted object",
  ],
  ["Presence of foreign objects", "debris, particle, crumb, shaving, swarf, splinter, grain of sand"],
  ["Presence of foreign objects", "hair, fiber, fibre, lint, fluff"],
  [
    "Scratch",
    "scratch, surface scratch, scratch mark, linear scratch, score mark, scoring, linear anomaly, scrape, scrape mark",
  ],
  [
    "Missing parts",
    "missing part, missing parts, missing component, missing piece, missing element, missing, absent part, incomplete, surface discontinuity, lack of material",
  ],
  ["Missing parts", "notch, surface notch, nick, indent cut"],
  ["Missing parts", "gap, slot, opening gap"],
  ["Missing parts", "chip, chipping, chipped edge, flaking, flake, spall, spalling, peeling, delamination"],
  [
    "Deformation",
    "deformation, shape distortion, shape deviation, geometric distortion, irregularity, distortion, deformed, distorted, malformed, misshapen, irregular shape",
  ],
  ["Deformation", "bend, bent, bending, bent component, curved lead, curl"],
  ["Deformation", "warp, warping, twist, twisting, buckling"],
  ["Deformation", "dent, dented, ding, indentation, depression, impression, dimple"],
  ["Deformation", "fold, folded, crease, wrinkle, pleat"],
  ["Deformation", "bulge, bump, swelling, blister, protrusion, burr, lump"],
  ["Deformation", "melt, melting, molten, melted"],
  ["Deformation", "misalignment, misaligned, misplaced, shifted, swapped, flipped, rotated"],
  ["Hole", "hole, opening, perforation, puncture, aperture, penetration defect, through hole, pierced"],
  ["Hole", "void, cavity, pore, porosity, bubble, air bubble, blowhole"],
  ["Hole", "pit, pitting, pitted, pockmark, crater"],
  ["Damage", "damage, structural damage, material damage, surface damage, deterioration, damaged, degradation"],
  ["Damage", "crack, fracture, fissure, hairline, hairline crack, cracked surface, split"],
  ["Damage", "cross crack, crossed crack"],
  ["Damage", "breakage, broken, break, broke, rupture, shattered, shatter, snapped, broken part"],
  ["Damage", "cut, incision, slit, gash, tear, torn, rip, ripped, fray, frayed, slash"],
  ["Abrasion", "abrasion, wear, worn, wear mark, surface wear, abraded"],
  ["Abrasion", "erosion, surface erosion, grinding damage, grinding, scuff, scuff mark, rub, rubbing, chafing"],
];

/** Words that name nothing. */
const fillers = new Set(["a", "an", "the", "of", "on", "in", "at", "and", "or", "with", "by", "to", "small", "large"]);

/** Longer runs of letters are no words, and cutting at them would cost time. */
const longestWord = 40;

interface Concept {
  category: DefectCategory;
  /** The general term of its category. */
  general: boolean;
}

const conceptList: readonly Concept[] = concepts.map(([category], i) => ({
  category,
  general: concepts.findIndex(([other]) => other === category) === i,
}));

/** Stemmed words of a way to say it, joined by blanks, to the index of its concept; the first line wins. */
const conceptOfPhrase: ReadonlyMap<string, number> = (() => {
  const phrases = new Map<string, number>();
  concepts.forEach(([, ways], index) => {
    for (const way of ways.split(",")) {
      const phrase = wordsOf(way).join(" ");
      if (!phrases.has(phrase)) phrases.set(phrase, index);
    }
  });
  return phrases;
})();

const longestPhraseWords = Math.max(...[...conceptOfPhrase.keys()].map((phrase) => phrase.split(" ").length));

/** A type is a phrase; longer texts are prose or a list of everything. */
const maxTypeWords = 12;
/** "no scratch", "not a hole": the words that follow are not claimed. Stemmed, so that "non" stands for "none" too. */
const negations = new Set(["no", "not", "non", "never", "without", "normal"]);
/** Different defects of one category; the value is that of the published reward. */
const sameCategoryScore = 0.6;

/**
 * How far a predicted type means the true one, 0 to 1: 1 for the same kind of defect in any wording, 0.6 for another kind
 * of the same category, else 0. When either side names several kinds the score is shared among them, so that a list of
 * guesses earns no more than one guess. A true type that the vocabulary does not know is compared word by word. Text
 * without a letter earns nothing.
 */
export function typeScore(predicted: string, actual: string): number {
  const actualWords = wordsOf(actual);
  const predictedWords = wordsOf(predicted);
  if (predictedWords.length === 0 || predictedWords.length > Math.max(maxTypeWords, actualWords.length)) return 0;
  if (normalizeType(predicted) === normalizeType(actual)) return 1;
  if (predictedWords.some((word) => negations.has(word) && !actualWords.includes(word))) return 0;

  const trueConcepts = conceptsOf(actualWords);
  if (trueConcepts.length === 0) return overlap(new Set(predictedWords), new Set(actualWords));
  const namedConcepts = conceptsOf(predictedWords);
  if (namedConcepts.length === 0) return 0;
  const matched = trueConcepts
    .map((actualConcept) => Math.max(...namedConcepts.map((named) => conceptScore(named, actualConcept))))
    .reduce((sum, score) => sum + score, 0);
  return matched / Math.max(trueConcepts.length, namedConcepts.length);
}

function conceptScore(a: number, b: number): number {
  if (a === b) return 1;
  return conceptList[a]!.category === conceptList[b]!.category ? sameCategoryScore : 0;
}

/** Kinds of defects that the words name, longest phrases first, each once; general terms only where nothing more precise stands. */
function conceptsOf(words: readonly string[]): number[] {
  const found = new Set<number>();
  for (let i = 0; i < words.length; ) {
    let length = Math.min(longestPhraseWords, words.length - i);
    let concept: number | undefined;
    for (; length > 0; length--) {
      concept = conceptOfPhrase.get(words.slice(i, i + length).join(" "));
      if (concept !== undefined) break;
    }
    if (concept !== undefined) found.add(concept);
    i += Math.max(length, 1);
  }
  return [...found].filter(
    (index) =>
      !conceptList[index]!.general ||
      ![...found].some((other) => other !== index && conceptList[other]!.category === conceptList[index]!.category),
  );
}

/** Other ways to say the same kind of defect, as far as the vocabulary knows it; empty for phrases that name several. */
export function synonymsOf(type: string): string[] {
  const words = wordsOf(type);
  const named = conceptsOf(words);
  if (named.length !== 1) return [];
  const said = words.join(" ");
  return concepts[named[0]!]![1].split(",")
    .map((way) => way.trim())
    .filter((way) => wordsOf(way).join(" ") !== said);
}

/** Shared words over all words. */
function overlap(a: ReadonlySet<string>, b: ReadonlySet<string>): number {
  const shared = [...a].filter((word) => b.has(word)).length;
  return shared / (a.size + b.size - shared);
}

/** Stemmed words without fillers. */
function wordsOf(text: string): string[] {
  const words =
    lower(text)
      .replaceAll("colour", "color")
      .match(/\p{L}+/gu) ?? [];
  return words.filter((word) => !fillers.has(word)).map(stem);
}

/** Folds the inflections of a word into one form, which need not be a word: cracks, cracked, cracking → crack; hole → hol. */
function stem(word: string): string {
  if (word.length <= 3 || word.length > longestWord) return word;
  let base = word;
  if (base.endsWith("ies")) base = `${base.slice(0, -3)}y`;
  else if (/(?:ss|x|z|ch|sh)es$/.test(base)) base = base.slice(0, -2);
  else if (base.endsWith("s") && !/(?:ss|us|is)$/.test(base)) base = base.slice(0, -1);
  const inflected = base.endsWith("ing") ? base.slice(0, -3) : base.endsWith("ed") ? base.slice(0, -2) : "";
  if (inflected.length >= 2 && /[aeiouy]/.test(inflected)) {
    // The doubled consonant of pitting and chipped belongs to the ending; the double s of missing does not.
    base = /([bdgmnprt])\1$/.test(inflected) ? inflected.slice(0, -1) : inflected;
  }
  return base.length > 3 && base.endsWith("e") ? base.slice(0, -1) : base;
}
