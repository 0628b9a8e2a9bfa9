/** The report of a run: in the language of who reads it, and also when the pictures have gone since. */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { RunManifest } from "@iad-r1/protocol/runs";
import { reportLanguageFor } from "@iad-r1/server/features/localise/report";
import { reportTexts } from "@iad-r1/server/features/localise/reportZhCn";
import { writeRunReport } from "@iad-r1/server/report/collectReport";
import { RunRecorder } from "@iad-r1/server/runs/recorder";
import { encode } from "fast-png";
import { expect, test } from "vitest";
import { formulaPicture } from "../../helpers/pictures";
import { temporaryFolder } from "../../helpers/temporaryFolder";

const manifest: RunManifest = {
  ...{ format: "iad-r1/run", version: 1, id: "run-1", kind: "post-train", project: "parts", state: "queued" },
  ...{ attempt: 1, createdMs: 1, updatedMs: 1, config: { data: {} }, configFile: null, plan: [], finishedStages: [] },
  ...{ stageModels: {}, hashes: { config: "", code: "", model: "", data: {}, rewards: {} }, versions: {} },
  ...{ device: "cpu", threads: 2, lineage: null },
};

/** A run with curves and two evaluations of one good and one defective picture. */
function makeRun(): { folder: string; pictures: string[] } {
  const home = temporaryFolder();
  const folder = join(home, "run-1");
  const pictures = ["good.png", "bad.png"].map((name) => join(home, name));
  for (const path of pictures) writeFileSync(path, encode({ ...formulaPicture(8, 8), channels: 3 }));
  const recorder = RunRecorder.create(folder, structuredClone(manifest), () => undefined);
  recorder.enter("starting");
  recorder.enter("running");
  for (const stage of ["pa-sft", "sc-grpo"]) {
    const rewards = { "rewards/a/mean": 1, "rewards/b/mean": Number.NaN };
    const policy = {
      reward: 1,
      reward_std: 0,
      kl: 0,
      "completions/mean_length": 9,
      frac_reward_zero_std: 1,
      ...rewards,
    };
    const values = { loss: 1, grad_norm: 2, ...(stage === "sc-grpo" && policy) };
    for (const step of [1, 2]) recorder.emit({ type: "scalars", stage, step, values });
  }
  mkdirSync(join(folder, "evaluations"), { recursive: true });
  for (const [at, label] of ["base", "pa-sft", "sc-grpo"].entries()) {
    const samplesFile = `evaluations/${label}.jsonl`;
    const sample = (i: number) => ({
      ...{ id: `part_${i}`, images: [pictures[i]], category: "washer", label: i === 0 ? "normal" : "anomalous" },
      solution: i === 0 ? "<answer>No</answer>" : "<location>center</location><type>crack</type><answer>Yes</answer>",
      ...{ completion: "<answer>No</answer>", answer: "no", location: null, type: null, anomalyScore: 0.25 },
      ...{ correct: i === 0, rewards: {}, numTokens: 3 },
    });
    writeFileSync(join(folder, samplesFile), `${JSON.stringify(sample(0))}\n${JSON.stringify(sample(1))}\n`);
    const accuracy = { balancedAccuracy: 50, normalAccuracy: 100, anomalousAccuracy: 0 };
    const report = {
      ...{ ...accuracy, numSamples: 2, auroc: 50, locationAccuracy: 0, typeScore: 0, unparsed: 0, rewards: {} },
      ...{ perCategory: { washer: accuracy, bolt: accuracy }, rewardTotal: 0.5, meanLength: 3, seconds: 1 },
    };
    const place = { stage: `evaluate-${label}`, step: at, label, best: false, samplesFile };
    recorder.emit({ type: "evaluation", ...place, report } as never);
  }
  recorder.finish("completed", null);
  return { folder, pictures };
}

const textOf = (html: string) =>
  html
    .replace(/<style>[\s\S]*?<\/style>/, "")
    .replaceAll(/ (?:title|aria-label|alt)="([^"]*)"[^>]*>/g, ">\n$1\n")
    .replaceAll(/<[^>]*>/g, "\n");

