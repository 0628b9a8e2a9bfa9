import { createRandom } from "@iad-r1/models/util/random";
import { tensor, zeros } from "@iad-r1/server/runtime/tensors";
import { AdamW, type OptimizerSlot } from "@iad-r1/server/train/adamW";
import { describe, expect, it } from "vitest";

const settings = {
  ...{ beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0.1, maxGradNorm: 0.5 },
  decays: (path: string) => path !== "bias",
};

function slot(path: string, size: number): OptimizerSlot {
  const random = createRandom(path);
  const values = (scale: number) =>
    tensor(
      "float32",
      Float32Array.from({ length: size }, () => random.uniform(-scale, scale)),
      [size],
    );
  return {
    ...{ path, weight: values(1), gradient: values(0.01) },
    ...{ m: zeros("float32", [size]), v: zeros("float32", [size]) },
  };
}

describe("AdamW over tensors in memory", () => {
  it("treats large tensors, which go through it in pieces, and small ones alike", async () => {
    // 600,000 elements are two pieces and a part of a third; the bias is large, too, but does not decay.
    const large = ["weight", "bias"].map((path) => slot(path, 600_000));
    const small = slot("gain", 7);
    const slots = [...large, small];
    const before = slots.map(({ weight }) => weight.data.slice());
    const optimizer = await AdamW.create(slots, settings, { threads: 1 });
    try {
      const norm = await optimizer.step({ always: 1, idling: 1 }, 0.01);
      const squares = slots.map(({ gradient }) => gradient.data.reduce((sum, g) => sum + g * g, 0));
      const expected = Math.sqrt(squares.reduce((sum, one) => sum + one, 0));
      expect(Math.abs(norm / expected - 1)).toBeLessThan(1e-4);
      // First step: m / (1 - beta1) is the clipped gradient g, v / (1 - beta2) its square, so the weight moves by lr g / (|g| + eps).
      const clip = settings.maxGradNorm / (expected + 1e-6);
      expect(clip).toBeLessThan(1);
      for (const [s, { path, weight, gradient, m, v }] of slots.entries()) {
        const decay = path === "bias" ? 0 : settings.weightDecay;
        let worst = 0;
        for (let i = 0; i < weight.data.length; i++) {
          const g = gradient.data[i]! * clip;
          const moved = before[s]![i]! * (1 - 0.01 * decay) - (0.01 * g) / (Math.abs(g) + settings.epsilon);
          worst = Math.max(worst, Math.abs(weight.data[i]! - moved));
          worst = Math.max(worst, Math.abs(m.data[i]! - 0.1 * g), Math.abs(v.data[i]! - 0.001 * g * g));
        }
        // Gradients near epsilon lose digits in the quotient.
        expect(worst, path).toBeLessThan(2e-4);
      }
    } finally {
      await optimizer.dispose();
    }
  });
});
