/** The memory estimate against measured peaks, and its refusal. */
import { ResourceError } from "@iad-r1/models/errors";
import { refuseIfTooLarge } from "@iad-r1/server/runtime/memory";
import { activationBytes, trainingStateBytes } from "@iad-r1/server/train/memory";
import { describe, expect, it } from "vitest";

/** Decoder of the embedded model. */
const decoder = { layers: 4, width: 192, mlpWidth: 512, heads: 6 };

describe("the memory of a training pass", () => {
  // Growth of the resident set at its peak (VmHWM) over one supervised pass with an adapter and without pictures, in MB, on x86-64 Linux.
  it.each([
    { rows: 8, tokens: 224, labelled: 442, recompute: false, measured: 131 },
    { rows: 32, tokens: 224, labelled: 1642, recompute: false, measured: 513 },
    { rows: 8, tokens: 424, labelled: 442, recompute: false, measured: 293 },
    { rows: 8, tokens: 224, labelled: 442, recompute: true, measured: 76 },
    { rows: 32, tokens: 224, labelled: 1642, recompute: true, measured: 306 },
  ])(
    "is estimated a little above what was measured ($rows x $tokens, recompute $recompute)",
    ({ measured, ...size }) => {
      const estimate = activationBytes({ ...size, stack: decoder, vocabSize: 1536 }) / 2 ** 20;
      expect(estimate).toBeGreaterThan(measured);
      expect(estimate).toBeLessThan(1.5 * measured);
    },
  );

  it("counts weight, gradient and two moments of what is trained", () => {
    expect(trainingStateBytes(1000)).toBe(16_000);
  });

  it("is refused with both numbers and a cure when it cannot fit", () => {
    expect(() => refuseIfTooLarge(3.21e9, "A pass", "Use less.", 5e8)).toThrow(ResourceError);
    expect(() => refuseIfTooLarge(3.21e9, "A pass", "Use less.", 5e8)).toThrow(
      "A pass needs about 3.2 GB of memory, 500 MB are free.",
    );
    refuseIfTooLarge(1, "A pass", "Use less.", 2);
    // The machine that runs this test has more than a kilobyte and less than an exabyte.
    refuseIfTooLarge(1000, "A pass", "Use less.");
    expect(() => refuseIfTooLarge(1e18, "A pass", "Use less.")).toThrow("are free");
  });
});
