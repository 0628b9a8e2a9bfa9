/**
 * Adapters and checkpoints in both directions: what PEFT writes computes the same here, and what this project writes computes the
 * same in transformers and PEFT. Needs the Python environment in .cache/python, so it is not part of `npm test`.
 */
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { adapterParameters, adapterSpec, writeAdapter, writeFullCheckpoint } from "@iad-r1/models/adapters/adapter";
import { createLoraConfig } from "@iad-r1/models/adapters/loraConfig";
import { openSafetensors } from "@iad-r1/models/checkpoint/safetensors";
import { createRandom } from "@iad-r1/models/util/random";
import { loadModelDescription } from "@iad-r1/models/zoo";
import { mergeAdapter } from "@iad-r1/server/modelStore/merge";
import { CompiledModel } from "@iad-r1/server/verify/compiledModel";
import { describe, expect, test } from "vitest";
import { temporaryFolder } from "../helpers/temporaryFolder";
import { tinyCheckpoint, tinyFixture } from "../helpers/tinyModel";
import { vlmFixture } from "../helpers/vlmFixture";

const root = join(import.meta.dirname, "../..");
const python = join(root, ".cache/python", process.platform === "win32" ? "Scripts/python.exe" : "bin/python");
const rows = [[5, 17, 300, 42, 9, 111], Array.from({ length: 40 }, (_, i) => (i * 37) % 340)];

function runPython(...args: string[]): string {
  return execFileSync(python, [join(root, "scripts/peftCheck.py"), ...args], {
    input: JSON.stringify(rows),
    encoding: "utf8",
    maxBuffer: 2 ** 28,
    stdio: ["pipe", "pipe", "ignore"],
  });
}

/** Logits of every token of each row, with the adapter in `adapter` on. */
async function ourLogits(checkpoint: string, adapter?: string): Promise<Float32Array[]> {
  const model = await loadModelDescription(checkpoint, adapter === undefined ? {} : { adapter });
  const compiled = new CompiledModel(model, { threads: 1 });
  const logits: Float32Array[] = [];
  for (const row of rows) logits.push(await compiled.logits({ rows: [row], images: [] }, [...row.keys()]));
  await compiled.dispose();
  return logits;
}

function largestDifference(ours: ArrayLike<number>, theirs: ArrayLike<number>): number {
  expect(ours.length).toBe(theirs.length);
  let worst = 0;
  for (let i = 0; i < ours.length; i++) worst = Math.max(worst, Math.abs(ours[i]! - theirs[i]!));
  return worst;
}

describe("adapters written by PEFT", () => {
  test("compute the same logits here, whatever selects and scales their modules", async () => {
    const folder = temporaryFolder();
    runPython("make", folder, tinyCheckpoint);
    const base = await ourLogits(tinyCheckpoint);
    for (const kind of ["names-rslora", "patterns", "saved-norm", "all-linear-one-layer"]) {
      const recorded = await openSafetensors(join(folder, kind, "logits.safetensors"));
      const ours = await ourLogits(tinyCheckpoint, join(folder, kind));
      for (const [i, logits] of ours.entries()) {
        const theirs = await recorded.readFloat32(String(i));
        expect(largestDifference(logits, theirs), kind).toBeLessThan(5e-4);
        expect(largestDifference(base[i]!, theirs), `${kind} against the base`).toBeGreaterThan(0.05);
      }
    }
  });
});

