import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/webview/**/*.webview.ts"],
    pool: "forks",
    maxWorkers: 2,
    // Ends what hangs; what each wait waits for stands in the tests (`patienceMs` in helpers/browser.ts).
    testTimeout: 1_200_000,
    hookTimeout: 600_000,
  },
});
