/**
 * Words about a synthetic picture, drawn from its facts and therefore always true: chains of thought and answers in the
 * Expert-AD grammar, and plain captions and questions without that grammar for training a base model. A few hundred words
 * in all. Texts depend on (seed, index, variant) alone. The same sentences serve annotated photographs of which less is known.
 */
import { createRandom, type Random } from "@iad-r1/models/util/random";
import type { Location } from "@iad-r1/protocol/locations";
import type { Distractor } from "./distractors";
import { KINDS } from "./kinds";
import type { SynthFacts } from "./sample";
import type { Kind } from "./scene";

export interface TextOptions {
  /** Another wording of the same facts. */
  variant?: number;
  /** The prompt also shows a sound reference image. */
  reference?: boolean;
}

/** What a text may say. Unknown places, sizes and tones are simply not mentioned. */
export interface TextFacts {
  label: "normal" | "anomalous";
  defectType: string | null;
  location: string | null;
  look: string;
  /** Share of the picture that the defect covers; null when unknown. */
  areaShare: number | null;
  tone: -1 | 0 | 1;
  elongated: boolean;
  distractors: readonly Distractor[];
  gray: boolean;
}

/** Words for a product; `Kind` has them. */
export type Lexicon = Pick<Kind, "nouns" | "surface" | "sound" | "element">;

export interface QuestionPair {
  question: string;
  answer: string;
}

const KIND_BY_ID = new Map(KINDS.map((kind) => [kind.id, kind]));

/** `<think>…</think><location>…</location><type>…</type><answer>Yes</answer>` or `<think>…</think><answer>No</answer>`. */
export function targetText(facts: SynthFacts, options: TextOptions = {}): string {
  return `<think>${thinkText(facts, options)}</think>${solutionText(facts)}`;
}

/** The tags without the reasoning, as SC-GRPO data has them. */
export function solutionText(facts: Pick<TextFacts, "label" | "location" | "defectType">): string {
  if (facts.label === "normal") return "<answer>No</answer>";
  return `<location>${facts.location}</location><type>${facts.defectType}</type><answer>Yes</answer>`;
}

/** The reasoning: what is shown, what was compared, what stands out where, and what follows. */
export function thinkText(facts: SynthFacts, options: TextOptions = {}): string {
  const random = createRandom("synth", facts.seed, facts.index, "text", "think", options.variant ?? 0);
  return composeThink(facts, lexiconOf(facts), random, options.reference === true);
}

/** The same for any product of which the facts are known. */
export function composeThink(facts: TextFacts, lexicon: Lexicon, source: Random, reference: boolean): string {
  const words = new Words(facts, lexicon, source);
  const { random } = words;
  const sentences = [words.opening()];
  if (reference) sentences.push(words.comparison());
  // Whether, where and what each stand at a place of their own behind words that do not depend on it. Greedy decoding takes the
  // likeliest next word, so a verdict that may begin in many ways would lose against one that begins in few.
  if (facts.label === "normal") {
    sentences.push(random.pick(LEADS)(words, "nothing", ""));
    if (random.next() < 0.6) sentences.push(words.soundSentence());
    const harmless = words.harmless();
    if (harmless !== null) sentences.push(harmless);
    if (random.next() < 0.5) sentences.push(random.pick(NO_FINDINGS)(words));
    sentences.push(random.pick(NORMAL_ENDS)(words));
  } else {
    const lead = random.pick(LEADS);
    const place = facts.location === null ? "" : ` in the ${facts.location}${random.pick(["", " part"])}`;
    sentences.push(lead(words, "something", place));
    sentences.push(random.pick(NAMINGS)(facts.defectType!));
    if (random.next() < 0.7) sentences.push(`${capital(words.seen())}.`);
    if (random.next() < 0.2) sentences.push(words.mostlySound());
    if (random.next() < 0.5) sentences.push(words.reason());
    sentences.push(random.pick(ANOMALOUS_ENDS)(words));
  }
  return sentences.join(" ");
}

