/** Pages of `docs/` that a package brings: what problems in reward files link to, and what those pages link to. */
export const shippedPages = ["reward-debugger.md", "live-values.md", "trl.md"];
