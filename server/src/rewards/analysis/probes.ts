/**
 * The probe battery: completions made out of one data row whose worth is known (the true answer, the opposite one, nothing,
 * tricks), what a sound reward says to each, and what this one said. Completions are made from the row's own words and from
 * its siblings', so that they work in any language; the few English ones (synonyms, words that hide a place) are left out
 * where the truth is not in that vocabulary.
 */
import { synonymsOf } from "../defectConcepts";
import { parseCell } from "../location";
import { parseTags, readYesNo, type TaggedText } from "../tags";
import type { RolloutRow } from "../../rollouts/row";
import type { FindingId } from "./finding";
import { goldCompletions, neutralReasoning, shortAnswer, truthText } from "./truths";

/**
 * What a sound reward says.
 * gold: the true answer; everything is measured between it and nothing.
 * as-gold: means the same as the true answer, so it earns the same.
 * at-most-gold: must not earn more than the true answer.
 * below-gold: wrong in one part; earns less, if the reward looks at that part at all.
 * worthless: must not earn the full score, nor more than a fifth of the way from a well-formed completion without content
 *   to the true answer.
 * above-wrong: right in other words; must earn more than the wrong thing in its place.
 * not-below-wrong: lacks one part; must not earn less than with a wrong part, unless the reward wants the whole form.
 * measure: only there to compare with.
 */
export type ProbeRelation =
  | "gold"
  | "as-gold"
  | "at-most-gold"
  | "below-gold"
  | "worthless"
  | "above-wrong"
  | "not-below-wrong"
  | "measure";

export type ProbePart = "answer" | "location" | "type";

export interface Probe {
  /** Stable, for saved probes and tests: `wrong-location`. */
  name: string;
  /** For people. */
  title: string;
  completion: string;
  relation: ProbeRelation;
  /** The element it changes; the expectation holds only for rewards that look at this element. */
  part: ProbePart | null;
}

/** What one function said to one probe. */
export interface ProbeResult extends Probe {
  /** null for "not applicable" and errors. */
  score: number | null;
  status: "ok" | "na" | "error";
  /** fault: against the expectation. fragile: another form of the true answer earns less; perhaps meant so. */
  verdict: "pass" | "fault" | "fragile" | "skipped";
  /** In words: "at most 0.2". */
  expected: string;
  /** The same as a comparison, "<= 0.2"; null where it is about several completions. */
  expect: string | null;
  /** Of a fault. */
  finding: Extract<FindingId, "RW118" | "RW119"> | null;
}

/** All probes of one data row, the true answer first; none without a ground truth. */
export function buildProbes(row: RolloutRow, siblings: readonly RolloutRow[]): Probe[] {
  const truth = truthText(row);
  if (truth === null) return [];
  const tags = parseTags(truth);
  const plain = tags.elements.length === 0 ? readYesNo(truth) : null;
  if (tags.answer !== null || plain !== null) return inGrammar(row, tags.answer ?? plain!, tags, siblings);
  return inFreeText(row, siblings);
}

// ---------------------------------------------------------------------------------------------------------------------
// Truths in the answer grammar

interface Claim {
  think: string | null;
  location: string | null;
  type: string | null;
  answer: string | null;
}

function write({ think, location, type, answer }: Claim, between = "", inside = ""): string {
  const element = (name: string, body: string | null) =>
    body === null ? [] : [`<${name}>${inside}${body}${inside}</${name}>`];
  return [
    ...element("think", think),
    ...element("location", location),
    ...element("type", type),
    ...element("answer", answer),
  ].join(between);
}