/** One plain sentence or two, without tags: "A brushed metal plate with a long scratch in the top left." */
export function captionText(facts: SynthFacts, variant = 0): string {
  const words = new Words(
    facts,
    lexiconOf(facts),
    createRandom("synth", facts.seed, facts.index, "text", "caption", variant),
  );
  const { random } = words;
  const subject = words.subject();
  if (facts.label === "normal") {
    return random.pick([
      () => `${capital(article(subject))}, nothing unusual.`,
      () => `A clean ${subject}.`,
      () => `${capital(article(subject))}. ${capital(words.sound())}.`,
      () => `This is ${article(subject)} without any mark.`,
      () => `A picture of ${article(subject)}; ${words.sound()}.`,
      () => `${capital(article(subject))} in good condition.`,
    ])();
  }
  const thing = words.thing();
  const place = words.place();
  return random.pick([
    () => `${capital(article(subject))} with ${article(thing)} ${place}.`,
    () => `${capital(article(subject))}. There is ${article(thing)} ${place}.`,
    () => `${capital(place)} of this ${words.noun} there is ${article(thing)}.`,
    () => `This is ${article(subject)}. ${capital(words.seen())} ${place}.`,
    () => `${capital(article(thing))} ${place} of ${article(subject)}.`,
    () => `A picture of ${article(subject)} with ${article(thing)} ${place}.`,
  ])();
}

/** Plain questions and answers about the picture, in random order, without the answer grammar. */
export function questionPairs(facts: SynthFacts, variant = 0): QuestionPair[] {
  const words = new Words(
    facts,
    lexiconOf(facts),
    createRandom("synth", facts.seed, facts.index, "text", "questions", variant),
  );
  const { random } = words;
  const pairs: QuestionPair[] = [
    {
      question: random.pick([
        "What is in the picture?",
        "What does the image show?",
        "What can be seen here?",
        "Name the object.",
      ]),
      answer: `${capital(article(words.subject()))}.`,
    },
    {
      question: random.pick(["Describe the image.", "Describe what you see.", "Write a caption."]),
      answer: captionText(facts, variant + 1),
    },
  ];
  const isMarked = random.pick(["Is there a mark?", "Does anything stand out?", "Is something wrong with it?"]);
  if (facts.label === "anomalous") {
    pairs.push(
      { question: isMarked, answer: random.pick(["Yes.", `Yes, ${words.place()}.`]) },
      {
        question: random.pick(["What stands out?", "What is special about it?", "What is different from the rest?"]),
        answer: `${capital(article(words.thing()))} ${words.place()}.`,
      },
      {
        question: random.pick([
          "Where is the mark?",
          "Where does something stand out?",
          "Which part of the image is different?",
        ]),
        answer: `${capital(words.place())}.`,
      },
      {
        question: random.pick(["What kind of mark is it?", "Name the mark.", "What is it called?"]),
        answer: `${capital(article(facts.defectType!))}.`,
      },
      {
        question: random.pick(["How big is it?", "Is the mark large or small?"]),
        answer: `It is ${words.size().trim()}.`,
      },
    );
  } else {
    pairs.push({ question: isMarked, answer: random.pick(["No.", `No, ${words.sound()}.`]) });
    pairs.push({
      question: random.pick(["What stands out?", "Where is the mark?", "What is special about it?"]),
      answer: random.pick(["Nothing stands out.", "There is no mark.", `Nothing, ${words.sound()}.`]),
    });
  }
  return random.shuffle(pairs);
}

function lexiconOf(facts: SynthFacts): Lexicon {
  const kind = KIND_BY_ID.get(facts.kind);
  if (kind === undefined) throw new RangeError(`unknown kind ${facts.kind}`);
  return kind;
}

/** Draws the words of one text; every method says something true about the facts. */
class Words {
  readonly random: Random;
  readonly facts: TextFacts;
  readonly lexicon: Lexicon;
  readonly noun: string;

