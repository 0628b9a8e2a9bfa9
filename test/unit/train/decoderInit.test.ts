/** Start weights of the decoder that reads the dense heads. */
import { describe, expect, it } from "vitest";
import { ConfigError } from "@iad-r1/models/errors";
import { ropeTables } from "@iad-r1/models/nn/rope";
import type { DecoderConfig } from "@iad-r1/models/nn/decoderConfig";
import { createRandom } from "@iad-r1/models/util/random";
import { type DenseHead, readingDecoder } from "@iad-r1/server/train/decoderInit";

const config: DecoderConfig = {
  ...{ vocabSize: 40, width: 64, mlpWidth: 96, layers: 2, heads: 4, kvHeads: 2, headDim: 32 },
  ...{ normEpsilon: 1e-6, ropeTheta: 10_000, maxPositions: 512, attentionBias: true, tied: true },
};
const { width, headDim } = config;

function head(classes: number): DenseHead {
  const random = createRandom("head", classes);
  return { classes, weight: Float32Array.from({ length: classes * width }, () => random.normal() / 4) };
}
const heads = { defect: head(1), type: head(12), kind: head(20), cell: head(9) };
const start = readingDecoder("decoder", config, heads, 1);
const weight = (name: string) => start.get(`decoder.layers.0.self_attn.${name}`)!;

/** One head's query or key: rows [head * D, head * D + D) of the weight times x, plus bias. */
function project(matrix: Float32Array, bias: Float32Array | null, index: number, x: Float32Array): Float32Array {
  return Float32Array.from({ length: headDim }, (_, i) => {
    const row = index * headDim + i;
    let sum = bias?.[row] ?? 0;
    for (let k = 0; k < width; k++) sum += matrix[row * width + k]! * x[k]!;
    return sum;
  });
}

function rotated(vector: Float32Array, position: number): Float32Array {
  const { cos, sin } = ropeTables(config, position + 1);
  const half = headDim / 2;
  return vector.map((value, i) => {
    const at = position * half + (i % half);
    return value * cos[at]! + (i < half ? -vector[i + half]! : vector[i - half]!) * sin[at]!;
  });
}

const dot = (a: Float32Array, b: Float32Array) => a.reduce((sum, value, i) => sum + value * b[i]!, 0);

/** A normalised row: random, with so much of the defect head's direction. */
function patch(seed: number, along: number): Float32Array {
  const random = createRandom("patch", seed);
  const length = Math.sqrt(dot(heads.defect.weight, heads.defect.weight));
  const row = Float32Array.from(heads.defect.weight, (value) => random.normal() + (along * value) / length);
  const rms = Math.sqrt(dot(row, row) / width);
  return row.map((value) => value / rms);
}

describe("a decoder that starts by reading the dense heads", () => {
  it("attends by the logit of the defect head, as far as a conversation reaches", () => {
    const text = patch(99, 0);
    for (const [index, sharpness] of [0.5, 2].entries()) {
      for (const position of [140, 400]) {
        const query = rotated(project(weight("q_proj.weight"), weight("q_proj.bias"), index, text), position);
        for (const along of [-4, 0, 4]) {
          const row = patch(along, along);
          const key = rotated(project(weight("k_proj.weight"), null, 0, row), 20);
          const score = dot(query, key) / Math.sqrt(headDim);
          // The noise on the other 31 dimensions adds a few hundredths; turning takes less than a tenth away.
          const logit = dot(heads.defect.weight, row);
          expect(Math.abs(score - sharpness * logit)).toBeLessThan(0.1 + 0.1 * Math.abs(sharpness * logit));
        }
      }
    }
  });

  it("takes no word for a defect", () => {
    const embeddings = start.get("decoder.embed_tokens.weight")!;
    for (let token = 0; token < config.vocabSize; token++) {
      const row = embeddings.subarray(token * width, (token + 1) * width);
      expect(dot(row, row)).toBeGreaterThan(0);
      expect(Math.abs(dot(row, heads.defect.weight))).toBeLessThan(1e-5);
    }
  });

  it("carries what the heads say of a patch: values grow with the place's and the type's evidence", () => {
    const place = heads.cell.weight.slice(3 * width, 4 * width);
    const value = project(weight("v_proj.weight"), null, 0, place);
    const cells = value.slice(1, 10);
    expect(cells.indexOf(Math.max(...cells))).toBe(3);
    const type = heads.type.weight.slice(7 * width, 8 * width);
    const types = project(weight("v_proj.weight"), null, 0, type).slice(10, 22);
    expect(types.indexOf(Math.max(...types))).toBe(7);
  });

  it("is the same for a seed", () => {
    expect(readingDecoder("decoder", config, heads, 1)).toEqual(start);
    expect(readingDecoder("decoder", config, heads, 2)).not.toEqual(start);
  });

  it("refuses decoders that are too narrow for what the heads say", () => {
    for (const narrow of [{ headDim: 16 }, { kvHeads: 1 }, { attentionBias: false }]) {
      expect(() => readingDecoder("decoder", { ...config, ...narrow }, heads, 1)).toThrow(ConfigError);
    }
  });
});