function inGrammar(row: RolloutRow, answer: "yes" | "no", tags: TaggedText, siblings: readonly RolloutRow[]): Probe[] {
  const written = tags.answerText ?? (answer === "yes" ? "Yes" : "No");
  const claim: Claim = {
    think: tags.think ?? neutralReasoning,
    location: tags.location,
    type: tags.type,
    answer: written,
  };
  const [yes, no] = written === written.toLowerCase() ? ["yes", "no"] : ["Yes", "No"];
  const opposite = answer === "yes" ? no! : yes!;
  const gold = write(claim);
  const [wrongLocation, wrongType] = [otherLocation(tags.location, siblings), otherType(tags.type, siblings)];
  const probes: Probe[] = [
    probe("gold", "the true answer", gold, "gold"),
    probe("empty", "nothing at all", "", "measure"),
    probe(
      "swapped-answer",
      "the true answer with the opposite verdict",
      write({ ...claim, answer: opposite }),
      "worthless",
      "answer",
    ),
    probe(
      "without-answer",
      "the true answer without its verdict",
      write({ ...claim, answer: null }),
      "measure",
      "answer",
    ),
    probe(
      "formed",
      "the right form without content",
      write({ think: neutralReasoning, location: tags.location && "x", type: tags.type && "x", answer: "x" }),
      "measure",
    ),
    probe("without-think", "the true answer without reasoning", write({ ...claim, think: null }), "measure"),
    probe(
      "only-tags",
      "only tags, nothing inside",
      write({ think: "", location: tags.location && "", type: tags.type && "", answer: "" }),
      "worthless",
    ),
    probe(
      "all-yes",
      "only the verdict yes",
      write({ think: neutralReasoning, location: null, type: null, answer: yes! }),
      "measure",
      "answer",
    ),
    probe(
      "all-no",
      "only the verdict no",
      write({ think: neutralReasoning, location: null, type: null, answer: no! }),
      "measure",
      "answer",
    ),
    probe(
      "both-answers",
      "both verdicts, one after the other",
      `${gold}<answer>${opposite}</answer>`,
      "at-most-gold",
      "answer",
    ),
    probe(
      "opposite-first",
      "both verdicts, the wrong one first",
      `${write({ ...claim, answer: opposite })}<answer>${written}</answer>`,
      "measure",
      "answer",
    ),
    probe("repeated", "the true answer twice", `${gold}\n${gold}`, "at-most-gold"),
    probe("outside-tags", "the verdict without any tags", written, "at-most-gold"),
    probe(
      "long-reasoning",
      "ten times the reasoning",
      write({ ...claim, think: `${claim.think!} `.repeat(10).trimEnd() }),
      "at-most-gold",
    ),
    probe("line-breaks-between", "line breaks between the elements", write(claim, "\n"), "as-gold"),
    probe("line-breaks-inside", "line breaks inside the elements", write(claim, "\n", "\n"), "as-gold"),
    probe("blanks", "blanks around the verdict", write({ ...claim, answer: ` ${written} ` }), "as-gold"),
    probe(
      "letter-case",
      "the verdict in the other letter case",
      write({ ...claim, answer: otherCase(written) }),
      "as-gold",
      "answer",
    ),
    probe("special-tokens", "an end token behind it", `${gold}<|im_end|>`, "as-gold"),
  ];
  const prompt = promptText(row.prompt);
  if (prompt !== "") probes.push(probe("prompt-copy", "a copy of the prompt", prompt, "worthless"));
  if (claim.location !== null) {
    probes.push(
      probe(
        "without-location",
        "the true answer without a place",
        write({ ...claim, location: null }),
        "not-below-wrong",
        "location",
      ),
      probe("no-place", "a place that is none", write({ ...claim, location: "…" }), "below-gold", "location"),
      probe("empty-place", "an empty place", write({ ...claim, location: "" }), "below-gold", "location"),
    );
    if (wrongLocation !== null)
      probes.push(
        probe(
          "wrong-location",
          "a wrong place",
          write({ ...claim, location: wrongLocation }),
          "below-gold",
          "location",
        ),
      );
    const hidden = hiddenPlace(claim.location);
    if (hidden !== null)
      probes.push(
        probe(
          "hidden-place",
          `words that only contain the place ("${hidden}")`,
          write({ ...claim, location: hidden }),
          "below-gold",
          "location",
        ),
      );
  }
  if (claim.type !== null) {
    probes.push(
      probe(
        "without-type",
        "the true answer without a type",
        write({ ...claim, type: null }),
        "not-below-wrong",
        "type",
      ),
      probe("punctuation-type", "a full stop for a type", write({ ...claim, type: "." }), "below-gold", "type"),
    );
    if (wrongType !== null)
      probes.push(probe("wrong-type", "a wrong type", write({ ...claim, type: wrongType }), "below-gold", "type"));
    synonymsOf(claim.type)
      .slice(0, 4)
      .forEach((synonym, i) => {
        probes.push(
          probe(
            `synonym-${i + 1}`,
            `the type in other words ("${synonym}")`,
            write({ ...claim, type: synonym }),
            "above-wrong",
            "type",
          ),
        );
      });
  }
  return probes;
}

