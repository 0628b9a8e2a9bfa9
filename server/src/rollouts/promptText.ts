/** A recorded prompt as text: a text, a list of messages, or messages whose content is a list of parts. */

/** All turns, each with its role above it when there are several. */
export function promptText(prompt: unknown): string {
  if (typeof prompt === "string") return prompt;
  const turns = turnsOf(prompt);
  if (turns.length === 1) return turns[0]!.text;
  return turns.map(({ role, text }) => `${role}\n${text}`).join("\n\n");
}

const maxQuestion = 200;

/** What was asked last, in one line. */
export function questionOf(prompt: unknown): string {
  const turns = turnsOf(prompt);
  const last = turns.findLast(({ role }) => role === "user") ?? turns.at(-1);
  const text = (typeof prompt === "string" ? prompt : (last?.text ?? "")).replace(/\s+/g, " ").trim();
  return text.length > maxQuestion ? `${text.slice(0, maxQuestion - 1)}…` : text;
}

function turnsOf(prompt: unknown): { role: string; text: string }[] {
  if (!Array.isArray(prompt)) return [];
  return prompt.flatMap((message: unknown) => {
    if (typeof message !== "object" || message === null || !("content" in message)) return [];
    const role = "role" in message && typeof message.role === "string" ? message.role : "";
    return { role, text: contentText(message.content) };
  });
}

function contentText(content: unknown): string {
  if (typeof content === "string") return content;
  if (!Array.isArray(content)) return "";
  return content
    .map((part: unknown) => {
      if (typeof part === "string") return part;
      if (typeof part !== "object" || part === null) return "";
      if ("text" in part && typeof part.text === "string") return part.text;
      return "type" in part && typeof part.type === "string" ? `<${part.type}>` : "";
    })
    .join("");
}
