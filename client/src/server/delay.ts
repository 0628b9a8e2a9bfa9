/** A pause that can be cut short. */

/** Resolves true after the time, false as soon as the signal is aborted. Never rejects. */
export function delay(ms: number, signal: AbortSignal): Promise<boolean> {
  if (signal.aborted) return Promise.resolve(false);
  return new Promise((resolve) => {
    const end = (waited: boolean) => {
      clearTimeout(timer);
      signal.removeEventListener("abort", cut);
      resolve(waited);
    };
    const cut = () => end(false);
    const timer = setTimeout(() => end(true), ms);
    signal.addEventListener("abort", cut, { once: true });
  });
}
