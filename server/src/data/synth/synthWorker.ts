/** A thread that draws synthetic batches while the training thread computes. One request, one answer, in order. */
import { parentPort } from "node:worker_threads";
import { type PerceptionBatchOptions, perceptionBatch } from "./perceptionBatch";

parentPort?.on("message", (options: PerceptionBatchOptions) => {
  const batch = perceptionBatch(options);
  parentPort?.postMessage(batch, [batch.pixels.buffer as ArrayBuffer, batch.coverage.buffer as ArrayBuffer]);
});
