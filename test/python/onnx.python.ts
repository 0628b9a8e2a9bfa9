/**
 * Holds the models we write against the official onnx package: its checker, its shape inference and its reference
 * evaluator. Needs the Python environment in .cache/python, so it is not part of the suite that `npm test` runs.
 */
import { execFileSync } from "node:child_process";
import { cpSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gradients } from "@iad-r1/models/autodiff/backward";
import { type EmitTarget, emit } from "@iad-r1/models/graph/emit";
import { serialize } from "@iad-r1/models/graph/serialize";
import type { Graph } from "@iad-r1/models/graph/types";
import { createBuilder } from "@iad-r1/models/ops/createBuilder";
import { optimizerProgram } from "@iad-r1/models/programs/optimizer";
import { numElements } from "@iad-r1/models/graph/dims";
import { createRandom } from "@iad-r1/models/util/random";
import { loadModelDescription } from "@iad-r1/models/zoo";
import { expect, test } from "vitest";
import { gradientCases } from "../grad/cases";
import type { CaseInput, GradientCase } from "../helpers/checkGradient";
import { type HostTensor, runGraph } from "../helpers/runGraph";
import { temporaryFolder } from "../helpers/temporaryFolder";
import { tinyFixture } from "../helpers/tinyModel";

const root = join(import.meta.dirname, "../..");
const python = join(root, ".cache/python", process.platform === "win32" ? "Scripts/python.exe" : "bin/python");

interface ModelToCheck {
  file: string;
  feeds?: Record<string, HostTensor>;
  results?: Record<string, HostTensor>;
}

interface CheckReport {
  file: string;
  problems: string[];
  nodes: number;
  /** Nodes of com.microsoft, which the onnx package cannot look into. */
  custom: number;
  /** Values whose inferred shape was compared, and values of which the onnx package could infer nothing. */
  shapes: number;
  unknown: number;
  /** Numbers compared with the reference evaluator. */
  numbers: number;
}

function check(models: readonly ModelToCheck[]): CheckReport[] {
  const output = execFileSync(python, [join(root, "scripts/onnxCheck.py")], {
    input: JSON.stringify(models),
    encoding: "utf8",
    maxBuffer: 2 ** 28,
  });
  return output
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as CheckReport);
}

/** Writes the model where its external data lies: the onnx package looks for it beside the file. */
function write(graph: Graph, target: EmitTarget, folder: string, name: string): ModelToCheck {
  const model = serialize(emit(graph, { target }), { valueInfo: true });
  const file = join(model.externalFolder ?? folder, `${name}.onnx`);
  writeFileSync(file, model.bytes);
  return { file };
}

test("every operator and its gradient, in official operators, passes the checker with our shapes and numbers", async () => {
  const folder = temporaryFolder();
  const models: ModelToCheck[] = [];
  for (const [operator, cases] of Object.entries(gradientCases)) {
    for (const [index, gradientCase] of (cases as readonly GradientCase[]).entries()) {
      if (gradientCase.targets !== undefined && !gradientCase.targets.includes("standard")) continue;
      const random = createRandom(`onnx ${operator} ${index}`);
      const graph = caseGraph(gradientCase);
      const feeds = Object.fromEntries(
        Object.entries(gradientCase.inputs).map(([name, input]) => [name, feedFor(input, () => random.next())]),
      );
      const results = await runGraph(graph, feeds, { target: "standard" });
      models.push({ ...write(graph, "standard", folder, `${operator}-${index}`), feeds, results });
    }
  }
  const reports = check(models);
  expect(reports.filter(({ problems }) => problems.length > 0)).toEqual([]);
  expect(reports.length).toBe(models.length);
  expect(reports.length).toBeGreaterThan(90);
  // The onnx package infers nothing where a length is a product of names.
  const total = (count: (report: CheckReport) => number) => reports.reduce((sum, report) => sum + count(report), 0);
  expect(total(({ shapes }) => shapes)).toBeGreaterThan(20 * total(({ unknown }) => unknown));
  expect(total(({ custom }) => custom)).toBe(0);
  expect(reports.every(({ numbers }) => numbers > 0)).toBe(true);
});

