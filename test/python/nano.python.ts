/**
 * The embedded model and each of its adapters in transformers and PEFT: the same token ids, the same pixels, the same logits and the
 * same greedy text as here, on real pictures and on a generated one.
 */
import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openSafetensors } from "@iad-r1/models/checkpoint/safetensors";
import { loadImage } from "@iad-r1/models/vision/decode";
import { loadModelDescription } from "@iad-r1/models/zoo";
import { encodePng } from "@iad-r1/server/data/png";
import { generateSample } from "@iad-r1/server/data/synth/sample";
import { CompiledModel } from "@iad-r1/server/verify/compiledModel";
import { expect, test } from "vitest";
import { runPython } from "../helpers/python";
import { temporaryFolder } from "../helpers/temporaryFolder";

const root = join(import.meta.dirname, "../..");
const nano = join(root, "models/nano");
const base = join(nano, "base");
const question = "Are there any defects in the query image?";
const steps = 24;

const adapters = readdirSync(nano).filter((name) => existsSync(join(nano, name, "adapter_config.json")));

test.each(["base", ...adapters])("nano/%s computes what transformers computes", async (name) => {
  const folder = temporaryFolder();
  const adapter = name === "base" ? null : join(nano, name);
  const pictures = [...realPictures(), writeSynthetic(folder)];
  const out = join(folder, "theirs.safetensors");
  runPython("test/python/nanoCheck.py", [], { checkpoint: base, adapter, pictures, question, steps, out });
  const theirs = await openSafetensors(out);

  const description = await loadModelDescription(base, adapter === null ? {} : { adapter });
  const processor = await description.loadProcessor();
  const compiled = new CompiledModel(description, { threads: 1 });
  try {
    for (const [i, picture] of pictures.entries()) {
      const content = [{ type: "image" as const }, { type: "text" as const, text: question }];
      const inputs = processor.prepareInputs([{ role: "user", content }], [await loadImage(picture)]);
      const ids = [...inputs.inputIds];
      expect(ids, picture).toEqual(Array.from((await theirs.read(`input_ids.${i}`)) as BigInt64Array, Number));
      expect(largestDifference(inputs.pixelValues, await theirs.readFloat32(`pixel_values.${i}`)), picture).toBe(0);

      const images = [{ file: picture, form: "cut", prepared: inputs }];
      const last = ids.map((_, position) => position).slice(-8);
      const logits = await compiled.logits({ rows: [ids], images }, last);
      expect(largestDifference(logits, await theirs.readFloat32(`logits.${i}`)), picture).toBeLessThan(5e-4);

      const [greedy] = await compiled.greedy({ rows: [ids], images }, steps);
      expect(greedy, picture).toEqual(Array.from((await theirs.read(`greedy.${i}`)) as BigInt64Array, Number));
    }
  } finally {
    await compiled.dispose();
  }
});

/** One picture of each category of the real samples. */
function realPictures(): string[] {
  const folder = join(root, "samples/real/images");
  return readdirSync(folder).map((category) => join(folder, category, readdirSync(join(folder, category)).sort()[0]!));
}

function writeSynthetic(folder: string): string {
  const path = join(folder, "synthetic.png");
  writeFileSync(path, encodePng(generateSample({ seed: "nano", index: 3, size: 112 }).image));
  return path;
}

function largestDifference(ours: ArrayLike<number>, theirs: ArrayLike<number>): number {
  expect(ours.length).toBe(theirs.length);
  let worst = 0;
  for (let i = 0; i < ours.length; i++) worst = Math.max(worst, Math.abs(ours[i]! - theirs[i]!));
  return worst;
}
