/** Pictures are known by their pixels: the tower sees each once, however it came and whatever stands beside it. */
import { ImageFeatures } from "@iad-r1/server/generate/imageFeatures";
import type { LiveModel } from "@iad-r1/server/generate/liveModel";
import { contentPicture, type Picture, PromptEncoder } from "@iad-r1/server/generate/promptEncoder";
import { describe, expect, it, vi } from "vitest";
import { formulaPicture } from "../../helpers/pictures";
import { tinyModel } from "../../helpers/tinyModel";

function ask(pictures: readonly Picture[], text = "Good?") {
  const content = [...pictures.map(() => ({ type: "image" as const })), { type: "text" as const, text }];
  return { messages: [{ role: "user", content }], pictures };
}

/** A picture that says when it is loaded. */
function watched(height: number, width: number, id?: string) {
  const load = vi.fn(contentPicture(formulaPicture(height, width)).load);
  return { id: id ?? contentPicture(formulaPicture(height, width)).id, load };
}

/** Pictures that have gone through the tower so far. */
function towerOf(model: LiveModel): () => number {
  const feeds = vi.spyOn(model.description.tower, "feeds");
  return () => feeds.mock.calls.reduce((sum, [pictures]) => sum + pictures.length, 0);
}

it.each(["llava-onevision", "qwen2-vl"])("a picture that was seen is not looked at again (%s)", async (family) => {
  const model = await tinyModel(family).open();
  const encoder = new PromptEncoder(model);
  const [one, again, other] = [watched(60, 84), watched(60, 84), watched(84, 60)];
  const [first] = await encoder.encode([ask([one])]);
  const [second] = await encoder.encode([ask([again], "Where is the defect?")]);
  expect([...second!.images!.rows]).toEqual([...first!.images!.rows]);
  expect(second!.inputIds.length).toBeGreaterThan(first!.inputIds.length);
  await encoder.encode([ask([other])]);
  expect([one, again, other].map(({ load }) => load.mock.calls.length)).toEqual([1, 0, 1]);
  expect(one.id).not.toBe(other.id);
  await model.dispose();
});

describe.each(["llava-onevision", "llava-1-5", "llava-1-6-mistral", "qwen2-vl", "qwen2-5-vl"])("%s", (family) => {
  const sizes = [
    [60, 84],
    [84, 60],
    [56, 56],
  ] as const;

  it("looks once at a reference beside several pictures, and sees what it sees in all of them together", async () => {
    const model = await tinyModel(family).open();
    const seen = towerOf(model);
    const encoder = new PromptEncoder(model);
    const reference = watched(70, 70, "reference.png");
    const tests = sizes.map(([height, width], i) => watched(height, width, `test ${i}.png`));
    const prompts = await encoder.encode([ask([reference, tests[0]!]), ask([reference, tests[1]!])]);
    prompts.push(...(await encoder.encode([ask([reference, tests[2]!])])));
    expect(seen()).toBe(4);
    expect([reference, ...tests].map(({ load }) => load.mock.calls.length)).toEqual([1, 1, 1, 1]);
    for (const [i, prompt] of prompts.entries()) {
      const pictures = [formulaPicture(70, 70), formulaPicture(...(sizes[i] as [number, number]))];
      const together = model.processor.prepareImages(pictures);
      const open = () => Promise.resolve({ content: "pair", prepare: () => together });
      const [expected] = await new ImageFeatures(model).encode([{ name: "pair", open }]);
      expect(prompt.images!.numRows).toBe(expected!.numRows);
      expect(prompt.numImageTokens).toBe(prompt.imageTokenPositions.length);
      const furthest = prompt.images!.rows.reduce((most, value, at) => {
        return Math.max(most, Math.abs(value - expected!.rows[at]!));
      }, 0);
      // Products of more or fewer rows at a time may round the last bit in another way.
      expect(furthest).toBeLessThan(2e-6);
      const inputs = model.processor.prepareInputs(ask([reference, tests[i]!]).messages, together);
      expect(prompt.inputIds).toEqual(inputs.inputIds);
      expect(prompt.positions).toEqual(inputs.positions);
    }
    await model.dispose();
  });

  it("joins pictures that were prepared one by one to what they are together", async () => {
    const { processor, dispose } = await tinyModel(family)
      .open()
      .then((model) => ({ processor: model.processor, dispose: () => model.dispose() }));
    const pictures = sizes.map(([height, width]) => formulaPicture(height, width));
    const apart = pictures.map((picture) => processor.prepareImages([picture], pictures.length));
    expect(processor.joinImages(apart)).toEqual(processor.prepareImages(pictures));
    await dispose();
  });
});

it("knows a picture by its pixels, also under another name", async () => {
  const model = await tinyModel("qwen2-vl").open();
  const seen = towerOf(model);
  const encoder = new PromptEncoder(model);
  const [one, copy] = [watched(60, 84, "a/reference.png"), watched(60, 84, "b/reference.png")];
  const [first, second] = await encoder.encode([ask([one]), ask([copy])]);
  expect(seen()).toBe(1);
  expect(second!.images!.rows).toBe(first!.images!.rows);
  await encoder.encode([ask([copy])]);
  expect(copy.load).toHaveBeenCalledTimes(1);
  await model.dispose();
});

it("takes a picture in another way alone than among others where the model does", async () => {
  const model = await tinyModel("llava-onevision").open();
  const encoder = new PromptEncoder(model);
  const [picture, other] = [watched(60, 84), watched(84, 60)];
  const [alone] = await encoder.encode([ask([picture])]);
  const [pair] = await encoder.encode([ask([picture, other])]);
  expect(alone!.images!.prepared.tokensPerImage[0]).toBeGreaterThan(pair!.images!.prepared.tokensPerImage[0]!);
  await model.dispose();
});

it("forgets the picture that was not used for longest when there is no room", async () => {
  const model = await tinyModel("qwen2-vl").open();
  const [reference, first, second] = [watched(56, 56, "r"), watched(60, 84, "1"), watched(84, 60, "2")];
  const probe = await new PromptEncoder(model).encode([reference, first].map((one) => ask([one])));
  const room = probe.reduce((sum, { images }) => sum + images!.rows.byteLength, 0);
  const encoder = new PromptEncoder(model, room);
  for (const picture of [first, second, first]) await encoder.encode([ask([reference, picture])]);
  expect(reference.load).toHaveBeenCalledTimes(2);
  // Once for the probe; the second took the place of the first.
  expect(first.load).toHaveBeenCalledTimes(3);
  await model.dispose();
});
