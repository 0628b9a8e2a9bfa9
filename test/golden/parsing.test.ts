/** Answer parsing, question files, image sizes and retries against recorded outputs of the published scripts. */
import { DataError } from "@iad-r1/models/errors";
import {
  type ApiFamily,
  type ApiReply,
  ApiRequestError,
  askWithRetries,
  declaredMediaType,
  encodedFileType,
  replyText,
  sentImageSize,
} from "@iad-r1/server/evaluate/api";
import { parseConversation } from "@iad-r1/server/evaluate/conversation";
import {
  type AnswerFamily,
  type AnswerOptions,
  parseAnswer,
  parseMultipleLetters,
  parseSingleLetters,
} from "@iad-r1/server/evaluate/parseAnswer";
import { describe, expect, it } from "vitest";
import { type Golden, mismatches, readGoldens } from "../helpers/goldens";

interface ParsingGolden extends Golden {
  kind: string;
  family: string;
  response: unknown;
  options: AnswerOptions | null;
  input: Record<string, unknown>;
  api: string;
  path: string;
  width: number;
  height: number;
  encoded_as: Record<string, string>;
  replies: string[];
  output: unknown;
}

const records = readGoldens<ParsingGolden>("parsing");
function ofKind(kind: string): ParsingGolden[] {
  const found = records.filter((record) => record.kind === kind);
  expect(found.length, kind).toBeGreaterThan(0);
  return found;
}

const families: Record<string, AnswerFamily> = {
  tagged: "tagged",
  raw_case_sensitive: "rawCaseSensitive",
  raw_lowercase: "rawLower",
  raw_cumulative: "rawCumulative",
  tag_verbatim: "verbatim",
};

const apis: Record<string, ApiFamily> = {
  openai: "openai",
  anthropic: "anthropic",
  dashscope: "dashscope",
  base_class: "base-class",
};

const scriptApis: Record<string, ApiFamily> = {
  gpt_4_1: "openai",
  claude_sonnet_4: "anthropic",
  qwen_vl_max: "dashscope",
};

describe("answer parsing", () => {
  it.each(Object.keys(families))("family %s gives the recorded letter", (family) => {
    const check = (record: ParsingGolden) => ({
      expected: record.output,
      received: parseAnswer(families[family]!, record.response, record.options),
    });
    const ofFamily = ofKind("get_ans").filter((record) => record.family === family);
    expect(ofFamily.length).toBeGreaterThan(100);
    expect(mismatches(ofFamily, check)).toEqual([]);
  });

  it.each([
    ["parse_answer", parseSingleLetters],
    ["parse_multi_answer", parseMultipleLetters],
  ] as const)("%s extracts the recorded letters", (kind, parse) => {
    const check = (record: ParsingGolden) => ({
      expected: record.output,
      received: parse(record.response as string, record.options),
    });
    expect(mismatches(ofKind(kind), check)).toEqual([]);
  });
});

describe("test file entries", () => {
  it("give the recorded questions and answers, or an error where the original raised one", () => {
    const check = (record: ParsingGolden) => {
      try {
        return { expected: record.output, received: parseConversation(record.input) };
      } catch (error) {
        expect(error).toBeInstanceOf(DataError);
        return { expected: record.output, received: { raises: "ValueError" } };
      }
    };
    expect(mismatches(ofKind("parse_conversation"), check)).toEqual([]);
  });
});

describe("models behind an API", () => {
  it("replies give the recorded text", () => {
    const check = (record: ParsingGolden) => ({
      expected: record.output,
      received: replyText(apis[record.api]!, record.response),
    });
    expect(mismatches(ofKind("response_text"), check)).toEqual([]);
  });

  it("paths are declared as the recorded media type", () => {
    const check = (record: ParsingGolden) => ({ expected: record.output, received: declaredMediaType(record.path) });
    expect(mismatches(ofKind("mime_type"), check)).toEqual([]);
  });

  it("images are sent in the recorded size and file type", () => {
    const check = (record: ParsingGolden) => {
      const { width, height } = sentImageSize(record.width, record.height);
      const encoded = Object.keys(record.encoded_as).map((key) => {
        const [script, image] = key.split(":") as [string, string];
        return [key, encodedFileType(scriptApis[script]!, image)];
      });
      return {
        expected: { size: record.output, encoded: record.encoded_as },
        received: { size: [width, height], encoded: Object.fromEntries(encoded) },
      };
    };
    expect(mismatches(ofKind("resize_512"), check)).toEqual([]);
  });

  it("failed requests are repeated, with the recorded number of calls and sleeps", async () => {
    const results = [];
    for (const record of ofKind("retry")) {
      results.push({ id: record.id, replies: record.replies, ...(await replay(record)) });
    }
    const expected = ofKind("retry").map(({ id, replies, output }) => ({ id, replies, ...(output as object) }));
    expect(results).toEqual(expected);
  });
});

const replyTexts: Record<string, string> = {
  ok_yes: "Yes",
  ok_no: "No",
  sorry: "I am sorry, I cannot see it.",
  please: "Could you please send it again?",
  upper_today: "I can do no more TODAY.",
};

class BrokenJson extends Error {}
class OtherFailure extends Error {}

/** Plays the scripted replies to the retry loop and reports what it did. */
async function replay({ api, replies }: ParsingGolden): Promise<{ calls: number; sleeps: number[]; result: string }> {
  const family = apis[api]!;
  const sleeps: number[] = [];
  let calls = 0;
  const send = async (): Promise<ApiReply> => {
    const reply = replies[calls++]!;
    if (reply === "timeout" || reply === "conn") throw new ApiRequestError(reply);
    if (reply === "boom") throw new OtherFailure(reply);
    if (reply === "bad_json") throw new BrokenJson(reply);
    if (reply.startsWith("http_")) return { status: Number(reply.slice(5)), body: { error: reply } };
    if (reply === "no_choices") return { status: 200, body: {} };
    const text = replyTexts[reply]!;
    const body =
      family === "anthropic" ? { content: [{ type: "text", text }] } : { choices: [{ message: { content: text } }] };
    return { status: 200, body };
  };
  const sleep = async (seconds: number) => {
    sleeps.push(seconds);
  };
  try {
    const body = await askWithRetries(family, send, sleep);
    return { calls, sleeps, result: body === null ? "none" : "response" };
  } catch (error) {
    return { calls, sleeps, result: `raises ${error instanceof BrokenJson ? "ValueError" : "KeyError"}` };
  }
}
