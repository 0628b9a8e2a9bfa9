/**
 * Everything that would stop a run, found before it starts: model, data, rewards, device, lengths, memory, disk. Each line with
 * evidence and a cure. Starts nothing and writes nothing.
 */
import { statfs } from "node:fs/promises";
import { dirname } from "node:path";
import { existsSync } from "node:fs";
import { AppError } from "@iad-r1/models/errors";
import { counted } from "@iad-r1/models/util/counted";
import { loadModelDescription } from "@iad-r1/models/zoo";
import type { MachineCheck } from "@iad-r1/protocol/project";
import type { RunKind } from "@iad-r1/protocol/runs";
import type { DataSource, ExperimentConfig } from "../config/experiment";
import { embeddedNameOf, loadExperimentModel } from "../config/modelNames";
import { formatProblem, hasErrors } from "../data/problems";
import { loadSources } from "../data/sources";
import { answeringModel, answersOfRuns } from "../generate/answeringModel";
import { missingReferences, numReferences } from "../generate/examples";
import { openRewards } from "../rewards/user/openRewards";
import { decideDevice } from "../runtime/deviceChoice";
import { gigabytes } from "../runtime/memory";
import { requireTrl } from "../train/trl/requireTrl";
import { estimateRun, measureLengths } from "./estimate";
import { loadData } from "./postTrain";

export async function preflight(
  kind: RunKind,
  config: ExperimentConfig,
  signal?: AbortSignal,
): Promise<MachineCheck[]> {
  const checks: MachineCheck[] = [];
  const check = async (name: string, look: () => Promise<string>): Promise<boolean> => {
    try {
      checks.push({ name, status: "ok", evidence: await look(), cure: null });
      return true;
    } catch (error) {
      signal?.throwIfAborted();
      const { message, hint } = error instanceof AppError ? error : { message: String(error), hint: undefined };
      checks.push({ name, status: "problem", evidence: message, cure: hint ?? "Look at the server log." });
      return false;
    }
  };
  const { model, data, stages } = config;
  const sources: [name: string, sources: readonly DataSource[] | undefined][] = [
    ["Training data", data.train],
    ["Training data of PA-SFT", kind === "sc-grpo" ? undefined : stages.paSft.data],
    ["Training data of SC-GRPO", kind === "pa-sft" ? undefined : stages.scGrpo.data],
    ["Held-out data", data.heldOut],
    ["Validation data", data.validation],
  ];
  const isModelSound = await check("Model", async () => {
    const description = await loadExperimentModel(model);
    await description.loadProcessor();
    const name = embeddedNameOf(model);
    const whence = name ?? [model.base, ...(model.adapter === null ? [] : [model.adapter])].join(" + ");
    return `${(description.facts.numParameters / 1e6).toFixed(1)} million weights in ${whence}`;
  });
  let isDataSound = true;
  for (const [name, list] of sources) {
    if (list !== undefined)
      isDataSound = (await check(name, () => describeData(list, config.prompt.references, signal))) && isDataSound;
  }
  if (kind !== "pa-sft") {
    await check("Rewards", async () => {
      const { rewards, close } = openRewards(stages.scGrpo.rewards ?? [config.preset], { folder: process.cwd() });
      await close();
      return rewards.map(({ reward, weight }) => `${reward.name} × ${weight}`).join(", ");
    });
  }
  await check("Device", async () => {
    const answers = () => answeringModel(config.model.base, answersOfRuns);
    const { device, reason } = await decideDevice(config.device, { answers, ...(signal !== undefined && { signal }) });
    return device === config.device ? device : `${config.device} chooses ${device}: ${reason}`;
  });
  const isTrl = config.engine === "trl" && kind !== "evaluate";
  if (isTrl) {
    await check("Python engine", async () => {
      const { versions, device } = await requireTrl(config.trl, signal);
      return `TRL ${versions.trl} with torch ${versions.torch} on ${device}`;
    });
  }
  if (isModelSound && isDataSound) await check("Lengths", () => describeLengths(config));
  // What torch needs, on which card, is not known here.
  if (isModelSound && isDataSound && !isTrl) {
    const estimate = await estimateRun(kind, config, signal);
    const { peakBytes, availableBytes, fits } = estimate.memory;
    checks.push({
      ...{ name: "Memory", status: fits ? "ok" : "problem" },
      evidence: `needs about ${gigabytes(peakBytes)}, ${gigabytes(availableBytes)} are free`,
      cure: fits
        ? null
        : "Train an adapter (trainable: lora), set recompute: true, or use smaller passes (batchSize, microBatchSize).",
    });
    checks.push(await diskCheck(config, estimate.memory.stages));
  }
  return checks;
}

async function describeData(
  sources: readonly DataSource[],
  references: number,
  signal: AbortSignal | undefined,
): Promise<string> {
  const { value, problems } = await loadSources(sources, { folder: process.cwd(), ...(signal && { signal }) });
  if (hasErrors(problems)) {
    const errors = problems.filter(({ severity }) => severity === "error");
    throw new AppError(
      "data/broken-set",
      `${counted(errors.length, "error")}, the first: ${formatProblem(errors[0]!)}`,
      { hint: errors[0]!.hint ?? "Mend the data set; `iad-r1 data validate` lists everything." },
    );
  }
  const normal = value.filter(({ label }) => label === "normal").length;
  const counts = `${value.length} samples: ${normal} without and ${value.length - normal} with a defect`;
  const missing = missingReferences(value.map(numReferences), references);
  return missing === null ? counts : `${counts}. ${missing}`;
}

async function describeLengths(config: ExperimentConfig): Promise<string> {
  const description = await loadModelDescription(config.model.base);
  const { maxPositions } = description.facts.decoder;
  const { paSft, scGrpo } = await loadData(config);
  const { promptMax, answerMax, numMeasured } = await measureLengths(
    description,
    [...paSft, ...scGrpo],
    config.prompt.references,
  );
  const { maxCompletionLength } = config.stages.scGrpo;
  const longest = promptMax + Math.max(answerMax, maxCompletionLength);
  if (longest > maxPositions) {
    throw new AppError(
      "preflight/too-long",
      `A prompt of ${promptMax} tokens and ${Math.max(answerMax, maxCompletionLength)} of an answer need ${longest} positions, the model has ${maxPositions}.`,
      { hint: "Lower maxCompletionLength, use smaller pictures, or fewer reference images." },
    );
  }
  return `prompts up to ${promptMax} tokens and answers up to ${answerMax} in ${numMeasured} samples; the model has ${maxPositions} positions`;
}

async function diskCheck(
  config: ExperimentConfig,
  stages: readonly { weightsBytes: number; optimizerBytes: number }[],
): Promise<MachineCheck> {
  const kept = config.stages.paSft.keepCheckpoints + config.stages.scGrpo.keepCheckpoints + 2;
  const needed = kept * Math.max(...stages.map(({ optimizerBytes }) => optimizerBytes));
  let folder = config.output;
  while (!existsSync(folder) && dirname(folder) !== folder) folder = dirname(folder);
  const { bavail, bsize } = await statfs(folder);
  const free = bavail * bsize;
  const fits = free > needed + 100e6;
  return {
    ...{ name: "Disk", status: fits ? "ok" : "problem" },
    evidence: `checkpoints take up to ${gigabytes(needed)}, ${gigabytes(free)} are free in ${folder}`,
    cure: fits ? null : "Free some space, keep fewer checkpoints (keepCheckpoints), or choose another output folder.",
  };
}