test("a picture that has gone or is damaged is left out, and what was said of it is not", async () => {
  const { folder, pictures } = makeRun();
  const whole = readFileSync(await writeRunReport(folder), "utf8");
  expect(whole.match(/<img /g)).toHaveLength(2);
  rmSync(pictures[0]!);
  writeFileSync(pictures[1]!, "no picture");
  const html = readFileSync(await writeRunReport(folder), "utf8");
  expect(html).not.toContain("<img ");
  expect(html.match(/The picture cannot be read any more\./g)).toHaveLength(2);
  expect(html.match(/<h3>base /g)).toHaveLength(2);
  expect(html).toContain("washer · part_0");
});

test("the pictures on which the answers of the stages differ come first, the first stage too", async () => {
  const { folder } = makeRun();
  const samples = (label: string, right: (index: number) => boolean) => {
    const lines = Array.from({ length: 6 }, (_, i) => ({
      ...{ id: `part_${i}`, images: [`gone-${i}.png`], category: "washer", label: "normal", solution: null },
      ...{ completion: "", answer: "no", location: null, type: null, anomalyScore: null, correct: right(i) },
      ...{ rewards: {}, numTokens: 3 },
    }));
    writeFileSync(
      join(folder, "evaluations", `${label}.jsonl`),
      lines.map((line) => `${JSON.stringify(line)}\n`).join(""),
    );
  };
  samples("base", () => false);
  // The fifth is learnt in the first stage, and the sixth is lost again in the second.
  samples("pa-sft", (i) => i >= 4);
  samples("sc-grpo", (i) => i === 4);
  const html = readFileSync(await writeRunReport(folder), "utf8");
  const shown = [...html.matchAll(/washer · (part_\d)/g)].map(([, id]) => id);
  expect(shown.slice(0, 2)).toEqual(["part_5", "part_4"]);
});

test("a report for a window in Chinese has nothing of ours in English, and leaves the report of the run as it is", async () => {
  const { folder, pictures } = makeRun();
  rmSync(pictures[0]!);
  const own = readFileSync(await writeRunReport(folder), "utf8");
  expect(own).toContain('<html lang="en">');
  const before = readdirSync(folder);
  const file = join(temporaryFolder(), "report.html");
  const html = readFileSync(await writeRunReport(folder, [], file, reportLanguageFor("zh-cn")), "utf8");
  expect(html).toContain('<html lang="zh-CN">');
  expect(readFileSync(join(folder, "report.html"), "utf8")).toBe(own);
  expect(readdirSync(folder)).toEqual(before);
  // Names of stages and metrics, people's own words and the answers.
  const names =
    /IAD-R1|PA-SFT|SC-GRPO|AUROC|ROC|KL|cpu|run-1|parts|washer|bolt|part_\d|crack|center|\b(?:loss|grad_norm|reward(?:_std)?|kl|completions\/mean_length|frac_reward_zero_std)\b|&lt;\/?answer&gt;|No|\b[ab]\b/g;
  const left = textOf(html)
    .split("\n")
    .filter((line) => /[A-Za-z]/.test(line.replaceAll(names, "")));
  expect(left).toEqual([]);
  for (const said of ["真实标注：无缺陷", "真实标注：crack, center", "异常分数 0.25", "图片已无法读取。"])
    expect(html).toContain(said);
});

test("every heading, column and chart that the report can show is in the table, with its places", () => {
  const source = ["runReport", "collectReport"]
    .map((name) => fileURLToPath(new URL(`../../../server/src/report/${name}.ts`, import.meta.url)))
    .map((path) => readFileSync(path, "utf8"))
    .join("\n");
  const written = [...source.matchAll(/(?:say|heading|column)\(\s*"([^"]+)"|title: "([^"]+)"/g)].map(
    (found) => found[1] ?? found[2]!,
  );
  expect(written.length).toBeGreaterThan(15);
  expect(written.filter((text) => reportTexts[text] === undefined)).toEqual([]);
  const places = (text: string) => [...text.matchAll(/\{\d\}/g)].map(([place]) => place).sort();
  for (const [english, said] of Object.entries(reportTexts)) expect(places(said), english).toEqual(places(english));
});
