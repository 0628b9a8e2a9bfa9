import { describe, expect, it } from "vitest";
import { bar, clip, duration, metric, shellWord, sparkline, table } from "../../../server/src/cli/terminalText";

describe("terminal text", () => {
  it("fills a bar by share and never beyond its width", () => {
    expect(bar(0.5, 4)).toBe("██░░");
    expect(bar(7, 3)).toBe("███");
    expect(bar(-1, 3)).toBe("░░░");
  });

  it("draws the last values between their own extremes", () => {
    expect(sparkline([9, 0, 5, 10], 3)).toBe("▁▅█");
    expect(sparkline([2, 2], 5)).toBe("▄▄");
  });

  it("says durations as a person does", () => {
    expect(duration(8.4)).toBe("8 s");
    expect(duration(125)).toBe("2 min 5 s");
    expect(duration(3780)).toBe("1 h 3 min");
  });

  it("shows as many digits as matter", () => {
    expect([0, 0.00001, 0.5, 12.34, 12345.6].map(metric)).toEqual(["0", "1.0e-5", "0.500", "12.3", "12346"]);
  });

  it("aligns a table", () => {
    expect(table(["a", "bb"], [["xyz", "1"]])).toEqual(["a     bb", "────────", "xyz    1"]);
    expect(
      table(
        ["a", "words", "n"],
        [
          ["x", "b", "10"],
          ["y", "", "-1"],
        ],
      ),
    ).toEqual(["a   words    n", "──────────────", "x   b       10", "y           -1"]);
  });

  it("shows names that would break a table or command the terminal as one line", () => {
    expect(table(["name"], [["a\nb\u001b[2J"]])).toEqual(["name", "───────", "a b [2J"]);
  });

  it("clips to one line", () => {
    expect(clip("one\ntwo three", 9)).toBe("one two …");
  });

  it("writes a path as one word of a shell", () => {
    expect(shellWord("/data/run-1/iadr1.yaml")).toBe("/data/run-1/iadr1.yaml");
    const quoted = process.platform === "win32" ? `"my parts/it's.png"` : String.raw`'my parts/it'\''s.png'`;
    expect(shellWord("my parts/it's.png")).toBe(quoted);
  });
});
