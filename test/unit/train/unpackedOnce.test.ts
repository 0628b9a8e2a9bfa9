/** What ONNX Runtime does in a step of an adapter on packed weights (QLoRA), by its own profile: no weight is unpacked twice. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { usualBlockSize } from "@iad-r1/models/checkpoint/quantize";
import { quantizeCheckpoint } from "@iad-r1/models/quantizeCheckpoint";
import { loadModelDescription } from "@iad-r1/models/zoo";
import type * as sessions from "@iad-r1/server/runtime/session";
import { TrainedModel } from "@iad-r1/server/train/trainedModel";
import { expect, it, vi } from "vitest";
import { temporaryFolder } from "../../helpers/temporaryFolder";
import { tinyCheckpoint } from "../../helpers/tinyModel";

const profiles = vi.hoisted(() => ({ folder: "", ended: [] as (() => void)[] }));

// Every session writes the time of its operators.
vi.mock("@iad-r1/server/runtime/session", async (original) => {
  const real = await original<typeof sessions>();
  const createSession: typeof real.createSession = async (model, options) => {
    const prefix = join(profiles.folder, options?.name ?? "graph");
    const session = await real.createSession(model, { ...options, profilePrefix: prefix });
    profiles.ended.push(() => session.endProfiling());
    return session;
  };
  return { ...real, createSession };
});

it.each([4, 8] as const)("weights in %i bits: one product forward, one unpacking on the way back", async (bits) => {
  profiles.folder = temporaryFolder();
  profiles.ended = [];
  const small = temporaryFolder();
  await quantizeCheckpoint(await loadModelDescription(tinyCheckpoint), small, {
    bits,
    blockSize: usualBlockSize[bits],
  });
  const linears = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"];
  const model = await TrainedModel.open({
    ...{ reference: { base: small, adapter: null }, trainable: "lora", lora: { r: 4, alpha: 8, targets: linears } },
    ...{ objective: { kind: "sft" }, recompute: true, seed: 1, device: "cpu", threads: 1 },
    adamW: { beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weightDecay: 0, maxGradNorm: 1 },
  });
  const messages = [{ role: "user" as const, content: [{ type: "text" as const, text: "Is a scratch a defect?" }] }];
  const [prompt] = await model.encode([{ messages, pictures: [] }]);
  const batch = model.collate([{ prompt: prompt!, completionIds: [5, 6, 7] }]);
  await model.supervisedPass(batch, new Float32Array(batch.numTargets).fill(1 / batch.numTargets));
  for (const end of profiles.ended) end();

  const ran = operatorsOf("training_sft_none");
  const packed = [...model.live.description.parameters.values()].filter((one) => one.packed !== undefined);
  expect(packed.length).toBeGreaterThan(14);
  const times = (operator: string) => ran.filter((one) => one === operator).length;
  expect(times("MatMulNBits")).toBe(packed.length);
  expect(times("DequantizeLinear")).toBe(packed.length);
  await model.dispose();
});

/** The operators that a session ran, in order, each as often as it ran. */
function operatorsOf(session: string): string[] {
  const file = readdirSync(profiles.folder).find((name) => name.startsWith(session))!;
  const events = JSON.parse(readFileSync(join(profiles.folder, file), "utf8")) as {
    cat: string;
    name: string;
    args: { op_name?: string };
  }[];
  return events
    .filter(({ cat, name }) => cat === "Node" && name.endsWith("_kernel_time"))
    .map(({ args }) => args.op_name!);
}
