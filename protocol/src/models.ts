/** Models as the editor lists them. Plain data; imports only other protocol files. */
import type { ModelReference } from "./runs";

export interface ModelInfo {
  /** What requests may name instead of a reference: "nano", "nano-pa-sft", "nano-base", a folder, or `<run>/<stage>`. */
  id: string;
  /** For people: "Embedded base model", "tiny · after SC-GRPO". */
  title: string;
  reference: ModelReference;
  source: "embedded" | "folder" | "run";
  /** The run that made it. */
  run: string | null;
  /** Stage and step of a checkpoint; null for a finished stage. */
  stage: string | null;
  step: number | null;
  /** Held-out balanced accuracy in percent where it is known. */
  balancedAccuracy: number | null;
}
