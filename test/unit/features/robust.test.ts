/** Texts as they are while somebody types, deletes and pastes: every feature answers, and every edit stays inside the text. */
import { completionsAt } from "@iad-r1/server/features/completions";
import { type LanguageDocument, openDocument } from "@iad-r1/server/features/documents";
import { fileFindings, textFindings } from "@iad-r1/server/features/findings";
import { hoverAt } from "@iad-r1/server/features/hovers";
import { lensesOf } from "@iad-r1/server/features/lenses";
import type { TextRange } from "@iad-r1/server/features/types";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { fakeFiles } from "../../helpers/languageFixture";

const files = fakeFiles(["/lab/photos/annotations.jsonl"]);
const experiment = `project: demo
model:
  base: models/nano # the model
data:
  train:
    - { kind: folder, path: photos, part: { seed: 1, share: 0.5, side: first } }
    - kind: synth
      seed: 4
  heldOut: { kind: synth, seed: 4, count: 10 }
stages:
  paSft: { epochs: 2, steps: 3, lora: { r: 4 } }
  scGrpo:
    groupSize: 16
    rewards:
      - name: iad-r1/accuracy
`;
const dataset = JSON.stringify(
  [
    { id: "1", image: ["a.png", "b.png"], problem: "q", solution: "<location>middle</location><answer>Yes</answer>" },
    { id: "2", image: "a.png", problem: "q \u2028 \u00e4\n", solution: "<Answer>no</Answer>\n" },
  ],
  null,
  1,
);

/** A text after a few cuts and insertions, and a place in it. */
const typed = (text: string) =>
  fc
    .array(
      fc.record({
        at: fc.nat(text.length),
        drop: fc.nat(12),
        add: fc.constantFrom(
          "",
          "\n",
          "  ",
          "- ",
          ": ",
          "{",
          "}",
          "[",
          "]",
          '"',
          "'",
          "#",
          "x",
          "\t",
          "\\",
          "kind: ",
          "&a ",
          "*a",
          "|",
          "\r\n",
          "é",
          "<answer>",
          "---\n",
        ),
      }),
      { minLength: 1, maxLength: 5 },
    )
    .map((edits) => edits.reduce((now, { at, drop, add }) => now.slice(0, at) + add + now.slice(at + drop), text));

async function tryAll(document: LanguageDocument, at: number): Promise<void> {
  const { lines, text } = document;
  const { line, column } = lines.position(at % (text.length + 1));
  const position = { line: line - 1, character: column - 1 };
  const findings = [...textFindings(document), ...(await fileFindings(document, files))];
  const completions = await completionsAt(document, position, { files });
  const hover = await hoverAt(document, position, { files });
  const inside = ({ start, end }: TextRange) => {
    const [from, to] = [start, end].map((place) => {
      expect(place.line).toBeGreaterThanOrEqual(0);
      expect(place.line).toBeLessThan(lines.count);
      expect(place.character).toBeGreaterThanOrEqual(0);
      expect(lines.offset(place.line + 1, place.character + 1) - lines.offset(place.line + 1, 1)).toBe(place.character);
      return lines.offset(place.line + 1, place.character + 1);
    });
    expect(to).toBeGreaterThanOrEqual(from!);
  };
  for (const { range, fixes } of findings) {
    inside(range);
    for (const { edits } of fixes) for (const edit of edits) inside(edit.range);
  }
  for (const { edit } of completions) inside(edit.range);
  for (const { range } of lensesOf(document)) inside(range);
  if (hover !== null) inside(hover.range);
}

describe("while a text is typed", () => {
  it("every feature of an experiment answers", async () => {
    let previous: LanguageDocument | null = null;
    await fc.assert(
      fc.asyncProperty(typed(experiment), fc.nat(), async (text, at) => {
        const document: LanguageDocument = openDocument("/lab/iadr1.yaml", text, { previous })!;
        previous = document;
        await tryAll(document, at);
      }),
      { numRuns: 400 },
    );
  });

  it("every feature of a data set answers", async () => {
    const sound = openDocument("/lab/set.json", dataset);
    await fc.assert(
      fc.asyncProperty(typed(dataset), fc.nat(), async (text, at) => {
        const document = openDocument("/lab/set.json", text, { previous: sound });
        if (document !== null) await tryAll(document, at);
      }),
      { numRuns: 400 },
    );
  });
});
