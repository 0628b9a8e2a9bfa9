/** Pictures are known by their pixels: the tower sees each once, however it came. */
import { contentPicture, PromptEncoder } from "@iad-r1/server/generate/promptEncoder";
import { expect, it } from "vitest";
import { formulaPicture } from "../../helpers/pictures";
import { tinyModel } from "../../helpers/tinyModel";

it.each(["llava-onevision", "qwen2-vl"])("a picture that was seen is not looked at again (%s)", async (family) => {
  const model = await tinyModel(family).open();
  const encoder = new PromptEncoder(model);
  let loads = 0;
  const ask = (height: number, width: number, text: string) => {
    const { id, load } = contentPicture(formulaPicture(height, width));
    const counted = () => {
      loads += 1;
      return load();
    };
    const content = [{ type: "image" as const }, { type: "text" as const, text }];
    return { messages: [{ role: "user", content }], pictures: [{ id, load: counted }] };
  };
  const [first] = await encoder.encode([ask(60, 84, "Good?")]);
  const [second] = await encoder.encode([ask(60, 84, "Where is the defect?")]);
  expect(loads).toBe(1);
  expect([...second!.images!.rows]).toEqual([...first!.images!.rows]);
  expect(second!.inputIds.length).toBeGreaterThan(first!.inputIds.length);
  await encoder.encode([ask(84, 60, "Good?")]);
  expect(loads).toBe(2);
  expect(contentPicture(formulaPicture(60, 84)).id).not.toBe(contentPicture(formulaPicture(84, 60)).id);
  await model.dispose();
});