  constructor(facts: TextFacts, lexicon: Lexicon, random: Random) {
    this.facts = facts;
    this.random = random;
    this.lexicon = lexicon;
    this.noun = random.pick(lexicon.nouns);
  }

  /** The noun, often with its colour; a picture without colour names none but shades. */
  subject(): string {
    const { look, gray } = this.facts;
    const shade = look === "" || this.noun.includes(look) || (gray && !GRAY_LOOKS.has(look));
    return shade || this.random.next() < 0.4 ? this.noun : `${look} ${this.noun}`;
  }

  sound(): string {
    return this.random.pick(this.lexicon.sound);
  }

  opening(): string {
    const subject = article(this.subject());
    return this.random.pick([
      `The image shows ${subject}.`,
      `I see ${subject}.`,
      `This is ${subject}.`,
      `The picture shows ${subject} from close up.`,
      `I look at the ${this.lexicon.surface} of the ${this.noun}.`,
      `First I check the whole ${this.noun}.`,
      `The query image shows ${subject}.`,
    ]);
  }

  comparison(): string {
    return this.random.pick([
      "I compare it with the reference image.",
      "The reference image shows a sound example of the same product.",
      `The reference shows how the ${this.lexicon.surface} should look.`,
      "I go through both images from part to part.",
    ]);
  }

  soundSentence(): string {
    const [one, two] = this.random.shuffle(this.lexicon.sound);
    return this.random.pick([
      `${capital(one!)}.`,
      `${capital(one!)}, and ${two!}.`,
      `Everywhere ${one!}.`,
      `From edge to edge ${one!}.`,
    ]);
  }

  mostlySound(): string {
    const sentences = [
      `Most of the ${this.lexicon.surface} looks as it should.`,
      `At first sight the ${this.noun} looks right.`,
    ];
    if (ON_SURFACE.has(this.facts.defectType!)) {
      sentences.push(`In most places ${this.sound()}.`, `For the most part ${this.sound()}.`);
    }
    return this.random.pick(sentences);
  }

  harmless(): string | null {
    const { distractors } = this.facts;
    if (distractors.length === 0 || this.random.next() < 0.3) return null;
    return this.random.pick(HARMLESS[this.random.pick(distractors)]);
  }

  reason(): string {
    const sentences = [
      `It does not belong to the ${this.lexicon.surface}.`,
      `The rest of the ${this.noun} does not show this.`,
      "This is not part of the design.",
      `A sound ${this.noun} would not look like this.`,
      "It is more than dust or a shadow.",
    ];
    if (ON_SURFACE.has(this.facts.defectType!)) sentences.push(`Around it ${this.sound()}.`);
    return this.random.pick(sentences);
  }

