/** The heat map: what it says about a cell is what the model says about the picture with that cell painted over. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CancelledError } from "@iad-r1/models/errors";
import { loadImage } from "@iad-r1/models/vision/decode";
import { encodePng } from "@iad-r1/server/data/png";
import { Curtain, gridOf } from "@iad-r1/server/inspect/heatMap";
import { type Inspector, openInspector } from "@iad-r1/server/inspect/inspectImage";
import { afterAll, beforeAll, expect, it } from "vitest";
import { tinyCheckpoint, tinyFixture } from "../../helpers/tinyModel";

const image = join(tinyFixture, "images/image1.png");
const text = "<think>The surface is scratched.</think><location>center</location><answer>Yes</answer>";
let folder = "";
let inspector: Inspector;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "heat-map-"));
  inspector = await openInspector({ model: { base: tinyCheckpoint, adapter: null }, device: "cpu", threads: 1 });
});
afterAll(async () => {
  await inspector.dispose();
  rmSync(folder, { recursive: true, force: true });
});

it("covers the right cell with the mean colour, and takes the cover away again", () => {
  // 4 x 2 pixels: red on the left, black on the right; the mean is (128, 0, 0).
  const row = [255, 0, 0, 255, 0, 0, 0, 0, 0, 0, 0, 0];
  const picture = { width: 4, height: 2, data: Uint8Array.from([...row, ...row]) };
  expect(gridOf(picture, 2)).toEqual({ columns: 2, rows: 1 });
  const curtain = new Curtain(picture, { columns: 2, rows: 1 });
  const right = [255, 0, 0, 255, 0, 0, 128, 0, 0, 128, 0, 0];
  expect([...curtain.cover(1).data]).toEqual([...right, ...right]);
  const left = [128, 0, 0, 128, 0, 0, 0, 0, 0, 0, 0, 0];
  expect([...curtain.cover(0).data]).toEqual([...left, ...left]);
  expect([...curtain.cover(null).data]).toEqual([...row, ...row]);
});

it("gives for each cell how much less the painted picture is a yes", async () => {
  const progress: number[] = [];
  const map = await inspector.heatMap({ image, text, cells: 3, onProgress: (done) => progress.push(done) });
  const { columns, rows, values, baseScore } = map;
  expect(map.method).toBe("occlusion");
  expect(values).toHaveLength(columns * rows);
  expect(progress.at(-1)).toBe(columns * rows);
  expect(baseScore).toBeGreaterThan(0);
  expect(baseScore).toBeLessThan(1);
  expect(new Set(values).size).toBeGreaterThan(1);

  const original = await loadImage(image);
  const curtain = new Curtain(original, { columns, rows });
  for (const cell of [0, columns * rows - 1]) {
    const painted = join(folder, `cell-${cell}.png`);
    writeFileSync(painted, encodePng(curtain.cover(cell)));
    const alone = await inspector.heatMap({ image: painted, text, cells: 1 });
    expect(baseScore - values[cell]!).toBeCloseTo(alone.baseScore, 5);
  }
});

it("agrees with the score of the inspection about the uncovered picture", async () => {
  const { result } = { result: await inspector.inspect({ image, maxNewTokens: 4 }) };
  // The fixture writes no answer: the inspection asks for one behind the text, and so does the map.
  expect(result.answer).toBeNull();
  const { baseScore } = await inspector.heatMap({ image, text: result.text, cells: 1 });
  expect(Math.abs(baseScore - result.anomalyScore!)).toBeLessThan(0.05);
});

it("stops when it is told to", async () => {
  const controller = new AbortController();
  const map = inspector.heatMap({
    ...{ image, text, cells: 24, signal: controller.signal },
    onProgress: () => controller.abort(),
  });
  await expect(map).rejects.toThrow(CancelledError);
});
