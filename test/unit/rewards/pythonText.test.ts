import {
  codePointLength,
  codePoints,
  collapseSpace,
  compareCodePoints,
  contains,
  dropPunctuation,
  isSpace,
  isWord,
  lower,
  strip,
} from "@iad-r1/server/rewards/pythonText";
import { describe, expect, it } from "vitest";

function count(holds: (codePoint: number) => boolean): number {
  let found = 0;
  for (let codePoint = 0; codePoint <= 0x10ffff; codePoint++) if (holds(codePoint)) found++;
  return found;
}

describe("character classes", () => {
  it("hold as many code points as in Python 3.11", () => {
    // sum(bool(re.match(r"\w", chr(i))) for i in range(0x110000)) and the same with \s
    expect(count(isWord)).toBe(133548);
    expect(count(isSpace)).toBe(29);
  });

  it("do not know letters younger than Unicode 14, whatever Node knows", () => {
    expect(isWord(0x11f04)).toBe(false); // KAWI LETTER A, Unicode 15
    expect(lower("\u{a7cb}")).toBe("\u{a7cb}"); // LATIN CAPITAL LETTER RAMS HORN, Unicode 16
    expect(lower("\u{a7cb}ÄΣ")).toBe("\u{a7cb}äς");
  });
});

describe("str methods", () => {
  it("strip removes Python's white space, not JavaScript's", () => {
    expect(strip("\u001c\u0085 a \u3000")).toBe("a");
    expect(strip("\ufeffa\u200b")).toBe("\ufeffa\u200b");
  });

  it("strip removes the given characters from both ends alone", () => {
    expect(strip("..a.b..", ".")).toBe("a.b");
    expect(strip("...", ".")).toBe("");
  });

  it("which sigma ends a word is decided by the classes of Unicode 14, whatever this Node carries", () => {
    const ends = (before: string) => (codePoint: number) => {
      // Above the second plane only the tags and selectors of plane 14 belong to one of the classes.
      if ((codePoint >= 0xd800 && codePoint < 0xe000) || (codePoint >= 0x20000 && codePoint >> 12 !== 0xe0))
        return false;
      return lower(`${before}${String.fromCodePoint(codePoint)}Σ`).endsWith("ς");
    };
    // Python 3.11: sum(("A" + chr(i) + "Σ").lower().endswith("ς") for i in range(0x110000)), and the same with "."
    expect(count(ends("A"))).toBe(6855);
    expect(count(ends("."))).toBe(4253);
    expect(lower("AΣ\u0897A")).toBe("aς\u0897a"); // ARABIC PEPET, Unicode 16: to Python 3.11 no mark
    expect(lower("A.\u{10ffff}Σ")).toBe("a.\u{10ffff}σ");
    expect(lower("\u{10400}\u0301Σ\u{1d165}")).toBe("\u{10428}\u0301ς\u{1d165}");
  });

  it("lower maps fully and knows the final sigma", () => {
    expect(lower("İ")).toBe("i\u0307");
    expect(lower("ΟΔΟΣ")).toBe("οδος");
  });

  it("white space collapses and punctuation goes, code point by code point", () => {
    expect(collapseSpace("a \t\u2003b")).toBe("a b");
    expect(dropPunctuation("a_b-c!é😀\u0301٣ d")).toBe("a_b-cé٣ d");
  });
});

describe("positions", () => {
  it("are code points", () => {
    expect(codePointLength("a😀\ud800")).toBe(3);
    expect([...codePoints("a😀\ud800")]).toEqual([0x61, 0x1f600, 0xd800]);
  });

  it("order texts by code point, not by UTF-16 unit", () => {
    expect(compareCodePoints("😀", "\uff5e")).toBeGreaterThan(0);
    expect("😀" < "\uff5e").toBe(true);
    expect(compareCodePoints("ab", "abc")).toBeLessThan(0);
  });
});

describe("contains", () => {
  it("agrees with includes for needles of every length", () => {
    const text = "aabaabaaab".repeat(40);
    for (let start = 0; start < 30; start += 7) {
      for (const length of [0, 1, 5, 64, 65, 100, 300]) {
        const needle = text.slice(start, start + length);
        expect(contains(text, needle)).toBe(true);
        expect(contains(text, `${needle}x`)).toBe(false);
        expect(contains(text, `x${needle}`)).toBe(false);
      }
    }
  });

  it("takes no longer for a needle that nearly fits everywhere", () => {
    const text = "a".repeat(200_000);
    const started = performance.now();
    expect(contains(text, `b${"a".repeat(100_000)}`)).toBe(false);
    expect(performance.now() - started).toBeLessThan(1000);
  });
});
