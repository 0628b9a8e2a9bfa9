/**
 * The chat template of a checkpoint: messages in, prompt text out, with one placeholder a picture. The template
 * language is done by `@huggingface/jinja`. It knows nothing of token ids or of how many tokens a picture takes.
 *
 * @see transformers, `render_jinja_template` and `ProcessorMixin.apply_chat_template`
 */
import { Template } from "@huggingface/jinja";
import { DataError, ModelFileError } from "../errors";
import { describeJson, isJsonObject, readJsonFile, readTextFile } from "../util/jsonFile";
import { TimeLimitError, withTimeLimit } from "../util/timeLimit";

export interface TextPart {
  type: "text";
  text: string;
}

/** Stands for one picture; the pictures themselves travel beside the messages, in order. */
export interface ImagePart {
  type: "image";
}

export interface ChatMessage {
  role: string;
  /** A plain text is the same as one text part. */
  content: string | readonly (TextPart | ImagePart)[];
}

export interface ChatTemplate {
  /**
   * The prompt text.
   *
   * @param options.addGenerationPrompt end with the opening of the assistant's answer; default true
   * @param options.variables           further variables of the template (`add_vision_id`, `tools`, ...)
   * @throws DataError `data/chat` when the messages are not of the known form or the template refuses them
   */
  render(
    messages: readonly ChatMessage[],
    options?: { addGenerationPrompt?: boolean; variables?: Record<string, unknown> },
  ): string;
  readonly source: string;
}

/**
 * Loads the template of a checkpoint folder: the `chat_template` of `processor_config.json`, else `chat_template.json`, else
 * `chat_template.jinja`, which is the order of transformers' processors; else that of `tokenizer_config.json`.
 *
 * @param namedTokens `bos_token`, `eos_token`, ... for the template
 * @throws ModelFileError `model/missing-chat-template` or `model/broken-chat-template`
 */
export async function loadChatTemplate(
  folder: string,
  namedTokens: Readonly<Record<string, string>> = {},
): Promise<ChatTemplate> {
  for (const name of ["processor_config.json", "chat_template.json", "chat_template.jinja", "tokenizer_config.json"]) {
    const where = `${folder}/${name}`;
    const source = name.endsWith(".jinja")
      ? await readTextFile(folder, name)
      : sourceOf((await readJsonFile(folder, name))?.chat_template, where);
    if (source !== undefined) return createChatTemplate(source, namedTokens, where);
  }
  throw new ModelFileError("model/missing-chat-template", "The checkpoint has no chat template.", {
    where: folder,
    hint: "Copy chat_template.jinja or chat_template.json of the same model into the folder.",
  });
}

/** A template, or the one called "default" of a list of named templates. */
function sourceOf(value: unknown, where: string): string | undefined {
  if (value === undefined || value === null) return undefined;
  const named = Array.isArray(value)
    ? value.find((entry) => isJsonObject(entry) && entry.name === "default")
    : undefined;
  const source = isJsonObject(named) ? named.template : isJsonObject(value) ? value.default : value;
  if (typeof source === "string") return source;
  throw new ModelFileError(
    "model/broken-chat-template",
    `chat_template: expected a text, got ${describeJson(source)}.`,
    {
      where,
      hint: "Copy the model's own chat template again.",
    },
  );
}

/** Templates come from files: these bounds are far above what any needs. */
const templateLimitMs = 3000;
const maxPromptLength = 1 << 24;
const maxRange = 100_000;

