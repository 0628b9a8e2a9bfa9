import { ropeTables } from "@iad-r1/models/nn/rope";
import { describe, expect, it } from "vitest";

describe("rotary tables", () => {
  it("hold cosine and sine of position / theta^(2i/D), one row per position", () => {
    const { cos, sin, length } = ropeTables({ headDim: 4, ropeTheta: 100 }, 3);
    expect(length).toBe(3);
    // D/2 = 2 frequencies: 1 and 100^(-1/2) = 0.1.
    const angles = [0, 0, 1, 0.1, 2, 0.2];
    for (const [i, angle] of angles.entries()) {
      expect(cos[i]).toBeCloseTo(Math.cos(angle), 6);
      expect(sin[i]).toBeCloseTo(Math.sin(angle), 6);
    }
  });

  it("round angles to float32 as the reference does, which shows at late positions", () => {
    const { cos } = ropeTables({ headDim: 2, ropeTheta: 10000 }, 30001);
    expect(cos[30000]).toBeCloseTo(Math.cos(30000), 6);
    const wide = ropeTables({ headDim: 6, ropeTheta: 10000 }, 30001);
    const frequency = Math.fround(1 / Math.fround(10000 ** (2 / 6)));
    expect(wide.cos[30000 * 3 + 1]).toBe(Math.fround(Math.cos(Math.fround(30000 * frequency))));
  });
});