  /** A clause that says what is seen, without the place. */
  seen(): string {
    const { defectType, gray, elongated } = this.facts;
    const tone = this.toneWord();
    const size = this.size();
    const { surface } = this.lexicon;
    const noun = this.noun;
    const clauses: Record<string, () => string[]> = {
      scratch: () => [
        `a ${elongated ? "long" : "short"} thin ${tone}line cuts across the ${surface}`,
        `a fine straight ${tone}mark runs over the ${noun}`,
        `something sharp has left a ${tone}line`,
      ],
      stain: () => [
        `a ${size}${tone}patch covers the ${surface}`,
        `a ${tone}spot with a soft outline has spread`,
        `the ${noun} is dirty, a ${tone}patch can be seen`,
      ],
      "color anomaly": () => [
        `a ${size}area has another ${gray ? "tone" : "color"} than the rest`,
        `the ${gray ? "tone" : "color"} changes in one area`,
        `one area is ${tone === "" ? "tinted" : tone.trim()} although the ${surface} goes on below`,
      ],
      "foreign object": () => [
        `a ${size}thing lies on the ${noun} that does not belong there`,
        `something foreign with its own outline and shadow lies on it`,
        `a ${size}loose piece covers the ${surface}`,
      ],
      "missing part": () => [
        `${this.lexicon.element ?? "a part"} is missing`,
        `there is a gap where ${this.lexicon.element ?? "a part"} should be`,
        `${this.lexicon.element ?? "a part"} is not there, the place is empty`,
      ],
      notch: () => [
        `a ${size}piece is broken out`,
        `a ${size}chip of material is gone, with sharp edges`,
        `the outline is broken by a ${size}notch`,
      ],
      hole: () => [
        `a ${size}opening goes into the ${noun}`,
        `the ${surface} is pierced, the opening has a clear rim`,
        `there is an opening that should not be there`,
      ],
      deformation: () => [
        `the ${surface} is bent and pushed out of shape`,
        `light and shade show a ${size}bump or dent`,
        `the ${surface} is warped`,
      ],
      crack: () => [
        `a jagged ${tone}line runs through the ${noun}`,
        `the ${noun} is cracked`,
        `a thin uneven ${tone}gap opens in the ${noun}`,
      ],
      "surface damage": () => [
        `the ${surface} is crushed, with fragments and short cracks`,
        `a hard blow has broken the ${surface}`,
        `the ${surface} is torn up in a ${size}area`,
      ],
      wear: () => [
        `the ${surface} is rubbed off in a ${size}area`,
        `many fine parallel marks show that the ${surface} is worn`,
        `the ${surface} is worn down`,
      ],
      pitting: () => [
        `a group of small ${tone}pits has eaten into the ${noun}`,
        `several little ${tone}craters lie close together`,
        `the ${surface} is pitted`,
      ],
    };
    const known = clauses[defectType!];
    return known === undefined ? `there is ${article(this.thing())}` : this.random.pick(known());
  }

  /** A noun phrase without article: "long dark scratch". */
  thing(): string {
    const { defectType, elongated } = this.facts;
    const tone = this.random.next() < 0.5 ? this.toneWord() : "";
    const size = this.random.next() < 0.5 ? this.size() : "";
    switch (defectType!) {
      case "scratch":
        return `${elongated ? "long " : ""}${tone}scratch`;
      case "crack":
        return `${this.random.pick(["", "jagged ", "thin "])}${tone}crack`;
      case "pitting":
        return `group of ${this.random.pick(["small ", ""])}pits`;
      case "wear":
        return `${size}${this.random.pick(["worn area", "area of wear"])}`;
      case "missing part":
        return "missing part";
      case "deformation":
      case "hole":
      case "notch":
      case "surface damage":
      case "foreign object":
        return `${size}${defectType}`;
      default:
        return `${size}${tone}${defectType}`;
    }
  }

  /** "dark ", "bright " or "". */
  toneWord(): string {
    return this.facts.tone < 0 ? "dark " : this.facts.tone > 0 ? "bright " : "";
  }

  /** "small ", "medium ", "large " or "". */
  size(): string {
    const { areaShare } = this.facts;
    return areaShare === null ? "" : areaShare < 0.006 ? "small " : areaShare < 0.03 ? "medium " : "large ";
  }

  place(): string {
    const { location } = this.facts;
    return this.random.pick(PLACES[location as Location] ?? [`in the ${location}`]);
  }
}

/** Defects that leave the rest of the product as the sound clauses describe it. */
const ON_SURFACE = new Set<string>(["scratch", "stain", "color anomaly", "pitting", "wear"]);

const GRAY_LOOKS = new Set([
  "white",
  "light grey",
  "grey",
  "dark grey",
  "black",
  "dark",
  "light",
  "pale",
  "bright",
  "clear",
  "printed",
  "grainy",
]);

