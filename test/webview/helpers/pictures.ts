/** Pictures of the sample set as the host would describe them to the inspector. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Inspection } from "@iad-r1/protocol/inspect";
import type { GroundTruth, InspectorItem, InspectorState, Look } from "@iad-r1/protocol/webview";

const samples = fileURLToPath(new URL("../../../samples/real/", import.meta.url));
const origin = "http://webview.test";

interface Annotation {
  id: string;
  image: string;
  category: string;
  label: "normal" | "anomalous";
  defect_type: string | null;
  locations: GroundTruth["locations"];
  defects: { type: string; box: [number, number, number, number] }[];
  mask: string | null;
  reference: string | null;
}

export const annotations: Annotation[] = readFileSync(join(samples, "annotations.jsonl"), "utf8")
  .trim()
  .split("\n")
  .map((line) => JSON.parse(line) as Annotation);

/** The files that the page may fetch. */
export function sampleFiles(): Record<string, Buffer> {
  const files: Record<string, Buffer> = {};
  for (const { image, mask } of annotations) {
    for (const path of [image, mask]) if (path !== null) files[`/samples/${path}`] = readFileSync(join(samples, path));
  }
  return files;
}

export const defect = annotations.find(({ category, mask }) => category === "cookie" && mask !== null)!;

export const answerText =
  "<think>The biscuit is round and evenly baked. From the upper edge a dark line runs towards the middle and splits the surface; its two sides do not meet any more.</think><location>top center</location><type>crack</type><answer>Yes</answer>";

/** The answer in tokens of a word each, with shares that go up and down. */
export const answerChoices: Look["choices"] = (answerText.match(/<\/?\w+>|\s*[^\s<]+/g) ?? []).map((text, i) => ({
  ...{ text, probability: text.startsWith("<") ? 0.999 : 0.35 + 0.64 * Math.abs(Math.cos(i)) },
  alternatives: [
    { text: " scratch", probability: 0.21 },
    { text: " hole", probability: 0.06 },
    { text: "\n", probability: 0.004 },
  ],
}));

const outcomes: InspectorItem["outcome"][] = ["correct", "missed", "false-alarm", "unparsed", "correct", "pending"];

export function items(count: number): InspectorItem[] {
  return Array.from({ length: count }, (_, i) => {
    const { id, image, category, label, defect_type } = annotations[i % annotations.length]!;
    const uri = `${origin}/samples/${image}`;
    return {
      ...{
        id: i < annotations.length ? id : `${id}#${i}`,
        name: id,
        thumbnail: uri,
        uri,
        category,
        label,
        defectType: defect_type,
      },
      outcome: outcomes[i % outcomes.length]!,
      ...{
        answer: i % 6 === 5 ? null : label === "anomalous" ? "yes" : "no",
        anomalyScore: i % 6 === 5 ? null : (i % 10) / 10,
      },
    };
  });
}

export function idleLook(change: Partial<Look> = {}): Look {
  return {
    ...{ model: "nano", phase: "idle", text: "", anomalyScore: null, numTokens: 0, tokensPerSecond: null },
    ...{ choices: [], result: null, error: null },
    ...change,
  };
}

export const inspection: Inspection = {
  ...{ image: "cookie.jpg", answer: "yes", location: "top center", type: "crack", think: "…", text: answerText },
  ...{ anomalyScore: 0.93, finish: "eos", tokens: { prompt: 812, image: 729, completion: 74 } },
  timings: { preprocess: 12, vision: 90, prefill: 130, firstToken: 236, decode: 611, total: 850 },
};

export function finishedLook(change: Partial<Look> = {}): Look {
  return idleLook({
    ...{
      phase: "finished",
      text: answerText,
      anomalyScore: 0.93,
      numTokens: 74,
      tokensPerSecond: 121,
      result: inspection,
    },
    ...change,
  });
}

export function inspectorState(change: Partial<InspectorState> = {}): InspectorState {
  const { id, image, label, locations, defect_type, defects, mask, reference } = defect;
  return {
    settings: { overlayOpacity: 0.5, locationGrid: true, threshold: 0.5, canRun: true },
    models: [
      { id: "nano", label: "nano base", detail: "models/nano/base" },
      { id: "grpo", label: "demo · after SC-GRPO", detail: ".iadr1/runs/demo/checkpoints/sc-grpo/step-000160" },
    ],
    items: items(annotations.length),
    image: {
      ...{ id, name: `${id}.jpg`, path: `samples/real/${image}`, uri: `${origin}/samples/${image}`, sizeBytes: 81_234 },
      problem: null,
      references: reference === null ? [] : [{ name: "reference", uri: `${origin}/samples/${reference}` }],
      truth: {
        ...{ label, locations, type: defect_type, mask: mask === null ? null : `${origin}/samples/${mask}` },
        boxes: defects.map(({ type, box }) => ({ type, box })),
      },
    },
    looks: [idleLook()],
    ...change,
  };
}