function probe(
  name: string,
  title: string,
  completion: string,
  relation: ProbeRelation,
  part: ProbePart | null = null,
): Probe {
  return { name, title, completion, relation, part };
}

function otherCase(text: string): string {
  return text === text.toLowerCase() ? `${text.slice(0, 1).toUpperCase()}${text.slice(1)}` : text.toLowerCase();
}

/** A place of another data row in another cell; the opposite cell when none is at hand. */
function otherLocation(location: string | null, siblings: readonly RolloutRow[]): string | null {
  if (location === null) return null;
  const cell = parseCell(location);
  for (const sibling of siblings) {
    const other = parseTags(truthText(sibling) ?? "").location;
    if (other === null || other === "") continue;
    if (cell === null ? other !== location : parseCell(other) !== null && parseCell(other) !== cell) return other;
  }
  if (cell === null) return null;
  return cell === 1 ? "bottom right" : "top left";
}

/** A type of another data row that means something else. */
function otherType(type: string | null, siblings: readonly RolloutRow[]): string | null {
  if (type === null) return null;
  const same = new Set([type, ...synonymsOf(type)].map((word) => word.toLowerCase()));
  for (const sibling of siblings) {
    const other = parseTags(truthText(sibling) ?? "").type;
    if (other !== null && other !== "" && !same.has(other.toLowerCase())) return other;
  }
  return null;
}

/** English words that contain a keyword of the place without naming a place. */
const hidingWords: ReadonlyMap<string, string> = new Map([
  ["left", "leftover"],
  ["right", "bright"],
  ["top", "stop"],
  ["upper", "supper"],
  ["bottom", "flower"],
  ["lower", "flower"],
]);

function hiddenPlace(location: string): string | null {
  const words = location.toLowerCase().match(/[a-z]+/g) ?? [];
  const hidden = words.flatMap((word) => hidingWords.get(word) ?? []);
  return hidden.length === 0 ? null : hidden.join(" ");
}

// ---------------------------------------------------------------------------------------------------------------------
// Other truths

/** As many true answers of other rows as a list of guesses holds. */
const maxGuesses = 12;

