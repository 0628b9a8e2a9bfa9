import { hasElementAnyCase, oneLineBody, parseTags, readYesNo } from "@iad-r1/server/rewards/tags";
import { describe, expect, it } from "vitest";

const yes = "<think>A line.</think><location>top left</location><type>scratch</type><answer>Yes</answer>";

/** Kinds of problems with their tags, in order. */
function problems(text: string): string[] {
  return parseTags(text).problems.map(({ kind, tag }) => (tag === null ? kind : `${kind} ${tag}`));
}

describe("what the published patterns find", () => {
  it("a body with a line feed is invisible, a later one-line element is not", () => {
    expect(oneLineBody("<answer>Yes\n</answer>", "answer")).toBeNull();
    expect(oneLineBody("<answer>Yes\n</answer><answer>No</answer>", "answer")).toBe("No");
    expect(oneLineBody("<answer>a\r\u2028b</answer>", "answer")).toBe("a\r\u2028b");
  });

  it("an opening tag inside belongs to the body", () => {
    expect(oneLineBody("<answer><answer>Yes</answer>", "answer")).toBe("<answer>Yes");
    expect(oneLineBody("<answer>\n<answer>Yes</answer>", "answer")).toBe("Yes");
  });

  it("ignoring case follows Unicode as Python does", () => {
    expect(oneLineBody("<AN\u017fWER>yes</answer>", "answer", { anyCase: true })).toBe("yes");
    expect(oneLineBody("<ANSWER>yes</ANSWER>", "answer")).toBeNull();
    expect(hasElementAnyCase("<LOCAT\u0130ON>\n</locat\u0131on>", "location")).toBe(true);
    expect(hasElementAnyCase("</type><type>", "type")).toBe(false);
  });
});

describe("parseTags", () => {
  it("reads the bodies of a clean answer", () => {
    expect(parseTags(yes)).toMatchObject({
      think: "A line.",
      location: "top left",
      type: "scratch",
      description: null,
      answer: "yes",
      problems: [],
    });
  });

  it("marks every element in the text", () => {
    const { elements } = parseTags(yes);
    expect(elements.map(({ name }) => name)).toEqual(["think", "location", "type", "answer"]);
    expect(elements.map(({ start, end }) => yes.slice(start, end)).join("")).toBe(yes);
    expect(elements.map(({ bodyStart, bodyEnd }) => yes.slice(bodyStart, bodyEnd))).toEqual([
      "A line.",
      "top left",
      "scratch",
      "Yes",
    ]);
  });

  it("white space is free between elements and in bodies", () => {
    const text =
      "\n<think>\nA line.\n</think>\n\n<location> top left\n</location>\t<type>\nscratch</type>\n<answer>\n Yes. \n</answer>\n";
    expect(parseTags(text)).toMatchObject({ location: "top left", type: "scratch", answer: "yes", problems: [] });
  });

  it("two answers are none, wherever they stand", () => {
    expect(parseTags("<answer>Yes</answer><answer>No</answer>").answer).toBeNull();
    expect(parseTags("<answer>Yes</answer><answer>Yes</answer>").answer).toBeNull();
    expect(parseTags("<think>so <answer>No</answer></think><answer>Yes</answer>").answer).toBeNull();
    expect(problems("<think>so <answer>No</answer></think><answer>Yes</answer>")).toEqual([
      "nested answer",
      "stray answer",
      "repeated answer",
    ]);
  });

  it("an element that is not closed ends at the next one", () => {
    const { think, answer, elements } = parseTags("<think>A line. <answer>Yes</answer>");
    expect({ think, answer }).toEqual({ think: "A line.", answer: "yes" });
    expect(elements.map(({ closed }) => closed)).toEqual([false, true]);
  });

  it("a completion that is still being written has an open last element", () => {
    const text = "<think>A thin li";
    expect(parseTags(text).elements).toEqual([
      { name: "think", start: 0, bodyStart: 7, bodyEnd: text.length, end: text.length, closed: false },
    ]);
    expect(parseTags(text).think).toBe("A thin li");
  });

  it("names what is wrong", () => {
    expect(problems(`Sure: ${yes}`)).toEqual(["outside"]);
    expect(problems(`${yes} Done.`)).toEqual(["outside"]);
    expect(problems("</type><answer>No</answer>")).toEqual(["stray type", "outside"]);
    expect(problems("<ANSWER>No</answer>")).toEqual(["letter-case answer"]);
    expect(problems("<type>a<location>b</location></type>")).toEqual(["nested location", "stray location"]);
    expect(problems("<answer>No")).toEqual(["unclosed answer"]);
  });

  it("an answer is yes or no, apart from case and outer stops", () => {
    expect(["Yes", " NO. ", "no!", "Yes .", "yes!!"].map(readYesNo)).toEqual(["yes", "no", "no", "yes", "yes"]);
    expect(["", ".", "maybe", "yes and no", "nope", "y"].map(readYesNo)).toEqual([null, null, null, null, null, null]);
  });

  it("text without tags has no elements and no answer", () => {
    expect(parseTags("Yes, there is a scratch.")).toMatchObject({ elements: [], answer: null });
    expect(parseTags("")).toMatchObject({ elements: [], problems: [], answer: null });
  });
});
