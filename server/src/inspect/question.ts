/** The prompt of an inspection, with another question where a person asks one. */
import type { ChatMessage } from "@iad-r1/models/text/chatTemplate";
import { inspectionPrompt } from "../generate/examples";
import type { Picture, PromptSource } from "../generate/promptEncoder";

export function promptOf(pictures: readonly Picture[], question: string | undefined): PromptSource {
  const prompt = inspectionPrompt(pictures);
  if (question === undefined) return prompt;
  // The question is the last text of the user's message.
  const messages = prompt.messages.map((message): ChatMessage => {
    if (typeof message.content === "string") return message;
    const last = message.content.findLastIndex((part) => part.type === "text");
    return {
      ...message,
      content: message.content.map((part, i) => (i === last ? { type: "text", text: question } : part)),
    };
  });
  return { ...prompt, messages };
}