describe("files of ours in Python", () => {
  const config = createLoraConfig({
    ...{ rank: 3, alpha: 7, targetModules: ["q_proj", "down_proj"], excludeModules: ".*vision_tower.*" },
    baseModel: tinyCheckpoint,
  });

  async function randomAdapter(of = config, base = tinyCheckpoint) {
    const model = await loadModelDescription(base);
    const { layout } = adapterSpec(of, model.base);
    const parameters = adapterParameters(layout, model.base.shapes);
    const values = new Map(
      parameters.map(({ path, shape }) => {
        const random = createRandom("adapter", path);
        return [path, Float32Array.from({ length: shape[0]! * shape[1]! }, () => 0.2 * random.normal())];
      }),
    );
    return { model, layout, parameters, values };
  }

  test("an adapter loads in PEFT and gives the same logits", async () => {
    const folder = temporaryFolder();
    const { parameters, values } = await randomAdapter();
    await writeAdapter(folder, config, parameters, values);
    const theirs = JSON.parse(runPython("load", tinyCheckpoint, folder)) as number[][];
    const ours = await ourLogits(tinyCheckpoint, folder);
    for (const [i, logits] of ours.entries()) expect(largestDifference(logits, theirs[i]!)).toBeLessThan(5e-4);
  });

  test("a merged checkpoint loads in transformers and equals the adapter", async () => {
    const [adapter, merged] = [temporaryFolder(), temporaryFolder()];
    const { model, layout, parameters, values } = await randomAdapter();
    await writeAdapter(adapter, config, parameters, values);
    await writeFullCheckpoint(merged, { source: model.folder, table: model.parameters, adapter: { layout, values } });
    const theirs = JSON.parse(runPython("load", merged)) as number[][];
    const ours = await ourLogits(tinyCheckpoint, adapter);
    for (const [i, logits] of ours.entries()) expect(largestDifference(logits, theirs[i]!)).toBeLessThan(5e-4);
  });

  test.each(["llava-onevision", "llava-1-5", "llava-1-6-mistral", "qwen2-vl", "qwen2-5-vl"])(
    "an adapter on %s loads in PEFT, and merged it loads in transformers",
    async (family) => {
      const isCompressed = family === "llava-1-5" || family === "llava-1-6-mistral";
      const base = join(isCompressed ? vlmFixture(family) : join(root, "test/fixtures/vlm", family), "checkpoint");
      const [adapter, merged] = [temporaryFolder(), join(temporaryFolder(), "merged")];
      const scaled = createLoraConfig({
        ...{ rank: 4, alpha: 6, targetModules: ".*language_model.*\\.(q_proj|v_proj|gate_proj|down_proj)" },
        ...{ useRsLora: true, rankPattern: { down_proj: 2 }, excludeModules: ".*layers\\.0.*v_proj", baseModel: base },
      });
      const { parameters, values } = await randomAdapter(scaled, base);
      await writeAdapter(adapter, scaled, parameters, values);
      const report = await mergeAdapter(base, adapter, merged);
      expect(report.merged).toBe(7);
      const ours = await ourLogits(base, adapter);
      const plain = await ourLogits(base);
      for (const args of [[base, adapter], [merged]]) {
        const theirs = JSON.parse(runPython("load", ...args)) as number[][];
        for (const [i, logits] of ours.entries()) {
          expect(largestDifference(logits, theirs[i]!)).toBeLessThan(5e-4);
          expect(largestDifference(plain[i]!, theirs[i]!)).toBeGreaterThan(0.05);
        }
      }
    },
  );

  test("a module that PEFT saved in full survives our writing, and merging", async () => {
    const [folder, again, merged] = [temporaryFolder(), temporaryFolder(), join(temporaryFolder(), "merged")];
    runPython("make", folder, tinyCheckpoint);
    const adapter = join(folder, "saved-norm");
    const model = await loadModelDescription(tinyCheckpoint, { adapter });
    const { config: read, layout, tensors, replaced } = model.adapter!;
    // PEFT takes every module whose name ends with "norm": the layers' too, and the tower's last.
    expect([...replaced.keys()]).toContain("model.language_model.norm.weight");
    expect(replaced.size).toBe(7);
    const values = new Map<string, Float32Array>();
    for (const [path, stored] of tensors) values.set(path, await stored.read());
    await writeAdapter(again, read, adapterParameters(layout, model.base.shapes), values, replaced);
    expect((await mergeAdapter(tinyCheckpoint, adapter, merged)).replaced).toBe(7);
    const recorded = await openSafetensors(join(adapter, "logits.safetensors"));
    for (const args of [[tinyCheckpoint, again], [merged]]) {
      const theirs = JSON.parse(runPython("load", ...args)) as number[][];
      for (const [i, logits] of theirs.entries()) {
        expect(largestDifference(logits, await recorded.readFloat32(String(i)))).toBeLessThan(5e-4);
      }
    }
  });

  test("a checkpoint in the layout of public repositories keeps its names and loads in transformers", async () => {
    const folder = temporaryFolder();
    const model = await loadModelDescription(join(tinyFixture, "hub-layout"));
    await writeFullCheckpoint(folder, { source: model.folder, table: model.parameters });
    const theirs = JSON.parse(runPython("load", folder)) as number[][];
    const ours = await ourLogits(folder);
    for (const [i, logits] of ours.entries()) expect(largestDifference(logits, theirs[i]!)).toBeLessThan(5e-4);
  });
});
