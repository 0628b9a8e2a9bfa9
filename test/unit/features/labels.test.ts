/** Chinese for what lists and reports call things: all that this machine says of itself, models and scopes; names and paths stay. */

import { parseExperiment } from "@iad-r1/server/config/parseExperiment";
import { labelTranslatorFor } from "@iad-r1/server/features/localise/labels";
import { labels } from "@iad-r1/server/features/localise/labelsZhCn";
import { listModels } from "@iad-r1/server/inspect/modelCatalog";
import { examineMachine } from "@iad-r1/server/machine/examineMachine";
import { estimateRun } from "@iad-r1/server/runs/estimate";
import { preflight } from "@iad-r1/server/runs/preflight";
import { expect, it } from "vitest";

const chinese = labelTranslatorFor("zh-cn");
const isChinese = (text: string) => /\p{Script=Han}/u.test(text);

it("says all that was found on this machine", async () => {
  const checks = (await examineMachine()).map(chinese.check);
  const said = checks.flatMap(({ name, evidence, cure }) => [name, evidence, ...(cure === null ? [] : [cure])]);
  // A product's name and version are the same in every language.
  const names = /^(Node|[\d.]+ on \w+ \w+|\d+ × .+)$/;
  expect(said.filter((text) => !isChinese(text) && !names.test(text))).toEqual([]);
});

it("says what devices can do, piece by piece", () => {
  const evidence =
    "multiplies float32 matrices at 76 GFLOP/s and starts an operation every 9 µs; its attention is wrong for long prompts, which are read 512 tokens at a time";
  expect(chinese.text(evidence)).toBe(
    "float32 矩阵乘法 76 GFLOP/s，每 9 µs 启动一个运算；其注意力对长提示计算有误，因此每次只读 512 个词元",
  );
  const choice = "chooses cpu: no other device works here (webgpu: no Vulkan driver is installed; cuda: it crashed)";
  expect(chinese.text(choice)).toBe("选择 cpu：这里没有其他可用的设备（webgpu：未安装 Vulkan 驱动；cuda：it crashed）");
});

it("says all that is checked before a run, and what an estimate goes by", async () => {
  const heldOut =
    "data:\n  train: { kind: synth, seed: 1, count: 4, size: 42 }\n  heldOut: { kind: synth, seed: 2, count: 2, size: 42 }\n";
  const { value: config } = parseExperiment(`model: { base: nano-base }\n${heldOut}prompt: { references: 2 }\n`, {
    folder: process.cwd(),
  });
  const checks = await preflight("post-train", config!);
  expect(checks.map(({ name }) => name)).toEqual([
    ...["Model", "Training data", "Held-out data", "Rewards", "Device", "Lengths", "Memory", "Disk"],
  ]);
  // Names of rewards and of a device are the same in every language.
  const names = /^(iad-r1\/.*|cpu)$/;
  const said = checks.map(chinese.check).flatMap(({ name, evidence }) => [name, evidence]);
  expect(said.filter((text) => !isChinese(text) && !names.test(text))).toEqual([]);
  expect(said[3]).toMatch(/4 个样本中有 4 个的参考图像少于所要求的 2 张，最少的为 1 张/);
  const { basis } = await estimateRun("post-train", config!);
  expect(basis.map(chinese.text).filter((text) => !isChinese(text))).toEqual([]);
});

it("says models and scopes", async () => {
  for (const { title } of await listModels(null, []))
    if (/^Embedded/.test(title)) expect(chinese.text(title)).toMatch(/^内置/);
  expect(chinese.text("tiny · after SC-GRPO")).toBe("tiny · SC-GRPO 之后");
  const source = { kind: "run" as const, run: "20260101-1" };
  const choices = { sources: [{ source, label: "run 20260101-1", detail: "10 steps, 1 to 10", steps: [1] }] };
  expect(chinese.choices(choices).sources).toMatchObject([
    { label: "训练 20260101-1", detail: "10 步，第 1 至 10 步" },
  ]);
  expect(chinese.text("run 20260101-1, steps 12 to 19")).toBe("训练 20260101-1，第 12 至 19 步");
  expect(chinese.text("rollouts.jsonl")).toBe("rollouts.jsonl");
});

it("keeps every place of a text", () => {
  const places = (text: string) => [...text.matchAll(/\{\d\}/g)].map(([place]) => place).sort();
  for (const [english, translated] of Object.entries(labels))
    expect(places(translated), english).toEqual(places(english));
});

it("leaves other languages alone", () => {
  const check = { name: "Disk", status: "ok" as const, evidence: "1.0 GiB free in /", cure: null };
  expect(labelTranslatorFor("de").check(check)).toBe(check);
});
