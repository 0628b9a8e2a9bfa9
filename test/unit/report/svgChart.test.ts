import { describe, expect, it } from "vitest";
import { niceTicks, smooth, svgChart } from "../../../server/src/report/svgChart";

describe("smooth", () => {
  it("is TensorBoard's debiased mean: the first value stays, later ones are weighed", () => {
    // weight 0.5: y1 = 1, y2 = (0.5*0.5*1 + 0.5*3) / (1 - 0.25) = 7/3
    expect(smooth([1, 3], 0.5)[0]).toBe(1);
    expect(smooth([1, 3], 0.5)[1]).toBeCloseTo(7 / 3, 12);
  });

  it("passes over values that are not finite", () => {
    expect(smooth([1, Number.NaN, 1], 0.9)[2]).toBeCloseTo(1, 12);
  });
});

describe("niceTicks", () => {
  it("steps by 1, 2 or 5 times a power of ten inside the range", () => {
    expect(niceTicks(0, 10, 5)).toEqual([0, 2, 4, 6, 8, 10]);
    expect(niceTicks(0.13, 0.47, 4)).toEqual([0.2, 0.3, 0.4]);
  });
});

describe("svgChart", () => {
  it("says what it shows to a screen reader and never lets text become markup", () => {
    const svg = svgChart({ title: "a<b", xLabel: "step", series: [{ name: '"loss"', x: [1, 2], y: [4, 2] }] });
    expect(svg).toContain('aria-label="a&lt;b: &quot;loss&quot; from 4 to 2 over 2 points"');
    expect(svg).not.toContain("<b:");
  });

  it("breaks the line where a value is missing", () => {
    const svg = svgChart({
      title: "t",
      xLabel: "x",
      series: [{ name: "n", x: [0, 1, 2, 3], y: [1, Number.NaN, 1, 2] }],
    });
    const path = /class="line" d="([^"]+)"/.exec(svg)![1]!;
    expect(path.match(/M/g)).toHaveLength(2);
  });

  it("labels every tick with all its digits", () => {
    const labels = (x: number[], y: number[]) =>
      [
        ...svgChart({ title: "t", xLabel: "x", series: [{ name: "n", x, y }] }).matchAll(/class="tick"[^>]*>([^<]+)</g),
      ].map(([, text]) => text);
    expect(labels([0, 1], [1.0201, 1.0299])).toEqual(expect.arrayContaining(["1.02", "1.025", "1.03"]));
    expect(labels([100_000, 110_000], [0, 1])).toEqual(expect.arrayContaining(["1.02e5", "1.04e5"]));
  });

  it("keeps the names of all lines inside the picture", () => {
    const names = ["format", "a reward with a long name", "location", "type", "length"];
    const svg = svgChart({ title: "Rewards", xLabel: "step", series: names.map((name) => ({ name, x: [1], y: [1] })) });
    for (const name of names) {
      const [, x] = new RegExp(`x="([\\d.]+)" y="[\\d.]+">${name}<`).exec(svg)!;
      expect(Number(x) + 6.2 * name.length).toBeLessThanOrEqual(460);
    }
    const [, highest] = /<circle cx="[\d.]+" cy="([\d.]+)"/.exec(svg)!;
    expect(Number(highest)).toBeGreaterThan(46);
  });

  it("says so when there is nothing to show", () => {
    expect(svgChart({ title: "t", xLabel: "x", series: [] })).toContain("no data");
  });
});
