/** The one place that touches `acquireVsCodeApi`: posting, and the small state that survives hiding the panel. Nothing else knows the host. */

interface VsCodeApi {
  postMessage(message: unknown): void;
  getState(): unknown;
  setState(state: unknown): void;
}

declare function acquireVsCodeApi(): VsCodeApi;

const api = acquireVsCodeApi();

export function post(message: unknown): void {
  api.postMessage(message);
}

/** What the person looked at when the panel was hidden, or null. It comes from disk: check before use. */
export function savedView(): Record<string, unknown> | null {
  const state = api.getState();
  return typeof state === "object" && state !== null ? (state as Record<string, unknown>) : null;
}

/** Keep it small: the data is asked for again. */
export function saveView(view: Record<string, unknown>): void {
  api.setState(view);
}
