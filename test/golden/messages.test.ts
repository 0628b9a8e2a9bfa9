/** Prompts, messages and request bodies against what the published scripts handed to templates and services. */
import { type AppError, ConfigError, DataError } from "@iad-r1/models/errors";
import {
  type ApiModel,
  apiPayload,
  baseClassPayload,
  type InferenceFamily,
  inferenceMessages,
  internVlPrompt,
  type Question,
  type TrainingRow,
  templateOwner,
  trainingMessages,
} from "@iad-r1/server/data/messages";
import type { Shots } from "@iad-r1/server/data/prompts";
import { declaredMediaType } from "@iad-r1/server/evaluate/api";
import { describe, expect, it } from "vitest";
import { type Golden, mismatches, readGoldens } from "../helpers/goldens";

interface MessageGolden extends Golden {
  kind: "train_messages" | "inference_messages" | "api_payload";
  single_img: number;
  use_system_prompt: boolean;
  image_path: string;
  example: TrainingRow;
  script: string;
  few_shot: number;
  defect_shot: number;
  image: string;
  output: unknown;
}

const families: Record<string, InferenceFamily> = {
  iad_r1_qwen: "iad-r1-qwen",
  iad_r1_llava: "iad-r1-llava",
  iad_r1_llava_1_5: "iad-r1-llava-1-5",
  pretrain_qwen: "base-qwen",
  pretrain_llava: "base-llava",
  pretrain_llava_1_5: "base-llava-1-5",
  anomaly_r1: "anomaly-r1",
};

const apiModels: Record<string, ApiModel> = {
  gpt_4_1: "gpt-4.1",
  gpt_4_1_mini: "gpt-4.1-mini",
  gpt_4_1_nano: "gpt-4.1-nano",
  gpt_4o: "gpt-4o-2024-08-06",
  gpt_4o_mini: "gpt-4o-mini",
  claude_sonnet_4: "claude-sonnet-4-20250514",
  qwen_vl_max: "qwen-vl-max",
};

const questions: Question[] = [
  {
    type: "text",
    text: "Question 1: Are there any defects in the query image? \nA. Yes.\nB. No.\n",
    options: { A: "Yes.", B: "No." },
  },
];

const records = readGoldens<MessageGolden>("messages");
const ofKind = (kind: MessageGolden["kind"]) => records.filter((record) => record.kind === kind);

describe("training messages", () => {
  it("equal the recorded prompts; rows that made the original crash end in an error of ours", () => {
    const check = (record: MessageGolden) => {
      const options = {
        shots: (1 - record.single_img) as Shots,
        style: record.use_system_prompt ? ("system" as const) : ("expert" as const),
        imageRoot: record.image_path,
      };
      const raised = (record.output as { raises?: string } | null)?.raises;
      try {
        const prompt = trainingMessages(record.example, options);
        return { expected: record.output, received: prompt && { prompt: prompt.messages, image: prompt.images } };
      } catch (error) {
        const isOurs = DataError.is(error) || ConfigError.is(error as AppError);
        return { expected: raised === undefined ? record.output : "an error", received: isOurs ? "an error" : error };
      }
    };
    expect(ofKind("train_messages").length).toBeGreaterThan(20);
    expect(mismatches(ofKind("train_messages"), check)).toEqual([]);
  });
});

describe("inference messages", () => {
  it("equal what each script gave its chat template", () => {
    const check = (record: MessageGolden) => {
      if (record.script === "pretrain_internvl") {
        return {
          expected: record.output,
          received: { plain_prompt: internVlPrompt(record.few_shot, record.defect_shot) },
        };
      }
      const family = families[record.script]!;
      const template =
        templateOwner(family) === "tokenizer"
          ? { tokenize: false, add_generation_prompt: true }
          : { add_generation_prompt: true };
      return {
        expected: record.output,
        received: {
          messages: inferenceMessages(family, record.few_shot, questions),
          chat_template_arguments: template,
        },
      };
    };
    expect(ofKind("inference_messages").length).toBeGreaterThan(20);
    expect(mismatches(ofKind("inference_messages"), check)).toEqual([]);
  });
});

describe("request bodies", () => {
  it("equal what each script sent", () => {
    const check = (record: MessageGolden) => {
      const image = (name: string, mediaType: string) => ({ data: `B64(${name})`, mediaType });
      const references = Array.from({ length: record.few_shot }, (_, i) => image(`r${i}.png`, "image/jpeg"));
      const payload =
        record.script === "gpt4v_base_class"
          ? baseClassPayload(references, image(record.image, "image/jpeg"), questions)
          : apiPayload(apiModels[record.script]!, references, image(record.image, declaredMediaType(record.image)));
      return { expected: record.output, received: payload };
    };
    expect(ofKind("api_payload").length).toBeGreaterThan(20);
    expect(mismatches(ofKind("api_payload"), check)).toEqual([]);
  });
});
