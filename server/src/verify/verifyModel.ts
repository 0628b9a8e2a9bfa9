/**
 * `iad-r1 verify`: runs a checkpoint, as this engine compiles it, on recorded inputs and compares every quantity with the record.
 * The tolerances are those of compare.ts and nothing here can widen them.
 */
import { CancelledError, DataError } from "@iad-r1/models/errors";
import { readJsonFile } from "@iad-r1/models/util/jsonFile";
import { loadModelDescription, type ModelDescription } from "@iad-r1/models/zoo";
import type { SessionOptions } from "../runtime/session";
import { adapterChecks } from "./adapterChecks";
import type { VerifyCheck } from "./compare";
import { CompiledModel } from "./compiledModel";
import { caseChecks, greedyChecks, halfPrecisionChecks } from "./forwardChecks";
import { grpoChecks } from "./grpoChecks";
import { inputChecks } from "./inputChecks";
import { openReference, type Reference } from "./referenceFiles";
import { fullTrainingChecks } from "./trainingChecks";

export type { VerifyCheck } from "./compare";

export interface VerifyReport {
  ok: boolean;
  checks: VerifyCheck[];
}

export interface VerifyOptions extends SessionOptions {
  signal?: AbortSignal;
  /** Called as soon as a line of the report is known. */
  onCheck?: (check: VerifyCheck) => void;
}

/**
 * Verifies a checkpoint. Float32 weights are compared with everything that is recorded: processor, features, logits, losses,
 * gradients, adapter, trajectories, GRPO, greedy text. Half-precision weights are compared with what was recorded for them.
 *
 * @param modelDir     a checkpoint in Hugging Face's layout
 * @param referenceDir a folder with reference.json and reference.safetensors; adapter and GRPO records are optional
 * @throws ModelFileError or DataError when either folder cannot be used, CancelledError when stopped
 */
export async function verifyModel(
  modelDir: string,
  referenceDir: string,
  options: VerifyOptions = {},
): Promise<VerifyReport> {
  const reference = await openReference(referenceDir);
  const model = await loadModelDescription(modelDir);
  await requireSameClass(modelDir, reference);
  const checks: VerifyCheck[] = [];
  for (const part of parts(model, reference, options)) {
    if (options.signal?.aborted === true) throw new CancelledError();
    for (const check of await part()) {
      checks.push(check);
      options.onCheck?.(check);
    }
  }
  return { ok: checks.length > 0 && checks.every(({ ok }) => ok), checks };
}

/** Numbers of another class fit nowhere, and the first that does not fit says little. */
async function requireSameClass(modelDir: string, { folder, json }: Reference): Promise<void> {
  const { architectures } = (await readJsonFile(modelDir, "config.json")) ?? {};
  if (!Array.isArray(architectures) || json.class === undefined || architectures.includes(json.class)) return;
  throw new DataError(
    "verify/reference",
    `The record is of ${json.class}, the checkpoint is ${architectures.join(", ")}.`,
    {
      where: folder,
      hint: "Point --reference at the record of this checkpoint.",
    },
  );
}

type Part = () => Promise<VerifyCheck[]>;

function* parts(model: ModelDescription, reference: Reference, options: VerifyOptions): Generator<Part> {
  const { signal: _, onCheck: __, ...sessionOptions } = options;
  const names = Object.keys(reference.json.cases);
  yield () => inputChecks(model, reference);
  const compiled = new CompiledModel(model, sessionOptions);
  const isSingle = [...model.parameters.values()].every(({ dtype }) => dtype === "float32");
  if (!isSingle) {
    yield () => halfPrecisionChecks(compiled, reference);
  } else {
    const { two_pictures_with_crops: cropped } = reference.json;
    for (const name of cropped === undefined ? names : [...names, cropped.name]) {
      yield () => caseChecks(compiled, reference, name);
    }
    yield () => greedyChecks(compiled, reference);
    yield () => fullTrainingChecks(compiled, reference);
    yield* adapterParts(model.folder, reference, sessionOptions);
  }
  yield async () => {
    await compiled.dispose();
    return [];
  };
}

/** The adapter lies beside the record. */
function* adapterParts(modelDir: string, reference: Reference, options: SessionOptions): Generator<Part> {
  if (reference.lora === null && reference.grpo === null) return;
  let adapted: CompiledModel | null = null;
  const open = async () => {
    adapted ??= new CompiledModel(await loadModelDescription(modelDir, { adapter: reference.folder }), options);
    return adapted;
  };
  if (reference.lora !== null) yield async () => adapterChecks(await open(), reference, options);
  if (reference.grpo !== null) yield async () => grpoChecks(await open(), reference);
  yield async () => {
    await adapted?.dispose();
    return [];
  };
}
