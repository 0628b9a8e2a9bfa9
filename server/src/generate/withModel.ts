/** A model on disk that is opened for one piece of work and closed whatever comes of it. */
import type { ModelReference } from "@iad-r1/protocol/runs";
import type { Device, DeviceChoice } from "../runtime/devices";
import { type DeviceNote, workOnDevice } from "../runtime/deviceWork";
import { answeringModel, answersOfRuns } from "./answeringModel";
import { Generator } from "./generator";
import { LiveModel } from "./liveModel";
import { PromptEncoder } from "./promptEncoder";

/** What asks a model. */
export interface ModelParts {
  generator: Generator;
  encoder: PromptEncoder;
}

export interface ModelPlace {
  /** "auto" when left out. */
  device?: DeviceChoice | undefined;
  /** 0, and when left out: one per core. */
  threads?: number | undefined;
  /** Which device computes and why, and whether it failed. */
  onDevice?: DeviceNote | undefined;
}

/** @throws ModelFileError, ResourceError, and what the work throws */
export async function withModel<T>(
  reference: ModelReference,
  device: Device,
  threads: number | undefined,
  work: (parts: ModelParts) => Promise<T>,
): Promise<T> {
  const model = await LiveModel.open(reference, { device, ...(threads !== undefined && { threads }) });
  try {
    return await work({ generator: new Generator(model), encoder: new PromptEncoder(model) });
  } finally {
    await model.dispose();
  }
}

/** The same where a person chose: the whole work begins again on the processor when the device fails under it. */
export function withChosenModel<T>(
  reference: ModelReference,
  { device = "auto", threads, onDevice = () => undefined }: ModelPlace,
  work: (parts: ModelParts) => Promise<T>,
): Promise<T> {
  const options = { answers: () => answeringModel(reference.base, answersOfRuns) };
  return workOnDevice(device, options, onDevice, (where) => withModel(reference, where, threads, work));
}