function inFreeText(row: RolloutRow, siblings: readonly RolloutRow[]): Probe[] {
  const golds = goldCompletions(row);
  const own = truthText(row)!.trim();
  const short = golds.at(-2) ?? own;
  // Of a worked solution the answer alone: the way there may hold the answers of others.
  const others = [...new Set(siblings.map((sibling) => shortAnswer(truthText(sibling) ?? "")))].filter(
    (text) => text !== "" && text !== own && text !== short,
  );
  const probes: Probe[] = [
    ...golds.map((completion, i) => probe(`gold-${i + 1}`, "the true answer", completion, "gold")),
    probe("empty", "nothing at all", "", "measure"),
    probe("only-tags", "only tags, nothing inside", "<think></think><answer></answer>", "worthless"),
  ];
  const prompt = promptText(row.prompt);
  if (prompt !== "" && !prompt.includes(short))
    probes.push(probe("prompt-copy", "a copy of the prompt", prompt, "worthless"));
  if (others.length > 0) {
    golds.forEach((gold, i) => {
      // An answer that contains the true one is no wrong answer to a reward that looks for it.
      const wrong = others.find((other) => !other.includes(short) && !short.includes(other));
      // Nor is one that still says it: a worked solution names its result more than once.
      if (wrong === undefined || gold.split(short).length !== 2) return;
      probes.push(
        probe(`formed-${i + 1}`, "the right form without content", replaceLast(gold, short, "x"), "measure"),
        probe(`wrong-answer-${i + 1}`, "another row's answer", replaceLast(gold, short, wrong), "worthless"),
      );
    });
  }
  if (others.length >= 3) {
    const guesses = others.slice(0, maxGuesses);
    // In the middle: who reads the first or the last answer of a text is not fooled by a list.
    guesses.splice(Math.ceil(guesses.length / 2), 0, short);
    probes.push(
      probe(
        "all-guesses",
        "a list of many answers",
        `${neutralReasoning}\n<answer>${guesses.join(", ")}</answer>`,
        "worthless",
      ),
    );
  }
  return probes;
}

function replaceLast(text: string, piece: string, by: string): string {
  const at = text.lastIndexOf(piece);
  return `${text.slice(0, at)}${by}${text.slice(at + piece.length)}`;
}

/** The words of a prompt, from a text or a list of messages. */
export function promptText(prompt: unknown): string {
  if (typeof prompt === "string") return prompt;
  if (!Array.isArray(prompt)) return "";
  return prompt
    .map((message: unknown) => {
      if (typeof message !== "object" || message === null || !("content" in message)) return "";
      const { content } = message;
      if (typeof content === "string") return content;
      if (!Array.isArray(content)) return "";
      return content
        .map((part: unknown) =>
          typeof part === "object" && part !== null && "text" in part && typeof part.text === "string" ? part.text : "",
        )
        .join("");
    })
    .join("\n");
}

// ---------------------------------------------------------------------------------------------------------------------
// Judgement

/** Part of the way from a form without content to the true answer that something worthless may earn. */
export const worthlessShare = 0.2;
const tolerance = 1e-9;

export interface ProbeOutcome {
  score: number | null;
  status: "ok" | "na" | "error";
}

/**
 * @param outcomes   one per probe, in order
 * @param judgesTruth whether the function looks at the truth at all: a reward for form alone has nothing to say about wrong
 *                   answers
 */
