/** What a process said before it died, cut down to what a person wants to read. */

/** The line of a crash report that says most: stack frames and versions come after it. */
export function lastWords(printed: string): string {
  const lines = printed
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "" && !/^(\d+:|at )/.test(line));
  const telling = lines.findLast((line) => /error|fatal|assert|abort|exception/i.test(line));
  return (telling ?? lines.at(-1) ?? "").slice(0, 300);
}
