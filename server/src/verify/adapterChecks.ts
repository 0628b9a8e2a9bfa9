/** A recorded LoRA adapter: on, off and merged into a checkpoint; its gradients and its training trajectory. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { writeFullCheckpoint } from "@iad-r1/models/adapters/adapter";
import { loadModelDescription } from "@iad-r1/models/zoo";
import type { SessionOptions } from "../runtime/session";
import { Comparison, tolerances, type VerifyCheck } from "./compare";
import { CompiledModel } from "./compiledModel";
import { lastRows, meanLoss } from "./forwardChecks";
import { caseBatch, trainingCase } from "./recordedCases";
import { allTargets, labelledTargets, type RecordedBatch } from "./recordedInputs";
import type { Reference } from "./referenceFiles";
import { trajectoryChecks, withTrainer } from "./trainingChecks";

/** PEFT's name in memory for one of our adapter paths. */
export function peftParameterName(path: string): string {
  return `base_model.model.${path.replace(/\.(lora_[AB])\.weight$/, ".$1.default.weight")}`;
}

/** @param compiled the model opened with the recorded adapter */
export async function adapterChecks(
  compiled: CompiledModel,
  reference: Reference,
  options: SessionOptions,
): Promise<VerifyCheck[]> {
  const { json, tensors } = reference.lora!;
  const batch = await caseBatch({ model: compiled.model, reference }, "a");
  const labelled = labelledTargets(batch.rows, await reference.tensors.rows("a.labels"));
  const on = await compiled.logProbs(batch, labelled);
  const off = await compiled.logProbs(batch, labelled, 0);
  const checks = [
    new Comparison("lora.loss", "adapter on", tolerances.loss)
      .add([meanLoss(on.logProbs)], [json.loss_a_adapter_on])
      .check(),
    new Comparison("lora.loss", "adapter off", tolerances.loss)
      .add([meanLoss(off.logProbs)], [json.loss_a_adapter_off])
      .check(),
    ...(await onChecks(compiled, reference, batch, "adapter on")),
    ...(await mergedChecks(compiled, reference, batch, options)),
  ];
  const training = await trainingCase({ model: compiled.model, reference });
  if (training === null) return checks;
  await withTrainer(compiled, training, "adapter", async (trainer, feeds) => {
    const count = [...(await trainer.values()).values()].reduce((sum, { length }) => sum + length, 0);
    checks.push(
      new Comparison("lora.trainable_parameters", "train", tolerances.exact)
        .add([count], [json.trainable_parameters])
        .check(),
    );
    const full = async (name: string) => (tensors.has(`grad.${name}`) ? tensors.floats(`grad.${name}`) : null);
    const gradients = { recorded: json.gradients_at_step_0_train_batch, full };
    const results = await trajectoryChecks(
      "lora",
      compiled,
      trainer,
      feeds,
      json.trajectory,
      gradients,
      peftParameterName,
    );
    checks.push(
      ...results.map((check) => (check.name.startsWith("lora.") ? check : { ...check, name: `lora.${check.name}` })),
    );
  });
  return checks;
}

/** Recorded logits and log-probabilities with the adapter on. */
async function onChecks(
  compiled: CompiledModel,
  reference: Reference,
  batch: RecordedBatch,
  name: string,
): Promise<VerifyCheck[]> {
  const { tensors } = reference.lora!;
  const checks: VerifyCheck[] = [];
  for (const tensor of tensors.names("a.logits_adapter_on")) {
    const [, count] = tensors.shape(tensor) as [number, number, number];
    const ours = await compiled.logits(batch, lastRows(batch, count));
    checks.push(new Comparison("lora.logits", name, tolerances.logits).add(ours, await tensors.floats(tensor)).check());
  }
  const { logProbs } = await compiled.logProbs(batch, allTargets(batch.rows));
  const recorded = await tensors.floats("a.logprobs_adapter_on");
  checks.push(new Comparison("lora.logprobs", name, tolerances.logProbs).add(logProbs, recorded).check());
  return checks;
}

/** Writes base + adapter as a full checkpoint, opens that, and compares it with the adapter switched on. */
async function mergedChecks(
  compiled: CompiledModel,
  reference: Reference,
  batch: RecordedBatch,
  options: SessionOptions,
): Promise<VerifyCheck[]> {
  const folder = await mkdtemp(join(tmpdir(), "iad-r1-merged-"));
  try {
    const { model } = compiled;
    const { layout, tensors } = model.adapter!;
    const values = new Map<string, Float32Array>();
    for (const [path, stored] of tensors) values.set(path, await stored.read());
    await writeFullCheckpoint(folder, { source: model.folder, table: model.parameters, adapter: { layout, values } });
    const merged = new CompiledModel(await loadModelDescription(folder), options);
    try {
      return await onChecks(merged, reference, batch, "merged");
    } finally {
      await merged.dispose();
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
