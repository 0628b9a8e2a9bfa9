/**
 * Turns failures of ONNX Runtime into our errors. The runtime reports through message text only, so this is the one place
 * that reads such text; everything unknown becomes a GraphError with the text in full.
 */
import { AppError, GraphError, ModelFileError, ResourceError } from "@iad-r1/models/errors";
import { deviceFailure } from "./deviceFailure";
import type { Device } from "./devices";

const outOfMemory = /failed to allocate|bad_alloc|bad allocation|out of memory|OOM|CUDA error 2\b|not enough memory/i;
const externalData = /external data|external initializer|external_data/i;
/** Where in the runtime's own source a check failed; means nothing to a person. */
const sourcePlace = /\/onnxruntime_src\/\S+ (?:.*? was (?:true|false)\. )?/gs;
const failingNode = /(?:running|Name:'|node:? ?)\s*(\w+) node\. Name:'([^']*)'/;

/**
 * @param doing   what was attempted, such as "Loading the graph decoder"
 * @param weights folder of the weight files that the graph reads
 * @param device  whatever fails on another than the CPU is that device's failure until the CPU says the same
 */
export function fromOrtError(
  error: unknown,
  doing: string,
  weights: string | null = null,
  device: Device = "cpu",
): AppError {
  if (error instanceof AppError) return error;
  if (device !== "cpu") return deviceFailure(device, doing, shortened(error));
  const text = shortened(error);
  const node = failingNode.exec(text);
  const where = node === null ? {} : { where: `${node[1]} ${node[2]}` };
  if (outOfMemory.test(text)) {
    return new ResourceError("resource/memory", `${doing}: memory ran out (${firstLine(text)}).`, {
      hint: "Use a smaller batch, shorter texts or recomputation, or close other programs.",
      cause: error,
      ...where,
    });
  }
  if (externalData.test(text)) {
    const files = weights === null ? "a weight file" : `a weight file in ${weights}`;
    return new ModelFileError("model/external-data", `${doing}: ${files} is shorter than its header said.`, {
      hint: "The checkpoint changed while it was being loaded, or it is damaged; copy it again.",
      cause: error,
      ...(weights === null ? {} : { where: weights }),
    });
  }
  return new GraphError("graph/runtime", `${doing} failed: ${text}`, { cause: error, ...where });
}

function shortened(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).replace(sourcePlace, "");
}

function firstLine(text: string): string {
  const line = text.split("\n", 1)[0] ?? "";
  return line.length > 300 ? `${line.slice(0, 297)}...` : line;
}
