import { defineConfig } from "vitest/config";

/** The packaged extension in the real VS Code workbench; `npm run test:e2e` gets what they need. One window at a time. */
export default defineConfig({
  test: {
    include: ["test/e2e/**/*.e2e.mjs"],
    pool: "forks",
    maxWorkers: 1,
    fileParallelism: false,
    // Ends what hangs; what each wait waits for stands in the tests (`patienceMs` in workbench.mjs).
    testTimeout: 3_600_000,
    hookTimeout: 900_000,
    expect: { poll: { timeout: 300_000 } },
  },
});
