/** Conversations about pictures as token rows, with the tokenizer of the embedded model. */
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, it } from "vitest";
import { loadModelDescription, type ModelDescription } from "@iad-r1/models/zoo";
import { perceptionBatch } from "@iad-r1/server/data/synth/perceptionBatch";
import { CaptionRows } from "@iad-r1/server/train/captionRows";

const nano = fileURLToPath(new URL("../../../models/nano/base", import.meta.url));
const batch = perceptionBatch({
  ...{ seed: 7, start: 0, count: 3, size: 112, patch: 14, difficulty: [0.2, 0.4], anomalousShare: 0.5 },
  ...{ mirror: false, largeShare: 0, twins: false },
});

describe("caption rows", () => {
  let model: ModelDescription;
  let rows: CaptionRows;
  let decode: (ids: number[]) => string;
  beforeAll(async () => {
    model = await loadModelDescription(nano);
    rows = await CaptionRows.open(model, 1, 3);
    const processor = await model.loadProcessor();
    decode = (ids) => processor.tokenizer.decode(ids, { skipSpecialTokens: false });
  });

  it("give every answer the same share of the weight, whatever its length", () => {
    const { feeds, numTargets } = rows.rows(batch, 0, 2);
    const targets = [...feeds.targets!.data].map(Number);
    const weights = [...feeds.token_weights!.data].map(Number);
    expect(targets.length).toBe(numTargets);
    const end = model.generation.eosTokenIds[0]!;
    const shares: number[] = [];
    let share = 0;
    for (const [i, target] of targets.entries()) {
      share += weights[i]!;
      if (target !== end) continue;
      shares.push(share);
      share = 0;
    }
    expect(shares.length).toBeGreaterThanOrEqual(9);
    for (const one of shares) expect(one).toBeCloseTo(2 / shares.length, 5);
  });

  it("predict each target from the token before it, and only what the assistant says", () => {
    const { feeds } = rows.rows(batch, 0, 1);
    const ids = [...feeds.input_ids!.data].map(Number);
    const targets = [...feeds.targets!.data].map(Number);
    const positions = [...feeds.target_positions!.data].map(Number);
    for (const [i, position] of positions.entries()) expect(ids[position + 1]).toBe(targets[i]);
    const text = decode(targets);
    expect(text).not.toMatch(/What|Where|Describe|user|<image>/);
  });

  it("put one image row at every image token", () => {
    const { feeds } = rows.rows(batch, 0, 1);
    const ids = [...feeds.input_ids!.data].map(Number);
    const places = [...feeds.image_positions!.data].map(Number);
    const image = ids.flatMap((id, at) => (id === model.facts.imageTokenId ? [at] : []));
    expect(places).toEqual(image);
  });
});
