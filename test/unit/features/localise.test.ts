/** Chinese for the checks: the table covers the schema and all recorded findings, and a person's own words are left alone. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { experimentJsonSchema } from "@iad-r1/server/config/experiment";
import { reportLanguageFor } from "@iad-r1/server/features/localise/report";
import { translate, translateLines, translatorFor } from "@iad-r1/server/features/localise/translate";
import { sentences } from "@iad-r1/server/features/localise/zhCn";
import { describe, expect, it } from "vitest";

const golden = join(import.meta.dirname, "../../golden/features");
const isChinese = (text: string) => /\p{Script=Han}/u.test(text);

/** A message that may be followed by its hint, as the goldens print them. */
function isTranslated(line: string): boolean {
  if (isChinese(translate(line))) return true;
  for (let at = line.indexOf(" "); at >= 0; at = line.indexOf(" ", at + 1)) {
    const [message, hint] = [line.slice(0, at), line.slice(at + 1)];
    if (isChinese(translate(message)) && isChinese(translate(hint))) return true;
  }
  return false;
}

function recorded(pattern: RegExp): string[] {
  const found = new Set<string>();
  for (const folder of ["experiment", "dataset"]) {
    for (const name of readdirSync(join(golden, folder)).filter((each) => each.startsWith("problems-"))) {
      for (const line of readFileSync(join(golden, folder, name), "utf8").split("\n")) {
        const match = pattern.exec(line);
        if (match !== null) found.add(match[1]!);
      }
    }
  }
  return [...found];
}

describe("the table", () => {
  it("has every meaning of a key and of a value of the schema", () => {
    const missing = new Set<string>();
    const walk = (value: unknown): void => {
      if (Array.isArray(value)) {
        for (const each of value) walk(each);
        return;
      }
      if (typeof value !== "object" || value === null) return;
      for (const [key, inner] of Object.entries(value)) {
        const texts = key === "description" ? [inner] : key === "enumDescriptions" ? (inner as unknown[]) : [];
        for (const text of texts) {
          if (typeof text === "string" && text !== "" && sentences[text] === undefined) missing.add(text);
        }
        walk(inner);
      }
    };
    walk(experimentJsonSchema());
    expect([...missing]).toEqual([]);
  });

  it("has every recorded finding and quick fix", () => {
    const findings = recorded(/^(?:error|warning|info) [\w/-]+: (.+?)(?: \[unneeded\])?$/);
    expect(findings.length).toBeGreaterThan(60);
    expect(findings.filter((line) => !isTranslated(line))).toEqual([]);
    const fixes = recorded(/^ {2}fix[ !] (.+)$/);
    expect(fixes.length).toBeGreaterThan(30);
    expect(fixes.filter((line) => !isChinese(translate(line)))).toEqual([]);
  });

  it("keeps every place of a sentence", () => {
    for (const [english, chinese] of Object.entries(sentences)) {
      const places = (text: string) => [...text.matchAll(/\{\d\}/g)].map(([place]) => place).sort();
      expect(places(chinese), english).toEqual(places(english));
    }
  });
});

describe("translate", () => {
  it("keeps key paths and the person's own words", () => {
    expect(translate("stages.scGrpo.grupSize: no such key.")).toBe("stages.scGrpo.grupSize: 没有这个键。");
    // A place may hold anything, also what looks like a sentence or a place of ours.
    expect(translate('"label" must be text, got "no such key. {0}".')).toBe(
      '"label" 必须是文本，但写了 "no such key. {0}"。',
    );
  });

  it("leaves alone what it does not know", () => {
    for (const word of ["constructor", "toString", "__proto__"]) {
      expect(translate(word)).toBe(word);
      expect(reportLanguageFor("zh-cn").say(word)).toBe(word);
    }
    for (const text of ["", "Something new.", "a: b: c"]) expect(translate(text)).toBe(text);
  });

  it("never translates inside a fence", () => {
    const markdown = "Default: `4`  \n\n```text\nRank.\n```\nRank.";
    expect(translateLines(markdown)).toBe("默认：`4`  \n\n```text\nRank.\n```\n秩。");
  });
});

it("speaks English to everyone else", () => {
  const finding = {
    ...{ severity: "error" as const, code: "config/unknown-key", message: "a: no such key.", fixes: [] },
    range: { start: { line: 0, character: 0 }, end: { line: 0, character: 1 } },
  };
  for (const locale of ["en", "de", "zh-tw", "zh-hk", ""]) expect(translatorFor(locale).finding(finding)).toBe(finding);
  for (const locale of ["zh-cn", "zh", "zh-Hans"]) {
    expect(translatorFor(locale).finding(finding).message).toBe("a: 没有这个键。");
  }
});