/** Parses a template. `where` names its file in errors. @throws ModelFileError `model/broken-chat-template` */
export function createChatTemplate(
  source: string,
  namedTokens: Readonly<Record<string, string>> = {},
  where?: string,
): ChatTemplate {
  const broken = (message: string, cause?: unknown) => {
    return new ModelFileError("model/broken-chat-template", `The chat template ${message}.`, {
      where,
      hint: "Copy the model's own chat template again.",
      cause,
    });
  };
  const inTime = <T>(run: () => T): T => {
    try {
      return withTimeLimit(templateLimitMs, run);
    } catch (error) {
      throw error instanceof TimeLimitError ? broken(`took longer than ${error.limitMs} ms`, error) : error;
    }
  };

  let template: Template;
  try {
    template = inTime(() => new Template(source));
    template.parsed.body.unshift(...new Template("{% set range = bounded_range %}").parsed.body);
  } catch (error) {
    if (error instanceof ModelFileError) throw error;
    // Where a template ends too early, the parser runs into its own end, where it nests too deep, into that of the stack.
    const isOver = error instanceof TypeError || error instanceof RangeError;
    const reason = isOver ? "it breaks off or is nested too deep" : (error as Error).message.replace(/\.$/, "");
    throw broken(`cannot be parsed: ${reason}`, error);
  }

  function run(messages: unknown[], addGenerationPrompt: boolean, variables: Record<string, unknown> = {}): string {
    const text = inTime(() =>
      template.render({
        ...namedTokens,
        messages,
        add_generation_prompt: addGenerationPrompt,
        tools: null,
        documents: null,
        bounded_range: boundedRange,
        ...variables,
      }),
    );
    if (text.length <= maxPromptLength) return text;
    throw broken(`makes a prompt of ${text.length} characters, expected at most ${maxPromptLength}`);
  }

  let takesParts: boolean | undefined;
  return {
    source,
    render(messages, options = {}) {
      checkMessages(messages);
      takesParts ??= readsParts(run);
      const shaped = messages.map(({ role, content }) => ({
        role,
        content: takesParts ? partsOf(content) : plainTextOf(content),
      }));
      try {
        return run(shaped, options.addGenerationPrompt ?? true, options.variables);
      } catch (error) {
        if (error instanceof ModelFileError) throw error;
        throw new DataError("data/chat", `The chat template refuses the messages: ${(error as Error).message}.`, {
          where,
          hint: "Use the roles system, user and assistant, in an order that the model knows.",
          cause: error,
        });
      }
    },
  };
}

/** Jinja's `range`, which a template could ask for more numbers than memory holds. */
function boundedRange(from: number, to?: number, step = 1): number[] {
  const [start, end] = to === undefined || to === null ? [0, from] : [from, to];
  const count = Math.max(0, Math.ceil((end - start) / (step ?? 1)));
  if (!(count <= maxRange)) throw new Error(`range() of ${count} numbers, expected at most ${maxRange}`);
  return Array.from({ length: count }, (_, i) => start + i * (step ?? 1));
}

/**
 * Templates of vision models walk over parts, those of text models print `content` as it is. Found out by trying,
 * because nothing in a checkpoint says which. When in doubt: parts.
 */
function readsParts(run: (messages: unknown[], addGenerationPrompt: boolean) => string): boolean {
  const probe = "chat-template-probe";
  try {
    if (
      run([{ role: "user", content: [{ type: "text", text: probe }] }], false)
        .split(probe)[0]
        ?.includes('"text"')
    ) {
      return false;
    }
    return true;
  } catch (error) {
    if (error instanceof ModelFileError) throw error;
    try {
      return !run([{ role: "user", content: probe }], false).includes(probe);
    } catch {
      return true;
    }
  }
}

function partsOf(content: ChatMessage["content"]): readonly (TextPart | ImagePart)[] {
  return typeof content === "string" ? [{ type: "text", text: content }] : content;
}

function plainTextOf(content: ChatMessage["content"]): string {
  if (typeof content === "string") return content;
  return content
    .map((part) => {
      if (part.type === "text") return part.text;
      throw new DataError("data/chat", "The chat template takes text only, got a message with a picture.", {
        hint: "Use a vision-language model.",
      });
    })
    .join("");
}

/** Refuses what a template would silently skip: unknown parts, content of a wrong type. */
function checkMessages(messages: readonly ChatMessage[]): void {
  const refuse = (index: number, expected: string, got: unknown): never => {
    throw new DataError("data/chat", `Message ${index}: expected ${expected}, got ${describeJson(got)}.`, {
      hint: 'Messages look like {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "..."}]}.',
    });
  };
  if (!Array.isArray(messages) || messages.length === 0) refuse(0, "at least one message", messages);
  messages.forEach((message, index) => {
    if (!isJsonObject(message) || typeof message.role !== "string") refuse(index, "a role", message);
    const { content } = message;
    if (typeof content === "string") return;
    if (!Array.isArray(content)) refuse(index, "content as a text or a list of parts", content);
    for (const part of content) {
      if (!isJsonObject(part)) refuse(index, "a part", part);
      if (part.type === "text" ? typeof part.text !== "string" : part.type !== "image") {
        refuse(index, "parts of type text (with a text) or image", part.type === "text" ? part.text : part.type);
      }
    }
  });
}
