/** Forward passes against the record: image features, logits, log-probabilities, losses, greedy continuations. */
import { Comparison, tolerances, type VerifyCheck } from "./compare";
import type { CompiledModel } from "./compiledModel";
import { caseBatch, imagesOf, promptBatch } from "./recordedCases";
import { allTargets, labelledTargets, type RecordedBatch, unpadded } from "./recordedInputs";
import type { Reference } from "./referenceFiles";

/** One case: features, logits, log-probabilities and loss, as far as they are recorded. */
export async function caseChecks(compiled: CompiledModel, reference: Reference, name: string): Promise<VerifyCheck[]> {
  const { tensors } = reference;
  const batch = await caseBatch(reference, name);
  const checks: VerifyCheck[] = [];
  if (tensors.has(`${name}.image_features`)) {
    const features = await compiled.imageFeatures(batch);
    const recorded = await tensors.floats(`${name}.image_features`);
    const comparison = new Comparison("image_features", name, tolerances.imageFeatures);
    checks.push(comparison.add((features?.data ?? []) as ArrayLike<number>, recorded).check());
  }
  checks.push(...(await logitsChecks(compiled, reference, name, batch)));
  const everywhere = allTargets(batch.rows);
  const { logProbs } = await compiled.logProbs(batch, everywhere);
  if (tensors.has(`${name}.logprobs`)) {
    const recorded = await tensors.floats(`${name}.logprobs`);
    checks.push(new Comparison("logprobs", name, tolerances.logProbs).add(logProbs, recorded).check());
  }
  if (tensors.has(`${name}.loss`)) {
    const labelled = labelledTargets(batch.rows, await tensors.rows(`${name}.labels`));
    const loss = meanLoss(labelled.positions.map((position) => logProbs[position]!));
    const recorded = await tensors.floats(`${name}.loss`);
    checks.push(new Comparison("loss", name, tolerances.loss).add([loss], recorded).check());
  }
  return checks;
}

/** `<name>.logits` of all tokens, or `<name>.logits_last8` and alike. */
async function logitsChecks(
  compiled: CompiledModel,
  reference: Reference,
  name: string,
  batch: RecordedBatch,
): Promise<VerifyCheck[]> {
  const { tensors } = reference;
  const checks: VerifyCheck[] = [];
  for (const tensor of tensors.names(`${name}.logits`)) {
    const [, count] = tensors.shape(tensor) as [number, number, number];
    const rows = lastRows(batch, count);
    const ours = await compiled.logits(batch, rows);
    const comparison = new Comparison(tensor.slice(name.length + 1), name, tolerances.logits);
    checks.push(comparison.add(ours, await tensors.floats(tensor)).check());
  }
  return checks;
}

/** The flat rows of the last `count` tokens of a single sequence. */
export function lastRows(batch: RecordedBatch, count: number): number[] {
  const length = batch.rows[0]!.length;
  return Array.from({ length: count }, (_, i) => length - count + i);
}

/** Greedy tokens of each case alone, and of the left-padded batch. */
export async function greedyChecks(compiled: CompiledModel, reference: Reference): Promise<VerifyCheck[]> {
  const { cases, left_padded_batch: left } = reference.json;
  const checks: VerifyCheck[] = [];
  for (const [name, { greedy }] of Object.entries(cases)) {
    if (greedy === undefined) continue;
    const [tokens] = await compiled.greedy(await promptBatch(reference, [name]), greedy.ids.length);
    const sure = sureSteps(greedy.top1_minus_top2);
    const comparison = new Comparison("greedy", name, tolerances.exact);
    checks.push(comparison.addExact(tokens!.slice(0, sure), greedy.ids.slice(0, sure)).check());
  }
  if (left === undefined || !reference.tensors.has("left.input_ids")) return checks;
  const { tensors } = reference;
  const rows = unpadded(await tensors.rows("left.input_ids"), await tensors.rows("left.attention_mask"));
  const batch = { rows, images: await imagesOf(reference, left.cases) };
  const tokens = await compiled.greedy(batch, Math.max(...left.greedy_ids.map((ids) => ids.length)));
  const comparison = new Comparison("greedy", "left", tolerances.exact);
  for (const [b, ids] of left.greedy_ids.entries()) {
    const sure = sureSteps(cases[left.cases[b]!]?.greedy?.top1_minus_top2 ?? ids.map(() => 1));
    comparison.addExact(tokens[b]!.slice(0, Math.min(sure, ids.length)), ids.slice(0, sure), `row ${b}`);
  }
  checks.push(comparison.check());
  return checks;
}

/** Steps before the best token's lead gets so small that rounding may decide. */
function sureSteps(leads: readonly number[]): number {
  const first = leads.findIndex((lead) => lead <= 1e-3);
  return first < 0 ? leads.length : first;
}

/** Half-precision checkpoints: recorded with the weights widened to float32. */
export async function halfPrecisionChecks(compiled: CompiledModel, reference: Reference): Promise<VerifyCheck[]> {
  const { tensors, json } = reference;
  const checks: VerifyCheck[] = [];
  for (const tensor of tensors.names("bf16.")) {
    const name = tensor.split(".")[1]!;
    const batch = await caseBatch(reference, name);
    const [, count] = tensors.shape(tensor) as [number, number, number];
    const ours = await compiled.logits(batch, lastRows(batch, count));
    const comparison = new Comparison(`bf16.${tensor.split(".").slice(2).join(".")}`, name, tolerances.logits);
    checks.push(comparison.add(ours, await tensors.floats(tensor)).check());
  }
  if (json.bf16_sharded !== undefined) {
    const batch = await caseBatch(reference, "a");
    const { logProbs } = await compiled.logProbs(batch, labelledTargets(batch.rows, await tensors.rows("a.labels")));
    const comparison = new Comparison("bf16.loss", "a", tolerances.loss);
    checks.push(comparison.add([meanLoss(logProbs)], [json.bf16_sharded.loss_a]).check());
  }
  return checks;
}

export function meanLoss(logProbs: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < logProbs.length; i++) sum -= logProbs[i]!;
  return sum / logProbs.length;
}
