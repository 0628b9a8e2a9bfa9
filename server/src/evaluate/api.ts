/**
 * How the published scripts talk to models behind an API (reference section 12.5): image size and type, text of a reply,
 * and when to ask again. Sends nothing itself: the caller brings the request and the clock. Request bodies are in
 * `data/messages.ts`.
 */

/** Who is asked; `base-class` is the unused common ancestor of the published scripts. */
export type ApiFamily = "openai" | "anthropic" | "dashscope" | "base-class";

/** Longest side of an image that is sent, in pixels; small images are enlarged to it. */
const imageSide = 512;

/** Size of an image as it is sent. A very long image can get a side of 0. */
export function sentImageSize(width: number, height: number): { width: number; height: number } {
  const scale = Math.min(imageSide / width, imageSide / height);
  return { width: Math.floor(width * scale), height: Math.floor(height * scale) };
}

/** Media type that a path is declared as: PNG by its ending in any case, everything else JPEG. */
export function declaredMediaType(path: string): "image/png" | "image/jpeg" {
  return path.toLowerCase().endsWith(".png") ? "image/png" : "image/jpeg";
}

/** File type that images are encoded as: JPEG, but for Anthropic whatever the *test* image is, references included. */
export function encodedFileType(family: ApiFamily, testImage: string): ".png" | ".jpg" {
  return family === "anthropic" && declaredMediaType(testImage) === "image/png" ? ".png" : ".jpg";
}

/** Text of a reply; "" when it holds none. Null only where the service itself wrote null. */
export function replyText(family: ApiFamily, reply: unknown): string | null {
  if (family === "anthropic") {
    const blocks = field(reply, "content");
    if (!Array.isArray(blocks)) return "";
    const texts = blocks.flatMap((block: unknown) => {
      const text = field(block, "type") === "text" ? field(block, "text") : undefined;
      return typeof text === "string" ? [text] : [];
    });
    return texts.join("\n").trim();
  }
  const content = field(field(firstChoice(reply), "message"), "content");
  return typeof content === "string" || content === null ? content : "";
}

/** A request that found no answer: time-out, refused connection, broken transfer. */
export class ApiRequestError extends Error {}

/** What came back: the HTTP status and the parsed body. */
export interface ApiReply {
  status: number;
  body: unknown;
}

interface RetryPolicy {
  /** Failed attempts until there is no answer. */
  limit: number;
  /** Doubles after every sleep, up to `longestDelaySeconds`. */
  firstDelaySeconds: number;
  /** A reply that sounds like a refusal: taken, asked again after a sleep, or asked again at once. */
  refusal: "accept" | "sleep" | "at-once";
  /** A reply without choices. */
  empty: "accept" | "sleep" | "at-once";
  looksAtStatus: boolean;
  /** Errors other than ApiRequestError, such as a body that is no JSON. */
  otherErrors: "sleep" | "throw";
}

const policies: Readonly<Record<ApiFamily, RetryPolicy>> = {
  openai: {
    limit: 5,
    firstDelaySeconds: 1,
    refusal: "sleep",
    empty: "at-once",
    looksAtStatus: true,
    otherErrors: "sleep",
  },
  anthropic: {
    limit: 5,
    firstDelaySeconds: 1,
    refusal: "accept",
    empty: "accept",
    looksAtStatus: true,
    otherErrors: "sleep",
  },
  dashscope: {
    limit: 5,
    firstDelaySeconds: 2,
    refusal: "accept",
    empty: "sleep",
    looksAtStatus: true,
    otherErrors: "sleep",
  },
  "base-class": {
    limit: 3,
    firstDelaySeconds: 1,
    refusal: "at-once",
    empty: "at-once",
    looksAtStatus: false,
    otherErrors: "throw",
  },
};

const longestDelaySeconds = 60;
const refusalWords = ["please", "sorry", "today", "cannot assist"];

/**
 * Asks until there is an acceptable reply or the attempts are used up.
 *
 * @param send  one request; throws ApiRequestError when nothing came back
 * @param sleep waits that many seconds; also called after the last failure, as the scripts do
 * @returns the body of the reply, or null
 */
export async function askWithRetries(
  family: ApiFamily,
  send: () => Promise<ApiReply>,
  sleep: (seconds: number) => Promise<void>,
): Promise<unknown> {
  const policy = policies[family];
  let delay = policy.firstDelaySeconds;
  for (let failures = 0; failures < policy.limit; failures++) {
    const next = await attempt(policy, family, send);
    if (next.verdict === "accept") return next.body;
    if (next.verdict === "sleep") {
      await sleep(delay);
      delay = Math.min(2 * delay, longestDelaySeconds);
    }
  }
  return null;
}

type Attempt = { verdict: "accept"; body: unknown } | { verdict: "sleep" } | { verdict: "at-once" };

async function attempt(policy: RetryPolicy, family: ApiFamily, send: () => Promise<ApiReply>): Promise<Attempt> {
  let reply: ApiReply;
  try {
    reply = await send();
  } catch (error) {
    if (policy.otherErrors === "throw" && !(error instanceof ApiRequestError)) throw error;
    return { verdict: "sleep" };
  }
  const { status, body } = reply;
  if (policy.looksAtStatus && status !== 200) return { verdict: "sleep" };
  if (policy.empty !== "accept" && firstChoice(body) === undefined) return { verdict: policy.empty };
  if (policy.refusal !== "accept") {
    const text = (replyText(family, body) ?? "").toLowerCase();
    if (refusalWords.some((word) => text.includes(word))) return { verdict: policy.refusal };
  }
  return { verdict: "accept", body };
}

function firstChoice(reply: unknown): unknown {
  const choices = field(reply, "choices");
  return Array.isArray(choices) ? choices[0] : undefined;
}

function field(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null && Object.hasOwn(value, name)
    ? (value as Record<string, unknown>)[name]
    : undefined;
}
