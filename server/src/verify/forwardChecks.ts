/** Forward passes against the record: image features, logits, log-probabilities, losses, greedy continuations. */
import type { ModelDescription } from "@iad-r1/models/zoo";
import { Comparison, tolerances, type VerifyCheck } from "./compare";
import type { CompiledModel } from "./compiledModel";
import { caseBatch, imagesOf, promptBatch } from "./recordedCases";
import { allTargets, axisPositions, labelledTargets, type RecordedBatch, unpadded } from "./recordedInputs";
import type { RecordedCase, Reference } from "./referenceFiles";

/** One case: features, logits, log-probabilities and loss, as far as they are recorded. */
export async function caseChecks(compiled: CompiledModel, reference: Reference, name: string): Promise<VerifyCheck[]> {
  const { tensors } = reference;
  const batch = await caseBatch({ model: compiled.model, reference }, name);
  const checks: VerifyCheck[] = [];
  const positions = await positionCheck(batch, compiled.model, reference, name);
  if (positions !== null) checks.push(positions);
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

/** Positions on three axes [3,B,T] of a batch's rows, where they are recorded. Places of padding are nobody's. */
export async function positionCheck(
  batch: RecordedBatch,
  model: ModelDescription,
  { tensors }: Reference,
  name: string,
): Promise<VerifyCheck | null> {
  if (!tensors.has(`${name}.position_ids`)) return null;
  const comparison = new Comparison("position_ids", name, tolerances.exact);
  const [axes, count, length] = tensors.shape(`${name}.position_ids`) as [number, number, number];
  const recorded = await tensors.integers(`${name}.position_ids`);
  const mask = await tensors.rows(`${name}.attention_mask`);
  for (const [b, positions] of axisPositions(model, batch).entries()) {
    const own = positions?.axes ?? [];
    const real = [...Array(length).keys()].filter((t) => mask[b]![t] === 1);
    const theirs = Array.from({ length: axes }, (_, axis) =>
      real.map((t) => recorded[(axis * count + b) * length + t]!),
    );
    comparison.addExact(own, theirs.flat(), `row ${b}`);
  }
  return comparison.check();
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
    const batch = await promptBatch({ model: compiled.model, reference }, [name]);
    const [tokens] = await compiled.greedy(batch, greedy.ids.length);
    const sure = sureSteps(greedy.top1_minus_top2);
    const comparison = new Comparison("greedy", name, tolerances.exact);
    checks.push(comparison.addExact(tokens!.slice(0, sure), greedy.ids.slice(0, sure)).check());
    for (const [key, ids] of penalized(cases[name]!)) {
      // Leads are not recorded for these; ours tell where rounding may decide.
      const leads: number[] = [];
      const [ours] = await compiled.greedy(batch, ids.length, Number(key), (_, lead) => leads.push(lead));
      const certain = sureSteps(leads);
      const penalty = new Comparison(`greedy penalty=${key}`, name, tolerances.exact);
      checks.push(penalty.addExact(ours!.slice(0, certain), ids.slice(0, certain)).check());
    }
  }
  if (left === undefined || !reference.tensors.has("left.input_ids")) return checks;
  const { tensors } = reference;
  const rows = unpadded(await tensors.rows("left.input_ids"), await tensors.rows("left.attention_mask"));
  const batch = { rows, images: await imagesOf({ model: compiled.model, reference }, left.cases) };
  const positions = await positionCheck(batch, compiled.model, reference, "left");
  if (positions !== null) checks.push(positions);
  const tokens = await compiled.greedy(batch, Math.max(...left.greedy_ids.map((ids) => ids.length)));
  const comparison = new Comparison("greedy", "left", tolerances.exact);
  for (const [b, ids] of left.greedy_ids.entries()) {
    const sure = sureSteps(cases[left.cases[b]!]?.greedy?.top1_minus_top2 ?? ids.map(() => 1));
    comparison.addExact(tokens[b]!.slice(0, Math.min(sure, ids.length)), ids.slice(0, sure), `row ${b}`);
  }
  checks.push(comparison.check());
  return checks;
}

/** Greedy tokens recorded with a repetition penalty: the penalty as written in the record's key, and the ids. */
function penalized(recorded: RecordedCase): [penalty: string, ids: number[]][] {
  const prefix = "greedy_repetition_penalty_";
  return Object.entries(recorded).flatMap(([key, value]) =>
    key.startsWith(prefix) ? [[key.slice(prefix.length), value as unknown as number[]] as [string, number[]]] : [],
  );
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
    const batch = await caseBatch({ model: compiled.model, reference }, name);
    const [, count] = tensors.shape(tensor) as [number, number, number];
    const ours = await compiled.logits(batch, lastRows(batch, count));
    const comparison = new Comparison(`bf16.${tensor.split(".").slice(2).join(".")}`, name, tolerances.logits);
    checks.push(comparison.add(ours, await tensors.floats(tensor)).check());
  }
  if (json.bf16_sharded !== undefined) {
    const batch = await caseBatch({ model: compiled.model, reference }, "a");
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