export function judgeProbes(
  probes: readonly Probe[],
  outcomes: readonly ProbeOutcome[],
  judgesTruth: boolean,
): ProbeResult[] {
  const scoreOf = (name: string) => outcomes[probes.findIndex((entry) => entry.name === name)]?.score ?? null;
  const golds = probes
    .flatMap(({ relation }, i) => (relation === "gold" ? [outcomes[i]!.score] : []))
    .filter((score) => score !== null);
  const gold = golds.length === 0 ? null : Math.max(...golds);
  const nothing = scoreOf("empty") ?? 0;
  const looksAt = (part: ProbePart | null): boolean => {
    if (part === null) return true;
    const without = scoreOf(`without-${part}`);
    return gold !== null && (without === null || Math.abs(gold - without) > tolerance);
  };
  return probes.map((entry, i): ProbeResult => {
    const { score, status } = outcomes[i]!;
    const result = (
      verdict: ProbeResult["verdict"],
      expected: string,
      finding: ProbeResult["finding"] = null,
      expect: string | null = null,
    ): ProbeResult => ({
      ...entry,
      ...{ score, status, verdict, expected, finding, expect },
    });
    if (entry.relation === "measure") return result("skipped", "anything");
    // Between nothing and the true answer there must be room to measure in.
    if (gold === null || gold - nothing <= tolerance)
      return result("skipped", "a difference between nothing and the true answer");
    const judge = (ok: boolean, expected: string, id: "RW118" | "RW119", expect: string | null) =>
      ok ? result("pass", expected, null, expect) : result("fault", expected, id, expect);
    switch (entry.relation) {
      case "gold":
        return result("pass", "the most");
      case "as-gold":
        return result(
          score !== null && score >= gold - tolerance ? "pass" : "fragile",
          `as the true answer (${short(gold)})`,
        );
      case "at-most-gold": {
        const expected = `at most ${short(gold)}`;
        if (entry.name === "both-answers" && judgesTruth && looksAt("answer")) {
          // Either order alone may be read as one answer; a reward that pays both orders pays a hedge.
          const reversed = scoreOf("opposite-first");
          const hedged = score !== null && reversed !== null && Math.min(score, reversed) >= gold - tolerance;
          return judge(!hedged, "not the full score in both orders", "RW119", null);
        }
        return judge(score === null || score <= gold + tolerance, expected, "RW119", `<= ${gold}`);
      }
      case "worthless": {
        if (!judgesTruth || !looksAt(entry.part)) return result("skipped", "a reward that judges this");
        const form = /-\d+$/.exec(entry.name)?.[0] ?? "";
        // Of several forms of the true answer only those that the reward accepts can be spoilt.
        if (form !== "" && scoreOf(`gold${form}`) !== gold) return result("skipped", "a form that the reward accepts");
        // Distance to the truth may earn credit; another row's answer must not earn all of it.
        if (entry.name.startsWith("wrong-answer"))
          return judge(score === null || score < gold - tolerance, `less than ${short(gold)}`, "RW119", `< ${gold}`);
        const formed = Math.max(nothing, scoreOf(`formed${form}`) ?? nothing);
        const limit = Math.min(formed, gold) + worthlessShare * Math.max(0, gold - formed);
        const room = gold - formed > tolerance;
        return judge(
          score === null || (score < gold - tolerance && (!room || score <= limit + tolerance)),
          `at most ${short(room ? limit : nothing)}`,
          "RW119",
          `<= ${room ? limit : nothing}`,
        );
      }
      case "below-gold":
        if (!judgesTruth || !looksAt(entry.part) || !grades(entry.part!, gold, scoreOf))
          return result("skipped", "a reward that judges this");
        return judge(
          score === null || score < gold - grading(entry.part!, gold, scoreOf) / 2,
          `clearly below ${short(gold)}`,
          "RW119",
          `< ${gold - grading(entry.part!, gold, scoreOf) / 2}`,
        );
      case "not-below-wrong": {
        const wrong = scoreOf(`wrong-${entry.part}`);
        const wantsForm = (scoreOf("without-think") ?? nothing) < gold - tolerance;
        if (!judgesTruth || wantsForm || wrong === null || !looksAt("answer") || !grades(entry.part!, gold, scoreOf)) {
          return result("skipped", "a reward that judges this beside the verdict");
        }
        return judge(
          (score ?? nothing) >= wrong - tolerance,
          `at least as much as with a wrong ${entry.part} (${short(wrong)})`,
          "RW118",
          `>= ${wrong}`,
        );
      }
      default:
        if (!judgesTruth || !grades(entry.part!, gold, scoreOf)) return result("skipped", "a reward that judges this");
        return judge(
          score === null || score > gold - grading(entry.part!, gold, scoreOf) + tolerance,
          `more than a wrong ${entry.part}`,
          "RW118",
          `> ${gold - grading(entry.part!, gold, scoreOf)}`,
        );
    }
  });
}

/** What a right element is worth beside a wrong one; 0 when the reward does not tell them apart. */
function grading(part: ProbePart, gold: number, scoreOf: (name: string) => number | null): number {
  const wrong = scoreOf(`wrong-${part}`);
  return wrong === null ? 0 : Math.max(0, gold - wrong);
}

function grades(part: ProbePart, gold: number, scoreOf: (name: string) => number | null): boolean {
  return grading(part, gold, scoreOf) > tolerance;
}

function short(value: number): string {
  return `${Number(value.toFixed(3))}`;
}