/** The operator's outputs and the gradients of their sum of squares. */
function caseGraph(gradientCase: GradientCase): Graph {
  const b = createBuilder("case");
  const inputs = Object.fromEntries(
    Object.entries(gradientCase.inputs).map(([name, { shape, declared, dtype }]) => {
      return [name, b.input(name, dtype ?? "float32", declared ?? shape)];
    }),
  );
  const outputs = [gradientCase.build(b, inputs)].flat();
  const squares = outputs.map((output) => b.reduceSum(b.mul(output, output), undefined, { keepDims: false }));
  const wrt = Object.entries(gradientCase.inputs).filter(([, { dtype, frozen }]) => dtype === undefined && !frozen);
  const found = gradients(
    b,
    b.sum(squares),
    wrt.map(([name]) => inputs[name]!),
    { recompute: gradientCase.recompute },
  );
  for (const [i, gradient] of found.entries()) if (gradient !== null) b.output(`gradient of ${wrt[i]![0]}`, gradient);
  for (const [i, output] of outputs.entries()) b.output(`output ${i}`, output);
  return b.finish();
}

function feedFor({ shape, data, dtype = "float32", range = [-1, 1] }: CaseInput, next: () => number): HostTensor {
  const count = numElements(shape);
  return { dtype, shape, data: data ?? Array.from({ length: count }, () => range[0] + (range[1] - range[0]) * next()) };
}

test("every program of a model, in every form, passes the checker with our shapes and its weights in the checkpoint", async () => {
  const folder = join(temporaryFolder(), "model");
  cpSync(tinyFixture, folder, { recursive: true });
  const description = await loadModelDescription(join(folder, "checkpoint"), { adapter: folder });
  const { programs, parameters } = description;
  const adapter = description.adapter!.layout;
  const graphs: Record<string, Graph> = {
    visionEncoder: programs.visionEncoder().graph,
    logProbs: programs.logProbs({ images: "features", entropy: true, adapter }).graph,
    sft: programs.training({ objective: { kind: "sft" }, trainable: "adapter", images: "features", adapter }).graph,
    grpo: programs.training({ objective: { kind: "grpo", kl: true }, trainable: "language-model", images: "pixels" })
      .graph,
    perception: programs.training({
      objective: { kind: "perception", language: true, heads: [{ name: "defect", classes: 1 }] },
      trainable: "all",
      images: "pixels",
      recompute: true,
    }).graph,
    optimizer: optimizerProgram([...parameters].slice(0, 4).map(([path, { shape }]) => ({ path, shape }))).graph,
  };
  const models: ModelToCheck[] = [];
  for (const [name, graph] of Object.entries(graphs)) {
    for (const target of ["fused", "primitive", "standard"] as const) {
      models.push(write(graph, target, folder, `${name}-${target}`));
    }
  }
  // The KV cache is kept by an operator that official ONNX does not have.
  for (const target of ["fused", "primitive"] as const) {
    const { graph } = programs.decoder({ images: true, adapter });
    models.push(write(graph, target, folder, `decoder-${target}`));
  }
  const reports = check(models);
  expect(reports.filter(({ problems }) => problems.length > 0)).toEqual([]);
  for (const { file, nodes, custom, shapes, unknown } of reports) {
    if (file.includes("standard")) expect(custom, file).toBe(0);
    expect(shapes, file).toBeGreaterThan((nodes - custom) / 2);
    expect(unknown, file).toBeLessThan(nodes / 10);
  }
});

test("the check finds what is wrong: a wrong shape, an unknown attribute, an unknown operator", async () => {
  const folder = temporaryFolder();
  const b = createBuilder("wrong");
  const x = b.input("x", "float32", ["N", 4]);
  b.output("y", b.softmax(b.mul(x, 2), -1));
  const graph = b.finish();
  const shaped = { ...graph, outputs: [{ ...graph.outputs[0]!, shape: ["N", 5] }] };
  writeFileSync(join(folder, "shape.onnx"), serialize(shaped).bytes);
  const model = Buffer.from(serialize(graph).bytes).toString("latin1");
  writeFileSync(join(folder, "attribute.onnx"), Buffer.from(model.replace("axis", "axes"), "latin1"));
  writeFileSync(join(folder, "operator.onnx"), Buffer.from(model.replaceAll("Softmax", "Softmix"), "latin1"));
  const files = ["shape", "attribute", "operator"].map((name) => ({ file: join(folder, `${name}.onnx`) }));
  for (const { file, problems } of check(files)) expect(problems.length, file).toBeGreaterThan(0);
});
