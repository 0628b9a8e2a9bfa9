/**
 * Views of pictures as the inputs of a tower behind which features are packed. Views that are equal byte for byte (a small picture
 * and its only crop) go through the tower once.
 */
import type { HostTensor } from "../processor";
import { mergePackPlans } from "./packing";
import type { PreparedViews } from "./processor";

export type ViewFeeds = {
  pixel_values: HostTensor & { dtype: "float32" };
  pack_index: HostTensor & { dtype: "int64" };
  pack_weight: HostTensor & { dtype: "float32" };
};

/**
 * The tower's inputs for the pictures of several prompts one after another: pixel_values [S,3,H,W] with equal views left out, and
 * the packing [taps,N] over the remaining views, whose last source row is the newline.
 */
export function viewFeeds(
  prompts: readonly Pick<PreparedViews, "pixelValues" | "pixelShape" | "pack">[],
  patchesPerView: number,
): ViewFeeds {
  const [, channels, height, width] = prompts[0]!.pixelShape;
  const viewSize = channels * height * width;
  const plan = mergePackPlans(
    prompts.map(({ pack }) => pack),
    patchesPerView,
  );
  const views: Float32Array[] = [];
  const placeOfView: number[] = [];
  for (const { pack, pixelValues } of prompts) {
    const firstView = views.length;
    for (let view = 0; view < pack.numViews; view++) {
      const pixels = pixelValues.subarray(view * viewSize, (view + 1) * viewSize);
      // Only views of the same prompt are worth comparing: a small picture is its own only crop.
      const known = views.findIndex((other, i) => i >= firstView && sameValues(other, pixels));
      placeOfView.push(known >= 0 ? known : views.push(pixels) - 1);
    }
  }
  const newline = plan.numViews * patchesPerView;
  const place = (row: number) =>
    row === newline
      ? views.length * patchesPerView
      : placeOfView[Math.floor(row / patchesPerView)]! * patchesPerView + (row % patchesPerView);
  const pixels = new Float32Array(views.length * viewSize);
  for (const [i, view] of views.entries()) pixels.set(view, i * viewSize);
  const dims = [plan.taps, plan.numRows];
  return {
    pixel_values: { dtype: "float32", data: pixels, dims: [views.length, channels, height, width] },
    pack_index: { dtype: "int64", data: BigInt64Array.from(plan.index, (row) => BigInt(place(row))), dims },
    pack_weight: { dtype: "float32", data: plan.weights ?? new Float32Array(plan.index.length).fill(1), dims },
  };
}

function sameValues(a: Float32Array, b: Float32Array): boolean {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
