/** Start weights of the vision tower that learns to see. */
import { describe, expect, it } from "vitest";
import { createRandom } from "@iad-r1/models/util/random";
import { randomRotation, towerWeight } from "../../../server/src/train/towerInit";

const LAYER = "model.vision_tower.encoder.layers.1.self_attn";

/** out · v: how the residual stream changes when all attention goes to the patch itself; row-major, size x size. */
function product(a: Float32Array, b: Float32Array, size: number): Float64Array {
  const result = new Float64Array(size * size);
  for (let i = 0; i < size; i++) {
    for (let j = 0; j < size; j++) {
      for (let k = 0; k < size; k++) result[i * size + j]! += a[i * size + k]! * b[k * size + j]!;
    }
  }
  return result;
}

function trace(matrix: Float64Array, size: number): number {
  let sum = 0;
  for (let i = 0; i < size; i++) sum += matrix[i * size + i]!;
  return sum;
}

describe("start weights of the tower", () => {
  it("draws rotations whose rows are perpendicular and of length one", () => {
    const size = 24;
    const matrix = randomRotation(createRandom("test"), size);
    for (let i = 0; i < size; i++) {
      for (let j = 0; j <= i; j++) {
        let dot = 0;
        for (let k = 0; k < size; k++) dot += matrix[i * size + k]! * matrix[j * size + k]!;
        expect(dot).toBeCloseTo(i === j ? 1 : 0, 12);
      }
    }
  });

  it("makes value and output cancel about 0.4 of what a patch attends to", () => {
    const size = 96;
    const v = towerWeight(3, `${LAYER}.v_proj.weight`, [size, size], 3)!;
    const out = towerWeight(3, `${LAYER}.out_proj.weight`, [size, size], 3)!;
    expect(trace(product(out, v, size), size) / size).toBeCloseTo(-0.4, 1);
  });

  it("makes queries agree with keys of the same patch, later heads more sharply", () => {
    const size = 96;
    const q = towerWeight(3, `${LAYER}.q_proj.weight`, [size, size], 3)!;
    const k = towerWeight(3, `${LAYER}.k_proj.weight`, [size, size], 3)!;
    const agreement = [0, 1, 2].map((head) => {
      let sum = 0;
      for (let row = head * 32; row < head * 32 + 32; row++) {
        for (let column = 0; column < size; column++) sum += q[row * size + column]! * k[row * size + column]!;
      }
      return sum / 32;
    });
    expect(agreement[0]).toBeCloseTo(0.1, 1);
    expect(agreement[1]).toBeGreaterThan(agreement[0]! + 0.2);
    expect(agreement[2]).toBeGreaterThan(agreement[1]! + 0.2);
  });

  it("gives near patches more alike positions than far ones", () => {
    const table = towerWeight(1, "model.vision_tower.embeddings.position_embedding.weight", [64, 192], 6)!;
    const dot = (a: number, b: number) => {
      let sum = 0;
      for (let k = 0; k < 192; k++) sum += table[a * 192 + k]! * table[b * 192 + k]!;
      return sum;
    };
    expect(dot(0, 0)).toBeGreaterThan(dot(0, 1));
    expect(dot(0, 1)).toBeGreaterThan(dot(0, 3));
    expect(dot(0, 8)).toBeCloseTo(dot(0, 1), 6);
  });

  it("says nothing about other parameters and gives the same values for the same seed", () => {
    expect(towerWeight(1, "model.vision_tower.encoder.layers.0.mlp.fc1.weight", [768, 192], 6)).toBeNull();
    expect(towerWeight(1, "model.language_model.layers.0.self_attn.q_proj.weight", [192, 192], 6)).toBeNull();
    const path = `${LAYER}.q_proj.weight`;
    expect(towerWeight(1, path, [48, 48], 3)).toEqual(towerWeight(1, path, [48, 48], 3));
    expect(towerWeight(1, path, [48, 48], 3)).not.toEqual(towerWeight(2, path, [48, 48], 3));
  });
});