const PLACES: Record<Location, readonly string[]> = {
  "top left": ["in the top left", "at the top left", "in the top left part"],
  "top center": ["in the top center", "at the top center", "in the top center part"],
  "top right": ["in the top right", "at the top right", "in the top right part"],
  "center left": ["in the center left", "at the center left", "in the center left part"],
  center: ["in the center", "in the middle", "in the center part"],
  "center right": ["in the center right", "at the center right", "in the center right part"],
  "bottom left": ["in the bottom left", "at the bottom left", "in the bottom left part"],
  "bottom center": ["in the bottom center", "at the bottom center", "in the bottom center part"],
  "bottom right": ["in the bottom right", "at the bottom right", "in the bottom right part"],
};

const HARMLESS: Record<Distractor, readonly string[]> = {
  dust: ["A few grains of dust lie on it, which is harmless.", "The tiny dots are only dust."],
  fibre: ["A tiny fibre lies on it, which is no fault.", "A short loose fibre can be ignored."],
  shadow: ["One side is darker because of a shadow.", "A soft shadow falls on it, which is no fault."],
  reflection: ["The bright band is a reflection of the lamp.", "A soft reflection can be seen, nothing else."],
  grease: ["A thin film of grease is usual.", "The slightly dull area is a thin film and no fault."],
  marking: ["The small signs are a usual marking.", "A printed mark can be seen, which belongs there."],
};

/** The sentence that says whether anything was found, and where. */
type Lead = (words: Words, found: "nothing" | "something", place: string) => string;

const LEADS: readonly Lead[] = [
  (_, found, place) => `Looking closely, I see that ${found} stands out${place}.`,
  (words, found, place) => `Going over the ${words.lexicon.surface}, I notice ${found} unusual${place}.`,
  (words, found, place) => `I check the ${words.noun} field by field and find ${found} strange${place}.`,
  (words, found, place) => `Against a sound ${words.noun}, ${found} is different${place}.`,
  (_, found, place) => `I look for what does not belong there: ${found} is wrong${place}.`,
];

/** The sentence that names the kind of defect. */
const NAMINGS: readonly ((type: string) => string)[] = [
  (type) => `Kind of defect: ${type}.`,
  (type) => `I would call it: ${type}.`,
  (type) => `The name for this is ${type}.`,
];

type Ending = (words: Words) => string;

const NO_FINDINGS: readonly Ending[] = [
  () => "I find no scratch, no stain and nothing foreign.",
  (words) => `No part of the ${words.lexicon.surface} stands out.`,
  () => "Nothing is missing, broken or bent.",
  () => "Nothing breaks the pattern.",
];

const NORMAL_ENDS: readonly Ending[] = [
  (words) => `The ${words.noun} is fine.`,
  () => "There is no defect.",
  (words) => `So the ${words.noun} is normal.`,
  () => "Everything is as it should be.",
  () => "I conclude that the product is sound.",
];

const ANOMALOUS_ENDS: readonly Ending[] = [
  (words) => `This is ${defectPhrase(words.facts.defectType!)}.`,
  (words) => `So the ${words.noun} has ${defectPhrase(words.facts.defectType!)}.`,
  (words) => `The defect is ${defectPhrase(words.facts.defectType!)}.`,
  (words) => `I conclude that it is ${defectPhrase(words.facts.defectType!)}.`,
  (words) => `It must be ${defectPhrase(words.facts.defectType!)}, so the product is faulty.`,
];

function defectPhrase(type: string): string {
  return MASS_NOUNS.has(type) ? type : article(type);
}

const MASS_NOUNS = new Set(["wear", "pitting", "surface damage"]);

/** The noun phrase with "a", "an", or nothing before a noun that takes none. */
function article(phrase: string): string {
  if (NO_ARTICLE.test(phrase)) return phrase;
  return `${/^[aeiou]/.test(phrase) ? "an" : "a"} ${phrase}`;
}

const NO_ARTICLE = /^(?!.* of )(.* )?(surface damage|wear|pitting|leather|cardboard)$/;

function capital(sentence: string): string {
  return sentence.charAt(0).toUpperCase() + sentence.slice(1);
}
