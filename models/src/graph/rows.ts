/**
 * How a graph takes and gives a matrix in parts: an input or output named "X[a:b]" is rows a (including) to b (excluding) of X, in
 * X's memory. Whoever runs the graph feeds X as a whole (server/src/runtime/session.ts).
 */

export function rowsName(whole: string, from: number, to: number): string {
  return `${whole}[${from}:${to}]`;
}

/** The matrix and its rows that a name means, or null when the name is of something whole. */
export function parseRowsName(name: string): { whole: string; from: number; to: number } | null {
  const match = /^(.+)\[(\d+):(\d+)\]$/.exec(name);
  return match === null ? null : { whole: match[1]!, from: Number(match[2]), to: Number(match[3]) };
}
