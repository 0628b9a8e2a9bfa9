/** The one form in which every data set is held in memory, whatever file it came from. */
import type { SynthOptions } from "./synth/sample";

export type Label = "normal" | "anomalous";

export interface ChatMessage {
  role: string;
  content: string;
}

export interface InspectionSample {
  id: string;
  /** Absolute path of the picture to inspect; `synth:SEED/INDEX` when `synth` is set. */
  image: string;
  /** Absolute paths of pictures of sound products, nearest first. Empty: none known. */
  references: string[];
  category: string;
  label: Label;
  /** Null when normal, or when the source does not say. */
  defectType: string | null;
  /** Phrase for the place, null as above. */
  location: string | null;
  /** All places that count as right, the main one first. */
  locations: string[];
  /** Absolute path of the mask, or null. */
  mask: string | null;
  /** Samples of one group show one object and stay on one side of a split. */
  group?: string;
  /** Share of the defect in the main cell; below 0.5 the place is not clear-cut. */
  locationShare?: number;
  /** The reasoning of the teacher, without tags. */
  think?: string;
  /** The question, when the source has its own. */
  question?: string;
  /** The chat as the file had it. */
  messages?: ChatMessage[];
  /** The SC-GRPO solution as the file had it. */
  solution?: string;
  /** Further columns of the file; they reach the reward functions. */
  extra?: Record<string, unknown>;
  /** The picture is generated when it is needed; there is no file. */
  synth?: SynthOptions;
}

/** Folders that say something about the split or the label, never about the product. */
const NOT_A_PRODUCT = new Set([
  "image",
  "images",
  "img",
  "data",
  "good",
  "ok",
  "ng",
  "bad",
  "normal",
  "defect",
  "anomalous",
  "anomaly",
]);

/**
 * A product name from a path, for formats that have none: the folder before `train` or `test`, or after `images`, else the
 * innermost folder that is not a word for a label. `fallback` when the path has no such folder.
 */
export function categoryOfPath(path: string, fallback = "product"): string {
  const folders = path.split(/[\\/]+/).filter((part) => part !== "" && part !== "." && part !== "..");
  folders.pop();
  const split = folders.findLastIndex((name) => name === "test" || name === "train");
  if (split > 0) return folders[split - 1]!;
  const images = folders.lastIndexOf("images");
  if (images >= 0 && images + 1 < folders.length) return folders[images + 1]!;
  const product = folders.findLast((name) => !NOT_A_PRODUCT.has(name.toLowerCase()));
  return product ?? fallback;
}
