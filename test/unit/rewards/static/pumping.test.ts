import { parsePattern } from "@iad-r1/server/rewards/static/parsePattern";
import { proveHang } from "@iad-r1/server/rewards/static/pumping";
import { describe, expect, it } from "vitest";

const prove = async (pattern: string, flags = "") => {
  const proof = await proveHang(parsePattern(pattern, flags, "typescript")!);
  return proof === null ? null : { why: proof.why, place: pattern.slice(proof.start, proof.end), length: proof.length };
};

describe("patterns that can take forever", () => {
  it("are proven by an input made of their own tree", async () => {
    expect(await prove("^(\\w+\\s?)+[.!]$")).toMatchObject({ why: "nested", place: "(\\w+\\s?)+" });
    expect(await prove("(a|a)*b")).toMatchObject({ why: "overlap", place: "(a|a)*" });
    expect(await prove("<think>((\\w|\\d)+\\s*)*</think>")).not.toBeNull();
    const proof = await prove("(x+x+)+y");
    expect(proof!.length).toBeLessThan(60);
  });

  it("are not those that only look like it", async () => {
    // A delimiter inside of each round, or alternatives that differ, leave one way only.
    for (const pattern of ["(?:[^<]+<br>)*x", "(\\d+,)*\\d+$", "(a|b)*c", "(?:\\s*\\S+)*\\s*$", "(?:ab?)+c"]) {
      expect(await prove(pattern), pattern).toBeNull();
    }
    expect(await prove("<think>.*?</think><location>.*?</location><answer>.*?</answer>", "s")).toBeNull();
    expect(await prove("<answer>\\s*(.*?)\\s*</answer>", "s")).toBeNull();
  });

  it("are also those whose time grows with a power of the length, proven by a text as long as an answer", async () => {
    expect(await prove("\\d+\\d+x")).toMatchObject({ why: "neighbours", place: "\\d+\\d+" });
    expect(await prove("(\\w+)(\\w*)=")).toMatchObject({ why: "neighbours" });
    expect((await prove(".*.*.*z", "s"))!.length).toBeLessThanOrEqual(4001);
    // Something between them that must be there, other characters, or a bound.
    for (const pattern of ["\\d+,\\d+x", "[a-c]+[x-z]+!", "a{1,10}a{1,10}b", "<a>\\s*(.*?)\\s*</a>"]) {
      expect(await prove(pattern), pattern).toBeNull();
    }
  });
});
